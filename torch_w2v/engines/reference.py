"""The specification: one step at a time in plain torch, in the dtype of the tables (float64 included).

Written to be read beside docs/explanation/algorithm.md; every other engine is tested against it with the same draws.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts, reference_skipgram, sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective, Workload
from torch_w2v.engines.torch_engine import TorchEngine, add_rows, dtype_of_sums


class ReferenceEngine(TorchEngine):
    """Slow and plain: what training is to compute, in any layout."""

    name = "reference"

    def layout(self, workload: Workload) -> Layout:
        """Return the layout of the fused CPU kernel."""
        return layouts.skip_gram_block(workload) if workload.skip_gram else layouts.one_block_per_step(workload)

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`. The tables may be float64."""
        if plan.objective.skip_gram:
            return reference_skipgram.train(tables, chunk, rates, plan)
        inputs, outputs = tables
        objective, (_, S, N, B, G, fresh), by_set = plan.objective, plan.layout.sizes, plan.layout.by_set
        kept, first, last, _, starts, stops, raw, drawn = sampling.blocks_of(chunk, plan)
        steps = -(-len(starts) // B)
        loss, pairs, sums = 0.0, 0.0, dtype_of_sums(inputs.device)
        span, length = rates.end - rates.begin, chunk.end - chunk.begin
        alphas = [rates.begin + span * (place - chunk.begin) / length for place in raw.tolist()]

        for step in range(steps):
            numbers = range(step, len(starts), steps)
            blocks = [
                _read(inputs, kept, start, stop, objective)
                for start, stop in zip(starts[step::steps].tolist(), stops[step::steps].tolist(), strict=True)
            ]
            moves = [_moves(kept, block, objective.cbow_mean, plan.input_scale) if fresh else None for block in blocks]
            for group in range(0, S, G):
                updates: list[tuple[Tensor, Tensor]] = []
                for number, block, move, alpha, sets in zip(
                    numbers, blocks, moves, alphas[step::steps], drawn[step::steps], strict=True
                ):
                    now, before = block.parts(group, S, G)
                    if move is not None:
                        block.h[now] += move[now][:, before] @ block.e[before]
                    if by_set:
                        block.h[now] = _hidden(inputs, block.context, block.band[now], objective.cbow_mean)
                    for s in range(group, min(group + G, S)):
                        neg = sets[s]  # (N,)
                        h, y, some = block.h[s::S], block.y[s::S], block.some[s::S]  # (t, D), (t,), (t, 1)

                        # a negative equal to the target is skipped
                        weight = some * (neg != y[:, None]) * (objective.negative / N)
                        rows = outputs[neg]  # (N, D)
                        if plan.layout.in_turn and len(y):
                            rows = _as_met(rows, neg, h, alpha * weight, objective.largest_score, plan.output_scale)
                        positive = (h * outputs[y]).sum(1, keepdim=True)  # (t, 1)
                        negatives = h @ rows.T  # (t, N)
                        if objective.has_loss(number):
                            loss -= float((some * logsigmoid(positive)).sum(dtype=sums))
                            loss -= float((weight * logsigmoid(-negatives)).sum(dtype=sums))
                            pairs += float(some.sum() + weight.sum())

                        # a sample with a score beyond that is skipped, as in gensim
                        most = objective.largest_score
                        g = alpha * some * (positive.abs() < most) * (1 - torch.sigmoid(positive))
                        gn = -alpha * weight * (negatives.abs() < most) * torch.sigmoid(negatives)
                        e = g * outputs[y] + gn @ rows
                        # gensim gives each context row the whole error of a mean and 1/C of the error of a sum; the
                        # derivative of the loss is the other way round (piskvorky/gensim#697, #1873).
                        divide = objective.cbow_mean == objective.exact_gradient
                        block.e[s::S] = e / block.C[s::S] if divide else e
                        updates += [(y, g * h), (neg, gn.T @ h)]
                for rows, update in updates:
                    add_rows(outputs, rows, update, plan.output_scale)
                if by_set:
                    for block in blocks:
                        now, _ = block.parts(group, S, G)
                        add_rows(inputs, block.context, block.band[now].T @ block.e[now], plan.input_scale)
            if not by_set:
                for block in blocks:
                    add_rows(inputs, block.context, block.band.T @ block.e, plan.input_scale)
        return ChunkResult(last - first, loss, pairs)


def _as_met(rows: Tensor, neg: Tensor, h: Tensor, step: Tensor, most: float, output_scale: Tensor) -> Tensor:
    """Return the rows of a single target's negatives as it meets them, one after the other.

    A negative that has been there before is as the target's earlier updates have left it.

    Args:
        rows: (N, D) as they are at the start of the set.
        neg: (N,) their words.
        h: (1, D) the hidden layer.
        step: (1, N) learning rate times the negatives' weights.
        most: negatives with scores beyond that are skipped.
        output_scale: (V,) factors of the rows, or empty.
    """
    rows = rows.clone()
    for k in range(len(neg)):
        score = rows[k] @ h[0]
        if abs(score) < most:
            scale = output_scale[neg[k]] if len(output_scale) else 1.0
            later = torch.arange(len(neg), device=neg.device) > k
            rows[later & (neg == neg[k])] -= step[0, k] * torch.sigmoid(score) * scale * h[0]
    return rows


class _Block(NamedTuple):
    """Consecutive targets and what they read of the context rows at the start of a step, or of their set.

    t is the number of targets, c the number of kept tokens that their windows can reach.

    Attributes:
        context: (c,) rows.
        band: (t, c), 1 where the row is in the target's window.
        some: (t, 1), 1 where there is any context: a lone word trains nothing.
        C: (t, 1) number of context words, at least 1.
        h: (t, D) their mean or sum.
        y: (t,) the targets' rows.
        e: (t, D) the error that goes back to the context rows; to be filled.
        places: the targets' places in the kept stream.
    """

    context: Tensor
    band: Tensor
    some: Tensor
    C: Tensor
    h: Tensor
    y: Tensor
    e: Tensor
    places: slice

    def parts(self, group: int, S: int, G: int) -> tuple[Tensor, Tensor]:
        """Return which targets the sets from `group` to `group` + G have, and those before; both (t,) bool."""
        first = torch.arange(len(self.y), device=self.y.device) % S // G * G
        return first == group, first < group


def _read(inputs: Tensor, kept: sampling.Kept, start: int, stop: int, objective: Objective) -> _Block:
    window = objective.window
    t = torch.arange(start, stop, device=inputs.device)[:, None]
    c = torch.arange(max(start - window, 0), min(stop + window, len(kept.ids)), device=inputs.device)
    band = ((c >= kept.low[t]) & (c < kept.high[t]) & (c != t)).to(inputs.dtype)
    C = band.sum(1, keepdim=True)
    some, C = (C > 0).to(inputs.dtype), C.clamp(min=1)
    h = _hidden(inputs, kept.ids[c], band, objective.cbow_mean)
    return _Block(kept.ids[c], band, some, C, h, kept.ids[start:stop], torch.empty_like(h), slice(start, stop))


def _hidden(inputs: Tensor, context: Tensor, band: Tensor, cbow_mean: bool) -> Tensor:
    """Return the means or sums of context rows, as they are now: (t, D); `context` and `band` as in `_Block`."""
    sums = band @ inputs[context]
    return sums / band.sum(1, keepdim=True).clamp(min=1) if cbow_mean else sums


def _moves(kept: sampling.Kept, block: _Block, cbow_mean: bool, input_scale: Tensor) -> Tensor:
    """Return how far a target's error (second index) moves the hidden layer of a target of its sentence (first).

    It moves every word of its C context words as often as it is there, so the sum of another window by the number of
    pairs of places, one in each, with the same word. A_t, the number of those of target t with all targets of its
    sentence in this block, is counted; pairs of two targets are taken to be spread as A is: A_t A_u / sum A.

    Returns:
        (t, t) in the dtype of the tables.
    """
    C = block.some * block.C
    moves = torch.zeros(len(C), len(C), dtype=C.dtype, device=C.device)
    words, word_of_place = block.context.unique(return_inverse=True)
    scale = input_scale[words].to(C.dtype) if len(input_scale) else torch.ones_like(words, dtype=C.dtype)
    sentence = kept.sentence[block.places]
    for one in sentence.unique():
        own = sentence == one
        band = block.band[own]  # (u, c)
        # (w,) how often the sentence's targets read each word
        reads = torch.zeros_like(scale).index_add_(0, word_of_place, band.sum(0)) * scale
        pairs = band @ reads[word_of_place]  # (u,) A
        if pairs.sum() > 0:
            both = own[:, None] & own
            divide = 1 / C[own].clamp(min=1) if cbow_mean else torch.ones_like(C[own])
            moves[both] = (pairs[:, None] * pairs / pairs.sum() * divide).flatten()
    return moves
