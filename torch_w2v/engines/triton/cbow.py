"""Launches the GPU kernel of CBOW for a chunk. Imported without triton; training needs it."""

from __future__ import annotations

from typing import Any

import torch

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.triton.tiles import power


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan, dot: str) -> ChunkResult:
    """Train on a chunk by CBOW; see `Engine.train`.

    Args:
        tables: on a GPU, padded.
        chunk, rates, plan: as for `Engine.train`.
        dot: how exact products are.
    """
    from torch_w2v.engines.triton.cbow_kernel import train_blocks  # noqa: PLC0415  triton is an optional extra

    objective, (T, S, N, B, _, _) = plan.objective, plan.layout.sizes
    device = tables.inputs.device
    blocks = sampling.blocks_of(chunk, plan)
    kept, first, last, _, starts, _, _, negatives = blocks
    if not len(starts):
        return ChunkResult(0, 0.0, 0.0)
    alphas = blocks.alphas(chunk, rates, torch.float64).float()

    programs = min(B, len(starts))
    D = tables.inputs.stride(0)
    form = shape(D, T, S, N)
    scratch = torch.empty((programs, form["BT"], D) if form["BD"] < D or S > 1 else 0, device=device)
    losses = torch.zeros(programs, 2, dtype=torch.float64, device=device)
    with torch.cuda.device_of(tables.inputs):
        train_blocks[(programs,)](
            *tables,
            scratch,
            losses,
            kept.ids.int(),
            kept.low.int(),
            kept.high.int(),
            negatives.int(),
            alphas,
            plan.input_scale,
            plan.output_scale,
            first,
            last,
            len(starts),
            -(-len(starts) // programs),
            T,
            N,
            objective.negative / N,
            S=S,
            D=D,
            MEAN=objective.cbow_mean,
            SHARED=objective.cbow_mean == objective.exact_gradient,
            EVERY=objective.loss_every,
            SCALE_INPUTS=len(plan.input_scale) > 0,
            SCALE_OUTPUTS=len(plan.output_scale) > 0,
            DOT=dot,
            MOST=objective.largest_score,
            **form,
        )
    loss, pairs = losses.sum(0).tolist() if objective.loss_every else (0.0, 0.0)
    return ChunkResult(last - first, loss, pairs)


def shape(D: int, T: int, S: int, N: int) -> dict[str, Any]:
    """Return the kernel's tile sizes and how Triton is to compile it.

    A row is one tile where it fits; else tiles of 64, and context rows 16 at a time: then nothing spills at T = N = 32.
    With fewer than 64 rows a product uses mma instead of Hopper's wgmma, which would want B transposed for tf32, by
    loads of four bytes, and a fence before each product.

    Args:
        D: floats per padded row.
        T, S, N: as `Layout`.
    """
    one = S == 1 and D <= 128
    BT, BN = power(T), power(N)
    return {
        "BT": BT,
        "BN": BN,
        "BC": 32 if one else 16,
        "BD": power(D) if one else min(64, power(D)),
        "num_warps": 4 if max(BT, BN) <= 32 else 8,
        "num_stages": 2,
        "maxnreg": 255,
    }
