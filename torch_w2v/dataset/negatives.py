"""Negatives drawn beforehand, in proportion to the words' frequencies. V is the number of words."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from torch_w2v.checks import check_at_least, check_counts, check_seed


class NegativePool:
    """A ring of negatives, drawn beforehand in proportion to count ** ns_exponent.

    The noise distribution is that of Mikolov et al. 2013 ("Distributed Representations of Words and Phrases and their
    Compositionality", section 2.2: the unigram distribution to the power 3/4). A word with count 0 is never drawn.

    Attributes:
        pool: int32 (pool_size,), the draws, as word indices.

    Args:
        counts: numbers (V,), the frequency of each word, by index.
        ns_exponent: 0.75 as in the paper; 1 is the corpus's own distribution, 0 is uniform, and a negative exponent
            favours rare words.
        pool_size: the number of draws in the ring (4 bytes each).
        seed: the seed of the draws.

    Raises:
        TypeError: `pool_size` is no integer.
        ValueError: `counts` is not (V,) of finite numbers >= 0 with one above 0, `pool_size` is below 1, or
            `ns_exponent` is not finite.
    """

    def __init__(
        self, counts: ArrayLike, *, ns_exponent: float = 0.75, pool_size: int = 1_000_000, seed: int = 1
    ) -> None:
        counts = check_counts(counts)
        check_at_least(1, pool_size=pool_size)
        check_seed(seed)
        if not math.isfinite(ns_exponent):
            raise ValueError(f"ns_exponent={ns_exponent}: must be a finite number")
        weight = np.zeros(counts.size)
        np.power(counts, float(ns_exponent), out=weight, where=counts > 0)
        rng = np.random.default_rng(seed)
        self.pool = rng.choice(counts.size, size=pool_size, p=weight / weight.sum()).astype(np.int32)

    def take(self, n: int, start: int) -> np.ndarray:
        """Return the `n` draws from position `start` on, int64 (n,); after the last one the first comes again."""
        return np.take(self.pool, np.arange(start, start + n), mode="wrap").astype(np.int64)
