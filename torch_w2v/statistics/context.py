"""How many context words the pairs of a corpus have, by the lengths of its sentences: what skip-gram's layout needs."""

from __future__ import annotations

import numpy as np


def context_of(lengths: np.ndarray, window: int, shrink_windows: bool, kept: float = 1.0) -> float:
    """Return the number of context words of a word, on average over sentences, each of which counts by its pairs.

    Where sentences are of uneven lengths most pairs are of long ones: of sessions of which nine in ten have one or two
    items, and the tenth 40, a word has 20 context words on average, and that of a pair 26 (window=40).

    Args:
        lengths: (n,) tokens of each sentence.
        window: largest distance between a word and a context word.
        shrink_windows: windows are drawn from 1 to `window`.
        kept: share of the tokens that subsampling keeps. Of a pair both words are kept, and of the others that share.
    """
    w, tokens = float(window), lengths[lengths > 1].astype(np.float64)
    lengths = 2 + (tokens - 2) * kept
    inner = np.minimum(lengths, w)
    # On one side, a word with i others has i of them, or the window's; a drawn one has (i (w + 1/2) - i^2 / 2) / w.
    ones, squares = inner * (inner - 1) / 2, inner * (inner - 1) * (2 * inner - 1) / 6
    near_the_edge = (ones * (w + 0.5) - squares / 2) / w if shrink_windows else ones
    far = (w + 1) / 2 if shrink_windows else w
    # of each sentence that has a pair, both sides
    pairs = 2 * (near_the_edge + (lengths - inner) * far)
    # times how often that is
    expected = pairs * (tokens * (tokens - 1) * kept**2) / (lengths * (lengths - 1))
    total = float(expected.sum())
    return float((expected * pairs / lengths).sum()) / total if total > 0 else 0.0
