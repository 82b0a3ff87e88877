"""One pass over the corpus: chunks to the engine, learning rate, progress, totals."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from timeit import default_timer
from typing import Any

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.interface import Engine
from torch_w2v.engines.operator import KEPT, LOSS, PAIRS

logger = logging.getLogger(__name__)


@dataclass
class Totals:
    """What one pass has done so far: chunks, sentences, words seen, words trained on, seconds, and the loss."""

    chunks: int = 0
    examples: int = 0
    raw_words: int = 0
    trained_words: int = 0
    loss: float = 0.0
    pairs: float = 0.0
    start: float = field(default_factory=default_timer)

    def add(self, chunk: Chunk, result: Any) -> None:
        """Count a finished chunk with what the engine returned for it."""
        self.chunks += 1
        self.examples += chunk.examples
        self.raw_words += chunk.end - chunk.begin
        if result is not None:
            self.trained_words += int(result[KEPT])
            self.loss += float(result[LOSS])
            self.pairs += float(result[PAIRS])

    @property
    def elapsed(self) -> float:
        """Seconds since the pass began; never 0."""
        return default_timer() - self.start + 1e-5


@dataclass
class Job:
    """A chunk with its learning rate at either end."""

    chunk: Chunk
    alpha_begin: float
    alpha_end: float


def jobs(chunks: Iterable[Chunk], alpha: Callable[[int, int], float]) -> Iterator[Job]:
    """Chunks in order, each with the learning rates of the words before it and up to its end.

    alpha: (sentences, words) before -> learning rate there.
    """
    examples = words = 0
    rate = alpha(0, 0)
    for chunk in chunks:
        examples += chunk.examples
        words += chunk.end - chunk.begin
        job = Job(chunk, rate, rate := alpha(examples, words))
        yield job


def train_epoch(
    engine: Engine,
    tables: tuple[Any, Any],
    arguments: dict[str, Any],
    source: Iterator[Job],
    workers: int,
    report: Callable[[Totals], None],
    report_delay: float,
    stop: Callable[[], None] = lambda: None,
    place: Callable[[Chunk], tuple[Any, Any]] | None = None,
) -> Totals:
    """Train on every job of one pass.

    Args:
        engine: does the work; one whose chunks may run side by side gets `workers` threads.
        tables: context rows and output rows as the engine wants them, updated in place.
        arguments: `TrainingPlan.arguments`; arrays are placed here.
        source: the jobs, in corpus order; an exception of its corpus comes out of here with its own traceback.
        workers: threads.
        report: called with the totals at most once every `report_delay` seconds.
        report_delay: seconds.
        stop: makes `source` end for whoever waits for its next job; called when training ends for any reason.
        place: a chunk -> its tokens and offsets as the engine wants them; `engine.place_chunk` by default.
    """
    totals = Totals()
    next_report = 1.0
    placed = {name: engine.place(x) if isinstance(x, np.ndarray) else x for name, x in arguments.items()}
    place = place or engine.place_chunk

    def run(job: Job) -> Any:
        chunk = job.chunk
        if chunk.end == chunk.begin:
            return None
        return engine.train_chunk(
            *tables, *place(chunk), chunk.begin, chunk.end, chunk.position, job.alpha_begin, job.alpha_end, **placed,
        )  # fmt: skip

    def count(job: Job, result: Any) -> None:
        nonlocal next_report
        totals.add(job.chunk, result)
        if totals.elapsed >= next_report:
            report(totals)
            next_report = totals.elapsed + report_delay

    if engine.concurrent and workers > 1:
        for job, result in _side_by_side(run, source, workers, stop):
            count(job, result)
    else:
        try:
            for job in source:
                count(job, run(job))
        finally:
            stop()
    return totals


def _side_by_side(
    run: Callable[[Job], Any], source: Iterator[Job], workers: int, stop: Callable[[], None]
) -> Iterator[tuple[Job, Any]]:
    """Run jobs on `workers` threads; finished ones come back in the order they finish.

    An exception, or an interrupt of the main thread, stops the others after their present chunk; none outlives this.
    """
    done: queue.SimpleQueue[tuple[Job, Any] | BaseException | None] = queue.SimpleQueue()
    turn, stopped = threading.Lock(), threading.Event()

    def work() -> None:
        try:
            while not stopped.is_set():
                with turn:
                    job = next(source, None)
                if job is None:
                    break
                done.put((job, run(job)))
        except BaseException as e:  # carried to the main thread, which raises it
            done.put(e)
        finally:
            done.put(None)

    threads = [threading.Thread(target=work, name=f"torch_w2v-{i}", daemon=True) for i in range(workers)]
    for thread in threads:
        thread.start()
    try:
        running = workers
        while running:
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
            thread.join()
