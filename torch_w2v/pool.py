"""Threads that take work until they are told to end, also where Python's own executors refuse it."""

from __future__ import annotations

import queue
import sys
import threading
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
        self._ended = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future result of fn(*args, **kwargs).

        Raises:
            RuntimeError: after `shutdown`, or the first thread cannot start.
        """
        if self._ended:
            raise RuntimeError("the threads have been told to end")
        if len(self._threads) < self._most:
            self._start()
        future: Future[Any] = Future()
        self._work.put((future, fn, args, kwargs))
        return future

    def _start(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        # It is listed before it starts: an interrupt may come while it does.
        self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
        try:
            self._threads[-1].start()
        except RuntimeError:
            self._threads.pop()
            self._most = len(self._threads)
            if not self._threads:
                raise

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
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

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads, once they have done what was submitted.

        While the interpreter ends there is no waiting: from Python 3.13 on daemon threads do not go on then.
        """
        del cancel_futures
        if not self._ended:
            self._ended = True
            for _ in self._threads:
                self._work.put(None)
        if wait and not sys.is_finalizing():
            for thread in self._threads:
                if thread.is_alive():
                    thread.join()
