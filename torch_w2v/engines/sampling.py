"""The random decisions of training, defined once: every engine mirrors these functions bit for bit.

Every decision is a pure function of (seed, pass over the corpus, place in the corpus, purpose): draw `i` of a purpose
is element `i` of a SplitMix64 stream whose start is the purpose's key (`streams`). So draws do not depend on the number
of workers, on the engine, or on where training was resumed.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torch_w2v.engines.streams import GAMMA, HALF, MIX1, MIX2, signed


def draw(stream: int, counters: Tensor) -> tuple[Tensor, Tensor]:
    """Elements `counters` (int64, any shape) of a stream: its high and low 32 bits, as int64 in [0, 2**32)."""

    def shifted(z: Tensor, by: int) -> Tensor:  # a logical shift: torch's is arithmetic
        return (z >> by) & ((1 << (64 - by)) - 1)

    z = (counters + 1) * signed(GAMMA) + stream
    z = (z ^ shifted(z, 30)) * signed(MIX1)
    z = (z ^ shifted(z, 27)) * signed(MIX2)
    z = z ^ shifted(z, 31)
    return shifted(z, 32), z & HALF


def unsigned(x: Tensor) -> Tensor:
    """uint32 values stored with the bits of int32, as int64 (torch lacks most uint32 operations)."""
    return x.long() & HALF


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


def noise_words(table: Tensor, stream: int, counters: Tensor) -> Tensor:
    """Rows drawn from an alias table (V, 2): int64, the shape of `counters`."""
    high, low = draw(stream, counters)
    slot = high * len(table) >> 32
    row = table[slot]
    return torch.where(low < unsigned(row[..., 0]), slot, row[..., 1].long())
