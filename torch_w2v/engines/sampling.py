"""The random decisions of training over tensors: every engine mirrors these functions bit for bit (see `streams`)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Rates
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.streams import GAMMA, HALF, MIX1, MIX2, signed


def draw(stream: int, counters: Tensor) -> tuple[Tensor, Tensor]:
    """Return elements of a stream.

    Args:
        stream: the stream's key.
        counters: int64, any shape: which elements.

    Returns:
        Their high and low 32 bits, each int64 in [0, 2**32) of the shape of `counters`.
    """

    def shifted(z: Tensor, by: int) -> Tensor:
        # a logical shift: torch's is arithmetic
        return (z >> by) & ((1 << (64 - by)) - 1)

    z = (counters + 1) * signed(GAMMA) + stream
    z = (z ^ shifted(z, 30)) * signed(MIX1)
    z = (z ^ shifted(z, 27)) * signed(MIX2)
    z = z ^ shifted(z, 31)
    return shifted(z, 32), z & HALF


def unsigned(x: Tensor) -> Tensor:
    """Return uint32 values stored with the bits of int32 as int64 (torch lacks most uint32 operations)."""
    return x.long() & HALF


class Kept(NamedTuple):
    """The tokens that survive the vocabulary and subsampling, in corpus order; all int64 of shape (n,).

    Attributes:
        ids: rows of the tables.
        place: place in the chunk's tokens.
        low, high: window of each token as a half-open range of this stream, clipped at sentence edges; the token's
            own place lies in it and is to be left out.
        sentence: number of the token's sentence.
    """

    ids: Tensor
    place: Tensor
    low: Tensor
    high: Tensor
    sentence: Tensor


def keep_mask(tokens: Tensor, position: int, keep: Tensor, stream: int) -> tuple[Tensor, Tensor]:
    """Return which tokens are kept, (n,) bool, and the low half of each one's draw, (n,) int64.

    Args:
        tokens: (n,) int32 rows, -1 for words outside the vocabulary.
        position: place of tokens[0] in the corpus.
        keep: (V,) int32 with the bits of uint32 thresholds; a token is kept where its threshold >= its draw.
        stream: key of the token stream.
    """
    high, low = draw(stream, torch.arange(position, position + len(tokens), device=tokens.device))
    known = tokens >= 0
    return known & (unsigned(keep)[tokens.clamp(min=0).long()] >= high), low


def kept_stream(
    tokens: Tensor,
    offsets: Tensor,
    position: int,
    keep: Tensor,
    stream: int,
    window: int,
    shrink_windows: bool,
) -> Kept:
    """Drop unknown and subsampled words, then form windows over what is left, as gensim does.

    Args:
        tokens: (n,) int32 rows, -1 for words outside the vocabulary.
        offsets: (m + 1,) int64, sentence edges within `tokens`, from 0 to n.
        position: place of tokens[0] in the corpus.
        keep: (V,) int32, see `keep_mask`.
        stream: key of the token stream.
        window: largest window, in kept tokens.
        shrink_windows: windows are drawn from 1 to `window`.
    """
    mask, low32 = keep_mask(tokens, position, keep, stream)
    chosen = mask.nonzero().flatten()
    reach = (low32[chosen] * window >> 32) + 1 if shrink_windows else torch.full_like(chosen, window)
    # sentence edges in the kept stream
    edges = torch.cat([mask.new_zeros(1, dtype=torch.int64), mask.cumsum(0)])[offsets]
    own = torch.arange(len(chosen), device=tokens.device)
    sentence = torch.searchsorted(edges, own, right=True)
    return Kept(
        tokens[chosen].long(),
        chosen,
        torch.maximum(edges[sentence - 1], own - reach),
        torch.minimum(edges[sentence], own + reach + 1),
        sentence - 1,
    )


def kept_in(chunk: Chunk, plan: EpochPlan) -> Kept:
    """Return the kept tokens of a chunk whose arrays, as the plan's, are tensors."""
    objective = plan.objective
    return kept_stream(
        chunk.tokens,
        chunk.offsets,
        chunk.position,
        plan.keep,
        plan.token_stream,
        objective.window,
        objective.shrink_windows,
    )


def noise_words(table: Tensor, stream: int, counters: Tensor) -> Tensor:
    """Return rows drawn from an alias table: int64, of the shape of `counters`.

    Args:
        table: (V, 2) int32, see `streams.alias_table`.
        stream: key of the noise stream.
        counters: int64, any shape: which draws.
    """
    high, low = draw(stream, counters)
    slot = high * len(table) >> 32
    row = table[slot]
    return torch.where(low < unsigned(row[..., 0]), slot, row[..., 1].long())


class Blocks(NamedTuple):
    """The blocks of a chunk: their targets and their negatives.

    Attributes:
        kept: the chunk's kept tokens.
        first, last: the targets are kept tokens `first` to `last`, exclusive.
        order: (last,) int64: the i-th target is kept token order[i], from i = `first` on; i itself without a stride.
        starts: (blocks,) int64, the number of the first target of each block.
        stops: (blocks,) int64, the number behind its last one.
        raw: (blocks,) int64, the first target's place in the chunk's tokens.
        negatives: (blocks, S, N) int64 rows.
    """

    kept: Kept
    first: int
    last: int
    order: Tensor
    starts: Tensor
    stops: Tensor
    raw: Tensor
    negatives: Tensor

    def alphas(self, chunk: Chunk, rates: Rates, dtype: torch.dtype) -> Tensor:
        """Return (blocks,) the learning rate of each block: that at its first target, on the way through the chunk."""
        done = (self.raw - chunk.begin).to(dtype)
        return rates.begin + (rates.end - rates.begin) * done / (chunk.end - chunk.begin)


def blocks_of(chunk: Chunk, plan: EpochPlan) -> Blocks:
    """Form the blocks of a chunk whose arrays, as the plan's, are tensors, and draw their negatives."""
    device, layout = chunk.tokens.device, plan.layout
    kept = kept_in(chunk, plan)
    first, last = torch.searchsorted(kept.place, torch.tensor([chunk.begin, chunk.end], device=device)).tolist()
    order = torch.arange(last, device=device)
    if plan.objective.skip_gram:
        stretch = layout.T * layout.stride if layout.stride > 1 else max(last - first, 1)
        order[first:] = first + _strided(last - first, layout.T, layout.stride, device)
        starts, stops = skip_gram_blocks(kept.ids[order], first, last, layout.T, stretch)
    else:
        starts = torch.arange(first, last, layout.T, device=device)
        stops = (starts + layout.T).clamp(max=last)
    raw = kept.place[order[starts]]
    drawn = layout.S * layout.N
    counters = ((chunk.position + raw) * drawn)[:, None] + torch.arange(drawn, device=device)
    negatives = noise_words(plan.noise, plan.noise_stream, counters).view(-1, layout.S, layout.N)
    return Blocks(kept, first, last, order, starts, stops, raw, negatives)


def _strided(n: int, T: int, stride: int, device: torch.device) -> Tensor:
    """Return the order in which `n` inputs are taken, (n,) int64; see `plan.Layout`."""
    if stride == 1:
        return torch.arange(n, device=device)
    rest = n % (T * stride)
    step = max(1, -(-rest // T))
    places = torch.arange(n, device=device)
    whole = places[: n - rest].view(-1, T, stride).transpose(1, 2).flatten()
    return torch.cat([whole, *(places[n - rest + first :: step] for first in range(step))])


def skip_gram_blocks(ids: Tensor, first: int, last: int, T: int, stretch: int) -> tuple[Tensor, Tensor]:
    """Cut inputs into blocks of at most `T`, each of which ends before a word's third place in it.

    Args:
        ids: (n,) int64 rows of the inputs, in their order.
        first, last: the inputs from `first` to `last`, exclusive, are cut.
        T: the largest number of inputs per block.
        stretch: number of inputs per stretch; a block has inputs of one stretch only.

    Returns:
        The number of the first input of each block and that behind its last one, both (blocks,) int64.
    """
    ids = ids[first:last]
    n = len(ids)
    place = torch.arange(n, device=ids.device)
    # the place where a word was the time before last, or -1
    order = ids.argsort(stable=True)
    third = ids[order[2:]] == ids[order[:-2]]
    before_last = torch.full_like(ids, -1)
    before_last[order[2:]] = torch.where(third, order[:-2], -1)
    # the end of a block that would start at each place
    end = torch.minimum(place + T, (place // stretch + 1) * stretch).clamp(max=n)
    for distance in range(min(T, n) - 1, 1, -1):
        start, before = place[: n - distance], end[: n - distance]
        is_third = before_last[distance:] >= start
        end[: n - distance] = torch.where(is_third, torch.minimum(start + distance, before), before)
    # Blocks follow each other: in each round the places that are known to be starts lead to as many others.
    is_start = torch.zeros(n + 1, dtype=torch.bool, device=ids.device)
    is_start[0] = True
    jump = torch.cat([end, end.new_tensor([n])])
    for _ in range(n.bit_length()):
        is_start[jump[is_start]] = True
        jump = jump[jump]
    starts = is_start[:n].nonzero().flatten()
    return starts + first, end[starts] + first
