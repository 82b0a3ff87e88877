"""Tables in rows as the fused kernels want them: aligned, each filled up with zeros to whole lanes."""

from __future__ import annotations

import ctypes
import mmap
import sys

import torch
from torch import Tensor

_HUGE = 2 << 20  # bytes
_PIECE = 1 << 26  # bytes of a table that are copied at a time: on a device, rows of odd length go through a copy


def is_padded(table: Tensor, lanes: int) -> bool:
    """Whether a kernel can work on these rows in place: float32, aligned and filled up to whole `lanes` floats."""
    aligned = table.dtype == torch.float32 and table.data_ptr() % (4 * lanes) == 0
    return aligned and table.stride() == (-(-table.shape[1] // lanes) * lanes, 1)


def padded(table: Tensor, into: Tensor | None = None, *, lanes: int, device: torch.device | str = "cpu") -> Tensor:
    """A float32 copy (V, D) on `device` whose rows are aligned and followed by zeros; in the memory of `into`, a result
    for the same `lanes`, if that fits."""
    V, D = table.shape
    device = torch.empty(0, device=device).device  # 'cuda' -> 'cuda:0'
    if into is None or into.shape != table.shape or into.device != device:
        rows = torch.empty(V, -(-D // lanes) * lanes, dtype=torch.float32, device=device)
        _want_huge_pages(rows)
        into = rows[:, :D]
    into.as_strided((V, into.stride(0)), (into.stride(0), 1))[:, D:] = 0
    copy_rows(into, table)
    return into


def copy_rows(into: Tensor, table: Tensor) -> None:
    """`into.copy_(table)` between devices, with little memory beside them."""
    rows = max(1, _PIECE // (4 * max(1, table.shape[1])))
    for part, source in zip(into.split(rows), table.split(rows), strict=True):
        part.copy_(source)


def _want_huge_pages(memory: Tensor) -> None:
    """Ask Linux for pages of 2 MB: fewer faults at first, and fewer page walks for random rows of a large table."""
    if not sys.platform.startswith("linux") or memory.device.type != "cpu":
        return
    start, end = memory.data_ptr(), memory.data_ptr() + memory.nbytes
    start += -start % mmap.PAGESIZE
    if end - start >= 2 * _HUGE:
        ctypes.CDLL(None).madvise(
            ctypes.c_void_p(start), ctypes.c_size_t((end - start) // mmap.PAGESIZE * mmap.PAGESIZE), mmap.MADV_HUGEPAGE
        )  # advice: where it is not taken, nothing is lost
