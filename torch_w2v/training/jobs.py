"""The chunks of an epoch in order, each with its learning rates: what threads take one after the other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Rates


class Place(NamedTuple):
    """A place of the corpus: the numbers of sentences and of words before it."""

    examples: int
    words: int


@dataclass(frozen=True)
class Job:
    """A chunk with its learning rates.

    Attributes:
        number: of the chunk in the epoch, from 0.
        checksum: CRC-32 of the corpus up to the chunk's end, or 0.
    """

    chunk: Chunk
    rates: Rates
    number: int = 0
    checksum: int = 0


def jobs(
    chunks: Iterable[Chunk],
    rates: Callable[[Place, Place], Rates],
    checksums: bool = False,
) -> Iterator[Job]:
    """Return the chunks in order, each with the learning rates at its beginning and its end.

    Args:
        chunks: in corpus order.
        rates: function of the places where a chunk begins and ends that returns the learning rates there.
        checksums: compute the jobs' checksums, of what the chunks have as rows.
    """
    checksum, end = 0, Place(0, 0)
    for number, chunk in enumerate(map(Chunk.read, chunks) if checksums else chunks):
        begin, end = end, Place(end.examples + chunk.examples, end.words + chunk.end - chunk.begin)
        if checksums:
            checksum = _checksum(chunk, checksum)
        yield Job(chunk, rates(begin, end), number, checksum)


def _checksum(chunk: Chunk, before: int) -> int:
    for array in (chunk.tokens[chunk.begin : chunk.end], chunk.offsets):
        before = zlib.crc32(np.ascontiguousarray(array).data, before)
    return before


class UntilDue(Iterator[Job]):
    """The jobs of a source, until a pause is due; at least one, if it has one.

    Attributes:
        is_due: the end was reached because of that, not because the source has no more.
    """

    def __init__(self, source: Iterator[Job], due: Callable[[], bool]) -> None:
        self._source, self._due = source, due
        self._begun = self.is_due = False

    def __next__(self) -> Job:
        self.is_due = self.is_due or (self._begun and self._due())
        if self.is_due:
            raise StopIteration
        self._begun = True
        return next(self._source)
