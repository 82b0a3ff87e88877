"""Skip-gram in large synchronous steps of plain torch: what `torch_batched` is for CBOW.

`reference_skipgram` defines what this must compute.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Objective
from torch_w2v.engines.reference_skipgram import AT_ONCE, MOST_STEPS
from torch_w2v.engines.torch_engine import add_rows
from torch_w2v.engines.torch_steps import Steps


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
    """Train on a chunk by skip-gram; see `Engine.train`.

    Raises:
        ValueError: a layout with `fresh`, or with a stride.
    """
    T, S, N, _, _, fresh = plan.layout.sizes
    if fresh:
        raise ValueError("fresh=True: engine 'torch_batched' computes all updates of a step from the same rows")
    if plan.layout.stride > 1:
        raise ValueError(f"stride={plan.layout.stride}: engine 'torch_batched' takes inputs as they come")
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
            most = band.sum(2).amax(1)[:, None, None]
            gn = _meet_in_turn(gn, pushes, X, Q, neg, alpha, weight, most, plan.objective)
            add_rows(outputs, rows, torch.bmm(g.transpose(1, 2), X), plan.output_scale)
            add_rows(outputs, neg, torch.bmm(gn.transpose(1, 2), X), plan.output_scale)
            add_rows(inputs, words, torch.baddbmm(torch.bmm(g, P), gn, Q), plan.input_scale)
    return steps.result()


def _meet_in_turn(
    gn: Tensor,
    scores: Tensor,
    X: Tensor,
    Q: Tensor,
    neg: Tensor,
    alpha: Tensor,
    weight: Tensor,
    most: Tensor,
    objective: Objective,
) -> Tensor:
    """Return `gn` with the coefficients of those negatives that inputs meet in several steps.

    Args:
        gn: (b, T, N) coefficients of the negatives, for all meetings at once.
        scores: (b, T, N) of the inputs with the negatives.
        X: (b, T, D) rows of the inputs.
        Q: (b, N, D) rows of the negatives.
        neg: (b, N) their words. One that is drawn again has all its meetings here, shared among its places.
        alpha: (b, 1, 1) learning rates.
        weight: (b, T, N) how often an input meets the negative of one place.
        most: (b, 1, 1) positives of the input that has most of them.
        objective: what is trained.
    """
    share = objective.negative / neg.shape[1]
    times = (neg[:, :, None] == neg[:, None]).sum(1, keepdim=True)  # (b, 1, N)
    far = alpha * share * times * most > AT_ONCE
    if not far.any():
        return gn
    steps = (times * most * math.ceil(share)).clamp(max=MOST_STEPS)
    squares = (X * X).sum(2, keepdim=True) + (Q * Q).sum(2)[:, None]
    pushes = torch.zeros_like(gn)
    for step in range(int(steps[far].max())):
        z = scores + pushes * times * squares
        pushes = pushes - (step < steps) * (z < objective.largest_score) * alpha * weight / steps * torch.sigmoid(z)
    return torch.where(far, pushes, gn)
