"""Rows that are filled up with zeros to whole vectors, so that kernels read and write nothing else."""

from __future__ import annotations


def padded_width(columns: int, lanes: int) -> int:
    """Return the length of a row of `columns` floats that is filled up to a multiple of `lanes`."""
    return -(-columns // lanes) * lanes


def is_padded_at(address: int, strides: tuple[int, ...], columns: int, lanes: int) -> bool:
    """Return whether rows in memory are aligned and filled up.

    Args:
        address: of the first float, in bytes.
        strides: of rows and columns, in floats.
        columns: floats per row.
        lanes: floats per vector.
    """
    return address % (4 * lanes) == 0 and strides == (padded_width(columns, lanes), 1)
