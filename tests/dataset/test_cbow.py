"""The examples of `CBOWDataset`: windows, subsampling and negatives as in gensim, whatever the loader's workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from torch_w2v.dataset import CBOWDataset, collate_cbow

COUNTS = [5, 4, 3, 2, 1]


def make(sentences: Any, counts: Any = COUNTS, **options: Any) -> CBOWDataset:
    return CBOWDataset(sentences, counts, **{"sample": 0, "pool_size": 1000, **options})


def pairs(dataset: CBOWDataset) -> list[tuple[list[int], int]]:
    return [(contexts.tolist(), target) for contexts, target, _ in dataset]


def test_windows_of_known_sentences() -> None:
    dataset = make([[0, 1, 2, 3], [4], [], [3, 3]], window=2, shrink_windows=False)
    assert pairs(dataset) == [
        ([1, 2], 0),
        ([0, 2, 3], 1),
        ([0, 1, 3], 2),
        ([1, 2], 3),
        ([3], 3),
        ([3], 3),
    ]
    contexts, target, negatives = next(iter(dataset))
    assert (contexts.dtype, type(target), negatives.dtype, negatives.shape) == (np.int64, int, np.int64, (5,))


def test_words_outside_the_vocabulary_leave_before_the_windows_are_cut() -> None:
    dataset = make([["a", "?", "b", "!", "c"]], key_to_index={"a": 0, "b": 1, "c": 2}, window=1)
    assert pairs(dataset) == [([1], 0), ([0, 2], 1), ([1], 2)]


def test_shrunk_windows_are_uniform() -> None:
    window, n = 4, 8000
    dataset = make([list(range(n))], np.ones(n), window=window)
    sizes = Counter(len(contexts) for contexts, target, _ in dataset if window <= target < n - window)
    assert set(sizes) == {2, 4, 6, 8}
    assert chisquare(list(sizes.values())).pvalue > 1e-3


def test_subsampling_keeps_the_probable_share() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([8000, 1500, 400, 100])
    sentences = rng.permutation(np.repeat(np.arange(4), counts)).reshape(100, 100)
    dataset = make(list(sentences), counts, sample=1e-2, window=1)
    seen = np.bincount([target for _, target, _ in dataset], minlength=4)
    assert dataset.keep[0] < 0.2
    expected = counts * dataset.keep
    assert np.all(np.abs(seen - expected) <= 4 * np.sqrt(expected) + 1)


def test_dataset_negatives_follow_the_pool() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([400, 200, 50, 10])
    sentences = [rng.integers(4, size=20).tolist() for _ in range(500)]
    dataset = make(sentences, counts, pool_size=100_000, negative=3)
    observed = np.bincount(np.concatenate([negatives for _, _, negatives in dataset]), minlength=4)
    assert observed.sum() == 500 * 20 * 3
    # slices of one ring overlap, so the sample is not independent and a chi-square test does not apply: compare shares
    weight = counts**0.75
    np.testing.assert_allclose(observed / observed.sum(), weight / weight.sum(), atol=0.01)


# --- DataLoader


@pytest.mark.parametrize("num_workers", [0, 2])
def test_every_target_exactly_once_over_the_workers(num_workers: int) -> None:
    sentences = np.arange(7 * 11).reshape(7, 11).tolist()
    dataset = make(sentences, np.ones(77), window=3, negative=4)
    loader = DataLoader(dataset, batch_size=8, num_workers=num_workers, collate_fn=dataset.collate)
    targets = []
    for batch in loader:
        B = len(batch.target)
        assert batch.contexts.shape == batch.mask.shape == (B, 6)
        assert batch.negatives.shape == (B, 4)
        # the contexts are of the target's own sentence and never the target's position
        assert torch.equal((batch.contexts // 11 == batch.target[:, None] // 11) | ~batch.mask, torch.ones(B, 6) > 0)
        assert not (batch.contexts.eq(batch.target[:, None]) & batch.mask).any()
        targets += batch.target.tolist()
    assert sorted(targets) == list(range(77))


def test_collate_pads_to_the_longest() -> None:
    batch = collate_cbow(list(make([[0, 1, 2]], window=1, shrink_windows=False, negative=2)))
    assert batch.contexts.tolist() == [[1, 0], [0, 2], [1, 0]]
    assert batch.mask.tolist() == [[True, False], [True, True], [True, False]]
    assert batch.target.tolist() == [0, 1, 2]
