"""The examples of `CBOWDataset`: windows, subsampling and negatives as in gensim, whatever the loader's workers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import Word2Vec
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from torch_w2v.dataset import CBOWDataset, NegativePool, collate_cbow

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


def test_subsampling_is_gensims() -> None:
    counts = {"the": 5000, "of": 900, "cat": 60, "rare": 5}
    for sample in (1e-3, 0.05, 20, 0):
        gensim_model = Word2Vec(min_count=1, sample=sample, vector_size=2)
        gensim_model.build_vocab_from_freq(counts)
        expected = gensim_model.wv.expandos["sample_int"] / 2**32
        dataset = make([], list(counts.values()), sample=sample)
        np.testing.assert_allclose(dataset.keep, expected, atol=1e-6)


def test_subsampling_keeps_the_probable_share() -> None:
    rng = np.random.default_rng(0)
    counts = np.array([8000, 1500, 400, 100])
    sentences = rng.permutation(np.repeat(np.arange(4), counts)).reshape(100, 100)
    dataset = make(list(sentences), counts, sample=1e-2, window=1)
    seen = np.bincount([target for _, target, _ in dataset], minlength=4)
    assert dataset.keep[0] < 0.2
    expected = counts * dataset.keep
    assert np.all(np.abs(seen - expected) <= 4 * np.sqrt(expected) + 1)


# --- negatives


def test_pool_follows_the_unigram_distribution_to_the_power() -> None:
    counts = np.array([100_000, 30_000, 9000, 1000, 200, 30])
    for exponent in (0.75, 1.0, 0.0, -0.5):
        pool = NegativePool(counts, ns_exponent=exponent, pool_size=200_000, seed=3).pool
        assert pool.dtype == np.int32
        observed = np.bincount(pool, minlength=6)

        def p_value(power: float, observed: np.ndarray = observed) -> float:
            weight = counts**power
            return float(chisquare(observed, weight / weight.sum() * observed.sum()).pvalue)

        assert p_value(exponent) > 1e-3
        assert p_value(exponent + 0.05) < 1e-6  # the test tells neighbouring exponents apart


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


def test_pool_is_a_ring_without_words_of_count_zero() -> None:
    pool = NegativePool([3, 0, 2], pool_size=7)
    assert set(pool.pool.tolist()) == {0, 2}
    np.testing.assert_array_equal(pool.take(16, 5), np.tile(pool.pool, 4)[5:21])
    assert set(NegativePool([3, 0, 2], pool_size=100, ns_exponent=-1).pool.tolist()) == {0, 2}


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


def one_epoch(dataset: CBOWDataset, num_workers: int = 0) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    return sorted((int(t), tuple(c.tolist()), tuple(n.tolist())) for c, t, n in loader)


def test_set_epoch_fixes_the_draws_whatever_the_workers() -> None:
    sentences = np.arange(30).reshape(5, 6).tolist()
    dataset = make(sentences, np.ones(30), seed=4)
    automatic = [one_epoch(dataset), one_epoch(dataset)]
    assert automatic[0] != automatic[1]
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        assert one_epoch(dataset) == automatic[epoch]
        assert one_epoch(dataset, num_workers=2) == automatic[epoch]
    other = make(sentences, np.ones(30), seed=5)
    other.set_epoch(0)
    assert one_epoch(other) != automatic[0]


@pytest.mark.parametrize("persistent", [False, True])
def test_epochs_differ_in_workers(persistent: bool) -> None:
    dataset = make(np.arange(30).reshape(5, 6).tolist(), np.ones(30))
    loader = DataLoader(dataset, batch_size=64, num_workers=1, collate_fn=collate_cbow, persistent_workers=persistent)
    epochs = [[batch.negatives.tolist() for batch in loader] for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    dataset.set_epoch(7)  # reaches workers that already run
    fixed = [[batch.negatives.tolist() for batch in loader] for _ in range(2)]
    assert fixed[0] == fixed[1] != epochs[2]


def test_collate_pads_to_the_longest() -> None:
    batch = collate_cbow(list(make([[0, 1, 2]], window=1, shrink_windows=False, negative=2)))
    assert batch.contexts.tolist() == [[1, 0], [0, 2], [1, 0]]
    assert batch.mask.tolist() == [[True, False], [True, True], [True, False]]
    assert batch.target.tolist() == [0, 1, 2]


# --- errors


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((iter([[0, 1]]), COUNTS), {}, TypeError, "^sentences is a list_iterator: must be a list of sentences"),
        (("a b", COUNTS), {}, TypeError, "sentences is a str"),
        (([], COUNTS), {"window": 0}, ValueError, "^window=0: must be at least 1$"),
        (([], COUNTS), {"negative": 0}, ValueError, "^negative=0: must be at least 1$"),
        (([], COUNTS), {"sample": -1}, ValueError, "^sample=-1: must be 0"),
        (([], COUNTS), {"pool_size": 0}, ValueError, "^pool_size=0: must be at least 1$"),
        (([], [COUNTS]), {}, ValueError, r"counts has shape \(1, 5\)"),
        (([], []), {}, ValueError, r"counts has shape \(0,\)"),
        (([], [0, 0]), {}, ValueError, "at least one above 0"),
        (([], [1, -1]), {}, ValueError, "finite and >= 0"),
        (([], COUNTS), {"key_to_index": {"a": 5}}, ValueError, "index outside counts"),
    ],
)
def test_constructor_errors(arguments: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(*arguments, **options)


@pytest.mark.parametrize(
    ("sentence", "options", "error", "message"),
    [
        ("cat sat", {"key_to_index": {"cat": 0}}, TypeError, "sentence 1 is a string, 'cat sat'"),
        (["cat"], {}, TypeError, "or pass key_to_index"),
        ([0.5], {}, TypeError, "or pass key_to_index"),
        ([0, 5], {}, IndexError, r"outside \[0, 5\)"),
        ([-1, 0], {}, IndexError, r"outside \[0, 5\)"),
    ],
)
def test_sentence_errors(sentence: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        list(make([[], sentence], **options))


def test_set_epoch_error() -> None:
    with pytest.raises(ValueError, match=r"^epoch=-1: must be at least 0$"):
        make([]).set_epoch(-1)
