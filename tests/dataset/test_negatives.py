"""Negatives drawn beforehand: as often as gensim draws them, and as a ring."""

from __future__ import annotations

import numpy as np
from scipy.stats import chisquare

from torch_w2v.dataset import NegativePool


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


def test_pool_is_a_ring_without_words_of_count_zero() -> None:
    pool = NegativePool([3, 0, 2], pool_size=7)
    assert set(pool.pool.tolist()) == {0, 2}
    np.testing.assert_array_equal(pool.take(16, 5), np.tile(pool.pool, 4)[5:21])
    assert set(NegativePool([3, 0, 2], pool_size=100, ns_exponent=-1).pool.tolist()) == {0, 2}
