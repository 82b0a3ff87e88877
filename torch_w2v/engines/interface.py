"""What an engine is to the training loop: it trains on one chunk of tokens at a time, in place."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.plan import EpochPlan, Layout, Workload
from torch_w2v.engines.sharing import Sharing


class Tables(NamedTuple):
    """The two tables of a model: numpy arrays, or what `Engine.load_tables` makes of them; updated in place.

    Attributes:
        inputs: (V, D) context rows, or in skip-gram those of the inputs; gensim's `wv.vectors`.
        outputs: (V, D) output rows, gensim's `syn1neg`.
    """

    inputs: Any
    outputs: Any


class Rates(NamedTuple):
    """The learning rate at the first and after the last token of a chunk; linear in between, one value per block."""

    begin: float
    end: float


class ChunkResult(NamedTuple):
    """What training on a chunk returns.

    Attributes:
        trained_words: number of kept tokens that were targets, or in skip-gram inputs.
        loss: summed loss in nats, of the blocks that `Objective.loss_every` asks for.
        pairs: summed weight of the (target, sample) pairs of that loss.
    """

    trained_words: int
    loss: float
    pairs: float


class Engine(ABC):
    """An implementation of training on a device.

    The specification is `ReferenceEngine`; every other engine is tested against it with the same draws. The methods
    that are not abstract are right for an engine that works on numpy arrays where they are.

    Attributes:
        name: the name in `engine=`.
        device: the torch device that holds the tables during training.
        thread_safe: several chunks may be trained on at once by threads, which update the tables without locks.
        preferred_chunk_words: size of a chunk in tokens; None for the CPU's.
        out_of_memory_errors: exceptions that mean that the device has no memory left.
    """

    name: ClassVar[str]
    thread_safe: ClassVar[bool] = False
    preferred_chunk_words: int | None = None
    out_of_memory_errors: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, device: str = "cpu") -> None:
        self.device = device

    @abstractmethod
    def layout(self, workload: Workload) -> Layout:
        """Return how targets are to be grouped for a workload."""

    @abstractmethod
    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on the tokens `chunk.begin` to `chunk.end` and update the tables in place.

        Args:
            tables: as `load_tables` returns them.
            chunk: as `load_chunk` returns it.
            rates: learning rates at either end of the chunk.
            plan: as `load_plan` returns it.

        Raises:
            ValueError: a layout that this engine does not implement.
        """

    def load_array(self, array: np.ndarray) -> Any:
        """Return an array as `train` takes it."""
        return array

    def load_table(self, table: np.ndarray, previous: Any = None) -> Any:
        """Return a float32 table (V, D) as `train` takes it.

        Args:
            table: the model's.
            previous: an earlier result whose memory may be used again, or None.
        """
        return table

    def load_tables(
        self, tables: Tables, previous: Sequence[Any] = (None, None), words: float = math.inf, more_rows: int = 0
    ) -> Tables:
        """Return a model's tables as `train` takes them.

        Args:
            tables: the model's, float32 (V, D).
            previous: earlier results of both whose memory may be used again, or None.
            words: expected number of words to train on until the tables are stored again.
            more_rows: number of rows that `for_thread` will need in all.
        """
        return Tables(*map(self.load_table, tables, previous))

    def for_thread(self, tables: Tables, sharing: Sharing | None, thread: int) -> AbstractContextManager[Tables]:
        """Return a context with the tables that one of several threads is to train on.

        Args:
            tables: as `load_tables` returned them; when the context ends, they have all that the thread has learnt.
            sharing: which rows threads have copies of; None for none.
            thread: its number, below `sharing.threads`.
        """
        return nullcontext(tables)

    def store_table(self, table: np.ndarray, rows: Any) -> None:
        """Copy what became of a loaded table back into the model's.

        Args:
            table: the model's, (V, D) float32.
            rows: what `load_tables` returned for it.
        """
        assert table is rows

    def load_chunk(self, chunk: Chunk) -> Chunk:
        """Return a chunk with its arrays as `train` takes them."""
        return dataclasses.replace(chunk, tokens=self.load_array(chunk.tokens), offsets=self.load_array(chunk.offsets))

    def load_plan(self, plan: EpochPlan) -> EpochPlan:
        """Return an epoch's plan with its arrays as `train` takes them."""
        names = ("keep", "noise", "input_scale", "output_scale")
        return dataclasses.replace(plan, **{name: self.load_array(getattr(plan, name)) for name in names})

    def as_array(self, rows: Any) -> np.ndarray:
        """Return loaded rows as an array, sharing their memory where that is possible."""
        array: np.ndarray = rows
        return array

    def overwrite(self, rows: Any, array: np.ndarray) -> None:
        """Overwrite loaded rows by an array that `as_array` returned for them, and that was changed."""
        assert np.shares_memory(rows, array)

    def token_cache_bytes(self) -> int:
        """Return how many bytes of tokens may stay on the device from epoch to epoch; 0 where loading costs nothing."""
        return 0

    def thread_limit(self, workers: int) -> AbstractContextManager[None]:
        """Return a context in which the engine's own operations use at most `workers` threads."""
        return nullcontext()

    def explain_out_of_memory(self, tables: Sequence[np.ndarray]) -> str:
        """Return what to tell the user when the device has no memory left for training on these tables."""
        return "out of memory"
