"""The random decisions of training without torch: SplitMix64 over numpy, keys of streams, and the table of negatives.

Every decision is a pure function of (seed, epoch, place in the corpus, purpose): draw `i` of a purpose is element `i`
of a SplitMix64 stream that starts at the purpose's key. So draws do not depend on the number of workers, on the
engine, or on where training was resumed. `sampling` has the same functions over tensors; the C++ kernel has its own.

SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

T = TypeVar("T", int, np.ndarray)

TOKEN = 1  # one draw per corpus position: the high half decides subsampling, the low half the window size
NOISE = 2  # one draw per negative: the high half picks a slot of the alias table, the low half its row

GAMMA, MIX1, MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
HALF, _WORD = (1 << 32) - 1, (1 << 64) - 1


def signed(x: int) -> int:
    """Return the int64 with the bits of the uint64 `x` (torch has no uint64 arithmetic; int64 wraps the same way)."""
    return x - (1 << 64) if x >> 63 else x


def mix(z: T) -> T:
    """Return SplitMix64's finalizer of an integer below 2**64, or of an array of uint64, which wraps by itself."""
    z = (z ^ (z >> 30)) * MIX1 & _WORD
    z = (z ^ (z >> 27)) * MIX2 & _WORD
    return z ^ (z >> 31)


def key(seed: int, train_count: int, epoch: int, purpose: int) -> int:
    """Return the start of a purpose's stream in one epoch, as a signed 64-bit integer.

    Args:
        seed: the model's seed.
        train_count: number of earlier calls of `train()`, so that repeated `train(epochs=1)` sees fresh draws.
        epoch: number of the epoch within the call, from 0.
        purpose: `TOKEN` or `NOISE`.
    """
    z = 0
    for part in (seed, train_count, epoch, purpose):
        z = mix((z + part + GAMMA) & _WORD)
    return signed(z)


def draw(stream: int, counters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return elements of a stream.

    Args:
        stream: the stream's key.
        counters: int64, any shape: which elements.

    Returns:
        Their high and low 32 bits, each uint64 of the shape of `counters`.
    """
    z = mix((counters.astype(np.uint64) + np.uint64(1)) * np.uint64(GAMMA) + np.uint64(stream & _WORD))
    return z >> np.uint64(32), z & np.uint64(HALF)


def keep_mask(tokens: np.ndarray, position: int, keep: np.ndarray, stream: int) -> np.ndarray:
    """Return which tokens the vocabulary and subsampling keep, (n,) bool: `sampling.keep_mask` without torch.

    Args:
        tokens: (n,) int32 rows, -1 for words outside the vocabulary.
        position: place of tokens[0] in the corpus.
        keep: (V,) int32 with the bits of uint32 thresholds; a token is kept where its threshold >= its draw.
        stream: key of the token stream.
    """
    high, _ = draw(stream, np.arange(position, position + len(tokens)))
    return (tokens >= 0) & (keep.view(np.uint32)[np.maximum(tokens, 0)] >= high)


def alias_table(weights: np.ndarray) -> np.ndarray:
    """Return the table for drawing row i in proportion to weights[i] with one draw.

    Slots are equally likely; a slot returns its own row when the draw is below the threshold and its other row
    otherwise (Walker 1977). Built by the sweep of Vose (1991), over cumulative sums so that it needs no loop in
    Python: light slots, in order, are filled by heavy ones, in order; a heavy slot that runs short is filled by the
    next heavy one.

    Args:
        weights: (V,) not negative, with a positive sum.

    Returns:
        (V, 2) int32: the bits of a uint32 threshold, and the other row.
    """
    V = len(weights)
    p = np.asarray(weights, np.float64)
    p = p * (V / p.sum())
    light, heavy = np.flatnonzero(p < 1), np.flatnonzero(p >= 1)
    threshold, other = np.ones(V), np.arange(V)
    if len(light) and len(heavy):
        deficit, excess = np.cumsum(1 - p[light]), np.cumsum(p[heavy] - 1)
        # deficits that are filled when a light slot's turn comes
        before = np.concatenate([[0.0], deficit[:-1]])
        filler = np.searchsorted(excess, before, side="right")
        other[light] = heavy[np.minimum(filler, len(heavy) - 1)]
        threshold[light] = p[light]
        # A heavy slot runs short at the light slot that takes more than it has left; one used up exactly does not.
        turn = np.searchsorted(deficit, excess, side="right")[:-1]
        short = np.flatnonzero((turn < len(deficit)) & (before[np.minimum(turn, len(before) - 1)] < excess[:-1]))
        threshold[heavy[short]] = 1 + excess[short] - deficit[turn[short]]
        other[heavy[short]] = heavy[short + 1]
    bits = np.minimum(np.rint(np.clip(threshold, 0, 1) * 2.0**32), HALF).astype(np.uint32)
    return np.stack([bits.view(np.int32), other.astype(np.int32)], axis=1)
