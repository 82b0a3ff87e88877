"""What stays with an engine through the epochs of one `train()` call: its rows of the tables, and tokens."""

from __future__ import annotations

import math
import operator
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Engine, Tables
from torch_w2v.training_log import logger


@contextmanager
def explained(engine: Engine, tables: Tables) -> Iterator[None]:
    """Say what training on some tables needs, and what to do, where memory runs out.

    Raises:
        MemoryError, torch.OutOfMemoryError: the engine's.
    """
    try:
        yield
    except engine.out_of_memory_errors as e:
        # numpy's own subclass of MemoryError takes other arguments.
        kind = next(kind for kind in engine.out_of_memory_errors if isinstance(e, kind))
        raise kind(engine.explain_out_of_memory(tables)) from e


class EngineMemory:
    """The memory of an engine during one `train()` call.

    It holds the engine's rows of the two tables, whose memory costs more to allocate anew than to fill, and, for an
    engine on a device of its own, the tokens of a corpus that is the same at every epoch.
    """

    def __init__(self) -> None:
        # the engine that the following are for, by name and device
        self._owner: tuple[str, str] | None = None
        self._rows: list[Any] = [None, None]
        # the engine and the model's tables whose training the rows hold and the tables do not have yet
        self._pending: tuple[Engine, Tables] | None = None
        self._chunks: dict[tuple[int, ...], Chunk] = {}
        self._corpus: Hashable = None
        self._budget = 0

    @contextmanager
    def tables(
        self,
        engine: Engine,
        inputs: np.ndarray,
        outputs: np.ndarray,
        can_defer_write_back: bool = False,
        words: float = math.inf,
        more_rows: int = 0,
    ) -> Iterator[Tables]:
        """Load the tables for an epoch; what becomes of them is written back, even on an interrupt.

        Args:
            engine: the engine of this epoch.
            inputs, outputs: the model's tables, (V, D) float32.
            can_defer_write_back: nothing can observe or modify the model's tables before the next epoch, or before
                `synchronize` is called.
            words: expected number of words to train on until the tables are synchronized.
            more_rows: as `Engine.load_tables` takes them.

        Raises:
            MemoryError, torch.OutOfMemoryError: the engine's, here or inside, with what the device has and what to do.
        """
        tables = Tables(inputs, outputs)
        # A callback may have chosen another engine.
        if self._owner != (engine.name, engine.device):
            self.synchronize()
            self._owner, self._rows, self._corpus = (engine.name, engine.device), [None, None], None
        loaded = self._pending is not None and all(map(operator.is_, tables, self._pending[1]))
        with explained(engine, tables):
            if not (can_defer_write_back and loaded):
                self.synchronize()
                self._rows = list(engine.load_tables(tables, self._rows, words, more_rows))
            self._pending = engine, tables
            try:
                yield Tables(*self._rows)
            except BaseException:
                # The device may be full.
                self._chunks.clear()
                self.synchronize()
                raise
            if not can_defer_write_back:
                self.synchronize(keep_memory=True)

    def store(self) -> None:
        """Write what was trained so far into the model's tables, while training goes on."""
        if self._pending is not None:
            engine, tables = self._pending
            for table, rows in zip(tables, self._rows, strict=True):
                engine.store_table(table, rows)

    def synchronize(self, keep_memory: bool = False) -> None:
        """Write what was trained back into the model's tables, if that is still to be done.

        What an interrupt leaves undone is completed before the interrupt goes on.

        Args:
            keep_memory: keep the memory of the rows for another epoch.
        """
        try:
            self._write_back(keep_memory)
        except BaseException:
            self._write_back(keep_memory)
            raise

    def _write_back(self, keep_memory: bool) -> None:
        if self._pending is None:
            return
        engine, tables = self._pending
        for i, table in enumerate(tables):
            if self._rows[i] is not None:
                engine.store_table(table, self._rows[i])
                # freed before the other table's memory is used for what may be the first time
                if not keep_memory:
                    self._rows[i] = None
        self._pending = None

    def load_chunk(self, engine: Engine, chunk: Chunk, corpus: Hashable) -> Chunk:
        """Return a chunk as the engine takes it, from the device's memory if it is there already.

        Args:
            engine: the engine given to `tables` for this epoch.
            chunk: cut from the corpus as in other epochs.
            corpus: identifies the encoded corpus; None for one that another epoch may find changed.
        """
        if corpus is None or corpus != self._corpus:
            self._chunks, self._corpus = {}, corpus
            self._budget = 0 if corpus is None else engine.token_cache_bytes()
        # The neighbours that a piece of a long sentence carries differ from epoch to epoch, as subsampling falls.
        piece = chunk.position, len(chunk.tokens), len(chunk.offsets)
        loaded = self._chunks.get(piece)
        if loaded is None:
            try:
                loaded = engine.load_chunk(chunk)
            except engine.out_of_memory_errors:
                logger.info(
                    "device='%s' is full: the tokens of the corpus are moved there at every epoch", engine.device
                )
                self._chunks, self._budget = {}, 0
                loaded = engine.load_chunk(chunk)
            size = chunk.tokens.nbytes + chunk.offsets.nbytes
            if size <= self._budget:
                self._budget -= size
                self._chunks[piece] = loaded
        return loaded
