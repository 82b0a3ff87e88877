"""Rows of which each of several threads has copies: how many, and how often they are exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Gradients of a row that a thread computes from one exchange to the next: so many at most; and their errors by what the
# thread does not see grow with the square of alpha: times that, and the number of threads, so many. Found by experiment
# (docs/development/lab-notes.md).
_MOST_GRADIENTS, _MOST_ERRORS = 64.0, 0.08
# With fewer gradients between two exchanges copies cost more than they save.
_FEWEST_GRADIENTS = 8.0
# A row with fewer exchanges per thread and epoch is not worth a copy: it is copied there and back besides. In the first
# epoch of a model, whose output rows begin at zero and grow by what all threads learn, more are needed, and sooner: all
# rows are exchanged once in this share of the targets that the thread has trained so far.
_FEWEST_EXCHANGES, _FEWEST_AT_FIRST, _PACE = 4.0, 32.0, 8
# The copies of a thread, of both tables, in bytes: more leave the second cache, where the rows behind them are as far.
_MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class Sharing:
    """Which rows threads have copies of, and how often they are exchanged.

    Attributes:
        threads: number of threads.
        classes: (c, 2) int64; of each class of rows, from the first row on, the first row behind it, and the number of
            targets in which all its rows are exchanged once.
        pace: at the beginning all rows are exchanged once in 1 / `pace` of the targets that the thread has trained so
            far, until that is more than their class has; 0 for as their class from the beginning.
    """

    threads: int
    classes: np.ndarray
    pace: int = 0

    @property
    def rows(self) -> int:
        """The number of rows: the first ones of the tables."""
        return int(self.classes[-1, 0])


def sharing_of(
    gradients: np.ndarray, alpha: float, threads: int, targets: float, vector_size: int, is_first: bool
) -> Sharing | None:
    """Return how threads share the tables; None where all is best shared.

    Args:
        gradients: (V,) of each word, the number of gradients per target of its row in one of the tables, whichever has
            more.
        alpha: the highest learning rate.
        threads: number of threads.
        targets: expected number of targets per epoch.
        vector_size: number of dimensions.
        is_first: it is the first epoch of a model that was not trained before.
    """
    most = min(_MOST_GRADIENTS, _MOST_ERRORS / max(alpha**2 * threads, 1e-9))
    if threads < 2 or most < _FEWEST_GRADIENTS:
        return None
    V = min(len(gradients), _MOST_BYTES // (8 * vector_size))
    # Rows are in order of frequency, as a rule: one that is met more often than those before it counts for them too.
    rising = np.maximum.accumulate(gradients[:V][::-1])[::-1]
    every = most / np.maximum(rising, 1e-12)
    rows = int(np.searchsorted(every, targets / threads / (_FEWEST_AT_FIRST if is_first else _FEWEST_EXCHANGES)))
    if rows == 0:
        return None
    # rounded down to a power of two
    powers = 2 ** np.log2(np.maximum(every[:rows], 1.0)).astype(np.int64)
    ends = np.append(np.flatnonzero(np.diff(powers)) + 1, rows)
    return Sharing(threads, np.stack([ends, powers[ends - 1]], 1), _PACE if is_first else 0)
