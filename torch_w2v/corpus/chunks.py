"""Chunks: the unit of work of training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torch_w2v.corpus.file_array import FileArray
from torch_w2v.corpus.store import Encoded, Run, rows_of


@dataclass(frozen=True)
class Chunk:
    """The unit of work of training: the tokens of whole sentences, or a piece of a very long sentence.

    The arrays are numpy arrays, or what an engine's `load_chunk` makes of them.

    Attributes:
        tokens: (n,) int32 rows of the tables, -1 for unknown words.
        offsets: (m + 1,) int64 edges of the sentences within `tokens`, from 0 to n.
        begin, end: tokens[begin:end] are trained on; the other tokens are only context.
        position: place of tokens[0] in the corpus.
        examples: number of sentences that end in tokens[begin:end].
        rows: (V,) int32 row of each token; None if the tokens are rows themselves, in memory, as engines take them.
    """

    tokens: Any
    offsets: Any
    begin: int
    end: int
    position: int
    examples: int
    rows: np.ndarray | None = None

    def read(self) -> Chunk:
        """Return the chunk as engines take it: whoever trains it does that, not whoever hands it out.

        Raises:
            OSError: a file that the tokens are in has changed.
        """
        if self.rows is None and not isinstance(self.tokens, FileArray):
            return self
        return replace(self, tokens=rows_of(self.tokens, self.rows), rows=None)


def cut_into_chunks(
    run: Run, chunk_tokens: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]
) -> Iterator[Chunk]:
    """Cut a run into chunks.

    A run of at most two times `chunk_tokens` tokens is one chunk. A longer one, which a long sentence makes, is cut
    every `chunk_tokens` tokens; each piece then carries so much of its neighbours that its windows are whole: `window`
    kept tokens on either side, or all that the sentence has.

    Args:
        run: whole sentences, as `encoding.encode` returns them.
        chunk_tokens: number of tokens per chunk.
        window: maximum number of kept tokens to the left and to the right of a target in its window.
        kept: called with (n,) int32 tokens and the place of the first in the corpus; returns the (n,) bool mask of
            those that subsampling keeps in this epoch.

    Yields:
        The chunks in order. Together they train on every token of the run once.
    """
    n = len(run.tokens)
    if n <= 2 * chunk_tokens:
        yield Chunk(run.tokens, run.offsets, 0, n, run.position, len(run.offsets) - 1, run.rows)
        return
    yield from _pieces(run.read(), chunk_tokens, window, kept)


def _pieces(
    run: Encoded, chunk_tokens: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]
) -> Iterator[Chunk]:
    """Cut a long run; see `cut_into_chunks`."""
    n = len(run.tokens)
    cuts = [*range(0, n - chunk_tokens, chunk_tokens), n]
    for begin, end in itertools.pairwise(cuts):
        first = int(np.searchsorted(run.offsets, begin, side="right")) - 1
        last = int(np.searchsorted(run.offsets, end, side="left"))
        low = begin - _halo(run, begin, int(run.offsets[first]), window, kept)
        high = end + _halo(run, end, int(run.offsets[last]), window, kept)
        sentence_ends = np.searchsorted(run.offsets[1:], [begin, end], side="right")
        yield Chunk(
            tokens=run.tokens[low:high],
            offsets=np.clip(run.offsets[first : last + 1], low, high) - low,
            begin=begin - low,
            end=end - low,
            position=run.position + low,
            examples=int(sentence_ends[1] - (sentence_ends[0] if begin else 0)),
        )


def _halo(run: Encoded, cut: int, edge: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]) -> int:
    """Return the number of tokens on one side of a cut that hold `window` kept ones, or reach to the sentence's edge.

    Args:
        run, window, kept: see `cut_into_chunks`.
        cut: place in the run.
        edge: place of the sentence's edge: its begin for the tokens before the cut, its end for those after it.
    """
    size, limit = 2 * window, abs(edge - cut)
    while size < limit:
        low, high = (cut - size, cut) if edge < cut else (cut, cut + size)
        if int(kept(run.tokens[low:high], run.position + low).sum()) >= window:
            return size
        size *= 2
    return limit
