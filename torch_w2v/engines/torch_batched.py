"""Large synchronous steps in plain torch: any device, no compiler.

All B blocks of a step go through a few batched products. `reference` defines what they must compute.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts, torch_batched_skipgram
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective, Workload
from torch_w2v.engines.torch_engine import TorchEngine, add_rows
from torch_w2v.engines.torch_steps import Steps


class TorchBatchedEngine(TorchEngine):
    """Thousands of targets per step in plain torch, on any torch device."""

    name = "torch_batched"
    uses_all_workers = True

    def layout(self, workload: Workload) -> Layout:
        """Return a layout of up to 4,096 targets per step."""
        return layouts.skip_gram_steps(workload) if workload.skip_gram else layouts.many_blocks_per_step(workload)

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`.

        Layouts with G > 1 or `by_set` are not implemented, nor `fresh` for skip-gram.
        """
        if plan.objective.skip_gram:
            return torch_batched_skipgram.train(tables, chunk, rates, plan)
        objective, (T, S, N, _, G, fresh) = plan.objective, plan.layout.sizes
        if G != 1:
            raise ValueError(f"G={G}: engine 'torch_batched' takes G=1 only")
        if plan.layout.by_set:
            raise ValueError("by_set=True: engine 'torch_batched' reads context rows once per step")
        inputs, outputs = tables
        dtype = inputs.dtype
        steps = Steps(chunk, rates, plan, dtype)
        kept, last, reach, around = steps.blocks.kept, steps.blocks.last, steps.reach, steps.around
        divide = objective.cbow_mean == objective.exact_gradient
        # Padded targets have empty windows.
        low, high = pad(kept.low, (0, T)), pad(kept.high, (0, T))
        low[last:], high[last:] = 0, 0

        for step in range(steps.count):
            start, alpha, counted = steps.starts(step), steps.alphas(step), steps.with_loss(step)
            rows = steps.ids[start + around]  # (b, L)
            t = start + steps.lane  # (b, T)
            # A window as places in the block's L rows is [low, high) - (start - reach).
            lo, hi = (low[t] - start + reach)[..., None], (high[t] - start + reach)[..., None]
            C = (hi - lo - 1).clamp(min=0).to(dtype)
            band = ((around >= lo) & (around < hi)).to(dtype)  # (b, T, L)
            # the target itself
            band.diagonal(reach, 1, 2).zero_()
            X = inputs[rows]
            H = torch.bmm(band, X)  # (b, T, D)
            some, inverse = (C > 0).to(dtype), 1 / C.clamp(min=1)
            if objective.cbow_mean:
                H *= inverse
            Y = steps.ids[t + reach]
            E = torch.zeros_like(H)
            if fresh:
                moves = _moves(kept.sentence, t.clamp(max=max(last - 1, 0)), rows, band, C, objective, plan.input_scale)
            for s in range(S):
                h, y, live = H[:, s::S], Y[:, s::S], some[:, s::S]
                if fresh and s:
                    # errors of later sets are still zero
                    h += torch.bmm(moves[:, s::S], E)
                neg = steps.negatives(step, s)  # (b, N)
                P, Q = outputs[y], outputs[neg]
                weight = (neg[:, None] != y[..., None]).to(dtype) * live * (objective.negative / N)
                if plan.layout.in_turn:
                    _meet_in_turn(Q, neg, h, alpha * weight, objective.largest_score, plan.output_scale)
                positive = (h * P).sum(2, keepdim=True)
                scores = torch.bmm(h, Q.transpose(1, 2))  # (b, T / S, N)
                if counted:
                    steps.add_loss(positive[counted], live[counted], scores[counted], weight[counted])
                # a sample with a score beyond that is skipped
                most = objective.largest_score
                g = alpha * live * (positive.abs() < most) * torch.sigmoid(-positive)
                gn = -alpha * weight * (scores.abs() < most) * torch.sigmoid(scores)
                e = torch.baddbmm(g * P, gn, Q)
                E[:, s::S] = e * inverse[:, s::S] if divide else e
                add_rows(outputs, y, g * h, plan.output_scale)
                add_rows(outputs, neg, torch.bmm(gn.transpose(1, 2), h), plan.output_scale)
            add_rows(inputs, rows, torch.bmm(band.transpose(1, 2), E), plan.input_scale)
        return steps.result()


def _meet_in_turn(Q: Tensor, neg: Tensor, h: Tensor, step: Tensor, most: float, output_scale: Tensor) -> None:
    """Make the rows of negatives those that single targets meet, one after the other; see `reference._as_met`.

    Args:
        Q: (b, N, D) rows as they are at the start of the set; changed in place where a word is there again.
        neg: (b, N) their words.
        h: (b, 1, D) the targets' hidden layers.
        step: (b, 1, N) learning rate times the negatives' weights.
        most: negatives with scores beyond that are skipped.
        output_scale: (V,) factors of the rows, or empty.
    """
    again = (neg[:, :, None] == neg[:, None, :]).triu(1)  # (b, N, N): the second is the first again
    for k in again.any(2).any(0).nonzero().flatten().tolist():
        row = Q[:, k]
        score = (row * h[:, 0]).sum(1)  # (b,)
        moves = step[:, 0, k] * (score.abs() < most) * torch.sigmoid(score)
        if len(output_scale):
            moves = moves * output_scale[neg[:, k]]
        Q -= (again[:, k] * moves[:, None])[..., None] * h


def _moves(
    sentences: Tensor, t: Tensor, rows: Tensor, band: Tensor, C: Tensor, objective: Objective, input_scale: Tensor
) -> Tensor:
    """Return how far each target's error moves the hidden layers of its sentence, (b, T, T): see `reference._moves`.

    Args:
        sentences: (n,) sentence of each kept token.
        t: (b, T) the targets' places among the kept tokens.
        rows: (b, L) rows that a block reads.
        band: (b, T, L), 1 where a row is in a target's window.
        C: (b, T, 1) number of context words.
        objective: its `cbow_mean` counts.
        input_scale: (V,) factors of the rows, or empty.
    """
    sentence = sentences[t]  # (b, T)
    same = sentence[:, :, None] == sentence[:, None, :]  # (b, T, T)
    # Windows do not reach over sentences, so a place is read from one sentence only.
    reads = band.sum(1)  # (b, L)
    if len(input_scale):
        reads = reads * input_scale[rows]
    owner = torch.where(band.any(1), (band * (sentence + 1)[:, :, None].to(band.dtype)).amax(1).long(), 0)  # (b, L)
    alike = (rows[:, :, None] == rows[:, None, :]) & (owner[:, :, None] == owner[:, None, :])  # (b, L, L)
    of_word = torch.bmm(alike.to(reads.dtype), reads[:, :, None])  # (b, L, 1)
    pairs = torch.bmm(band, of_word)  # (b, T, 1)
    total = torch.bmm(same.to(pairs.dtype), pairs)  # (b, T, 1) of the target's sentence
    each = pairs / total.clamp(min=torch.finfo(pairs.dtype).tiny)
    if objective.cbow_mean:
        each = each / C.clamp(min=1)
    return torch.where(same, each * pairs.transpose(1, 2), 0)
