"""Threads that take work until they are told to end, also where Python's own executors refuse it."""

from __future__ import annotations

import queue
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
        threads: number of threads, which begin with the first work.
        name: of the threads, before their numbers.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}_{number}", daemon=True) for number in range(threads)
        ]
        self._started = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future result of fn(*args, **kwargs)."""
        for thread in self._threads[self._started :]:
            thread.start()
            self._started += 1
        future: Future[Any] = Future()
        self._work.put((future, fn, args, kwargs))
        return future

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
        """End the threads, once they have done what was submitted."""
        del cancel_futures
        started = self._threads[: self._started]
        for _ in started:
            self._work.put(None)
        if wait:
            for thread in started:
                thread.join()
