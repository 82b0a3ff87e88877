"""The threads that train an epoch, and one that counts what they have done."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from timeit import default_timer

from torch_w2v.call_threads import inherited
from torch_w2v.engines.interface import ChunkResult, Tables
from torch_w2v.training.interrupts import Interrupts
from torch_w2v.training.jobs import Job
from torch_w2v.training.throttle import Throttle

# Seconds between two looks at what threads have done, and for a signal that was held back.
_PATIENCE = 0.1


class Workers:
    """Threads that run jobs; the one that calls `run` counts them in the order in which they finish.

    They are counted every `_PATIENCE` seconds: waking this thread for each would cost as much as handing it out.
    A thread is started with its first job, so there are never more threads than jobs.

    Args:
        run_job: runs a job on the tables of its thread.
        open_tables: returns the context in which a thread of this number trains.
        source: the jobs.
        throttle: holds threads back where fewer are faster.
    """

    def __init__(
        self,
        run_job: Callable[[Job, Tables], ChunkResult],
        open_tables: Callable[[int], AbstractContextManager[Tables]],
        source: Iterator[Job],
        throttle: Throttle,
    ) -> None:
        self._run_job, self._open_tables = run_job, open_tables
        self._source, self._throttle = source, throttle
        self._turn, self._stopped, self._ended = threading.Lock(), threading.Event(), threading.Event()
        # finished jobs, errors, and None for each thread that has ended
        self._results: deque[tuple[Job, ChunkResult] | BaseException | None] = deque()
        self._threads: list[threading.Thread] = []
        self._running = 0

    def run(
        self,
        most: int,
        count: Callable[[Job, ChunkResult], None],
        report: Callable[[], None],
        stop: Callable[[], None],
        interrupts: Interrupts,
    ) -> None:
        """Run all jobs, and return when the last thread has ended.

        An exception, or an interrupt of this thread, stops the threads after their present chunk, which is counted too;
        none outlives this.

        Args:
            most: maximum number of threads.
            count: is told of each job that is finished.
            report: called after that.
            stop: makes the source end for a thread that waits for its next job.
            interrupts: are held back, but for waiting.
        """
        self._throttle.begin(most, wake=self._ended.set)
        exhausted = False
        try:
            while True:
                if not exhausted and len(self._threads) < self._throttle.limit:
                    exhausted = not self._start_one(interrupts)
                elif self._running:
                    self._ended.wait(_PATIENCE)
                    self._ended.clear()
                else:
                    return
                interrupts.poll()
                while self._results:
                    result = self._results.popleft()
                    if result is None:
                        self._running -= 1
                    elif isinstance(result, BaseException):
                        raise result
                    else:
                        count(*result)
                        report()
        except BaseException:
            self._stopped.set()
            self._throttle.end()
            stop()
            raise
        finally:
            for thread in self._threads:
                # The last one may have failed to start.
                if thread.ident is not None:
                    thread.join()
            for rest in self._results:
                if isinstance(rest, tuple):
                    count(*rest)

    def _start_one(self, interrupts: Interrupts) -> bool:
        """Start a thread with the next job, and return whether there was one."""
        with interrupts.released():
            job = self._next_job()
        if job is None:
            return False
        number = len(self._threads)
        thread = threading.Thread(
            target=inherited(self._work), args=(number, job), name=f"torch_w2v-{number}", daemon=True
        )
        self._threads.append(thread)
        thread.start()
        self._running += 1
        return True

    def _next_job(self) -> Job | None:
        with self._turn:
            return next(self._source, None)

    def _work(self, number: int, job: Job | None) -> None:
        """Run a job and those after it; what a thread does."""
        try:
            while job is not None:
                with self._open_tables(number) as tables:
                    self._run_and_note(number, job, tables)
                    while self._throttle.may_train(number) and (job := self._take()) is not None:
                        self._run_and_note(number, job, tables)
                if job is not None:  # held back
                    self._throttle.wait(number)
                    job = self._take()
        except BaseException as e:  # carried to the thread that counts, which raises it
            self._results.append(e)
        finally:
            self._throttle.end()
            self._results.append(None)
            self._ended.set()

    def _take(self) -> Job | None:
        return None if self._stopped.is_set() else self._next_job()

    def _run_and_note(self, number: int, job: Job, tables: Tables) -> None:
        begin = default_timer()
        result = self._run_job(job, tables)
        self._throttle.note(number, result.trained_words, default_timer() - begin)
        self._results.append((job, result))
