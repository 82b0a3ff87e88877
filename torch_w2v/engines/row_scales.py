"""Factors on the updates of rows, which keep large synchronous steps from diverging on frequent words."""

from __future__ import annotations

import math

import numpy as np

from torch_w2v.engines.plan import Layout

CAP = 32 * 0.025  # gradients of one row, times alpha, that may be summed at full size in a step (docs/algorithm.md)
MOST_BLOCKS = 3  # of a step, whose errors count as having different directions


def row_scales(
    kept_share: np.ndarray,
    noise_share: np.ndarray,
    layout: Layout,
    negative: int,
    context: float,
    lockf: np.ndarray,
    alpha: float,
    whole_sums: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Factors on the updates of context rows and of output rows; an empty array where all are 1.

    A row that collects n gradients in one step is moved by min(1, cap / (alpha n)) of their sum, n being its expected
    number: without this, large synchronous steps diverge on frequent words. docs/algorithm.md has the caps. The first
    factors have gensim's `vectors_lockf` too.

    Args:
        kept_share: (V,) each word's share of the kept tokens.
        noise_share: (V,) each word's share of the negatives.
        layout: its targets in flight are what makes n grow.
        negative: negatives per target.
        context: expected context words per target.
        lockf: gensim's `vectors_lockf`, used as lockf[w % len(lockf)].
        alpha: the learning rate at its highest.
        whole_sums: each row of a sum gets the whole gradient (`cbow_gradient='exact'`), not its share of it, and so
            moves the hidden layer further.
    """
    n_input = layout.targets_in_flight * context * kept_share
    n_output = layout.targets_together * (kept_share + negative * noise_share)

    def scale(n: np.ndarray, cap: float, factor: np.ndarray | float) -> np.ndarray:
        full: np.ndarray = (cap / np.maximum(abs(alpha) * n, cap) * factor).astype(np.float32)
        return full if (full != 1).any() else np.zeros(0, np.float32)

    cap = CAP
    if layout.B > 1 and not whole_sums:
        # A hidden layer moves by the mean of what its context rows move by: that must not be too much, one row may be.
        # The errors of a single block's neighbours have one direction, so there the cap is that of an output row.
        mean = CAP * min(layout.B, MOST_BLOCKS)
        cap = min(2 * mean, _cap_for_mean(kept_share, abs(alpha) * n_input, mean))
    return scale(n_input, cap, lockf[np.arange(len(kept_share)) % len(lockf)]), scale(n_output, CAP, 1.0)


def _cap_for_mean(share: np.ndarray, moves: np.ndarray, most: float) -> float:
    """The highest cap for which the mean of min(moves, cap), weighted by `share` (of a sum of 1), is at most `most`."""
    if (share * moves).sum() <= most:
        return math.inf
    order = np.argsort(-moves)
    share, moves = share[order], moves[order]
    capped = np.cumsum(share)  # the share of the first words, were they at the cap
    rest = np.append(np.cumsum((share * moves)[::-1])[::-1][1:], 0.0)  # and what the others contribute
    means = capped * moves + rest  # with the cap at each word's own; it falls from word to word
    below = max(1, int(np.searchsorted(-means, -most)))
    return float((most - rest[below - 1]) / capped[below - 1])
