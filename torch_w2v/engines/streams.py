"""What the draws of training start from: the keys of their streams, and the table for drawing negatives.

How a stream is drawn from is in `sampling`. SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number
Generators", OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np

TOKEN = 1  # one draw per corpus position: high half -> subsampling, low half -> window size
NOISE = 2  # one draw per negative: high half -> slot of the alias table, low half -> slot or alias

GAMMA, MIX1, MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
HALF, _WORD = (1 << 32) - 1, (1 << 64) - 1


def signed(x: int) -> int:
    """The int64 with the bits of the uint64 `x` (torch has no uint64 arithmetic; int64 wraps the same way)."""
    return x - (1 << 64) if x >> 63 else x


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * MIX1) & _WORD
    z = ((z ^ (z >> 27)) * MIX2) & _WORD
    return z ^ (z >> 31)


def key(seed: int, train_count: int, epoch: int, purpose: int) -> int:
    """The start of a purpose's stream in one pass over the corpus, as a signed 64-bit integer.

    `train_count` (calls of `train()` so far) is part of it so that repeated `train(epochs=1)` sees fresh draws.
    """
    z = 0
    for part in (seed, train_count, epoch, purpose):
        z = _mix((z + part + GAMMA) & _WORD)
    return signed(z)


def alias_table(weights: np.ndarray) -> np.ndarray:
    """Table for drawing row i in proportion to weights[i] with one draw; (V, 2) int32: uint32 threshold, other row.

    Slots are equally likely; a slot gives its own row when the coin is below the threshold and its other row otherwise
    (Walker 1977). Built by the sweep of Vose (1991), over cumulative sums so that it needs no loop in Python: light
    slots, in order, are filled by heavy ones, in order; a heavy slot that runs short is filled by the next heavy one.
    """
    V = len(weights)
    p = np.asarray(weights, np.float64)
    p = p * (V / p.sum())
    light, heavy = np.flatnonzero(p < 1), np.flatnonzero(p >= 1)
    threshold, other = np.ones(V), np.arange(V)
    if len(light) and len(heavy):
        deficit, excess = np.cumsum(1 - p[light]), np.cumsum(p[heavy] - 1)
        before = np.concatenate([[0.0], deficit[:-1]])  # deficits filled when a light slot's turn comes
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
