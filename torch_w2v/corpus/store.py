"""Encoded corpora, kept in memory or in a temporary file while a model trains."""

from __future__ import annotations

import errno
import logging
import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike

from torch_w2v import system
from torch_w2v.corpus.bindings import remap
from torch_w2v.corpus.file_array import FileArray

logger = logging.getLogger(__name__)

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the numbers of the errors of a full disk
CACHES = ("auto", "memory", "disk", "off")  # the values of corpus_cache


class CacheError(OSError):
    """The temporary file for an encoded corpus, or for a part of one, cannot be written; `strerror` says all."""


_CONTENT = "the encoded corpus (4 bytes per word, 8 per sentence)"
_REMEDIES = "set TMPDIR to another folder, or use corpus_cache='memory', or 'off' to encode it in every epoch"


@dataclass(frozen=True)
class Encoded:
    """Consecutive whole sentences of a corpus.

    Attributes:
        tokens: (n,) int32.
        offsets: (m + 1,) int64 edges of the sentences within `tokens`, from 0 to n.
        position: place of tokens[0] in the corpus.
        rows: (V,) int32 row of each token, -1 for unknown words; None if the tokens are rows themselves.
        in_memory: whether `tokens` are in memory of their own, and may be changed in place.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    position: int = 0
    rows: np.ndarray | None = None
    in_memory: bool = False

    def read(self) -> Encoded:
        """Return the same with tokens that are rows."""
        return replace(self, tokens=rows_of(self.tokens, self.rows), rows=None)

    def runs(self, chunk_tokens: int) -> Iterator[Encoded]:
        """Cut the sentences into runs of at least `chunk_tokens` tokens; only the last run may be shorter.

        Yields:
            Runs in order. A run ends with the sentence that brings it to that size.
        """
        for low, high, offsets in _runs(self.offsets, chunk_tokens):
            yield Encoded(self.tokens[low:high], offsets, self.position + low, self.rows)


@dataclass(frozen=True)
class EncodedOnDisk:
    """Consecutive whole sentences of a corpus whose tokens are in a file.

    Attributes:
        tokens, offsets, rows, position: as in `Encoded`.
    """

    tokens: FileArray
    offsets: np.ndarray
    rows: np.ndarray | None = None
    position: int = 0

    def read(self) -> Encoded:
        """Return the same in memory, with tokens that are rows.

        Raises:
            OSError: the file has changed.
        """
        return Encoded(rows_of(self.tokens, self.rows), self.offsets, self.position)

    def runs(self, chunk_tokens: int) -> Iterator[EncodedOnDisk]:
        """Cut the sentences into runs, as `Encoded.runs`; nothing is read."""
        for low, high, offsets in _runs(self.offsets, chunk_tokens):
            yield EncodedOnDisk(self.tokens.part(low, high), offsets, self.rows, self.position + low)


Run = Encoded | EncodedOnDisk


def rows_of(tokens: np.ndarray | FileArray, rows: np.ndarray | None) -> np.ndarray:
    """Return the tokens of a run as rows, in memory.

    Args:
        tokens, rows: as in `Encoded`.

    Raises:
        OSError: the file has changed.
    """
    tokens = tokens[:]
    return tokens if rows is None else remap(tokens, rows)


def _runs(offsets: np.ndarray, chunk_tokens: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield the first place of each run, the place after its last, and its own offsets."""
    start, last = 0, len(offsets) - 1
    while start < last:
        goal = offsets[start] + chunk_tokens
        stop = min(int(np.searchsorted(offsets, goal, side="left")), last)
        low, high = int(offsets[start]), int(offsets[stop])
        yield low, high, offsets[start : stop + 1] - low
        start = stop


class GrowingArray:
    """A one-dimensional array that is appended to, in memory until `spill` moves it into a temporary file.

    Args:
        dtype: of the items.
        content: what they are, with their size, for the message where the file cannot be written.
        remedies: what can be done then.

    Attributes:
        size: number of items.
    """

    def __init__(self, dtype: DTypeLike, content: str = _CONTENT, remedies: str = _REMEDIES) -> None:
        self._dtype, self._content, self._remedies = np.dtype(dtype), content, remedies
        self.size = 0
        # An anonymous map grows without a copy, and its pages take no memory until they are written.
        self._memory: mmap.mmap | None = _anonymous_map(1 << 20)
        self._file: BinaryIO | None = None

    def append(self, items: np.ndarray) -> None:
        """Add items at the end.

        Raises:
            CacheError: the temporary file cannot be written.
        """
        items = np.ascontiguousarray(items, self._dtype)
        if self._memory is None:
            assert self._file is not None
            self._write(items)
        elif len(items):
            start, end = self.size * self._dtype.itemsize, (self.size + len(items)) * self._dtype.itemsize
            if end > len(self._memory):
                self._memory = _resized(self._memory, max(end, 2 * len(self._memory)))
            self._memory[start:end] = items.view(np.uint8).data
        self.size += len(items)

    def spill(self) -> None:
        """Move the items, and all that are appended from now on, into a temporary file."""
        if self._memory is not None:
            self._file = self._temporary_file()
            self._write(np.frombuffer(self._memory, self._dtype, self.size))
            self._memory = None

    def written(self, step: int) -> Iterator[bytes]:
        """Read the temporary file in pieces of `step` bytes, after `spill` and the last `append`."""
        assert self._file is not None
        self._write(None)
        self._file.seek(0)
        while data := self._file.read(step):
            yield data

    def finish(self) -> np.ndarray:
        """Return all items; nothing may be appended afterwards."""
        if self._memory is not None:
            return np.frombuffer(self._memory, self._dtype, self.size)
        assert self._file is not None
        self._write(None)
        return map_array(self._file, 0, self._dtype, self.size)

    def close(self) -> None:
        """Close the temporary file; the array that `finish` has returned stays valid."""
        if self._file is not None:
            self._file.close()

    def _write(self, items: np.ndarray | None) -> None:
        """Write items, or flush the file if they are None."""
        assert self._file is not None
        try:
            if items is None:
                self._file.flush()
            else:
                self._file.write(items.data)
        except OSError as e:
            raise self._error(e, "no space for" if e.errno in NO_SPACE else f"{e.strerror}: cannot write") from e

    def _temporary_file(self) -> BinaryIO:
        """Open a file without a name, which disappears when it is closed, or when the process ends."""
        try:
            return tempfile.TemporaryFile(prefix="torch_w2v-")
        except OSError as e:
            raise self._error(e, f"{e.strerror}: no temporary file for") from e

    def _error(self, error: OSError, problem: str) -> CacheError:
        try:
            folder = tempfile.gettempdir()
        except FileNotFoundError:
            folder = "any folder"
        return CacheError(error.errno, f"{problem} {self._content} in {folder}: {self._remedies}")


def _anonymous_map(size: int) -> mmap.mmap:
    # A private map, since a shared one, mmap's default, cannot grow.
    return mmap.mmap(-1, size, **({"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if os.name == "posix" else {}))


def _resized(memory: mmap.mmap, size: int) -> mmap.mmap:
    if os.name == "posix":
        with suppress(SystemError):  # the system cannot: macOS
            memory.resize(size)
            return memory
    # On Windows older versions of Python lose what an anonymous map holds.
    larger = _anonymous_map(size)
    larger[: len(memory)] = memory[:]
    return larger


def map_array(file: BinaryIO, start: int, dtype: DTypeLike, n: int) -> np.ndarray:
    """Map a part of a file into memory.

    Args:
        file: may be closed afterwards.
        start: first byte of the part.
        dtype: of the items.
        n: number of items.

    Returns:
        An array (n,); what is written to it does not reach the file.
    """
    if not n:
        return np.empty(0, dtype)
    whole_file = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return np.frombuffer(whole_file, dtype, n, start)


class Spool:
    """An encoded corpus that is being written: in memory up to a budget, then in a temporary file.

    Args:
        policy: 'memory', 'disk', or 'auto' for a budget of a quarter of the machine's memory, or of the container's.
    """

    def __init__(self, policy: str) -> None:
        self._tokens, self._offsets = GrowingArray(np.int32), GrowingArray(np.int64)
        self._offsets.append(np.zeros(1, np.int64))
        # In bytes; None once the corpus is in a file.
        self._budget: float | None = {"memory": np.inf, "disk": -1}.get(policy, system.memory_limit() / 4)
        self._spill_beyond_budget()

    def add(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sentences.

        Args:
            tokens: (n,) int32.
            lengths: (m,) integers, the number of tokens per sentence.

        Raises:
            CacheError: the temporary file cannot be written.
        """
        self._offsets.append(self._tokens.size + np.cumsum(lengths, dtype=np.int64))
        self._tokens.append(tokens)
        self._spill_beyond_budget()

    def _spill_beyond_budget(self) -> None:
        if self._budget is not None and 4 * self._tokens.size + 8 * self._offsets.size > self._budget:
            if self._budget > 0:
                logger.info(
                    "the encoded corpus exceeds a quarter of the memory: moving it to a temporary file in %s",
                    tempfile.gettempdir(),
                )
            self._budget = None
            self._tokens.spill()
            self._offsets.spill()

    def finish(self) -> Encoded:
        """Return the corpus. A temporary file disappears with the last reference to its arrays."""
        encoded = Encoded(self._tokens.finish(), self._offsets.finish(), in_memory=self._budget is not None)
        self.close()
        return encoded

    def close(self) -> None:
        """Close the temporary files."""
        self._tokens.close()
        self._offsets.close()
