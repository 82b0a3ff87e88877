"""An array in a file that is read when it is used, so that the file takes no memory and cannot take the process."""

from __future__ import annotations

import copy
import os
import threading
import weakref
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike


class FileArray:
    """A one-dimensional array in a part of a file. A slice of it is read from the file.

    A mapped file that another process cuts off ends the process that reads the map (SIGBUS). Here a file that has
    changed is an error. A file that is replaced by another under its name has not changed: the older one is read on.

    Args:
        file: may be closed afterwards.
        start: first byte of the array.
        dtype: of the items.
        n: number of items.

    """

    def __init__(self, file: BinaryIO, start: int, dtype: DTypeLike, n: int) -> None:
        self._path, self._start, self._dtype, self._n = file.name, start, np.dtype(dtype), n
        self._descriptor = os.dup(file.fileno())
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._opened_as = self._version()
        self._whole: FileArray | None = None

    def close(self) -> None:
        """Close the file; nothing may be read afterwards, from no part of it. By itself it is closed when unused."""
        self._close()

    def part(self, low: int, high: int) -> FileArray:
        """Return the items from `low` to `high` - 1 as an array of their own, of the same file."""
        part = copy.copy(self)
        part._start, part._n = self._start + low * self._dtype.itemsize, high - low
        part._whole = self  # which has the descriptor
        return part

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, items: slice) -> np.ndarray:
        """Return a slice with the step 1.

        Raises:
            OSError: the file has changed since it was opened, or cannot be read.
        """
        low, high, _ = items.indices(self._n)
        at = self._start + low * self._dtype.itemsize
        data = self._read(max(high - low, 0) * self._dtype.itemsize, at)
        if data is None or self._version() != self._opened_as:
            raise OSError(f"{self._path} was changed while it was in use: encode the corpus again")
        return np.frombuffer(data, self._dtype)

    def _version(self) -> tuple[int, int]:
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def _read(self, size: int, at: int) -> bytes | None:
        """Return `size` bytes from place `at` of the file on; None if it has fewer."""
        pieces = []
        while size:
            piece = _pread(self._descriptor, size, at)
            if not piece:
                return None
            pieces.append(piece)
            size, at = size - len(piece), at + len(piece)
        return b"".join(pieces)


def _seek_and_read(descriptor: int, size: int, at: int) -> bytes:
    with _seeking:
        os.lseek(descriptor, at, os.SEEK_SET)
        return os.read(descriptor, size)


_seeking = threading.Lock()
_pread = getattr(os, "pread", _seek_and_read)  # Windows has no pread
