"""What an engine is to the training loop, and what stays with it through the passes of one `train()` call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.plan import Layout


def _as_it_is(array: np.ndarray) -> Any:
    return array


def _in_place(table: np.ndarray, _: Any) -> Any:
    return table


def _nothing_moved(table: np.ndarray, rows: Any) -> None:
    assert table is rows


@dataclass(frozen=True)
class Engine:
    """An implementation of the operator on a device. The defaults are those of one that works on arrays where they are.

    Attributes:
        name: as in `engine=`.
        device: where the tables are during training, as torch writes it.
        train_chunk: takes the operator's arguments (`operator.SCHEMA`), arrays and tables as placed by the following.
        layout: (negative, kept tokens in a pass, context words of a target, cbow_mean) -> how targets are grouped.
        place: an array -> as `train_chunk` takes it.
        rows: (table, its result for the last table or None) -> a table as `train_chunk` takes it.
        write_back: (table, its rows) -> None: brings what was trained back into the table.
        room: bytes of tokens that may stay placed from pass to pass; where placing costs nothing, none.
        session: a context in which to train with so many workers.
        concurrent: chunks may run side by side on threads, updating the tables without locks.
        chunk_words: words of a chunk where not the CPU's hundred thousand, which a GPU is done with too soon.
        no_memory: what is raised when the device has no memory left, and
        too_large: (tables) -> what to say then.
    """

    name: str
    device: str
    train_chunk: Callable[..., Any]
    layout: Callable[[int, float, float, bool], Layout]
    place: Callable[[np.ndarray], Any] = _as_it_is
    rows: Callable[[np.ndarray, Any], Any] = _in_place
    write_back: Callable[[np.ndarray, Any], None] = _nothing_moved
    room: Callable[[], int] = int
    session: Callable[[int], AbstractContextManager[None]] = lambda workers: nullcontext()
    concurrent: bool = False
    chunk_words: int | None = None
    no_memory: tuple[type[Exception], ...] = ()
    too_large: Callable[[Sequence[np.ndarray]], str] = str

    def place_chunk(self, chunk: Chunk) -> tuple[Any, Any]:
        """Its tokens and offsets as `train_chunk` takes them."""
        return self.place(chunk.tokens), self.place(chunk.offsets)
