"""Encoded corpora, kept in RAM or in a temporary file while a model trains."""

from __future__ import annotations

import errno
import logging
import mmap
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from torch_w2v import system
from torch_w2v.corpus.splitting import remap

logger = logging.getLogger(__name__)

CACHES = ("auto", "memory", "disk", "off")


@dataclass(frozen=True)
class Encoded:
    """Whole sentences of a corpus.

    Attributes:
        tokens: (n,) int32.
        offsets: (m + 1,) int64, the sentences' edges in `tokens`, from 0 to n.
        position: place of tokens[0] in the corpus.
        rows: what `tokens` are numbers into: int32 rows of the tables, -1 for unknown words; None where they are rows.
        in_memory: `tokens` are in memory of their own, and may be changed in place.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    position: int = 0
    rows: np.ndarray | None = None
    in_memory: bool = False

    def runs(self, chunk_tokens: int) -> Iterator[Encoded]:
        """Cut at the first sentence edge at or after every `chunk_tokens` tokens; what comes out are rows."""
        start, last = 0, len(self.offsets) - 1
        while start < last:
            goal = self.offsets[start] + chunk_tokens
            stop = min(int(np.searchsorted(self.offsets, goal, side="left")), last)
            a, b = int(self.offsets[start]), int(self.offsets[stop])
            tokens = self.tokens[a:b] if self.rows is None else remap(self.tokens[a:b], self.rows)
            yield Encoded(tokens, self.offsets[start : stop + 1] - a, self.position + a)
            start = stop


class Growing:
    """An array that is appended to, in RAM until `spill` puts it into a temporary file."""

    def __init__(self, dtype: Any) -> None:
        self._dtype = np.dtype(dtype)
        self.size = 0
        # Memory of its own: it grows without being copied, and pages that were never written take none.
        self._memory: mmap.mmap | None = _anonymous(1 << 20)
        self._file: BinaryIO | None = None

    def append(self, items: np.ndarray) -> None:
        """Add items at the end."""
        items = np.ascontiguousarray(items, self._dtype)
        if self._memory is None:
            assert self._file is not None
            _write(self._file, items)
        elif len(items):
            start, end = self.size * self._dtype.itemsize, (self.size + len(items)) * self._dtype.itemsize
            if end > len(self._memory):
                self._memory = _grown(self._memory, max(end, 2 * len(self._memory)))
            self._memory[start:end] = items.view(np.uint8).data
        self.size += len(items)

    def spill(self) -> None:
        """Move what there is, and all that comes, into a temporary file."""
        if self._memory is not None:
            # Has no name, so it goes when it is closed, or the process ends.
            self._file = tempfile.TemporaryFile(prefix="torch_w2v-")  # noqa: SIM115
            _write(self._file, np.frombuffer(self._memory, self._dtype, self.size))
            self._memory = None

    def written(self, step: int) -> Iterator[bytes]:
        """The temporary file, in pieces of `step` bytes; to be called after `spill` and the last `append`."""
        assert self._file is not None
        _write(self._file, None)
        self._file.seek(0)
        while data := self._file.read(step):
            yield data

    def finish(self) -> np.ndarray:
        """All items."""
        if self._memory is not None:
            return np.frombuffer(self._memory, self._dtype, self.size)
        assert self._file is not None
        _write(self._file, None)
        return mapped(self._file, 0, self._dtype, self.size)

    def close(self) -> None:
        """Give up the file; what `finish` gave stays."""
        if self._file is not None:
            self._file.close()


def _anonymous(size: int) -> mmap.mmap:
    # Private: shared memory, mmap's default, cannot grow.
    return mmap.mmap(-1, size, **({"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if os.name == "posix" else {}))


def _grown(memory: mmap.mmap, size: int) -> mmap.mmap:
    try:
        memory.resize(size)
    except SystemError:  # a system that cannot: macOS
        larger = _anonymous(size)
        larger[: len(memory)] = memory[:]
        return larger
    return memory


def _write(file: BinaryIO, items: np.ndarray | None) -> None:
    """Write, or flush."""
    try:
        if items is None:
            file.flush()
        else:
            file.write(items.data)
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise OSError(
            e.errno,
            f"no room for the encoded corpus (4 bytes a word, 8 a sentence) in {tempfile.gettempdir()}: set TMPDIR to "
            "another place, or use corpus_cache='off' (encodes at every pass) or corpus_cache='memory'",
        ) from e


def mapped(file: BinaryIO, start: int, dtype: Any, n: int) -> np.ndarray:
    """A private map of a part of a file, which may be closed afterwards."""
    if not n:
        return np.empty(0, dtype)
    whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    return np.frombuffer(whole, dtype, n, start)


class Spool:
    """An encoded corpus that is being written: in RAM up to a budget, then in a temporary file.

    Args:
        cache: 'memory', 'disk', or 'auto' for RAM up to a quarter of the machine's memory (or the process's limit).
    """

    def __init__(self, cache: str) -> None:
        self._tokens, self._offsets = Growing(np.int32), Growing(np.int64)
        self._offsets.append(np.zeros(1, np.int64))
        self._budget: float | None = {"memory": np.inf, "disk": -1}.get(cache, system.limit() / 4)
        self._check()

    def add(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sentences: int32 tokens and each sentence's length."""
        self._offsets.append(self._tokens.size + np.cumsum(lengths, dtype=np.int64))
        self._tokens.append(tokens)
        self._check()

    def _check(self) -> None:
        if self._budget is not None and 4 * self._tokens.size + 8 * self._offsets.size > self._budget:
            if self._budget > 0:
                logger.info("the encoded corpus outgrows a quarter of the memory: it goes to %s", tempfile.gettempdir())
            self._budget = None
            self._tokens.spill()
            self._offsets.spill()

    def finish(self) -> Encoded:
        """What was added; a temporary file goes when nobody uses this any more."""
        encoded = Encoded(self._tokens.finish(), self._offsets.finish(), in_memory=self._budget is not None)
        self.close()
        return encoded

    def close(self) -> None:
        """Give up what was not finished."""
        self._tokens.close()
        self._offsets.close()
