"""Importing this registers every engine as an operator of torch, `torch.ops.torch_w2v.<engine>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torch_w2v.engines import reference, torch_batched
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.operator import SCHEMA
from torch_w2v.engines.triton import engine as triton


def _on_arrays(*args: Any, **kwargs: Any) -> Tensor:
    """`cpu.train_chunk` with the memory of tensors."""

    def array(x: Any) -> Any:
        return x.numpy() if isinstance(x, Tensor) else x

    result = cpu.train_chunk(*map(array, args), **{name: array(x) for name, x in kwargs.items()})
    return torch.from_numpy(result)


def _register(name: str, implementation: Callable[..., Tensor]) -> Callable[..., Tensor]:
    op = torch.library.custom_op(
        f"torch_w2v::{name}", implementation, mutates_args=("inputs", "outputs"), schema=SCHEMA
    )

    @op.register_fake
    def _(*args: Any, **kwargs: Any) -> Tensor:
        return torch.empty(3, dtype=torch.float64, device="cpu")

    return op


OPERATORS = {
    "reference": _register("reference", reference.train_chunk),
    "cpu": _register("cpu", _on_arrays),
    "torch_batched": _register("torch_batched", torch_batched.train_chunk),
    "triton": _register("triton", triton.train_chunk),
}
