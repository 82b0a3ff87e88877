"""The random decisions of training, defined once: every engine mirrors these functions bit for bit.

Every decision is a pure function of (seed, pass over the corpus, place in the corpus, purpose): draw `i` of a purpose
is element `i` of a SplitMix64 stream whose start is the purpose's key. So draws do not depend on the number of workers,
on the engine, or on where training was resumed.
SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

TOKEN = 1  # one draw per corpus position: high half -> subsampling, low half -> window size
NOISE = 2  # one draw per negative: high half -> slot of the alias table, low half -> slot or alias

_GAMMA, _MIX1, _MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_HALF, _WORD = (1 << 32) - 1, (1 << 64) - 1


def _signed(x: int) -> int:
    """The int64 with the bits of the uint64 `x` (torch has no uint64 arithmetic; int64 wraps the same way)."""
    return x - (1 << 64) if x >> 63 else x


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * _MIX1) & _WORD
    z = ((z ^ (z >> 27)) * _MIX2) & _WORD
    return z ^ (z >> 31)


def key(seed: int, train_count: int, epoch: int, purpose: int) -> int:
    """The start of a purpose's stream in one pass over the corpus, as a signed 64-bit integer.

    `train_count` (calls of `train()` so far) is part of it so that repeated `train(epochs=1)` sees fresh draws.
    """
    z = 0
    for part in (seed, train_count, epoch, purpose):
        z = _mix((z + part + _GAMMA) & _WORD)
    return _signed(z)


def draw(stream: int, counters: Tensor) -> tuple[Tensor, Tensor]:
    """Elements `counters` (int64, any shape) of a stream: its high and low 32 bits, as int64 in [0, 2**32)."""

    def shifted(z: Tensor, by: int) -> Tensor:  # a logical shift: torch's is arithmetic
        return (z >> by) & ((1 << (64 - by)) - 1)

    z = (counters + 1) * _signed(_GAMMA) + stream
    z = (z ^ shifted(z, 30)) * _signed(_MIX1)
    z = (z ^ shifted(z, 27)) * _signed(_MIX2)
    z = z ^ shifted(z, 31)
    return shifted(z, 32), z & _HALF


def unsigned(x: Tensor) -> Tensor:
    """uint32 values stored with the bits of int32, as int64 (torch lacks most uint32 operations)."""
    return x.long() & _HALF


class Kept(NamedTuple):
    """The stream of tokens that survive the vocabulary and subsampling, in corpus order; all int64, shape (n,)."""

    ids: Tensor  # rows of the tables
    place: Tensor  # place in the chunk's tokens
    low: Tensor  # window of each token as a half-open range of this stream, clipped at sentence edges;
    high: Tensor  # the token's own place lies in it and is to be left out
    sentence: Tensor


def keep_mask(tokens: Tensor, position: int, keep: Tensor, stream: int) -> tuple[Tensor, Tensor]:
    """Which tokens are trained on, and the low half of each one's draw.

    tokens: (n,) int32, -1 for words outside the vocabulary; position: place of tokens[0] in the corpus;
    keep: (V,) int32 holding uint32 thresholds as gensim's `sample_int`: keep when threshold >= draw.
    """
    high, low = draw(stream, torch.arange(position, position + len(tokens), device=tokens.device))
    known = tokens >= 0
    return known & (unsigned(keep)[tokens.clamp(min=0).long()] >= high), low


def kept_stream(
    tokens: Tensor, offsets: Tensor, position: int, keep: Tensor, stream: int, window: int, shrink_windows: bool
) -> Kept:
    """Drop unknown and subsampled words, then form windows over what is left, as gensim does.

    offsets: (m + 1,) int64, sentence edges within `tokens`, from 0 to len(tokens).
    """
    mask, low32 = keep_mask(tokens, position, keep, stream)
    chosen = mask.nonzero().flatten()
    reach = (low32[chosen] * window >> 32) + 1 if shrink_windows else torch.full_like(chosen, window)
    edges = torch.cat([mask.new_zeros(1, dtype=torch.int64), mask.cumsum(0)])[offsets]  # in the kept stream
    own = torch.arange(len(chosen), device=tokens.device)
    sentence = torch.searchsorted(edges, own, right=True)
    return Kept(
        tokens[chosen].long(),
        chosen,
        torch.maximum(edges[sentence - 1], own - reach),
        torch.minimum(edges[sentence], own + reach + 1),
        sentence - 1,
    )


def alias_table(weights: np.ndarray) -> Tensor:
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
    bits = np.minimum(np.rint(np.clip(threshold, 0, 1) * 2.0**32), _HALF).astype(np.uint32)
    return torch.from_numpy(np.stack([bits.view(np.int32), other.astype(np.int32)], axis=1))


def noise_words(table: Tensor, stream: int, counters: Tensor) -> Tensor:
    """Rows drawn from an alias table (V, 2): int64, the shape of `counters`."""
    high, low = draw(stream, counters)
    slot = high * len(table) >> 32
    row = table[slot]
    return torch.where(low < unsigned(row[..., 0]), slot, row[..., 1].long())
