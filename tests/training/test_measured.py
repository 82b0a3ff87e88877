"""What is measured of a corpus tells words of another vocabulary, and long sentences, from what was counted."""

import logging

import numpy as np
import pytest

from tests.helpers import messages, ours
from torch_w2v.corpus.store import Encoded
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.training.frequencies import frequencies_of
from torch_w2v.training.measured import Measured, measure
from torch_w2v.training.planning import training_plan


def run_of(lengths):
    return Encoded(np.zeros(sum(lengths), np.int32), np.cumsum([0, *lengths]))


@pytest.mark.parametrize(
    ("lengths", "context"),
    [([6] * 50, 4.833), ([0, 6] * 50, 4.833), ([1] * 50, 1), ([1] * 90 + [40] * 10, 26.65), ([500], 39.852), ([], 0)],
)
def test_the_context_of_skip_gram_is_that_of_its_pairs(lengths, context):
    """A vocabulary without a corpus says nothing of sentences; empty ones do not count."""
    model = ours(min_count=1, sg=1, window=40, sample=0)
    model.build_vocab_from_freq({"a": 10, "b": 10})
    assert measure(model, run_of(lengths)).context == pytest.approx(context, abs=1e-3)
    model.sg = 0
    assert measure(model, run_of(lengths)).context == 0


@pytest.mark.parametrize("words", [400, 400_000])
def test_a_word_that_is_more_of_the_corpus_than_was_counted_makes_smaller_blocks(words):
    model = ours(min_count=1, sg=1, sample=0, negative=2)
    model.build_vocab_from_freq(dict.fromkeys(map(str, range(1000)), 1))
    counted = training_plan(model, CpuEngine(), Measured()).layout
    tokens = np.where(np.arange(words) % 2, 7, np.arange(words) % 1000).astype(np.int32)
    seen = measure(model, Encoded(tokens, np.array([0, words])))
    # its share of the tokens, and that of the negatives, which counts decide
    assert seen.busiest == pytest.approx(0.5 + 2 / 1000, abs=0.005)
    layout = training_plan(model, CpuEngine(), seen).layout
    assert layout.T / layout.S < counted.T / counted.S
    few = Encoded(tokens[:90], np.array([0, 90]))
    assert measure(model, few).busiest == 0


def test_words_of_another_vocabulary_are_noticed(caplog):
    counts = dict.fromkeys(map(str, range(5000)), 1)
    model = ours(min_count=1, sg=1, sample=0)
    model.build_vocab_from_freq(counts)
    tokens = np.random.default_rng(0).integers(0, 5000, 3000).astype(np.int32)
    edges = np.array([0, len(tokens)])
    assert measure(model, Encoded(tokens, edges)).unmet == 0
    others = measure(model, Encoded(tokens % 300, edges))
    assert others.unmet == pytest.approx(1 - 300 / 5000, abs=1e-3)
    caplog.set_level(logging.INFO, "torch_w2v")
    assert training_plan(model, CpuEngine(), others).layout.T == 4
    assert any(
        "94% of the negatives are words that the corpus does not seem to have" in line for line in messages(caplog)
    )


def test_what_is_expected_of_a_sample_is_computed_for_a_few_sizes():
    model = ours(min_count=1, sg=1)
    model.build_vocab_from_freq(dict.fromkeys(map(str, range(1000)), 1))
    expected = frequencies_of(model).expected_met
    found = [expected(tokens) for tokens in range(100, 5000)]
    assert found == sorted(found)
    assert len(set(found)) < 50
    exact = 1 - np.exp(-np.arange(100, 5000) / 1000)
    assert np.all((0.87 * exact < found) & (found <= exact + 1e-9))
