"""Rows of which each of several threads has copies: how many, and how often they are exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Gradients of a row that a thread computes from one exchange to the next: so many at most; and their errors by what the
# thread does not see grow with the square of alpha: times that, and the number of threads, so many. Found by experiment
# (docs/development/lab-notes.md).
_MOST_GRADIENTS, _MOST_ERRORS = 64.0, 0.08
# With fewer gradients between two exchanges all is shared. With 16, on runs of ten items at alpha=.05, two threads
# agree a little less with gensim's runs than without copies.
_FEWEST_GRADIENTS = 30.0
# A row that is drawn as a negative for fewer exchanges per thread and epoch is not copied: what others learn of it
# would be known too late, and they would push away what is away already.
_FEWEST_EXCHANGES = 32.0
# In the first epoch of a call output rows may be zero, and grow by what all threads learn: all rows are exchanged once
# in this share of the targets that the thread has trained so far.
_PACE = 8
# The copies of a thread, of both tables, in bytes: more leave the second cache, where the rows behind them are as far.
_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Sharing:
    """Which rows threads have copies of, and how often they are exchanged.

    Attributes:
        threads: number of threads.
        most: a row is exchanged after its word was so many times a target of the thread, and at first sooner.
        classes: (c, 2) int64; of each class of rows, from the first row on, the first row behind it, and the number of
            targets in which all its rows are exchanged once besides, since they are drawn as negatives.
        pace: at the beginning all rows are exchanged once in 1 / `pace` of the targets that the thread has trained so
            far, until that is more than their class has; 0 for as their class from the beginning.
    """

    threads: int
    most: int
    classes: np.ndarray
    pace: int = 0

    @property
    def rows(self) -> int:
        """The number of rows: the first ones of the tables."""
        return int(self.classes[-1, 0])


def sharing_of(
    of_negatives: np.ndarray,
    context: float,
    alpha: float,
    threads: int,
    targets: float,
    vector_size: int,
    is_first: bool,
) -> Sharing | None:
    """Return how threads share the tables; None where all is best shared.

    Args:
        of_negatives: (V,) of each word, the number of gradients per target that its output row gets as a negative.
        context: expected context words per target: that many gradients of a row come from its word as a target.
        alpha: the highest learning rate.
        threads: number of threads.
        targets: expected number of targets per epoch.
        vector_size: number of dimensions.
        is_first: it is the first epoch of a call.
    """
    most = min(_MOST_GRADIENTS, _MOST_ERRORS / max(alpha**2 * threads, 1e-9))
    if threads < 2 or most < _FEWEST_GRADIENTS:
        return None
    V = min(len(of_negatives), _MOST_BYTES // (8 * vector_size))
    # Rows are in order of frequency, as a rule: one that is met more often than those before it counts for them too.
    every = _interval(of_negatives[:V], most)
    rows = int(np.searchsorted(every, targets / threads / _FEWEST_EXCHANGES))
    if rows == 0:
        return None
    # rounded down to a power of two
    powers = 2 ** np.log2(np.maximum(every[:rows], 1.0)).astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(powers)) + 1, rows)
    classes = np.stack([ends, powers[ends - 1]], 1)
    return Sharing(threads, max(1, round(most / max(context, 1.0))), classes, _PACE if is_first else 0)


def _interval(gradients: np.ndarray, most: float) -> np.ndarray:
    """Return in how many targets each row collects `most` gradients, none more than a row behind it."""
    return most / np.maximum(np.maximum.accumulate(gradients[::-1])[::-1], 1e-12)
