"""The ranks of a `train()` call: alone, or together with others that train on other parts of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from torch_w2v import engines
from torch_w2v.corpus.bindings import count_tokens
from torch_w2v.corpus.store import Run
from torch_w2v.distributed import bindings
from torch_w2v.distributed.exchange import Exchange, overwrite
from torch_w2v.distributed.group import Group, UnlikeRanksError
from torch_w2v.distributed.intervals import Intervals
from torch_w2v.distributed.merge import Problem
from torch_w2v.distributed.schedule import doubt, exchange_factor, exchanges_per_epoch, interval_ends
from torch_w2v.engines.devices import device_type
from torch_w2v.engines.interface import Engine, Tables
from torch_w2v.options import option
from torch_w2v.training import call_arguments
from torch_w2v.training.divergence import StopTraining
from torch_w2v.training.epoch import Job, Totals
from torch_w2v.training.frequencies import frequencies_of
from torch_w2v.training.measured import Measured
from torch_w2v.training.model import TrainedModel
from torch_w2v.training.planning import SMALLEST_CHUNK, highest_alpha, problem_of
from torch_w2v.training_log import logger

if TYPE_CHECKING:
    from torch_w2v.distributed.tensor_group import TensorGroup

T = TypeVar("T")
# The learning rate at a share of an epoch.
AlphaOfShare = Callable[[float], float]

SUMMED = ("chunks", "examples", "raw_words", "trained_words", "loss", "pairs")
# Of `call_arguments.of_call`, what each machine has of its own; the learning rates are the first rank's.
_MAY_DIFFER = {"engine", "device", "alpha", "min_alpha"}


class Alone:
    """One process trains the model: nothing is exchanged. `Together` is the other kind.

    Attributes:
        is_first: whether this process speaks for the model: it logs progress, and calls the callbacks.
        cut_chunks: whether exchanges may cut what would be one chunk.
    """

    is_first = True
    cut_chunks = False
    _ranked = False

    def engine(self, model: TrainedModel) -> Engine:
        """Return the engine that trains the model on this rank."""
        return engines.choose(option(model, "engine"), option(model, "device"), model.vector_size, self._ranked)

    def begin_epoch(self, model: TrainedModel) -> None:
        """Begin an epoch with the learning rates of the first rank.

        Raises:
            StopTraining: the first rank has ended the call.
        """

    def end_call(self, model: TrainedModel, observed: bool) -> None:
        """End the call, after its last epoch or earlier, and after the last of its callbacks.

        Args:
            model: all ranks end with the tables of the first.
            observed: whether callbacks may have changed them since the last epoch; that of the first rank counts.
        """

    def begin_call(self, model: TrainedModel, totals: dict[str, int | None], words: Callable[[], int]) -> None:
        """Check in the first epoch that all ranks train the same, and learn how many words each has.

        Args:
            model: the model.
            totals: the `total_examples` and `total_words` of the call.
            words: counts those of this rank.

        Raises:
            ValueError: what differs between the ranks.
        """

    def agree(self, value: T, choose: Callable[[list[T]], T]) -> T:
        """Return what all ranks make of the values that each has."""
        return value

    def measured(self, model: TrainedModel, own: Measured) -> Measured:
        """Return what is true of the whole corpus, where `own` is of this rank's part; warn if it repeats too much."""
        return own

    def chunk_words(self, size: int) -> int:
        """Return the size of a chunk, where it would be `size` words in one process."""
        return size

    def expected(self, total: int | None) -> int | None:
        """Return this rank's part of a number of sentences, or of words."""
        return total

    def runs(self, runs: Iterator[Run], epoch: int) -> Iterator[Run]:
        """Return the runs of an epoch, cut where there is something to exchange."""
        return runs

    def jobs(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Return the jobs that were made of these runs."""
        return jobs

    def open(
        self, model: TrainedModel, engine: Engine, tables: Tables, alpha: AlphaOfShare, unchanged: bool, context: float
    ) -> None:
        """Begin to train an epoch.

        Args:
            model: the model.
            engine: trains.
            tables: as the engine has loaded them.
            alpha: returns the learning rate at a share of the epoch.
            unchanged: the tables are those of the last epoch's end.
            context: of the corpus, as `measured.Measured`.
        """

    def due(self) -> bool:
        """Return whether an exchange is due before the next job."""
        return False

    def exchange(self) -> None:
        """Exchange what is due."""

    def close(self) -> None:
        """Exchange what is left of an epoch: then all ranks have the same tables."""

    def add_others(self, totals: Totals) -> None:
        """Make the totals of an epoch those of all ranks, in place."""


class Together(Alone):
    """One of several ranks.

    Args:
        group: the ranks.
        workers: number of threads of this one.

    Attributes:
        group: as given.
        interval: number of the interval of an epoch that the last job is of, from 0.
        exchanges: per epoch; those of the epoch that is under way.
        parts: the totals that each rank had of its part of the epoch when they were gathered last, as dictionaries.
        agreed: called with the number of an exchange within an epoch after which all ranks have the same tables, but
            for the last bits where their processors round otherwise; on all ranks.
    """

    cut_chunks = True
    _ranked = True

    def __init__(self, group: Group, workers: int) -> None:
        self.group = group
        self._workers = workers
        self._words: list[int] = []
        self._ended = self._warned = False
        # whether the epoch that was trained last has left the same tables on all ranks
        self._equal = False
        # how tables go from rank to rank, as the log has it
        self._way = ""
        self._highest_alpha = 0.0
        self._factor = 1.0
        self.is_first = group.rank == 0
        self.interval = 0
        self.exchanges = 0
        self.parts: list[dict[str, Any]] = []
        self.agreed: Callable[[int], None] = lambda number: None
        self._resumed: tuple[int, np.ndarray | None] | None = None
        self._resumed_exchanges = 0

    def begin_epoch(self, model: TrainedModel) -> None:
        """Begin an epoch with the learning rates of the first rank; see `Alone`."""
        rates = self.group.from_first((model.alpha, model.min_alpha))
        if rates is None:
            self._ended = True
            raise StopTraining
        model.alpha, model.min_alpha = rates

    def end_call(self, model: TrainedModel, observed: bool) -> None:
        """End the call on all ranks; see `Alone`."""
        if not self._ended:
            self.group.from_first(None)
        self._ended = True
        if self.group.from_first(observed):
            self.overwrite([model.wv.vectors, model.syn1neg])

    def begin_call(self, model: TrainedModel, totals: dict[str, int | None], words: Callable[[], int]) -> None:
        """Check in the first epoch that all ranks train the same, and learn how many words each has; see `Alone`."""
        # Of the checkpoint, where the epoch goes on from one.
        self._highest_alpha = highest_alpha(model)
        if not self._words:
            self._check_equal(call_arguments.of_call(model, totals, call_arguments.encoded_words(model), True))
            self._factor = self.group.from_first(exchange_factor())
            self._words = self.group.from_all(words())
            own, total = self._own_words, sum(self._words)
            if not own and model._w2v_part is None:
                logger.warning(
                    "rank %d of %d has no words to train on: its corpus is empty, or can be read only once",
                    *(self.group.rank, self.group.size),
                )
            logger.info("rank %d of %d: %d of %d words", self.group.rank, self.group.size, own, total)

    def _check_equal(self, arguments: dict[str, Any]) -> None:
        everyone = self.group.from_all({name: arguments[name] for name in arguments.keys() - _MAY_DIFFER})
        for rank, theirs in enumerate(everyone):
            places = "on rank 0", f"on rank {rank}"
            if differences := list(call_arguments.differences(everyone[0], theirs, places)):
                raise UnlikeRanksError(
                    f"all ranks must make the same calls with the same arguments: {'; '.join(differences)}"
                )

    def agree(self, value: T, choose: Callable[[list[T]], T]) -> T:
        """Return what all ranks make of the values that each has."""
        return choose(self.group.from_all(value))

    def measured(self, model: TrainedModel, own: Measured) -> Measured:
        """Return what is true of the part that has most of it, and warn in the first epoch; see `Alone`."""
        most = self.agree(own, partial(reduce, Measured.most))
        reason = doubt(highest_alpha(model), most.repetition, len(model.wv))
        if reason and self.is_first and not self._warned:
            logger.warning("the vectors of %d ranks may be worse than those of one: %s", self.group.size, reason)
        self._warned = True
        return most

    @property
    def _own_words(self) -> int:
        return self._words[self.group.rank]

    @property
    def _planned_exchanges(self) -> int:
        return exchanges_per_epoch(sum(self._words), self._highest_alpha, self._factor)

    def chunk_words(self, size: int) -> int:
        """Return the size of a chunk: every worker is to have one of an interval."""
        return min(size, max(SMALLEST_CHUNK, max(self._words) // (self._planned_exchanges * self._workers)))

    def expected(self, total: int | None) -> int | None:
        """Return this rank's part of a number of sentences, or of words."""
        return total and max(1, round(total * self._own_words / max(sum(self._words), 1)))

    def runs(self, runs: Iterator[Run], epoch: int) -> Iterator[Run]:
        """Return the runs of an epoch, with their places in the whole corpus, cut at the ends of the intervals."""
        self.exchanges, self._resumed_exchanges = self._resumed_exchanges or self._planned_exchanges, 0
        self._ends = interval_ends(epoch, self.exchanges)
        self.interval = 0
        before = sum(self._words[: self.group.rank])
        placed = (replace(run.read(), position=run.position + before) for run in runs)
        for number, parts in enumerate(Intervals(placed, [end * self._own_words for end in self._ends])):
            for part in parts:
                self.interval = number
                yield part

    def keep_exchanges(self, exchanges: int) -> None:
        """Let the epoch that begins have as many exchanges as it had, with however many ranks; see `resume`."""
        self._resumed_exchanges = exchanges

    def resume(self, number: int, curvatures: np.ndarray | None) -> None:
        """Let the epoch that begins go on after an exchange; the jobs of the intervals before it are skipped.

        Args:
            number: of the exchange, one that `agreed` was called with.
            curvatures: what `curvatures` returned then; on the first rank.
        """
        self._resumed = number, curvatures

    def jobs(self, jobs: Iterator[Job]) -> Iterator[Job]:
        """Return the jobs, and look one ahead, to see in which interval it is."""
        self._ahead = next(jobs, None)
        while self._ahead is not None:
            job = self._ahead
            tokens = job.chunk.tokens[job.chunk.begin : job.chunk.end]
            count_tokens(np.ascontiguousarray(tokens[tokens >= 0]), self._counts)
            self._ahead = next(jobs, None)
            yield job

    def open(
        self, model: TrainedModel, engine: Engine, tables: Tables, alpha: AlphaOfShare, unchanged: bool, context: float
    ) -> None:
        """Begin to train an epoch on the first rank's tables; see `Alone`."""
        self._engine, self._tables, self._alpha = engine, tables, alpha
        frequencies = frequencies_of(model)
        self._keep = frequencies.keep.view(np.uint32) / 2.0**32
        self._counts = np.zeros(len(self._keep), np.int64)
        self._number, curvatures = self._resumed or (0, None)
        is_sorted = bool((np.diff(frequencies.count) <= 0).all())
        self._tensors = self.tensor_group(engine)
        # Processors with unlike instructions round the last bits otherwise. Tensors see to it themselves.
        self._alike = self._tensors is not None or len(set(self.group.from_all(bindings.arithmetic()))) == 1
        self._exchange = self._new_exchange(problem_of(model, context), is_sorted)
        with self._exchanged() as exchanged:
            if self._resumed or not (unchanged and self._equal):
                self._exchange.overwrite(exchanged)
            self._exchange.begin(exchanged, curvatures)
        self._equal = False
        if self._resumed:
            self._resumed = None
            self.exchange()

    def overwrite(self, arrays: list[np.ndarray]) -> None:
        """Overwrite arrays by those of the first rank."""
        overwrite(self.group, arrays)

    def curvatures(self) -> np.ndarray:
        """Return what the exchanges know beside the tables; see `resume`."""
        return self._exchange.curvatures()

    def tensor_group(self, engine: Engine) -> TensorGroup | None:
        """Return what exchanges the engine's tables from device to device.

        Returns:
            None where the ranks exchange arrays, which on a CPU share the tables' memory. All ranks get the same.
        """
        if set(self.group.from_all(device_type(engine.device))) == {"cpu"}:
            return None
        from torch_w2v.distributed.tensor_group import TensorGroup, way_between  # noqa: PLC0415

        backend, way = way_between(self.group, engine.device)
        if self.is_first and way != self._way:
            say = logger.info if backend else logger.warning
            say("the ranks exchange their tables %s", way)
        self._way = way
        return None if backend is None else TensorGroup(self.group, backend)

    def _new_exchange(self, problem: Problem, is_sorted: bool) -> Exchange:
        if self._tensors is None:
            return Exchange(self.group, problem, is_sorted, self._workers)
        from torch_w2v.distributed.tensor_exchange import TensorExchange  # noqa: PLC0415

        return TensorExchange(self._tensors, problem, is_sorted)

    @contextmanager
    def _exchanged(self) -> Iterator[list[Any]]:
        """Give the tables as the exchange takes them; what becomes of them is the engine's afterwards."""
        if self._tensors is not None:
            yield list(self._tables)
            return
        arrays = [self._engine.as_array(table) for table in self._tables]
        yield arrays
        for table, array in zip(self._tables, arrays, strict=True):
            self._engine.overwrite(table, array)

    def due(self) -> bool:
        """Return whether the next job is of a later interval than the last one."""
        return self._number < self.interval

    def exchange(self) -> None:
        """Exchange until the next job's interval: more than once where an interval has none of this rank's words."""
        self._exchange_until(self.interval)

    def close(self) -> None:
        """Exchange what is left of an epoch: then all ranks have the same tables."""
        self._exchange_until(len(self._ends))
        if not self._alike:
            with self._exchanged() as tables:
                self._exchange.overwrite(tables)
        self._equal = True

    def _exchange_until(self, number: int) -> None:
        while self._number < number:
            begin = self._ends[self._number - 1] if self._number else 0.0
            self._number += 1
            is_last = self._number == len(self._ends)
            kept = self._counts * self._keep
            with self._exchanged() as tables:
                rows = self._exchange.merge(tables, kept, self._number, is_last, self._alpha(begin))
            self._counts[:] = 0
            if rows == len(self._counts) and not is_last:
                self.agreed(self._number)

    def add_others(self, totals: Totals) -> None:
        """Make the totals of an epoch those of all ranks, in place."""
        self.gather(totals)
        for name in SUMMED:
            setattr(totals, name, sum(part[name] for part in self.parts))

    def gather(self, totals: Totals) -> None:
        """Gather the ranks' totals in `parts`."""
        self.parts = self.group.from_all(totals.as_dict())
