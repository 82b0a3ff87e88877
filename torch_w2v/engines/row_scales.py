"""Factors on the updates of rows, which keep large synchronous steps from diverging on frequent words."""

from __future__ import annotations

import math

import numpy as np

from torch_w2v.engines.plan import Layout, Workload

# alpha times the number of a row's gradients that may be summed at full size in a step (docs/explanation/algorithm.md)
CAP = 32 * 0.025
# the same where targets meet their negatives one after the other, in one block
CAP_IN_TURN = 2.0
# number of blocks of a step whose errors count as having different directions
MAX_INDEPENDENT_BLOCKS = 3


def row_scales(
    kept_share: np.ndarray,
    noise_share: np.ndarray,
    layout: Layout,
    workload: Workload,
    *,
    lockf: np.ndarray,
    alpha: float,
    whole_sums: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors on the updates of context rows and of output rows; an empty array where all are 1.

    A row that collects n gradients in one step is moved by min(1, cap / (alpha n)) of their sum, n being its expected
    number: without this, large synchronous steps diverge on frequent words. docs/explanation/algorithm.md has the caps.
    The first factors include gensim's `vectors_lockf`.

    Args:
        kept_share: (V,) each word's share of the kept tokens.
        noise_share: (V,) each word's share of the negatives.
        layout: its targets in flight are what makes n grow.
        workload: negatives and expected context words per target.
        lockf: gensim's `vectors_lockf`, used as lockf[w % len(lockf)].
        alpha: the highest learning rate.
        whole_sums: each row of a sum gets the whole gradient (`cbow_gradient='exact'`), not its share of it, and so
            moves the hidden layer further.

    Returns:
        Two arrays of shape (V,) or (0,), float32.
    """
    n_input = layout.targets_in_flight * workload.context_words * kept_share
    n_output = layout.targets_together * (kept_share + workload.negative * noise_share)

    def scale(n: np.ndarray, cap: float, factor: np.ndarray | float) -> np.ndarray:
        full: np.ndarray = (cap / np.maximum(abs(alpha) * n, cap) * factor).astype(np.float32)
        return full if (full != 1).any() else np.zeros(0, np.float32)

    # Targets in turn are gensim's order, nearly, which needs no caps; without any, a few letters would diverge.
    cap = output_cap = CAP_IN_TURN if layout.in_turn and layout.B * layout.G == 1 and not whole_sums else CAP
    if layout.B > 1 and not whole_sums:
        # A hidden layer moves by the mean of what its context rows move by: that must not be too much, one row may be.
        # The errors of a single block's neighbours have one direction, so there the cap is that of an output row.
        mean = CAP * min(layout.B, MAX_INDEPENDENT_BLOCKS)
        cap = min(2 * mean, _cap_for_mean(kept_share, abs(alpha) * n_input, mean))
    return scale(n_input, cap, lockf[np.arange(len(kept_share)) % len(lockf)]), scale(n_output, output_cap, 1.0)


def skip_gram_row_scales(
    kept_share: np.ndarray,
    noise_share: np.ndarray,
    layout: Layout,
    workload: Workload,
    *,
    lockf: np.ndarray,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors on the updates of input rows and of output rows in skip-gram; an empty array where all are 1.

    The layout of one block needs no caps: its sizes see to it. Several blocks that are computed from the same rows have
    the caps of as many blocks, up to `MAX_INDEPENDENT_BLOCKS`, whose errors have different directions.

    Args:
        kept_share: (V,) each word's share of the kept tokens.
        noise_share: (V,) each word's share of the negatives.
        layout: its inputs in flight are what makes a row collect many gradients.
        workload: negatives and expected positives per input.
        lockf: gensim's `vectors_lockf`, used as lockf[w % len(lockf)].
        alpha: the highest learning rate.

    Returns:
        Two arrays of shape (V,) or (0,), float32.
    """
    pairs = layout.B * layout.T * workload.context_words / layout.S
    n_input = pairs * (1 + workload.negative) * kept_share
    n_output = pairs * (kept_share + workload.negative * noise_share)
    cap = CAP * min(layout.B, MAX_INDEPENDENT_BLOCKS) if layout.B > 1 else math.inf

    def scale(n: np.ndarray, factor: np.ndarray | float) -> np.ndarray:
        full = np.minimum(1, cap / np.maximum(abs(alpha) * n, 1e-9)) * factor
        return full.astype(np.float32) if (full != 1).any() else np.zeros(0, np.float32)

    return scale(n_input, lockf[np.arange(len(kept_share)) % len(lockf)]), scale(n_output, 1.0)


def _cap_for_mean(share: np.ndarray, moves: np.ndarray, most: float) -> float:
    """Return the highest cap for which the mean of min(moves, cap), weighted by `share`, is at most `most`.

    Args:
        share: (V,) weights with a sum of 1.
        moves: (V,) not negative.
        most: the bound on the mean.
    """
    if (share * moves).sum() <= most:
        return math.inf
    order = np.argsort(-moves)
    share, moves = share[order], moves[order]
    # the share of the first words, were they at the cap, and what the others contribute
    capped = np.cumsum(share)
    rest = np.append(np.cumsum((share * moves)[::-1])[::-1][1:], 0.0)
    # the mean with the cap at each word's own move; it falls from word to word
    means = capped * moves + rest
    below = max(1, int(np.searchsorted(-means, -most)))
    return float((most - rest[below - 1]) / capped[below - 1])
