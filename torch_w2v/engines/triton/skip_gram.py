"""Launches the GPU kernel of skip-gram for a chunk. Imported without triton; training needs it.

It computes what `reference_skipgram` computes in layouts without `fresh`, but for the order of blocks: see `engine`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.reference_skipgram import AT_ONCE, MOST_STEPS
from torch_w2v.engines.triton.tiles import power

# places of positives that are read at once
_PLACES = 32


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan, dot: str) -> ChunkResult:
    """Train on a chunk by skip-gram; see `Engine.train`.

    Args:
        tables: on a GPU, padded.
        chunk, rates, plan: as for `Engine.train`.
        dot: how exact products are.
    """
    from torch_w2v.engines.triton.skip_gram_kernel import train_blocks  # noqa: PLC0415  triton is an optional extra

    objective, (T, S, N, B, _, _) = plan.objective, plan.layout.sizes
    blocks = sampling.blocks_of(chunk, plan)
    if not len(blocks.starts):
        return ChunkResult(0, 0.0, 0.0)
    kept, device = blocks.kept, tables.inputs.device
    alphas = blocks.alphas(chunk, rates, torch.float64).float()
    begins, ends = ranges(kept, blocks.starts, blocks.stops)

    D = tables.inputs.stride(0)
    form = shape(D, T, N, objective.window)
    programs = min(B, len(blocks.starts))
    count = positives_per_input(kept)
    share = objective.negative / N
    most = most_of_a_word(blocks.negatives) * math.ceil(int(count.max()) / S)
    places = form["BC"] * -(-int((ends - begins).max()) // form["BC"])
    scratch = torch.empty((programs, form["BT"], places) if not form["ONE"] else 0, device=device)
    losses = torch.zeros(programs, 2, dtype=torch.float64, device=device)
    with torch.cuda.device_of(tables.inputs):
        train_blocks[(programs,)](
            *tables,
            scratch,
            losses,
            kept.ids.int(),
            kept.low.int(),
            kept.high.int(),
            count,
            blocks.starts.int(),
            blocks.stops.int(),
            begins.int(),
            ends.int(),
            blocks.negatives.int(),
            alphas,
            plan.input_scale,
            plan.output_scale,
            len(blocks.starts),
            -(-len(blocks.starts) // programs),
            N,
            places,
            share,
            math.ceil(share),
            S=S,
            D=D,
            EVERY=objective.loss_every,
            SCALE_INPUTS=len(plan.input_scale) > 0,
            SCALE_OUTPUTS=len(plan.output_scale) > 0,
            DOT=dot,
            MOST=objective.largest_score,
            IN_TURN=max(abs(rates.begin), abs(rates.end)) * share * most > AT_ONCE,
            AT_ONCE=AT_ONCE,
            MOST_STEPS=MOST_STEPS,
            **form,
        )
    loss, pairs = losses.sum(0).tolist() if objective.loss_every else (0.0, 0.0)
    return ChunkResult(blocks.last - blocks.first, loss, pairs)


def positives_per_input(kept: sampling.Kept) -> Tensor:
    """Return (n,) int32: in how many windows of other words each kept token lies."""
    n = len(kept.ids)
    one = torch.ones_like(kept.ids)
    change = torch.zeros(n + 1, dtype=torch.int64, device=one.device)
    change.index_add_(0, kept.low, one).index_add_(0, kept.high, -one)
    return (change.cumsum(0)[:n] - 1).int()


def most_of_a_word(negatives: Tensor) -> int:
    """Return how often a set has a word at most.

    Args:
        negatives: (blocks, S, N) words.
    """
    words = negatives.sort(2).values
    place = torch.arange(words.shape[2], device=words.device)
    begins = pad(words[..., 1:] != words[..., :-1], (1, 0), value=True)
    return int((place - (place * begins).cummax(2).values).max()) + 1


def ranges(kept: sampling.Kept, starts: Tensor, stops: Tensor) -> tuple[Tensor, Tensor]:
    """Return half-open ranges of the kept stream that hold all positives of blocks, each (blocks,) int64.

    They reach as far as the widest window that there is, and not past the sentences of a block.

    Args:
        kept: the stream.
        starts, stops: (blocks,) int64, the inputs of each block.
    """
    place = torch.arange(len(kept.ids), device=starts.device)
    reach = torch.maximum(place - kept.low, kept.high - 1 - place).max()
    first = torch.searchsorted(kept.sentence, kept.sentence[starts])
    last = torch.searchsorted(kept.sentence, kept.sentence[stops - 1], right=True)
    return torch.maximum(starts - reach, first), torch.minimum(stops + reach, last)


def shape(D: int, T: int, N: int, window: int) -> dict[str, Any]:
    """Return the kernel's tile sizes and how Triton is to compile it.

    Rows, and the positives of a block, are one tile where they fit; else tiles of 64 columns, and 32 places at a time.
    With more than 32 negatives registers and shared memory are enough for tiles only, by eight warps.

    Args:
        D: floats per padded row.
        T, N: as `Layout`.
        window: as `Objective`.
    """
    one = D <= 128 and T + 2 * window <= _PLACES and N <= 32
    return {
        "BT": power(T),
        "BN": power(N),
        "BC": _PLACES,
        "BD": power(D) if one else min(64, power(D)),
        "ONE": one,
        "num_warps": 4 if N <= 32 else 8,
        "num_stages": 2,
        "maxnreg": 255,
    }
