"""merge.cpp as Python functions; numpy does the same where the library was not built."""

from __future__ import annotations

import ctypes
import os
import platform
from concurrent.futures import Executor
from functools import cache
from typing import Any

import numpy as np

from torch_w2v import native
from torch_w2v.distributed.merge import Curvature, applied, sent
from torch_w2v.engines.cpu.engine import instruction_set
from torch_w2v.engines.cpu.rows import LANES
from torch_w2v.engines.padding import padded_width

_ARRAYS = ("local", "base", "gradients", "directions", "rates", "wire")
_SIZES = ("rows", "columns", "pitch", "count", "stride")
# Fewer rows than this are not worth another call.
_ROWS_PER_THREAD = 4096


class MergeCall(ctypes.Structure):
    """The same fields, in the same order, as `struct MergeCall` in merge.cpp."""

    _fields_ = [*((name, ctypes.c_void_p) for name in _ARRAYS), *((name, ctypes.c_int64) for name in _SIZES)]


def _function(name: str) -> Any:
    return _declared(name, instruction_set(os.environ.get("TORCH_W2V_ISA", "")))


@cache
def _declared(name: str, isa: str) -> Any:
    function = native.function(f"w2v_merge_{name}_{isa}")
    function.restype = ctypes.c_int
    int64, array = ctypes.c_int64, ctypes.c_void_p
    function.argtypes = (array, int64, int64, array) if name == "sum" else (ctypes.POINTER(MergeCall),)
    return function


def arithmetic() -> str:
    """Return what computes here: processes with equal names round alike."""
    if native.available():
        return f"{platform.machine()} {instruction_set(os.environ.get('TORCH_W2V_ISA', ''))}"
    # How numpy rounds depends on its libraries and on the processor.
    return f"numpy on {platform.node()}"


def to_wire(values: np.ndarray) -> np.ndarray:
    """Round float32 numbers to bfloat16, as uint16: to nearest, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) >> 16
    return np.where(np.isnan(values), bits >> 16 | 0x40, rounded).astype(np.uint16)


def from_wire(wire: np.ndarray) -> np.ndarray:
    """Return the float32 numbers of what `to_wire` made."""
    return (wire.astype(np.uint32) << 16).view(np.float32)


def pack(
    local: np.ndarray, base: np.ndarray, gradients: np.ndarray, curvature: Curvature, wire: np.ndarray, pool: Executor
) -> None:
    """Write what this rank sends.

    Args:
        local: (n, D) float32, the rows that this rank has trained.
        base: (n, D) float32, what all ranks agree on.
        gradients: (n,) float32, the number of gradients of each row.
        curvature: of the table.
        wire: (n, D + m + 1) uint16, is filled with what `merge.sent` returns, in bfloat16.
        pool: threads.
    """
    if native.available():
        _in_parallel("pack", local, base, gradients, curvature, wire, pool)
    else:
        wire[...] = to_wire(sent(local - base, gradients, curvature))


def apply(local: np.ndarray, base: np.ndarray, curvature: Curvature, wire: np.ndarray, pool: Executor) -> None:
    """Move `base` by what `wire` has, the sum over all ranks, and make `local` equal to it; see `pack`."""
    if native.available():
        _in_parallel("apply", local, base, None, curvature, wire, pool)
    else:
        base += applied(from_wire(wire), curvature).astype(np.float32)
        local[...] = base


def add(parts: np.ndarray) -> np.ndarray:
    """Return the sum of (ranks, n, m) numbers in bfloat16 over the ranks, added in float32 and rounded once."""
    total = np.empty(parts.shape[1:], np.uint16)
    if native.available():
        _function("sum")(parts.ctypes.data, len(parts), total.size, total.ctypes.data)
    else:
        total[...] = to_wire(from_wire(parts).sum(axis=0, dtype=np.float32))
    return total


def _in_parallel(
    name: str,
    local: np.ndarray,
    base: np.ndarray,
    gradients: np.ndarray | None,
    curvature: Curvature,
    wire: np.ndarray,
    pool: Executor,
) -> None:
    n, D = base.shape
    stride = padded_width(D, LANES)
    directions = aligned(len(curvature.directions), stride)
    directions[:, :D] = curvature.directions

    def call(first: int) -> None:
        rows = slice(first, first + step)
        arrays = {
            "local": local[rows],
            "base": base[rows],
            "gradients": None if gradients is None else gradients[rows],
            "directions": directions,
            "rates": curvature.rates,
            "wire": wire[rows],
        }
        arguments = MergeCall(
            **{key: None if array is None else array.ctypes.data for key, array in arrays.items()},
            rows=len(base[rows]),
            columns=D,
            pitch=local.strides[0] // 4,
            count=len(directions),
            stride=stride,
        )
        if _function(name)(ctypes.byref(arguments)):
            raise MemoryError("no memory for merging the tables of the ranks")

    step = max(_ROWS_PER_THREAD, -(-n // 64))
    if n <= step:
        call(0)  # waking a thread takes longer
    else:
        list(pool.map(call, range(0, n, step)))


def aligned(rows: int, columns: int) -> np.ndarray:
    """Return (rows, columns) float32 zeros whose memory begins at a multiple of 64 bytes."""
    memory = np.zeros(rows * columns + LANES, np.float32)
    start = -(memory.ctypes.data // 4) % LANES
    return memory[start : start + rows * columns].reshape(rows, columns)
