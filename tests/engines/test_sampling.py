"""Draws over tensors: negatives, subsampling and windows have the distributions that they should."""

import math

import numpy as np
import torch
from scipy import stats

from torch_w2v.engines import streams
from torch_w2v.engines.sampling import keep_mask, kept_stream, noise_words, unsigned
from torch_w2v.engines.streams import NOISE, TOKEN, key


def alias_table(weights):
    return torch.from_numpy(streams.alias_table(weights))


def test_negatives_follow_the_counts():
    counts = np.random.default_rng(0).zipf(1.3, 500).clip(max=10**5)
    weights = counts**0.75
    n = 400_000
    rows = noise_words(alias_table(weights), key(1, 0, 0, NOISE), torch.arange(n))
    expected = weights / weights.sum() * n
    assert stats.chisquare(np.bincount(rows.numpy(), minlength=500), expected).pvalue > 1e-3
    # The check can fail: another exponent does not pass.
    wrong = counts**0.7
    assert stats.chisquare(np.bincount(rows.numpy(), minlength=500), wrong / wrong.sum() * n).pvalue < 1e-6


def test_kept_fraction_is_gensims():
    n = 200_000
    for p in (1.0, 0.5, 0.01):
        keep = torch.from_numpy(np.array([p * (2**32 - 1)], np.uint32).view(np.int32))
        mask, _ = keep_mask(torch.zeros(n, dtype=torch.int32), 0, keep, key(1, 0, 0, TOKEN))
        assert abs(int(mask.sum()) - n * p) <= 4 * math.sqrt(n * p * (1 - p))


def test_windows_are_uniform_and_independent_of_subsampling():
    n, window = 200_000, 7
    keep = torch.from_numpy(np.array([2**31], np.uint32).view(np.int32))
    kept = kept_stream(
        torch.zeros(n, dtype=torch.int32), torch.tensor([0, n]), 0, keep, key(1, 0, 0, TOKEN), window, True
    )
    place = torch.arange(len(kept.ids))
    inner = slice(window, -window)
    left, right = (place - kept.low)[inner], (kept.high - 1 - place)[inner]
    assert torch.equal(left, right)
    assert stats.chisquare(np.bincount(left.numpy(), minlength=window + 1)[1:]).pvalue > 1e-3


def test_windows_reach_over_dropped_words_and_never_over_sentences():
    tokens = torch.tensor([0, -1, 1, 2, -1, 3, 3], dtype=torch.int32)
    keep = torch.full((4,), -1, dtype=torch.int32)
    kept = kept_stream(tokens, torch.tensor([0, 4, 4, 7]), 0, keep, 5, 2, False)
    assert kept.ids.tolist() == [0, 1, 2, 3, 3]
    assert kept.place.tolist() == [0, 2, 3, 5, 6]
    assert list(zip(kept.low.tolist(), kept.high.tolist(), strict=True)) == [(0, 3), (0, 3), (0, 3), (3, 5), (3, 5)]


def test_draws_belong_to_the_place_in_the_corpus():
    """The same whatever the chunk that holds the place."""
    rng = np.random.default_rng(0)
    tokens = torch.from_numpy(rng.integers(-1, 20, 1000).astype(np.int32))
    keep = torch.from_numpy(rng.integers(0, 2**32, 20, dtype=np.uint32).view(np.int32))
    whole, low = keep_mask(tokens, 500, keep, 9)
    part, part_low = keep_mask(tokens[300:600], 800, keep, 9)
    assert torch.equal(whole[300:600], part)
    assert torch.equal(low[300:600], part_low)


def test_unsigned_reads_the_bits():
    assert unsigned(torch.tensor([-1, 0, 1], dtype=torch.int32)).tolist() == [2**32 - 1, 0, 1]
    assert unsigned(torch.tensor([-(2**31)], dtype=torch.int32)).tolist() == [2**31]
