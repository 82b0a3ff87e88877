"""What the GPU kernels of CBOW and of skip-gram share. Importing this needs triton."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def load_rows(table, rows, inside, columns, D: tl.constexpr):
    """Return (len(rows), len(columns)) of a table, 0 outside.

    Past the first-level cache: what other multiprocessors have added since does not show there, and the rows of
    frequent words would never leave it.
    """
    mask = inside[:, None] & (columns < D)[None, :]
    return tl.load(table + rows[:, None] * D + columns[None, :], mask=mask, other=0.0, cache_modifier=".cg")


@triton.jit
def add_to_rows(table, rows, inside, columns, update, D: tl.constexpr):
    """Add to rows of a table; rows may repeat. Relaxed: nothing is read that depends on the order of additions."""
    mask = inside[:, None] & (columns < D)[None, :]
    tl.atomic_add(table + rows[:, None] * D + columns[None, :], update, mask=mask, sem="relaxed")


@triton.jit
def softplus(x):
    """Return log(1 + e^x): the loss of a sample with a score of x."""
    return tl.maximum(x, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(x)))
