"""The pairs of `SkipGramDataset`: gensim's, each with negatives of its own, whatever the loader's workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from torch_w2v.dataset import SkipGramDataset

COUNTS = [5, 4, 3, 2, 1]


def make(sentences: Any, counts: Any = COUNTS, **options: Any) -> SkipGramDataset:
    return SkipGramDataset(sentences, counts, **{"sample": 0, "pool_size": 1000, **options})


def pairs(dataset: SkipGramDataset) -> list[tuple[int, int]]:
    return [(word, target) for word, target, _ in dataset]


def gensims_pairs(sentence: list[int], reach: list[int]) -> list[tuple[int, int]]:
    """Return the pairs in the order of gensim's loops: for each place i, each other place j within its own reach."""
    return [
        (sentence[j], sentence[i])
        for i in range(len(sentence))
        for j in range(max(0, i - reach[i]), min(len(sentence), i + reach[i] + 1))
        if j != i
    ]


def test_pairs_of_known_sentences() -> None:
    dataset = make([[0, 1, 2, 3], [4], [], [3, 3]], window=2, shrink_windows=False)
    assert pairs(dataset) == [
        *[(1, 0), (2, 0)],
        *[(0, 1), (2, 1), (3, 1)],
        *[(0, 2), (1, 2), (3, 2)],
        *[(1, 3), (2, 3)],
        *[(3, 3), (3, 3)],
    ]
    word, target, negatives = next(iter(dataset))
    assert (type(word), type(target), negatives.dtype, negatives.shape) == (int, int, np.int64, (5,))


def test_words_outside_the_vocabulary_leave_before_the_windows_are_cut() -> None:
    dataset = make([["a", "?", "b", "!", "c"]], key_to_index={"a": 0, "b": 1, "c": 2}, window=1)
    assert pairs(dataset) == [(1, 0), (0, 1), (2, 1), (1, 2)]


@pytest.mark.parametrize("window", [1, 5, 3000])
def test_long_sentences_have_the_pairs_of_the_loops(window: int) -> None:
    n = 5000 if window < 100 else 50
    sentence = np.random.default_rng(0).integers(5, size=n).tolist()
    assert pairs(make([sentence], window=window, shrink_windows=False)) == gensims_pairs(sentence, [window] * n)


def test_windows_are_drawn_uniformly_for_the_target() -> None:
    window, n = 4, 8000
    found = pairs(make([list(range(n))], np.ones(n), window=window))
    reach = [0] * n
    for word, target in found:
        reach[target] = max(reach[target], abs(word - target))
    assert found == gensims_pairs(list(range(n)), reach)  # every word within the target's reach, and no other
    inside = range(window, n - window)
    assert chisquare([Counter(reach[i] for i in inside)[b] for b in range(1, window + 1)]).pvalue > 1e-3
    # a target inside has 2 b pairs; the reach of its neighbours decides how many an input word has
    per_input = Counter(word for word, _ in found)
    assert {per_input[i] for i in inside} == set(range(2, 2 * window + 1))


def test_each_pair_has_negatives_of_its_own_from_the_pool() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([400, 200, 50, 10])
    dataset = make([rng.integers(4, size=20).tolist() for _ in range(300)], counts, pool_size=100_000, negative=3)
    per_pair = np.array([negatives for _, _, negatives in dataset])
    assert len(per_pair) > 20_000
    assert (per_pair[1:] != per_pair[:-1]).any(axis=1).mean() > 0.6  # with one set per word most would be equal
    # slices of one ring overlap, so the sample is not independent and a chi-square test does not apply: compare shares
    weight = counts**0.75
    np.testing.assert_allclose(np.bincount(per_pair.flat) / per_pair.size, weight / weight.sum(), atol=0.01)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_pair_exactly_once_over_the_workers(num_workers: int) -> None:
    sentences = np.arange(7 * 11).reshape(7, 11).tolist()
    dataset = make(sentences, np.ones(77), window=3, negative=4, shrink_windows=False)
    loader = DataLoader(dataset, batch_size=8, num_workers=num_workers, collate_fn=dataset.collate)
    found: list[tuple[int, int]] = []
    for batch in loader:
        B = len(batch.target)
        assert (batch.inputs.shape, batch.negatives.shape) == ((B,), (B, 4))
        assert {part.dtype for part in batch} == {torch.int64}
        found += zip(batch.inputs.tolist(), batch.target.tolist(), strict=True)
    assert sorted(found) == sorted(pair for sentence in sentences for pair in gensims_pairs(sentence, [3] * 11))
