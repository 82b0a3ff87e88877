"""Threads that take work until they are told to end, also where Python's own executors refuse it."""

from __future__ import annotations

import queue
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

_Work = tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class ThreadPool(Executor):
    """An executor whose threads do not depend on the main thread.

    Those of `ThreadPoolExecutor` take no more work once the main thread has ended, while other threads go on, nor in
    functions of `atexit`; a program may train in both.

    Args:
        threads: number of threads at most; one begins with each of the first works.
        name: of the threads, before their numbers.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._most, self._name = threads, name
        self._threads: list[threading.Thread] = []
        # also without `shutdown`, as where an interrupt comes before it
        self._end = weakref.finalize(self, _end, self._work, self._threads)
        self._end.atexit = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future result of fn(*args, **kwargs).

        Raises:
            RuntimeError: after `shutdown`, or the first thread cannot start.
        """
        if not self._end.alive:
            raise RuntimeError("the threads have been told to end")
        if len(self._threads) < self._most:
            self._start()
        future: Future[Any] = Future()
        self._work.put((future, fn, args, kwargs))
        return future

    def _start(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        # It is listed before it starts: an interrupt may come while it does.
        self._threads.append(threading.Thread(target=_run, args=(self._work,), name=name, daemon=True))
        try:
            self._threads[-1].start()
        except RuntimeError:
            self._threads.pop()
            self._most = len(self._threads)
            if not self._threads:
                raise

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads, once they have done what was submitted.

        While the interpreter ends there is no waiting: from Python 3.13 on daemon threads do not go on then.

        Args:
            wait: for the threads' end.
            cancel_futures: cancel what no thread has begun, instead of doing it.
        """
        while cancel_futures:
            try:
                work = self._work.get_nowait()
            except queue.Empty:
                break
            if work is not None:
                work[0].cancel()
        self._end()
        if wait and not sys.is_finalizing():
            for thread in self._threads:
                if thread.is_alive():
                    thread.join()


# Neither refers to the pool, which may be collected while its threads wait.
def _run(waiting: queue.SimpleQueue[_Work | None]) -> None:
    while (work := waiting.get()) is not None:
        future, fn, args, kwargs = work
        if future.set_running_or_notify_cancel():
            try:
                result = fn(*args, **kwargs)
            except BaseException as e:  # raised where the result is asked for
                future.set_exception(e)
            else:
                future.set_result(result)
                del result
        # nothing is kept until the next work comes
        del work, future, fn, args, kwargs


def _end(waiting: queue.SimpleQueue[_Work | None], threads: list[threading.Thread]) -> None:
    for _ in threads:
        waiting.put(None)
