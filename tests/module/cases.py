"""One small batch for each module, that of CBOW in three forms, and their losses, computed pair by pair."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_w2v.module import CBOWNegativeSampling, SkipGramNegativeSampling
from torch_w2v.module.two_tables import NegativeSampling

V, D = 9, 4
# The batch has one empty context, one negative equal to its target (row 0) and one repeated negative (row 1). Word 7
# occurs only as padding, word 8 only beside the empty context, and word 0, with which pad_contexts pads, in no context.
CONTEXTS = [[1, 2, 3], [4], [], [2, 6, 6, 1]]
TARGET = torch.tensor([0, 5, 8, 3])
NEGATIVES = torch.tensor([[1, 0, 4], [6, 6, 1], [8, 8, 1], [6, 1, 1]])
PADDED = torch.tensor([[1, 2, 3, 7], [4, -1, 7, 7], [7, 7, -1, 99], [2, 6, 6, 1]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
FLAT, OFFSETS = torch.tensor([1, 2, 3, 4, 2, 6, 6, 1]), torch.tensor([0, 3, 4, 4])
FORMS: dict[str, tuple[Any, ...]] = {
    "lists": (CONTEXTS, TARGET, NEGATIVES),
    "padded": (PADDED, TARGET, NEGATIVES, MASK),
    "offsets": (FLAT, TARGET, NEGATIVES, None, OFFSETS),
}
INPUT_ROWS, OUTPUT_ROWS = {1, 2, 3, 4, 6}, {0, 1, 3, 4, 5, 6}

# Skip-gram's has one pair of equal words (row 2), one negative equal to its target (row 0), one repeated negative (row
# 1) and one repeated input word. Word 7 is only an input word.
PAIRS = (
    torch.tensor([1, 7, 2, 1]),
    torch.tensor([0, 5, 2, 3]),
    torch.tensor([[1, 0, 4], [6, 6, 1], [8, 8, 1], [6, 1, 1]]),
)
PAIR_INPUT_ROWS, PAIR_OUTPUT_ROWS = {1, 2, 7}, {0, 1, 2, 3, 4, 5, 6, 8}


def make(cls: type[NegativeSampling] = CBOWNegativeSampling, **options: Any) -> Any:
    """Return a model whose tables are large enough that every sigmoid is far from 1/2."""
    model = cls(V, D, init="uniform", dtype=options.pop("dtype", torch.float64), **options)
    with torch.no_grad():
        for table in (model.input.weight, model.output.weight):
            table.mul_(2 * D)
    return model


def reference(model: CBOWNegativeSampling, *, skip: bool = True) -> np.ndarray:
    """Return the losses (B,): equation 4 of Mikolov et al. 2013, negated, pair by pair in plain Python."""
    W_in, W_out = (table.weight.detach().numpy() for table in (model.input, model.output))
    losses = []
    for context, target, negatives in zip(CONTEXTS, TARGET.tolist(), NEGATIVES.tolist(), strict=True):
        loss = 0.0
        if context:
            h = sum(W_in[word] for word in context) / (len(context) if model.cbow_mean else 1)
            loss += -math.log(1 / (1 + math.exp(-W_out[target] @ h)))
            for word in negatives:
                if not (skip and word == target):
                    loss += -math.log(1 / (1 + math.exp(W_out[word] @ h)))
        losses.append(loss)
    return np.array(losses)


def reference_of_pairs(model: SkipGramNegativeSampling, *, skip: bool = True) -> np.ndarray:
    """Return the losses (B,) of skip-gram's batch, by the same equation, pair by pair in plain Python."""
    W_in, W_out = (table.weight.detach().numpy() for table in (model.input, model.output))
    losses = []
    for word, target, negatives in zip(*(part.tolist() for part in PAIRS), strict=True):
        loss = math.log1p(math.exp(-W_out[target] @ W_in[word]))
        loss += sum(math.log1p(math.exp(W_out[n] @ W_in[word])) for n in negatives if not (skip and n == target))
        losses.append(loss)
    return np.array(losses)


def dense_gradients(model: NegativeSampling) -> tuple[Tensor, Tensor]:
    """Return the gradients of the input and the output table, as dense tensors."""
    gradients = [table.weight.grad for table in (model.input, model.output)]
    assert all(gradient is not None for gradient in gradients)
    return tuple(g.to_dense() if g.is_sparse else g for g in gradients)  # type: ignore[union-attr, return-value]


def rows_named(gradient: Tensor) -> set[int]:
    """Return the rows that a gradient names: those a sparse one lists, or those of a dense one that are not zero."""
    if gradient.is_sparse:
        return set(gradient.coalesce().indices()[0].tolist())
    return set(gradient.abs().sum(1).nonzero().flatten().tolist())
