"""What the modules are called with: every form checked, and made tensors.

Dimensions in the docstrings: V words in the vocabulary, B targets or pairs per batch, C context slots per target, K
negatives per target or pair, N context words in the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_w2v.dataset.cbow import pad_contexts

Indices = Tensor | np.ndarray | Sequence[int] | Sequence[Sequence[int]]
"""Word indices, in any form that `torch.as_tensor` reads."""

Contexts = Tensor | np.ndarray | Sequence[Sequence[int] | np.ndarray | Tensor]
"""A rectangle (B, C), flat indices (N,), or B sequences of any lengths."""

Mask = Tensor | np.ndarray | Sequence[Sequence[int]]
"""bool or 0/1, (B, C)."""


class TensorBatch(NamedTuple):
    """A batch as tensors on one device, with shapes that fit together.

    Attributes:
        contexts: int64, (B, C) or, with `offsets`, (N,).
        target: int64 (B,).
        negatives: int64 (B, K).
        mask: bool (B, C), True where `contexts` holds a word; None where all of it does, and with `offsets`.
        offsets: int64 (B,), where each target's context starts in the flat `contexts`; None if they are padded.
    """

    contexts: Tensor
    target: Tensor
    negatives: Tensor
    mask: Tensor | None
    offsets: Tensor | None


def to_tensors(
    contexts: Contexts,
    target: Indices,
    negatives: Indices,
    mask: Mask | None,
    offsets: Indices | None,
    device: torch.device,
) -> TensorBatch:
    """Bring a batch to int64 tensors on one device and check types and shapes, but no values.

    Args:
        contexts: integers (B, C), flat integers (N,) with `offsets`, or B sequences of integers.
        target: integers (B,), B >= 1.
        negatives: integers (B, K), K >= 1.
        mask: bool or 0/1, (B, C), for padded contexts only.
        offsets: integers (B,), for flat contexts only.
        device: the device of the result.

    Returns:
        The batch, without a list among its contexts.

    Raises:
        TypeError: indices are not integers.
        ValueError: shapes do not fit together, or `mask` is given with contexts that take none.
    """
    if mask is not None and offsets is not None:
        raise ValueError("mask and offsets are both given: mask is for padded contexts, offsets for flat ones")
    if isinstance(contexts, (list, tuple)) and offsets is None:
        if mask is not None:
            raise ValueError("mask is given with contexts as a list: leave it out, or pass contexts as a padded tensor")
        contexts, mask = pad_contexts(contexts)
    contexts = _indices("contexts", contexts, device)
    target = _indices("target", target, device)
    negatives = _indices("negatives", negatives, device)
    offsets = None if offsets is None else _indices("offsets", offsets, device)
    mask = None if mask is None else torch.as_tensor(mask, device=device).bool()
    _check_shapes(contexts, target, negatives, mask, offsets)
    return TensorBatch(contexts, target, negatives, mask, offsets)


def check_values(batch: TensorBatch, vocab_size: int) -> None:
    """Check that a batch indexes only rows of the tables, and that a target of it has a context.

    Args:
        batch: the batch; on a GPU each check waits for the device.
        vocab_size: V.

    Raises:
        IndexError: an index is outside [0, V).
        ValueError: `offsets` do not cut `contexts` into B pieces, or no target has a context.
    """
    contexts, offsets = batch.contexts, batch.offsets
    if offsets is not None and (offsets[0] != 0 or (offsets.diff() < 0).any() or offsets[-1] > contexts.numel()):
        raise ValueError(f"offsets must start at 0, never fall, and end at or below N = {contexts.numel()}")
    real = contexts.flatten() if batch.mask is None else contexts[batch.mask]
    if not real.numel():
        raise ValueError("no target of this batch has a context word: leave such targets out, as gensim does")
    check_rows(vocab_size, contexts=real, target=batch.target, negatives=batch.negatives)


def pairs_to_tensors(
    inputs: Indices, target: Indices, negatives: Indices, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Bring a batch of pairs to int64 tensors on one device and check types and shapes, but no values.

    Args:
        inputs: integers (B,), B >= 1.
        target: integers (B,).
        negatives: integers (B, K), K >= 1.
        device: the device of the result.

    Returns:
        The three, in this order.

    Raises:
        TypeError: indices are not integers.
        ValueError: shapes do not fit together.
    """
    inputs = _indices("inputs", inputs, device)
    target = _indices("target", target, device)
    negatives = _indices("negatives", negatives, device)
    _check_target_and_negatives(target, negatives)
    if inputs.shape != target.shape:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}: must be {tuple(target.shape)}, the shape of target")
    return inputs, target, negatives


def check_rows(vocab_size: int, **indices: Tensor) -> None:
    """Check that indices are rows of the tables.

    Args:
        vocab_size: V.
        indices: integers of any shape, not empty, by the names that the message is to show.

    Raises:
        IndexError: an index is outside [0, V).
    """
    for name, words in indices.items():
        low, high = (int(bound) for bound in words.aminmax())
        if low < 0 or high >= vocab_size:
            raise IndexError(
                f"{name} holds the index {low if low < 0 else high}: must be at least 0 and below "
                f"vocab_size = {vocab_size}" + (" (pass mask if it is padding)" if name == "contexts" else "")
            )


def _check_shapes(
    contexts: Tensor, target: Tensor, negatives: Tensor, mask: Tensor | None, offsets: Tensor | None
) -> None:
    """Raise a ValueError for the first tensor whose shape does not fit the others'."""
    B = _check_target_and_negatives(target, negatives)
    if offsets is not None:
        if contexts.ndim != 1 or offsets.shape != (B,):
            raise ValueError(
                f"contexts has shape {tuple(contexts.shape)} and offsets {tuple(offsets.shape)}: must be flat "
                f"contexts (N,) and offsets ({B},)"
            )
    elif contexts.ndim != 2 or contexts.shape[0] != B or contexts.shape[1] < 1:
        raise ValueError(
            f"contexts has shape {tuple(contexts.shape)}: must be ({B}, C) with C >= 1, a list of {B} sequences, or "
            "flat indices with offsets"
        )
    if mask is not None and mask.shape != contexts.shape:
        raise ValueError(f"mask has shape {tuple(mask.shape)}: must be {tuple(contexts.shape)}, the shape of contexts")


def _check_target_and_negatives(target: Tensor, negatives: Tensor) -> int:
    """Return B, or raise a ValueError for a shape that does not fit."""
    B = target.shape[0] if target.ndim == 1 else -1
    if B < 1:
        raise ValueError(f"target has shape {tuple(target.shape)}: must be (B,) with B >= 1")
    if negatives.ndim != 2 or negatives.shape[0] != B or negatives.shape[1] < 1:
        raise ValueError(f"negatives has shape {tuple(negatives.shape)}: must be ({B}, K) with K >= 1")
    return B


def _indices(name: str, values: Contexts | Indices, device: torch.device) -> Tensor:
    """Return `values` as an int64 tensor on `device`, or raise a TypeError that begins with `name`."""
    try:
        tensor = torch.as_tensor(values, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} cannot be made a tensor of integer indices: {error}") from error
    if tensor.numel() and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        raise TypeError(f"{name} has the type {tensor.dtype}: must be integer word indices")
    return tensor.long()
