"""The fused CPU kernel (cpu.cpp): loads the library, and calls it as the operator."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from torch_w2v.engines.operator import register

LANES = 16  # floats that rows are padded to: 64 bytes, a cache line and the widest vector

_POINTERS = "inputs outputs tokens offsets keep noise input_scale output_scale result".split()
_INTEGERS = (
    "V stride sentences begin end position token_stream noise_stream window negative cbow_mean exact_gradient "
    "shrink_windows compute_loss T S N"
).split()
_FLOATS = ("alpha_begin", "alpha_end")


class Call(ctypes.Structure):
    """The kernel's arguments, as `struct Call` in cpu.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in _POINTERS),
        *((name, ctypes.c_int64) for name in _INTEGERS),
        *((name, ctypes.c_double) for name in _FLOATS),
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled kernel.

    Raises:
        OSError: it is not there, with what to do.
    """
    return ctypes.CDLL(str(Path(__file__).with_name("_cpu.so")))


def train_chunk(
    inputs: Tensor, outputs: Tensor, tokens: Tensor, offsets: Tensor, begin: int, end: int, position: int,
    alpha_begin: float, alpha_end: float, keep: Tensor, noise: Tensor, input_scale: Tensor, output_scale: Tensor,
    token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool, exact_gradient: bool,
    shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int,
) -> Tensor:  # fmt: skip
    """See `operator.SCHEMA`; here B must be 1."""
    if B != 1:
        raise ValueError(f"B={B}: the CPU kernel works on one block at a time")
    result = torch.zeros(3, dtype=torch.float64)
    tables = [table if is_padded(table) else padded(table) for table in (inputs, outputs)]
    call = Call(
        *(t.data_ptr() if len(t) else None for t in (*tables, tokens, offsets, keep, noise, input_scale, output_scale)),
        result.data_ptr(), len(inputs), tables[0].stride(0), len(offsets) - 1, begin, end, position, token_stream,
        noise_stream, window, negative, cbow_mean, exact_gradient, shrink_windows, compute_loss, T, S, N,
        alpha_begin, alpha_end,
    )  # fmt: skip
    if library().w2v_train_avx512(ctypes.byref(call)):
        raise MemoryError("no memory for the CPU kernel's scratch")
    for table, own in zip((inputs, outputs), tables, strict=True):
        if own is not table:
            table.copy_(own)
    return result


def is_padded(table: Tensor) -> bool:
    """Whether the kernel can work on these rows in place: 64-byte aligned, with zeros after each row's D floats."""
    return table.data_ptr() % 64 == 0 and table.stride(0) % LANES == 0 and table.stride(1) == 1


def padded(table: Tensor) -> Tensor:
    """A copy (V, D) whose rows are 64-byte aligned and followed by zeros."""
    V, D = table.shape
    rows = torch.zeros(V, -(-D // LANES) * LANES, dtype=torch.float32)
    rows[:, :D] = table
    return rows[:, :D]


op = register("cpu", train_chunk)
