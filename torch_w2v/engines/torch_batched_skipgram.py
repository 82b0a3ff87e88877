"""Skip-gram in large synchronous steps of plain torch: what `torch_batched` is for CBOW.

`reference_skipgram` defines what this must compute.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad, softplus

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.torch_engine import add_rows, dtype_of_sums


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
    """Train on a chunk by skip-gram; see `Engine.train`.

    Raises:
        ValueError: a layout with `fresh`.
    """
    T, S, N, B, _, fresh = plan.layout.sizes
    if fresh:
        raise ValueError("fresh=True: engine 'torch_batched' computes all updates of a step from the same rows")
    inputs, outputs = tables
    objective, device, dtype = plan.objective, inputs.device, inputs.dtype
    blocks = sampling.blocks_of(chunk, plan)
    kept, first, last, starts, stops, _, negatives = blocks
    steps = -(-len(starts) // B)
    alphas = blocks.alphas(chunk, rates, dtype)[:, None, None]

    # Windows cannot reach past `longest`, the widest one present, so neither need the gathered rows.
    n = len(kept.ids)
    places = torch.arange(n, device=device)
    longest = max(int((places - kept.low).max()), int((kept.high - 1 - places).max())) if n else 0
    L = T + 2 * longest
    # Padding on both sides makes every block the same size; padded places have empty windows.
    ids = pad(kept.ids, (longest, longest + T))
    low, high = pad(kept.low, (longest, longest + T)), pad(kept.high, (longest, longest + T))
    around, lane = torch.arange(L, device=device), torch.arange(T, device=device)
    totals = torch.zeros(2, dtype=dtype_of_sums(device), device=device)

    for step in range(steps):
        start, stop, alpha = starts[step::steps, None], stops[step::steps, None], alphas[step::steps]
        # those of the step's blocks whose loss is computed
        counted = [i for i in range(len(start)) if objective.has_loss(step + i * steps)]
        # Places are those of the kept tokens, so a padded array has place p at p + longest.
        t = start + lane  # (b, T)
        rows = ids[start + around]  # (b, L)
        lo, hi = low[start + around][:, None], high[start + around][:, None]  # (b, 1, L)
        j = t[..., None]  # (b, T, 1)
        positive = (lo <= j) & (j < hi) & (j < stop[..., None])  # (b, T, L)
        # the input itself
        positive.diagonal(longest, 1, 2).zero_()
        count = positive.sum(2, keepdim=True)
        number = positive.cumsum(2) - 1
        words = ids[t + longest]
        for s in range(S):
            part = positive & (number >= count * s // S) & (number < count * (s + 1) // S)
            band = part.to(dtype)
            X, P = inputs[words], outputs[rows]  # (b, T, D), (b, L, D)
            neg = negatives[step::steps, s]  # (b, N)
            Q = outputs[neg]
            pulls, pushes = torch.bmm(X, P.transpose(1, 2)), torch.bmm(X, Q.transpose(1, 2))
            # a negative is skipped as often as it is a positive of the input
            equal = torch.bmm(band, (rows[:, :, None] == neg[:, None]).to(dtype))
            weight = (band.sum(2, keepdim=True) - equal) * (objective.negative / N)  # (b, T, N)
            if counted:
                ones, weights = band[counted], weight[counted]
                loss = (softplus(-pulls[counted]) * ones).sum(dtype=totals.dtype)
                loss += (softplus(pushes[counted]) * weights).sum(dtype=totals.dtype)
                totals += torch.stack([loss, ones.sum(dtype=totals.dtype) + weights.sum(dtype=totals.dtype)])
            g = alpha * band * torch.sigmoid(-pulls)
            gn = -alpha * weight * torch.sigmoid(pushes)
            add_rows(outputs, rows, torch.bmm(g.transpose(1, 2), X), plan.output_scale)
            add_rows(outputs, neg, torch.bmm(gn.transpose(1, 2), X), plan.output_scale)
            add_rows(inputs, words, torch.baddbmm(torch.bmm(g, P), gn, Q), plan.input_scale)
    loss_sum, pairs = totals.tolist()
    return ChunkResult(last - first, loss_sum, pairs)
