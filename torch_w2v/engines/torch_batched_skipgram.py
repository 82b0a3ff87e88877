"""Skip-gram in large synchronous steps of plain torch: what `torch_batched` is for CBOW.

`reference_skipgram` defines what this must compute.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.torch_engine import add_rows
from torch_w2v.engines.torch_steps import Steps


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
    """Train on a chunk by skip-gram; see `Engine.train`.

    Raises:
        ValueError: a layout with `fresh`.
    """
    T, S, N, _, _, fresh = plan.layout.sizes
    if fresh:
        raise ValueError("fresh=True: engine 'torch_batched' computes all updates of a step from the same rows")
    inputs, outputs = tables
    dtype = inputs.dtype
    steps = Steps(chunk, rates, plan, dtype)
    kept, reach = steps.blocks.kept, steps.reach
    # As `steps.ids`; padded places have empty windows.
    low, high = pad(kept.low, (reach, reach + T)), pad(kept.high, (reach, reach + T))

    for step in range(steps.count):
        start, alpha, counted = steps.starts(step), steps.alphas(step), steps.with_loss(step)
        t = start + steps.lane  # (b, T)
        around = start + steps.around  # (b, L)
        rows = steps.ids[around]
        lo, hi = low[around][:, None], high[around][:, None]  # (b, 1, L)
        j = t[..., None]  # (b, T, 1)
        positive = (lo <= j) & (j < hi) & (j < steps.stops(step)[..., None])  # (b, T, L)
        # the input itself
        positive.diagonal(reach, 1, 2).zero_()
        count = positive.sum(2, keepdim=True)
        number = positive.cumsum(2) - 1
        words = steps.ids[t + reach]
        for s in range(S):
            part = positive & (number >= count * s // S) & (number < count * (s + 1) // S)
            band = part.to(dtype)
            X, P = inputs[words], outputs[rows]  # (b, T, D), (b, L, D)
            neg = steps.negatives(step, s)  # (b, N)
            Q = outputs[neg]
            pulls, pushes = torch.bmm(X, P.transpose(1, 2)), torch.bmm(X, Q.transpose(1, 2))
            # a negative is skipped as often as it is a positive of the input
            equal = torch.bmm(band, (rows[:, :, None] == neg[:, None]).to(dtype))
            weight = (band.sum(2, keepdim=True) - equal) * (plan.objective.negative / N)  # (b, T, N)
            if counted:
                steps.add_loss(pulls[counted], band[counted], pushes[counted], weight[counted])
            g = alpha * band * torch.sigmoid(-pulls)
            gn = -alpha * weight * torch.sigmoid(pushes) * (pushes < plan.objective.largest_score)
            add_rows(outputs, rows, torch.bmm(g.transpose(1, 2), X), plan.output_scale)
            add_rows(outputs, neg, torch.bmm(gn.transpose(1, 2), X), plan.output_scale)
            add_rows(inputs, words, torch.baddbmm(torch.bmm(g, P), gn, Q), plan.input_scale)
    return steps.result()
