"""One epoch: chunks to the engine, learning rate, progress, totals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from timeit import default_timer
from typing import Any

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import ChunkResult, Engine, Tables
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.sharing import Sharing
from torch_w2v.training.interrupts import Interrupts
from torch_w2v.training.jobs import Job, UntilDue
from torch_w2v.training.measured import Measured
from torch_w2v.training.throttle import Throttle
from torch_w2v.training.workers import Workers


@dataclass
class Totals:
    """What one epoch has done so far.

    Attributes:
        chunks: number of chunks.
        examples: number of sentences.
        raw_words: number of words in the corpus.
        trained_words: number of words that were targets.
        loss: summed loss in nats.
        pairs: summed weight of the (target, sample) pairs of the loss.
        last: number of the last chunk of those that are finished; -1 before the first.
        checksum: CRC-32 of the corpus up to that chunk's end, where `jobs` computes it.
        failed: a chunk may be trained in part.
        start: when the epoch began, in seconds of `timeit.default_timer`.
    """

    chunks: int = 0
    examples: int = 0
    raw_words: int = 0
    trained_words: int = 0
    loss: float = 0.0
    pairs: float = 0.0
    last: int = -1
    checksum: int = 0
    failed: bool = False
    start: float = field(default_factory=default_timer)

    def add(self, job: Job, result: ChunkResult) -> None:
        """Count a finished job with what the engine returned for it."""
        self.skip(job)
        self.trained_words += result.trained_words
        self.loss += result.loss
        self.pairs += result.pairs

    def skip(self, job: Job) -> None:
        """Count a job that is not run here."""
        self.chunks += 1
        if job.number > self.last:
            self.last, self.checksum = job.number, job.checksum
        self.examples += job.chunk.examples
        self.raw_words += job.chunk.end - job.chunk.begin

    def as_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps, as JSON can hold it."""
        values = asdict(self)
        del values["start"], values["failed"]
        return values

    @property
    def is_a_beginning(self) -> bool:
        """Whether what is trained is the corpus up to a place: every chunk before it, and none after it."""
        return self.chunks == self.last + 1 and not self.failed

    @property
    def elapsed(self) -> float:
        """Seconds since the epoch began; never 0."""
        return default_timer() - self.start + 1e-5


@dataclass
class CallState:
    """How far a call of `train()` is.

    Attributes:
        epoch: number of the epoch that is trained, or was trained last, from 0.
        totals: of that epoch.
        call: totals of all epochs that are finished; only words and chunks are counted.
        seed: of the draws.
        measured: of the corpus; layouts depend on it.
        expected_words: words that the epoch is expected to have.
    """

    epoch: int = -1
    totals: Totals = field(default_factory=Totals)
    call: Totals = field(default_factory=Totals)
    seed: int | None = None
    measured: Measured = field(default_factory=Measured)
    expected_words: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "epoch": self.epoch,
            "seed": self.seed,
            **self.measured._asdict(),
            "expected_words": self.expected_words,
            "totals": self.totals.as_dict(),
            "call": self.call.as_dict(),
            "elapsed": self.totals.elapsed,
        }

    def load(self, values: dict[str, Any]) -> None:
        """Take over what `as_dict` has returned."""
        for name in ("epoch", "seed", "expected_words"):
            setattr(self, name, values[name])
        self.measured = Measured(**{name: values[name] for name in Measured._fields if name in values})
        self.call = Totals(**values["call"])
        self.totals = Totals(**values["totals"], start=default_timer() - values["elapsed"])


def _nothing(*_: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Hooks:
    """What is done beside training, while an epoch is trained.

    Attributes:
        report: called with the totals after a second, as in gensim, then at most once every `report_delay` seconds.
        report_delay: seconds.
        watch: called with the totals after every job.
        stop: makes the source of jobs end for a consumer that waits for its next one; called when training ends for any
            reason.
        due: whether to pause; called from any thread.
        pause: called then, while no job is running, and all that were begun are in the totals.
    """

    report: Callable[[Totals], None] = _nothing
    report_delay: float = 1.0
    watch: Callable[[Totals], None] = _nothing
    stop: Callable[[], None] = _nothing
    due: Callable[[], bool] = lambda: False
    pause: Callable[[], None] = _nothing


def train_epoch(
    engine: Engine,
    tables: Tables,
    plan: EpochPlan,
    source: Iterator[Job],
    workers: int,
    hooks: Hooks | None = None,
    totals: Totals | None = None,
    load_chunk: Callable[[Chunk], Chunk] | None = None,
    plan_of: Callable[[Chunk], EpochPlan | None] | None = None,
    interrupts: Interrupts | None = None,
    throttle: Throttle | None = None,
    sharing: Sharing | None = None,
) -> Totals:
    """Train on every job of one epoch.

    Args:
        engine: does the work; a thread-safe one gets `workers` threads.
        tables: as `engine.load_tables` returned them; updated in place.
        plan: the epoch's plan, with numpy arrays.
        source: the jobs, in corpus order; an exception of its corpus is raised here with its own traceback.
        workers: number of threads.
        hooks: what is done beside it.
        totals: what the epoch has done before the first job of `source`; they are updated, and right also when this
            raises.
        load_chunk: returns a chunk as the engine takes it; `engine.load_chunk` by default.
        plan_of: returns another plan for a chunk, which differs in its layout, or None; called from any thread. Without
            it all chunks have `plan`.
        interrupts: hold signals back while a job is running that is not yet in the totals.
        throttle: what was learnt in earlier epochs of how many threads are fast together.
        sharing: which rows threads have copies of; None for none.

    Returns:
        The totals.
    """
    hooks, throttle, interrupts = hooks or Hooks(), throttle or Throttle(), interrupts or Interrupts()
    totals = Totals() if totals is None else totals
    next_report = 1.0
    loaded_plans = {plan.layout: engine.load_plan(plan)}
    load_chunk = load_chunk or engine.load_chunk

    def run(job: Job, tables: Tables = tables) -> ChunkResult:
        if job.chunk.end == job.chunk.begin:
            return ChunkResult(0, 0.0, 0.0)
        chunk = job.chunk.read()
        chunk_plan = (plan_of(chunk) if plan_of else None) or plan
        try:
            if chunk_plan.layout not in loaded_plans:
                loaded_plans[chunk_plan.layout] = engine.load_plan(chunk_plan)
            return engine.train(tables, load_chunk(chunk), job.rates, loaded_plans[chunk_plan.layout])
        except BaseException:
            totals.failed = True
            raise

    def report_if_due() -> None:
        nonlocal next_report
        hooks.watch(totals)
        if totals.elapsed >= next_report:
            hooks.report(totals)
            next_report = totals.elapsed + hooks.report_delay

    stopped = False

    def stop_once() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            hooks.stop()

    several = engine.thread_safe and workers > 1
    try:
        with interrupts.held():
            while True:
                part = UntilDue(source, hooks.due)
                if several:
                    threads = Workers(run, partial(engine.for_thread, tables, sharing), part, throttle)
                    threads.run(workers, totals.add, report_if_due, stop_once, interrupts)
                else:
                    _run_here(run, part, totals, report_if_due, interrupts)
                if not part.is_due:
                    return totals
                hooks.pause()
    finally:
        stop_once()


def _run_here(
    run: Callable[[Job], ChunkResult],
    source: Iterator[Job],
    totals: Totals,
    report_if_due: Callable[[], None],
    interrupts: Interrupts,
) -> None:
    """Run jobs on this thread; see `Workers`."""
    while True:
        with interrupts.released():
            job = next(source, None)
        if job is None:
            return
        totals.add(job, run(job))
        report_if_due()
        interrupts.poll()
