"""The fused CPU kernel (cpu.cpp): calls it as the operator."""

from __future__ import annotations

import ctypes
import os
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from torch_w2v.engines import rows
from torch_w2v.engines.operator import register
from torch_w2v.native import library

LANES = 16  # floats that rows are padded to: 64 bytes, a cache line and the widest vector
MOST = 4096  # floats in a row that the kernel has room for
ISAS = ("base", "avx2", "avx512")  # the instruction sets it is compiled for, as w2v_isa counts them


is_padded, padded = partial(rows.is_padded, lanes=LANES), partial(rows.padded, lanes=LANES)

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


def train_chunk(
    inputs: Tensor, outputs: Tensor, tokens: Tensor, offsets: Tensor, begin: int, end: int, position: int,
    alpha_begin: float, alpha_end: float, keep: Tensor, noise: Tensor, input_scale: Tensor, output_scale: Tensor,
    token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool, exact_gradient: bool,
    shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int, G: int, fresh: bool,
) -> Tensor:  # fmt: skip
    """See `operator.SCHEMA`; here B must be 1, and G > 1 or fresh goes with S = T only.

    TORCH_W2V_ISA=base, avx2 or avx512 in the environment chooses an instruction set; else the best of the machine.
    """
    if B != 1:
        raise ValueError(f"B={B}: the CPU kernel works on one block at a time")
    if (G > 1 or fresh) and S != T:
        raise ValueError(f"G={G}, fresh={fresh} with T={T}, S={S}: the CPU kernel takes these with S = T only")
    check_vector_size(inputs.shape[1])
    result = torch.zeros(3, dtype=torch.float64)
    tables = [table if is_padded(table) else padded(table) for table in (inputs, outputs)]
    call = Call(
        *(t.data_ptr() if len(t) else None for t in (*tables, tokens, offsets, keep, noise, input_scale, output_scale)),
        result.data_ptr(), len(inputs), tables[0].stride(0), len(offsets) - 1, begin, end, position, token_stream,
        noise_stream, window, negative, cbow_mean, exact_gradient, shrink_windows, compute_loss, T, S, N,
        G, fresh, alpha_begin, alpha_end,
    )  # fmt: skip
    if kernel(os.environ.get("TORCH_W2V_ISA", ""))(ctypes.byref(call)):
        raise MemoryError("no memory for the CPU kernel's scratch")
    for table, own in zip((inputs, outputs), tables, strict=True):
        if own is not table:
            table.copy_(own)
    return result


op = register("cpu", train_chunk)
