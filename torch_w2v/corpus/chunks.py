"""Chunks: the unit of work of training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_w2v.corpus.store import Encoded


@dataclass(frozen=True)
class Chunk:
    """The unit of work: some tokens to train on, all of whole sentences but for sentences longer than a chunk.

    The arrays are numpy arrays, or what an engine's `load_chunk` makes of them.

    Attributes:
        tokens: (n,) int32 rows of the tables, -1 for unknown words.
        offsets: (m + 1,) int64 sentence edges within `tokens`, from 0 to n.
        begin, end: tokens[begin:end] are trained on, the others are only context.
        position: place of tokens[0] in the corpus.
        examples: sentences that end in this chunk.
    """

    tokens: Any
    offsets: Any
    begin: int
    end: int
    position: int
    examples: int


def cut_into_chunks(
    run: Encoded, chunk_tokens: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]
) -> Iterator[Chunk]:
    """Cut a run into chunks: one, unless a sentence makes it longer than two chunks.

    Then it is cut every `chunk_tokens` tokens, and each piece carries enough of its neighbours for whole windows:
    `window` kept tokens on either side, or all there are in the sentence.

    Args:
        run: whole sentences, closed at `chunk_tokens` as by `encode`.
        chunk_tokens: the size aimed at.
        window: kept tokens that a window may reach over.
        kept: (tokens, position of the first) -> mask of the tokens that subsampling keeps.
    """
    n = len(run.tokens)
    cuts = [*range(0, n - chunk_tokens, chunk_tokens), n] if n > 2 * chunk_tokens else [0, n]
    for begin, end in itertools.pairwise(cuts):
        first = int(np.searchsorted(run.offsets, begin, side="right")) - 1
        last = int(np.searchsorted(run.offsets, end, side="left"))
        low = begin - _halo(run, begin, int(run.offsets[first]), window, kept)
        high = end + _halo(run, end, int(run.offsets[last]), window, kept)
        edges = np.clip(run.offsets[first : last + 1], low, high) - low
        ended = np.searchsorted(run.offsets[1:], [begin, end], side="right")
        yield Chunk(
            run.tokens[low:high],
            edges,
            begin - low,
            end - low,
            run.position + low,
            int(ended[1] - (ended[0] if begin else 0)),
        )


def _halo(run: Encoded, cut: int, edge: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]) -> int:
    """Tokens between `cut` and `edge`, a sentence edge on one side of it, to carry for `window` kept ones."""
    size, most = 2 * window, abs(edge - cut)
    while size < most:
        a, b = (cut - size, cut) if edge < cut else (cut, cut + size)
        if int(kept(run.tokens[a:b], run.position + a).sum()) >= window:
            return size
        size *= 2
    return most
