"""The specification of skip-gram, as `reference` is that of CBOW: plain torch, in the dtype of the tables.

An input is a kept token; its positives are the words in whose windows it lies, which it is to predict. Written to be
read beside docs/explanation/algorithm.md ("Skip-gram").
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.torch_engine import add_rows, dtype_of_sums

# How far a negative may move inputs at once, in steps of full errors; else they meet it in so many steps at most.
# The same constants are in cpu/skipgram/scores.h.
AT_ONCE, MOST_STEPS = 0.5, 64


def train(tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
    """Train on a chunk by skip-gram; see `Engine.train`. The tables may be float64."""
    S, B, G, fresh = plan.layout.S, plan.layout.B, plan.layout.G, plan.layout.fresh
    blocks = sampling.blocks_of(chunk, plan)
    steps = -(-len(blocks.starts) // B)
    span, length = rates.end - rates.begin, chunk.end - chunk.begin
    alphas = [rates.begin + span * (place - chunk.begin) / length for place in blocks.raw.tolist()]
    loss, pairs = 0.0, 0.0
    for step in range(steps):
        for s in range(S):
            parts = [
                _part(tables, blocks, block, s, alphas[block], plan) for block in range(step, len(blocks.starts), steps)
            ]
            if fresh:
                for part in parts:
                    for first in range(0, len(part.words), G):
                        _update_in_order(tables, part.inputs(first, first + G), plan)
            else:
                _update_at_once(tables, parts, plan)
            loss += sum(part.loss for part in parts)
            pairs += sum(part.pairs for part in parts)
    return ChunkResult(blocks.last - blocks.first, loss, pairs)


class _Part(NamedTuple):
    """What a block's inputs do with one set of negatives: t inputs, n different negatives, p pairs with positives.

    Attributes:
        words: (t,) rows of the inputs.
        negatives: (n,) rows of the set, each once.
        weights: (t, n) coefficients of the input rows in the updates of the negatives' rows, and the other way round.
        positives: (p,) rows of the positives: input after input, in text order.
        owner: (p,) numbers of the inputs that they belong to.
        weights_of_pairs: (p,) their coefficients.
        loss: summed loss of all pairs; 0 for a block whose loss is not asked for.
        pairs: summed weight of the pairs in the loss.
    """

    words: Tensor
    negatives: Tensor
    weights: Tensor
    positives: Tensor
    owner: Tensor
    weights_of_pairs: Tensor
    loss: float
    pairs: float

    def inputs(self, first: int, last: int) -> _Part:
        """Return what the inputs from `first` to `last`, exclusive, do."""
        own = (self.owner >= first) & (self.owner < last)
        return self._replace(
            words=self.words[first:last],
            weights=self.weights[first:last],
            positives=self.positives[own],
            owner=self.owner[own] - first,
            weights_of_pairs=self.weights_of_pairs[own],
        )


def _part(tables: Tables, blocks: sampling.Blocks, block: int, s: int, alpha: float, plan: EpochPlan) -> _Part:
    """Compute the scores of a block's pairs in part `s`, from the rows as they are, and from them the coefficients."""
    inputs, outputs = tables
    objective, S, N = plan.objective, plan.layout.S, plan.layout.N
    kept, mine = blocks.kept, blocks.order[int(blocks.starts[block]) : int(blocks.stops[block])]
    words = kept.ids[mine]
    x = inputs[words]

    # (t, places): whether the input lies in the window of the word at a place
    j, reach = mine[:, None], objective.window
    i = torch.arange(max(int(mine.min()) - reach, 0), min(int(mine.max()) + reach + 1, len(kept.ids)), device=j.device)
    positive = (kept.low[i] <= j) & (j < kept.high[i]) & (i != j)
    # of an input's n positives the part has those from n s // S to n (s + 1) // S
    number, n = positive.cumsum(1) - 1, positive.sum(1, keepdim=True)
    positive &= (number >= n * s // S) & (number < n * (s + 1) // S)
    owner, place = positive.nonzero().unbind(1)
    positives = kept.ids[i[place]]

    # a negative drawn twice counts twice, and where it is a positive of the input it is skipped as often
    negatives, times = blocks.negatives[block, s].unique(return_counts=True)
    equal = positive.to(x.dtype) @ (kept.ids[i][:, None] == negatives).to(x.dtype)
    weight = objective.negative / N * times.to(x.dtype) * (positive.sum(1, keepdim=True) - equal)

    rounded = _rounding(plan)
    scores, positive_scores = rounded(x) @ rounded(outputs[negatives]).T, (x[owner] * outputs[positives]).sum(1)
    alphas = alpha * weight
    pushes = -alphas * torch.sigmoid(scores) * (scores < objective.largest_score)
    most = positive.sum(1).max()
    far = alpha * objective.negative / N * times * most > AT_ONCE
    if far.any():
        steps = times * most * math.ceil(objective.negative / N)
        squares = (x * x).sum(1, keepdim=True) + (outputs[negatives] ** 2).sum(1)
        in_turn = _pushes_in_turn(scores, alphas, steps.clamp(max=MOST_STEPS), squares, objective.largest_score)
        pushes = torch.where(far, in_turn, pushes)
    loss, pairs = 0.0, 0.0
    if objective.has_loss(block):
        loss -= float(logsigmoid(positive_scores).sum(dtype=dtype_of_sums(x.device)))
        loss -= float((weight * logsigmoid(-scores)).sum(dtype=dtype_of_sums(x.device)))
        pairs += len(positives) + float(weight.sum())
    return _Part(
        words,
        negatives,
        rounded(pushes),
        positives,
        owner,
        alpha * torch.sigmoid(-positive_scores),
        loss,
        pairs,
    )


def _pushes_in_turn(scores: Tensor, alphas: Tensor, steps: Tensor, squares: Tensor, most: float) -> Tensor:
    """Return the coefficients of negatives that inputs meet in several steps.

    Args:
        scores: (t, n) before the first step.
        alphas: (t, n) learning rate times how often an input meets a negative.
        steps: (n,) in how many steps.
        squares: (t, n) squares of both rows: how far a score moves with a coefficient of 1.
        most: score from which on a step moves nothing.
    """
    pushes = torch.zeros_like(scores)
    for step in range(int(steps.max())):
        z = scores + pushes * squares
        pushes = pushes - (step < steps) * (z < most) * alphas / steps * torch.sigmoid(z)
    return pushes


def _rounding(plan: EpochPlan) -> Callable[[Tensor], Tensor]:
    """Return what the factors of products with negatives go through: rounding with `Layout.bfloat16`, else nothing."""
    return lambda x: x.bfloat16().to(x.dtype) if plan.layout.bfloat16 else x


def _update_in_order(tables: Tables, group: _Part, plan: EpochPlan) -> None:
    """Update the rows of a few inputs: the negatives together, then pair after pair the positives, then the inputs."""
    inputs, outputs = tables
    x, rounded = inputs[group.words], _rounding(plan)
    errors = group.weights @ rounded(outputs[group.negatives])
    add_rows(outputs, group.negatives, group.weights.T @ rounded(x), plan.output_scale)

    # Each pair finds its row as the pairs before have left it.
    moves = group.weights_of_pairs[:, None] * x[group.owner]
    scaled = moves * plan.output_scale[group.positives, None] if len(plan.output_scale) else moves
    earlier = (group.positives[:, None] == group.positives).to(x.dtype).tril(-1)
    found = outputs[group.positives] + earlier @ scaled
    errors.index_add_(0, group.owner, group.weights_of_pairs[:, None] * found)
    outputs.index_add_(0, group.positives, scaled)

    add_rows(inputs, group.words, errors, plan.input_scale)


def _update_at_once(tables: Tables, parts: list[_Part], plan: EpochPlan) -> None:
    """Update all rows from what they were before."""
    inputs, outputs = tables
    input_updates, output_updates = [], []
    for part in parts:
        x = inputs[part.words]
        errors = part.weights @ outputs[part.negatives]
        errors.index_add_(0, part.owner, part.weights_of_pairs[:, None] * outputs[part.positives])
        input_updates.append((part.words, errors))
        output_updates.append((part.negatives, part.weights.T @ x))
        output_updates.append((part.positives, part.weights_of_pairs[:, None] * x[part.owner]))
    for words, update in output_updates:
        add_rows(outputs, words, update, plan.output_scale)
    for words, update in input_updates:
        add_rows(inputs, words, update, plan.input_scale)
