"""What batches of the module must look like: each mistake has an error that names it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.module.cases import CONTEXTS, FLAT, MASK, NEGATIVES, OFFSETS, PADDED, TARGET, make
from torch_w2v.dataset import pad_contexts

T, N = TARGET, NEGATIVES


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1], [2], [3], [9]], T, N), IndexError, "contexts holds the index 9"),
        ((torch.tensor([[1], [2], [3], [-1]]), T, N), IndexError, "pass mask if it is padding"),
        ((CONTEXTS, T + 4, N), IndexError, "target holds the index 12"),
        (
            (CONTEXTS, T, N - 1),
            IndexError,
            r"negatives .* -1: must be at least 0 and below vocab_size = 9",
        ),
        (([[], [], [], []], T, N), ValueError, "no target of this batch has a context"),
        (([], [], torch.zeros(0, 3)), ValueError, r"target has shape \(0,\)"),
        ((CONTEXTS, T, N[:, :0]), ValueError, r"must be \(4, K\) with K >= 1"),
        ((CONTEXTS, T, N[:3]), ValueError, r"negatives has shape \(3, 3\)"),
        ((CONTEXTS[:3], T, N), ValueError, r"contexts has shape \(3, 3\)"),
        ((PADDED, T, N, MASK[:, :3]), ValueError, "mask has shape"),
        ((PADDED, T, N, MASK, OFFSETS), ValueError, "mask and offsets are both given"),
        ((CONTEXTS, T, N, MASK), ValueError, "contexts as a list"),
        ((FLAT, T, N), ValueError, "or flat indices with offsets"),
        ((FLAT, T, N, None, OFFSETS[:3]), ValueError, r"offsets \(4,\)"),
        ((FLAT, T, N, None, OFFSETS + 1), ValueError, "offsets must start at 0"),
        ((FLAT, T, N, None, OFFSETS.flip(0)), ValueError, "offsets must start at 0"),
        ((FLAT, T, N, None, torch.tensor([0, 3, 4, 9])), ValueError, "end at or below N = 8"),
        ((CONTEXTS, T.float(), N), TypeError, "target has the type torch.float32"),
        (([["cat"], [1], [2], [3]], T, N), TypeError, "context 0 is .*key_to_index"),
        (([[0.5], [1], [2], [3]], T, N), TypeError, "context 0 is"),
    ],
)
def test_batch_errors(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()(*arguments)


def test_pad_contexts() -> None:
    padded, mask = pad_contexts([[3, 4], np.array([], dtype=int), torch.tensor([5])], width=3)
    assert padded.tolist() == [[3, 4, 0], [0, 0, 0], [5, 0, 0]]
    assert mask.tolist() == [[True, True, False], [False] * 3, [True, False, False]]
    assert (padded.dtype, mask.dtype) == (torch.int64, torch.bool)
    assert pad_contexts([[]])[0].shape == (1, 1)
    with pytest.raises(ValueError, match=r"^width=1: must be at least 2"):
        pad_contexts([[3, 4]], width=1)
