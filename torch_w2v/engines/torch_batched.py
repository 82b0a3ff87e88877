"""Large synchronous steps in plain torch: any device, no compiler.

All B blocks of a step go through a few batched products. `reference` defines what they must compute.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts, sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Workload
from torch_w2v.engines.torch_engine import TorchEngine


class TorchBatchedEngine(TorchEngine):
    """Thousands of targets per step in plain torch, on any torch device."""

    name = "torch_batched"
    uses_all_workers = True

    def layout(self, workload: Workload) -> Layout:
        """Return a layout of up to 4,096 targets per step."""
        return layouts.many_blocks_per_step(workload)

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`. Layouts with G > 1 or `fresh` are not implemented."""
        objective, (T, S, N, B, G, fresh) = plan.objective, plan.layout.sizes
        if G != 1 or fresh:
            raise ValueError(f"G={G}, fresh={fresh}: engine 'torch_batched' takes G=1 and fresh=False only")
        inputs, outputs = tables
        device, dtype = inputs.device, inputs.dtype
        kept, first, last, starts, raw, negatives = sampling.blocks_of(chunk, plan)
        steps = -(-len(starts) // B)
        span, length = rates.end - rates.begin, chunk.end - chunk.begin
        alphas = (rates.begin + span * (raw - chunk.begin).to(dtype) / length)[:, None, None]

        # Windows cannot reach past `longest`, the widest one present, so neither need the gathered rows.
        n = len(kept.ids)
        places = torch.arange(n, device=device)
        longest = max(int((places - kept.low).max()), int((kept.high - 1 - places).max())) if n else 0
        L = T + 2 * longest
        # Padding on both sides makes every block the same size; padded targets have empty windows.
        ids = pad(kept.ids, (longest, longest + T))
        low, high = pad(kept.low, (0, T)), pad(kept.high, (0, T))
        low[last:], high[last:] = 0, 0
        halo, lane = torch.arange(L, device=device), torch.arange(T, device=device)
        # A window as places in the block's L rows is [low, high) - (start - longest).
        totals = torch.zeros(2, dtype=torch.float64 if device.type != "mps" else torch.float32, device=device)

        for step in range(steps):
            start = starts[step::steps, None]  # (b, 1)
            alpha = alphas[step::steps]
            rows = ids[start + halo]  # (b, L)
            t = start + lane  # (b, T)
            lo, hi = (low[t] - start + longest)[..., None], (high[t] - start + longest)[..., None]
            C = (hi - lo - 1).clamp(min=0).to(dtype)
            band = ((halo >= lo) & (halo < hi)).to(dtype)  # (b, T, L)
            # the target itself
            band.diagonal(longest, 1, 2).zero_()
            X = inputs[rows]
            H = torch.bmm(band, X)  # (b, T, D)
            some, inverse = (C > 0).to(dtype), 1 / C.clamp(min=1)
            if objective.cbow_mean:
                H *= inverse
            Y = ids[t + longest]
            E = torch.empty_like(H)
            for s in range(S):
                h, y, live = H[:, s::S], Y[:, s::S], some[:, s::S]
                neg = negatives[step::steps, s]  # (b, N)
                P, Q = outputs[y], outputs[neg]
                positive = (h * P).sum(2, keepdim=True)
                scores = torch.bmm(h, Q.transpose(1, 2))  # (b, T / S, N)
                weight = (neg[:, None] != y[..., None]).to(dtype) * live * (objective.negative / N)
                if objective.compute_loss:
                    loss = (softplus(-positive) * live).sum(dtype=totals.dtype)
                    loss += (softplus(scores) * weight).sum(dtype=totals.dtype)
                    totals += torch.stack([loss, live.sum(dtype=totals.dtype) + weight.sum(dtype=totals.dtype)])
                g = alpha * live * torch.sigmoid(-positive)
                gn = -alpha * weight * torch.sigmoid(scores)
                E[:, s::S] = torch.baddbmm(g * P, gn, Q)
                _add(outputs, y, g * h, plan.output_scale)
                _add(outputs, neg, torch.bmm(gn.transpose(1, 2), h), plan.output_scale)
            if objective.cbow_mean == objective.exact_gradient:
                E *= inverse
            _add(inputs, rows, torch.bmm(band.transpose(1, 2), E), plan.input_scale)
        loss_sum, pairs = totals.tolist()
        return ChunkResult(last - first, loss_sum, pairs)


def _add(table: Tensor, rows: Tensor, update: Tensor, scale: Tensor) -> None:
    rows = rows.flatten()
    update = update.reshape(len(rows), -1)
    table.index_add_(0, rows, update * scale[rows, None] if len(scale) else update)
