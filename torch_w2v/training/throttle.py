"""How many threads train at once: fewer than there are workers, where they are slower together.

Threads change the same rows, so these travel between the caches of the cores. Where caches are far apart (several
sockets or groups of cores, a virtual machine whose cores are moved) that can take longer than the training: two threads
may then do less than one.
"""

from __future__ import annotations

import logging
import statistics
import threading
import time
from collections.abc import Callable

logger = logging.getLogger("torch_w2v.word2vec")

# Chunks per thread that a number of threads is judged by.
_CHUNKS = 3
# A number of threads is better where it is faster by this factor.
_BETTER = 1.1
# Where the speed falls below this share of the best one, fewer threads are tried at once.
_LOSS = 0.75
# Seconds before another number is tried: at first, and at most where all threads train, and where some are held back;
# they double while nothing is gained.
_PAUSE, _LONGEST_PAUSE, _LONGEST_HELD_BACK = 0.4, 8.0, 2.0


class Throttle:
    """Holds threads back while fewer of them get more done.

    The speed of n threads, in words per second, is n divided by the seconds that a word of a chunk takes one of them.
    Every now and then half as many threads are tried for a few chunks, or twice as many where some are held back.

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
        # chunks that were begun before that
        self._passing = 0
        # the number of threads before the one that is being tried, or 0; the speed with it
        self._before, self._speed = 0, 0.0
        self._best = 0.0
        self._pause, self._next = _PAUSE, 0.0
        self._tries_fewer = True

    def begin(self, workers: int, wake: Callable[[], None]) -> None:
        """Begin an epoch.

        Args:
            workers: number of threads.
            wake: called when more threads than before may train, of which some may have to be started.
        """
        with self._changed:
            if workers != self._workers:
                self.limit = self._workers = workers
                self._pause, self._next = _PAUSE, self._clock() + _PAUSE
            elif self._before:
                self.limit = self._before
            self._before, self._best, self._is_open, self._wake = 0, 0.0, False, wake
            self._restart(self.limit)

    def end(self) -> None:
        """Let all threads pass, since there are no more jobs."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()

    def wait(self, thread: int) -> None:
        """Return when a thread, a number from 0, may train."""
        with self._changed:
            while thread >= self.limit and not self._is_open:
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
                    self._judge(len(self._threads) / statistics.median(self._costs))

    def _restart(self, passing: int) -> None:
        self._costs.clear()
        self._threads.clear()
        self._passing = passing

    def _judge(self, speed: float) -> None:
        now = self._clock()
        if self._before:
            if speed > _BETTER * self._speed:
                if self.limit < self._workers:
                    logger.info("%d of %d threads train: more are slower together", self.limit, self._workers)
                else:
                    logger.info("all %d threads train again", self._workers)
                self._pause = _PAUSE
                self._restart(0)
            else:
                most = _LONGEST_PAUSE if self._before == self._workers else _LONGEST_HELD_BACK
                self._pause = min(2 * self._pause, most)
                self._set(self._before)
            self._before, self._best, self._next = 0, 0.0, now + self._pause
            return
        is_loss, self._best = speed < _LOSS * self._best, max(self._best, speed)
        if (now >= self._next or is_loss) and self._workers > 1:
            self._tries_fewer = self.limit > 1 and (is_loss or self.limit == self._workers or not self._tries_fewer)
            self._before, self._speed = self.limit, speed
            self._set(max(1, self.limit // 2) if self._tries_fewer else min(self._workers, 2 * self.limit))
        else:
            self._restart(0)

    def _set(self, limit: int) -> None:
        self._restart(max(limit, self.limit))
        is_more, self.limit = limit > self.limit, limit
        if is_more:
            self._changed.notify_all()
            self._wake()
