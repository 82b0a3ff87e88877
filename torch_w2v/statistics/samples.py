"""Samples of a corpus, always the same ones, by which the layout of training is chosen."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from torch_w2v.corpus.store import Run

# number of places of the corpus, spread evenly, that a sample is taken from
PLACES = 16
# tokens in all places together, at most, where subsampling drops most
_MAX_TOKENS = 262_144
# tokens of each place that a chunk's share of kept tokens is estimated from
_RUN = 64
# so many numbers are drawn at least: most samples have fewer tokens
_LEAST_DRAWS = 4_096


def rows_at_places(corpus: Run, size: int) -> tuple[list[int], np.ndarray]:
    """Return rows from 16 places that are spread evenly over a corpus, fewer where they would overlap.

    Args:
        corpus: the encoded corpus, or a part of it.
        size: number of tokens in each; no more than the corpus has.

    Returns:
        Where the places begin, and the rows at all of them, one place after the other; -1 for unknown words.
    """
    n = len(corpus.tokens)
    count = min(PLACES, n // max(size, 1))
    starts = np.linspace(0, n - size, count).astype(np.int64).tolist() if count > 1 else [0]
    ids = np.concatenate([corpus.tokens[start : start + size] for start in starts])
    return starts, ids if corpus.rows is None else corpus.rows[ids]


def kept_at_places(
    corpus: Run, keep: np.ndarray, kept_share: float, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what subsampling leaves of a sample of a corpus, the same one always.

    Args:
        corpus: the encoded corpus, or its beginning; not empty.
        keep: (V,) uint32 thresholds of subsampling: word w is kept with probability keep[w] / 2**32.
        kept_share: share of the corpus's tokens that are kept.
        size: number of kept tokens in each of 16 places, about.

    Returns:
        Rows of the kept tokens, (n,) int64; a number for each one's sentence, which ends where a place ends; and the
        number of its place.
    """
    raw = min(len(corpus.tokens), int(size / max(kept_share, 1e-9)) + 1, _MAX_TOKENS // PLACES)
    starts, ids = rows_at_places(corpus, raw)
    at = (np.array(starts)[:, None] + np.arange(raw)).ravel()
    kept = (ids >= 0) & (_draws(max(_LEAST_DRAWS, len(ids)))[: len(ids)] <= keep[ids])
    place = np.arange(len(at)) // raw
    sentence = np.searchsorted(corpus.offsets, at, side="right") * len(starts) + place
    return ids[kept].astype(np.int64), sentence[kept], place[kept]


def kept_share_of(tokens: np.ndarray, keep: np.ndarray) -> float:
    """Return the share of a chunk's tokens that subsampling keeps, from a thousand of them.

    Args:
        tokens: (n,) rows, -1 for unknown words.
        keep: as for `kept_at_places`.
    """
    size = min(_RUN, len(tokens))  # runs of tokens, since every tenth, say, may be of one column of a table
    some = tokens[np.linspace(0, len(tokens) - size, PLACES).astype(np.int64)[:, None] + np.arange(size)]
    return float(np.where(some >= 0, keep[np.maximum(some, 0)], 0).sum(dtype=np.float64)) * 2.0**-32 / max(some.size, 1)


@lru_cache(maxsize=2)
def _draws(n: int) -> np.ndarray:
    """Return (n,) random float64 numbers below 2**32, always the same: those of a smaller n are their beginning."""
    return np.random.default_rng(0).random(n) * 2.0**32
