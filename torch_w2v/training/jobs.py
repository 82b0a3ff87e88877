"""The chunks of an epoch in order, each with its learning rates: what threads take one after the other."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Rates


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
    alpha: Callable[[int, int], float],
    checksums: bool = False,
) -> Iterator[Job]:
    """Return the chunks in order, each with the learning rates at its beginning and its end.

    Args:
        chunks: in corpus order.
        alpha: function of the numbers of sentences and of words before a place that returns the learning rate there.
        checksums: compute the jobs' checksums, of what the chunks have as rows.
    """
    examples = words = checksum = 0
    rate = alpha(0, 0)
    for number, chunk in enumerate(map(Chunk.read, chunks) if checksums else chunks):
        examples += chunk.examples
        words += chunk.end - chunk.begin
        begin, rate = rate, alpha(examples, words)
        if checksums:
            checksum = _checksum(chunk, checksum)
        yield Job(chunk, Rates(begin, rate), number, checksum)


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
