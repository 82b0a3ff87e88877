"""Draws and the table of negatives, which numpy, torch and Python's integers must agree on bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.transcription import splitmix
from torch_w2v.engines import sampling, streams
from torch_w2v.engines.streams import NOISE, TOKEN, alias_table, key

KEYS = st.integers(-(2**63), 2**63 - 1)
PLACES = st.integers(0, 2**62)


def pairs(halves):
    """Pairs of Python integers from two arrays or tensors."""
    high, low = halves
    return list(zip(high.tolist(), low.tolist(), strict=True))


@given(KEYS, st.lists(PLACES, min_size=1, max_size=20))
def test_draws_are_splitmix64(stream, counters):
    expected = [splitmix(stream, counter) for counter in counters]
    assert pairs(streams.draw(stream, np.array(counters))) == expected
    assert pairs(sampling.draw(stream, torch.tensor(counters))) == expected


def test_known_answers_of_splitmix64():
    """The first outputs for seed 1234567, as published with the algorithm's C source."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    for drawn in (streams.draw(1234567, np.arange(3)), sampling.draw(1234567, torch.arange(3))):
        assert [(high << 32) + low for high, low in pairs(drawn)] == published


@given(KEYS, PLACES, st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5), st.data())
def test_kept_tokens_are_the_same_over_arrays_and_tensors(stream, position, thresholds, data):
    words = st.integers(-1, len(thresholds) - 1)
    tokens = np.array(data.draw(st.lists(words, max_size=30)), np.int32)
    keep = np.array(thresholds, np.uint32).view(np.int32)
    mask = streams.keep_mask(tokens, position, keep, stream)
    on_tensors, low = sampling.keep_mask(torch.from_numpy(tokens), position, torch.from_numpy(keep), stream)
    draws = [splitmix(stream, position + i) for i in range(len(tokens))]
    expected = [word >= 0 and thresholds[word] >= high for word, (high, _) in zip(tokens.tolist(), draws, strict=True)]
    assert mask.dtype == bool
    assert mask.tolist() == on_tensors.tolist() == expected
    assert low.tolist() == [half for _, half in draws]


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**40), st.integers(0, 2**40))
def test_keys_are_signed_64_bit_integers(seed, train_count, epoch):
    for purpose in (TOKEN, NOISE):
        assert -(2**63) <= key(seed, train_count, epoch, purpose) < 2**63


def test_keys_differ_in_every_part():
    parts = [(1, 0, 0, 1), (2, 0, 0, 1), (1, 1, 0, 1), (1, 0, 1, 1), (1, 0, 0, 2), (0, 1, 0, 1)]
    assert len({key(*part) for part in parts}) == 6
    assert key(1, 0, 0, TOKEN) == key(1, 0, 0, TOKEN)


def shares(table):
    """The probability of each row that an alias table stands for."""
    threshold, other = table[:, 0].copy().view(np.uint32) / 2**32, table[:, 1]
    return (threshold + np.bincount(other, 1 - threshold, len(table))) / len(table)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200).filter(lambda w: sum(w) > 1e-3))
@settings(max_examples=300)
def test_alias_table_stands_for_the_weights(weights):
    weights = np.array(weights)
    np.testing.assert_allclose(shares(alias_table(weights)), weights / weights.sum(), atol=1e-9)


@pytest.mark.parametrize("V", [1, 2, 3, 1000, 100_000])
def test_alias_table_of_word_counts(V):
    counts = np.sort(np.random.default_rng(V).zipf(1.2, V).clip(max=10**7))[::-1] ** 0.75
    np.testing.assert_allclose(shares(alias_table(counts)), counts / counts.sum(), atol=1e-9)
