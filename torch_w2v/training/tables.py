"""What stays with an engine through the epochs of one `train()` call."""

from __future__ import annotations

import logging
import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Engine

logger = logging.getLogger(__name__)


class Resident:
    """What stays with an engine through the passes of one `train()` call.

    These are its rows of the two tables, whose memory costs more to get anew than to fill, and, for an engine on a
    device of its own, the tokens of a corpus that is the same at every pass.
    """

    def __init__(self) -> None:
        self._on: tuple[str, str] | None = None  # the engine that the following are for, by name and device
        self._rows: list[Any] = [None, None]
        self._current: tuple[Engine, tuple[np.ndarray, np.ndarray]] | None = None  # what the rows hold, and whose
        self._placed: dict[tuple[int, ...], tuple[Any, Any]] = {}  # by what of the corpus is in the chunk
        self._corpus: int | None = None
        self._room = 0

    @contextmanager
    def tables(
        self, engine: Engine, inputs: np.ndarray, outputs: np.ndarray, unseen: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        """The tables as the engine wants them; what becomes of them is written back, even on an interrupt.

        Args:
            engine: trains in this pass.
            inputs, outputs: the model's, (V, D) float32.
            unseen: nobody looks at the model's tables before the next pass, or writes to them: what `finish` is for.

        Raises:
            MemoryError, torch.OutOfMemoryError: the engine's, here or inside, with what the device has and what to do.
        """
        tables = inputs, outputs
        if self._on != (engine.name, engine.device):  # at first, or after a callback has set another
            self.finish()
            self._on, self._rows, self._corpus = (engine.name, engine.device), [None, None], None
        known = self._current is not None and all(map(operator.is_, tables, self._current[1]))
        try:
            if not (unseen and known):
                self.finish()
                self._rows = [engine.rows(table, last) for table, last in zip(tables, self._rows, strict=True)]
            self._current = engine, tables
            try:
                yield self._rows[0], self._rows[1]
            except BaseException:
                self._placed.clear()  # the device may be full
                self.finish()
                raise
            if not unseen:
                self.finish(keep=True)
        except engine.no_memory as e:
            raise type(e)(engine.too_large(tables)) from e

    def finish(self, keep: bool = False) -> None:
        """Bring back what a pass has left, if it has; what an interrupt leaves undone is done before that goes on.

        keep: the memory of the rows, for another pass.
        """
        try:
            self._bring_back(keep)
        except BaseException:
            self._bring_back(keep)
            raise

    def _bring_back(self, keep: bool) -> None:
        if self._current is not None:
            engine, tables = self._current
            for i, table in enumerate(tables):
                if self._rows[i] is not None:
                    engine.write_back(table, self._rows[i])
                    if not keep:  # before the other table's memory is used for what may be the first time
                        self._rows[i] = None
            self._current = None

    def tokens(self, engine: Engine, chunk: Chunk, corpus: int | None) -> tuple[Any, Any]:
        """The tokens and the offsets of a chunk as the engine wants them.

        Args:
            engine: as given to `tables` in this pass.
            chunk: cut from the corpus as in other passes.
            corpus: names the corpus in numbers; None for one that another pass may find changed.
        """
        if corpus is None or corpus != self._corpus:
            self._placed, self._corpus, self._room = {}, corpus, 0 if corpus is None else engine.room()
        # The neighbours that a piece of a long sentence carries differ from pass to pass, as subsampling falls.
        piece = chunk.position, len(chunk.tokens), len(chunk.offsets)
        found = self._placed.get(piece)
        if found is None:
            try:
                found = engine.place_chunk(chunk)
            except engine.no_memory:
                logger.info(
                    "device='%s' is full: the tokens of the corpus are moved there at every pass", engine.device
                )
                self._placed, self._room = {}, 0
                found = engine.place_chunk(chunk)
            size = chunk.tokens.nbytes + chunk.offsets.nbytes
            if size <= self._room:
                self._room -= size
                self._placed[piece] = found
        return found
