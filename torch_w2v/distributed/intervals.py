"""A rank's sentences, cut at the places where the ranks exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from torch_w2v.corpus.store import Encoded


class Intervals:
    """Cuts the runs of an epoch at given numbers of words, between two sentences.

    A sentence belongs to the interval in which it begins; the last interval has all that is left.

    Args:
        runs: the epoch's, in order.
        ends: the ends of the intervals, in words from the begin of the epoch.
    """

    def __init__(self, runs: Iterable[Encoded], ends: Sequence[float]) -> None:
        self._runs = iter(runs)
        self._ends = ends
        self._rest: Encoded | None = None  # of the run that was cut last
        self._done = 0

    def __iter__(self) -> Iterator[Iterator[Encoded]]:
        """Yield the runs of each interval; they must be read before the next interval's."""
        for end in self._ends[:-1]:
            yield self._until(end)
        yield self._until(np.inf)

    def _until(self, end: float) -> Iterator[Encoded]:
        while True:
            run = next(self._runs, None) if self._rest is None else self._rest
            self._rest = None
            if run is None:
                return
            # A sentence that begins at the end belongs to the next interval.
            sentences = int(np.searchsorted(run.offsets[:-1] + self._done, end, side="left"))
            head, self._rest = _split(run, sentences)
            if head is not None:
                self._done += len(head.tokens)
                yield head
            if self._rest is not None:
                return


def _split(run: Encoded, sentences: int) -> tuple[Encoded | None, Encoded | None]:
    """Return the first sentences of a run, and the others; None for none."""
    if sentences == 0:
        return None, run
    if sentences == len(run.offsets) - 1:
        return run, None
    cut = int(run.offsets[sentences])
    head = replace(run, tokens=run.tokens[:cut], offsets=run.offsets[: sentences + 1])
    rest = replace(
        run,
        tokens=run.tokens[cut:],
        offsets=run.offsets[sentences:] - cut,
        position=run.position + cut,
    )
    return head, rest
