"""How many threads train at once: fewer than there are workers, where they are slower together.

Threads change the same rows, so these travel between the caches of the cores. Where caches are far apart (several
sockets or groups of cores, a virtual machine whose cores are moved) that can take longer than the training: two threads
may then do less than one.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from torch_w2v.training_log import logger

# Chunks per thread that a number of threads is judged by.
_CHUNKS = 3
# A number of threads is better where it is faster by this factor.
_BETTER = 1.1
# Where the speed falls below this share of the best one, fewer threads are tried at once.
_LOSS = 0.75
# Seconds before another number is tried: at first, and at most where all threads train, and where some are held back;
# they double while nothing is gained.
_PAUSE, _LONGEST_PAUSE, _LONGEST_HELD_BACK = 0.4, 8.0, 2.0


@dataclass(frozen=True)
class _Trial:
    """Another number of threads is being tried.

    Attributes:
        before: the number before that.
        speed: of that number, in words per second.
    """

    before: int
    speed: float


class Throttle:
    """Holds threads back while fewer of them get more done.

    The speed of n threads, in words per second, is n divided by the seconds that a word of a chunk takes one of them.
    Every now and then half as many threads are tried for a few chunks, or twice as many where some are held back. A
    trial that the end of an epoch cuts off goes on in the next one.

    Args:
        clock: the time in seconds.

    Attributes:
        limit: number of threads that may train at present.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.limit = 0
        self._clock = clock
        self._changed = threading.Condition()
        self._workers = 0
        self._is_open = True
        self._wake: Callable[[], None] = lambda: None
        # seconds per word of the chunks that were trained since the number of threads changed, and their threads
        self._costs: list[float] = []
        self._threads: set[int] = set()
        # chunks that were begun with another number of threads
        self._passing = 0
        self._trial: _Trial | None = None
        # the highest speed since the last trial
        self._best = 0.0
        self._pause, self._next = _PAUSE, 0.0
        self._tries_fewer = True

    def begin(self, workers: int, wake: Callable[[], None]) -> None:
        """Begin an epoch, or a part of one. With as many workers as before, what was learnt of them still counts.

        Args:
            workers: number of threads.
            wake: called when more threads than before may train, of which some may have to be started.
        """
        with self._changed:
            self._is_open, self._wake = False, wake
            self._passing = 0
            if workers != self._workers:
                self.limit = self._workers = workers
                self._trial, self._best = None, 0.0
                self._pause, self._next = _PAUSE, self._clock() + _PAUSE
                self._restart()

    def end(self) -> None:
        """Let all threads pass, since there are no more jobs."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def may_train(self, thread: int) -> bool:
        """Return whether a thread, a number from 0, may train now."""
        return thread < self.limit or self._is_open

    def wait(self, thread: int) -> None:
        """Return when a thread may train."""
        with self._changed:
            while not self.may_train(thread):
                self._changed.wait()

    def note(self, thread: int, words: int, seconds: float) -> None:
        """Note that a thread has trained so many words in so many seconds."""
        with self._changed:
            if self._passing:
                self._passing -= 1
            elif words and not self._is_open:
                self._costs.append(seconds / words)
                self._threads.add(thread)
                if len(self._costs) >= _CHUNKS * self.limit:
                    speed = len(self._threads) / statistics.median(self._costs)
                    self._restart()
                    if self._trial:
                        self._decide(self._trial, speed)
                    else:
                        self._try(speed)

    def _restart(self) -> None:
        self._costs.clear()
        self._threads.clear()

    def _try(self, speed: float) -> None:
        """Try another number of threads if it is time to, or if the present ones have become much slower."""
        is_loss, self._best = speed < _LOSS * self._best, max(self._best, speed)
        if self._workers == 1 or (self._clock() < self._next and not is_loss):
            return
        self._tries_fewer = self.limit > 1 and (is_loss or self.limit == self._workers or not self._tries_fewer)
        self._trial = _Trial(self.limit, speed)
        self._set(max(1, self.limit // 2) if self._tries_fewer else min(self._workers, 2 * self.limit))

    def _decide(self, trial: _Trial, speed: float) -> None:
        """Keep the number of threads that was tried, or go back to the one before."""
        self._trial, self._best = None, 0.0
        if speed > _BETTER * trial.speed:
            if self.limit < self._workers:
                logger.info("%d of %d threads train: more are slower together", self.limit, self._workers)
            else:
                logger.info("all %d threads train again", self._workers)
            self._pause = _PAUSE
        else:
            most = _LONGEST_PAUSE if trial.before == self._workers else _LONGEST_HELD_BACK
            self._pause = min(2 * self._pause, most)
            self._set(trial.before)
        self._next = self._clock() + self._pause

    def _set(self, limit: int) -> None:
        self._passing = max(limit, self.limit)
        is_more, self.limit = limit > self.limit, limit
        if is_more:
            self._changed.notify_all()
            self._wake()
