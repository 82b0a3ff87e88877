"""Rows of tables as the fused CPU kernels take them: aligned, and filled up with zeros to whole vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from torch_w2v.by_identity import ByIdentity
from torch_w2v.engines.padding import is_padded_at, padded_width

# Rows are filled up to whole cache lines of 64 bytes, which are the widest vectors too.
LANES = 16

# of tables that `padded` has made
_rows_behind: ByIdentity[int] = ByIdentity()


def is_copy_of(rows: Any, table: np.ndarray) -> bool:
    """Return whether `rows` are padded rows of the shape of a table, and not that table."""
    return rows is not None and rows.shape == table.shape and is_padded(rows) and not np.shares_memory(rows, table)


def is_in_rows(table: np.ndarray) -> bool:
    """Return whether the kernel can work on these rows where they are, though not at full speed: float32 in rows."""
    row, column = table.strides
    return table.dtype == np.float32 and column == 4 and row > 0 and row % 4 == 0 and table.ctypes.data % 4 == 0


def is_padded(table: np.ndarray) -> bool:
    """Return whether the kernel can work on these rows in place: float32, aligned and filled up to whole `LANES`."""
    strides = tuple(stride // 4 for stride in table.strides)
    return table.dtype == np.float32 and is_padded_at(table.ctypes.data, strides, table.shape[1], LANES)


def aligned(rows: int, width: int) -> np.ndarray:
    """Return new memory, not initialized, for padded rows: (rows, width) float32."""
    # numpy asks for pages of 2 MB, where the system has them
    memory = np.empty(rows * width + LANES, np.float32)
    start = -(memory.ctypes.data // 4) % LANES
    return memory[start : start + rows * width].reshape(rows, width)


def padded(table: np.ndarray, into: np.ndarray | None = None, more_rows: int = 0) -> np.ndarray:
    """Return a float32 copy of a table whose rows are aligned and followed by zeros.

    Args:
        table: (V, D) float32.
        into: an earlier result, whose memory is used again if it fits.
        more_rows: number of rows in the same memory behind those of the table, see `with_more_rows`.
    """
    V, D = table.shape
    width = padded_width(D, LANES)
    if into is None or into.shape != table.shape or rows_behind(into) < more_rows:
        into = aligned(V + more_rows, width)[:V, :D]
        _rows_behind.set(into, more_rows)
    with_padding(into)[:, D:] = 0
    into[...] = table
    return into


def with_padding(rows: np.ndarray) -> np.ndarray:
    """Return a view of a padded table (V, D) that shows what fills up its rows: (V, D rounded up)."""
    V, D = rows.shape
    return np.lib.stride_tricks.as_strided(rows, (V, padded_width(D, LANES)), rows.strides)


def rows_behind(rows: np.ndarray) -> int:
    """Return how many more rows the memory of a table has that `padded` made; 0 for any other table."""
    return _rows_behind.get(rows) or 0


def with_more_rows(rows: np.ndarray) -> np.ndarray:
    """Return a view of a padded table that shows also the rows behind it, and what fills them up."""
    V, D = rows.shape
    shape = V + rows_behind(rows), padded_width(D, LANES)
    return np.lib.stride_tricks.as_strided(rows, shape, rows.strides)
