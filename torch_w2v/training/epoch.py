"""One epoch: chunks to the engine, learning rate, progress, totals."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from timeit import default_timer

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import ChunkResult, Engine, Rates, Tables
from torch_w2v.engines.plan import EpochPlan


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
        start: when the epoch began, in seconds of `timeit.default_timer`.
    """

    chunks: int = 0
    examples: int = 0
    raw_words: int = 0
    trained_words: int = 0
    loss: float = 0.0
    pairs: float = 0.0
    start: float = field(default_factory=default_timer)

    def add(self, chunk: Chunk, result: ChunkResult) -> None:
        """Count a finished chunk with what the engine returned for it."""
        self.chunks += 1
        self.examples += chunk.examples
        self.raw_words += chunk.end - chunk.begin
        self.trained_words += result.trained_words
        self.loss += result.loss
        self.pairs += result.pairs

    @property
    def elapsed(self) -> float:
        """Seconds since the epoch began; never 0."""
        return default_timer() - self.start + 1e-5


@dataclass(frozen=True)
class Job:
    """A chunk with its learning rates."""

    chunk: Chunk
    rates: Rates


def jobs(chunks: Iterable[Chunk], alpha: Callable[[int, int], float]) -> Iterator[Job]:
    """Return the chunks in order, each with the learning rates at its beginning and its end.

    Args:
        chunks: in corpus order.
        alpha: function of the numbers of sentences and of words before a place that returns the learning rate there.
    """
    examples = words = 0
    rate = alpha(0, 0)
    for chunk in chunks:
        examples += chunk.examples
        words += chunk.end - chunk.begin
        begin, rate = rate, alpha(examples, words)
        yield Job(chunk, Rates(begin, rate))


def train_epoch(
    engine: Engine,
    tables: Tables,
    plan: EpochPlan,
    source: Iterator[Job],
    workers: int,
    report: Callable[[Totals], None],
    report_delay: float,
    stop: Callable[[], None] = lambda: None,
    load_chunk: Callable[[Chunk], Chunk] | None = None,
) -> Totals:
    """Train on every job of one epoch.

    Args:
        engine: does the work; a thread-safe one gets `workers` threads.
        tables: as `engine.load_table` returned them; updated in place.
        plan: the epoch's plan, with numpy arrays.
        source: the jobs, in corpus order; an exception of its corpus is raised here with its own traceback.
        workers: number of threads.
        report: called with the totals at most once every `report_delay` seconds.
        report_delay: seconds.
        stop: makes `source` end for a consumer that waits for its next job; called when training ends for any reason.
        load_chunk: returns a chunk as the engine takes it; `engine.load_chunk` by default.
    """
    totals = Totals()
    next_report = 1.0
    loaded_plan = engine.load_plan(plan)
    load_chunk = load_chunk or engine.load_chunk

    def run(job: Job) -> ChunkResult:
        if job.chunk.end == job.chunk.begin:
            return ChunkResult(0, 0.0, 0.0)
        return engine.train(tables, load_chunk(job.chunk), job.rates, loaded_plan)

    def count(job: Job, result: ChunkResult) -> None:
        nonlocal next_report
        totals.add(job.chunk, result)
        if totals.elapsed >= next_report:
            report(totals)
            next_report = totals.elapsed + report_delay

    if engine.thread_safe and workers > 1:
        for job, result in _run_on_threads(run, source, workers, stop):
            count(job, result)
    else:
        try:
            for job in source:
                count(job, run(job))
        finally:
            stop()
    return totals


def _run_on_threads(
    run: Callable[[Job], ChunkResult], source: Iterator[Job], workers: int, stop: Callable[[], None]
) -> Iterator[tuple[Job, ChunkResult]]:
    """Run jobs on at most `workers` threads; finished ones are returned in the order in which they finish.

    A thread is started with its first job, so there are never more threads than jobs. An exception, or an interrupt of
    the main thread, stops the threads after their present chunk; none outlives this.
    """
    done: queue.SimpleQueue[tuple[Job, ChunkResult] | BaseException | None] = queue.SimpleQueue()
    turn, stopped = threading.Lock(), threading.Event()

    def next_job() -> Job | None:
        with turn:
            return next(source, None)

    def work(job: Job | None) -> None:
        try:
            while job is not None:
                done.put((job, run(job)))
                job = None if stopped.is_set() else next_job()
        except BaseException as e:  # carried to the main thread, which raises it
            done.put(e)
        finally:
            done.put(None)

    threads: list[threading.Thread] = []
    running = 0
    exhausted = False
    try:
        while True:
            if not exhausted and len(threads) < workers:
                job = next_job()
                exhausted = job is None
                if job is not None:
                    name = f"torch_w2v-{len(threads)}"
                    thread = threading.Thread(target=work, args=(job,), name=name, daemon=True)
                    threads.append(thread)
                    thread.start()
                    running += 1
                    # What is done by now is returned at once, so that a slow source does not hold it back.
                    if done.empty():
                        continue
            if not running:
                return
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        stopped.set()
        stop()
        for thread in threads:
            # The last one may have failed to start.
            if thread.ident is not None:
                thread.join()
