"""The fused CPU kernel (cpu.cpp): calls it as the operator, on arrays. torch is not needed."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import numpy as np

from torch_w2v.native import library

LANES = 16  # floats that rows are padded to: 64 bytes, a cache line and the widest vector
MOST = 4096  # floats in a row that the kernel has room for
ISAS = ("base", "avx2", "avx512")  # the instruction sets it is compiled for, as w2v_isa counts them

_POINTERS = ("inputs", "outputs", "tokens", "offsets", "keep", "noise", "input_scale", "output_scale", "result")
_INTEGERS = (
    "V", "stride", "sentences", "begin", "end", "position", "token_stream", "noise_stream", "window", "negative",
    "cbow_mean", "exact_gradient", "shrink_windows", "compute_loss", "T", "S", "N", "G", "fresh",
)  # fmt: skip
_FLOATS = ("alpha_begin", "alpha_end")


class Call(ctypes.Structure):
    """The kernel's arguments, as `struct Call` in cpu.cpp."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in _POINTERS),
        *((name, ctypes.c_int64) for name in _INTEGERS),
        *((name, ctypes.c_double) for name in _FLOATS),
    ]


def supported() -> tuple[str, ...]:
    """The instruction sets that this machine can run, the best last."""
    return ISAS[: library().w2v_isa() + 1]


@cache
def kernel(isa: str = "") -> Any:
    """The library's function for an instruction set; the best one for ''.

    Raises:
        ValueError: an instruction set that there is not.
        RuntimeError: one that this machine cannot run.
    """
    if isa and isa not in ISAS:
        raise ValueError(f"TORCH_W2V_ISA={isa!r}: must be one of {', '.join(map(repr, ISAS))}")
    can = supported()
    if isa and isa not in can:
        raise RuntimeError(f"TORCH_W2V_ISA={isa!r}: this machine can run {', '.join(map(repr, can))} only")
    function = library()[f"w2v_train_{isa or can[-1]}"]
    function.argtypes, function.restype = (ctypes.POINTER(Call),), ctypes.c_int
    return function


def check_vector_size(vector_size: int) -> None:
    """Raise a ValueError for rows longer than the kernel takes."""
    if vector_size > MOST:
        raise ValueError(f"vector_size={vector_size}: the CPU kernel takes up to {MOST}; use engine='torch_batched'")


def is_padded(table: np.ndarray) -> bool:
    """Whether the kernel can work on these rows in place: float32, aligned and filled up to whole `LANES`."""
    aligned = table.dtype == np.float32 and table.ctypes.data % (4 * LANES) == 0
    return aligned and table.strides == (4 * _wide(table.shape[1]), 4)


def _wide(D: int) -> int:
    """Floats of a row of D that is filled up."""
    return -(-D // LANES) * LANES


def padded(table: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
    """A float32 copy (V, D) whose rows are aligned and followed by zeros; in the memory of `into`, an earlier result,
    if that fits."""
    V, D = table.shape
    if into is None or into.shape != table.shape:
        memory = np.empty(V * _wide(D) + LANES, np.float32)  # numpy asks for pages of 2 MB, where there are any
        start = -(memory.ctypes.data // 4) % LANES
        into = memory[start : start + V * _wide(D)].reshape(V, _wide(D))[:, :D]
    whole(into)[:, D:] = 0
    into[...] = table
    return into


def whole(rows: np.ndarray) -> np.ndarray:
    """A padded table (V, D) with what follows its rows: (V, D rounded up)."""
    V, D = rows.shape
    return np.lib.stride_tricks.as_strided(rows, (V, _wide(D)), rows.strides)


def write_back(table: np.ndarray, rows: np.ndarray) -> None:
    """Copy padded rows into the table that they were made from."""
    table[...] = rows


def train_chunk(
    inputs: np.ndarray, outputs: np.ndarray, tokens: np.ndarray, offsets: np.ndarray, begin: int, end: int,
    position: int, alpha_begin: float, alpha_end: float, keep: np.ndarray, noise: np.ndarray, input_scale: np.ndarray,
    output_scale: np.ndarray, token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool,
    exact_gradient: bool, shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int, G: int, fresh: bool,
) -> np.ndarray:  # fmt: skip
    """See `operator.SCHEMA`, with arrays for tensors; here B must be 1, and G > 1 or fresh goes with S = T only.

    TORCH_W2V_ISA=base, avx2 or avx512 in the environment chooses an instruction set; else the best of the machine.
    """
    if B != 1:
        raise ValueError(f"B={B}: the CPU kernel works on one block at a time")
    if (G > 1 or fresh) and S != T:
        raise ValueError(f"G={G}, fresh={fresh} with T={T}, S={S}: the CPU kernel takes these with S = T only")
    check_vector_size(inputs.shape[1])
    result = np.zeros(3)
    tables = [table if is_padded(table) else padded(table) for table in (inputs, outputs)]
    arrays = [np.ascontiguousarray(x) for x in (tokens, offsets, keep, noise, input_scale, output_scale)]
    call = Call(
        *(x.ctypes.data if len(x) else None for x in (*tables, *arrays)),
        result.ctypes.data, len(inputs), tables[0].strides[0] // 4, len(offsets) - 1, begin, end, position,
        token_stream, noise_stream, window, negative, cbow_mean, exact_gradient, shrink_windows, compute_loss, T, S, N,
        G, fresh, alpha_begin, alpha_end,
    )  # fmt: skip
    if kernel(os.environ.get("TORCH_W2V_ISA", ""))(ctypes.byref(call)):
        raise MemoryError("no memory for the CPU kernel's scratch")
    for table, own in zip((inputs, outputs), tables, strict=True):
        if own is not table:
            table[...] = own
    return result
