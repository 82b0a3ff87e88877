"""Signals that end a process, held back while training is in a state that cannot be resumed."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from torch_w2v.hints import Self

# Windows has no SIGHUP.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
# Seconds in which another signal is not a second one.
_AT_ONCE = 2.0


class Terminated(SystemExit):
    """A signal has ended the process; the exit code is 128 and its number, as shells have it.

    Args:
        number: of the signal.

    Attributes:
        exit_code: as an int; `code` may be anything.
    """

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(self.exit_code)


class Interrupts:
    """Ctrl-C, SIGTERM and SIGHUP in the block of a `with` statement.

    They do what they would do without it (Ctrl-C raises KeyboardInterrupt), with two exceptions. Within `held()` they
    wait for its end. And where the system would end the process at once, they raise `Terminated`. A signal that is
    ignored stays so. Only the main thread can do this; on another one nothing changes. An object that is not entered
    holds nothing.
    """

    def __init__(self) -> None:
        self._held = False
        self._pending: tuple[int, FrameType | None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._receive_signals()
        except BaseException:  # a signal that came meanwhile
            self.__exit__()
            raise
        return self

    def _receive_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.getsignal(number)
                # None is a handler that was not set by Python.
                if handler not in (None, signal.SIG_IGN):
                    self._before[number] = handler
                    signal.signal(number, self._receive)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # One that was set meanwhile stays.
            if signal.getsignal(number) == self._receive:
                signal.signal(number, handler)
        self._held = False
        self.poll()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._pending = number, frame
        if not self._held:
            self.poll()

    def poll(self) -> None:
        """Let a signal that was held back take its effect."""
        if self._pending is None:
            return
        (number, frame), self._pending = self._pending, None
        handler = self._before[number]
        if not callable(handler):
            raise Terminated(number)
        handler(number, frame)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold signals back in this block; one that came takes its effect at the end, unless the block raises."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before
        if not before:
            self.poll()

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let signals take their effect at once in this block, within `held()`."""
        before, self._held = self._held, False
        try:
            self.poll()
            yield
        finally:
            self._held = before


class PatientInterrupts(Interrupts):
    """Interrupts that may be told to wait, even outside of `held()`; a second signal, some seconds later, ends that.

    Several ranks need it: one that stops between two agreements would lose what all have learnt since the last one.
    What comes at once after the first signal is the same: a terminal tells all processes, and launchers tell theirs.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting = False
        self._first = 0.0

    def __exit__(self, *error: object) -> None:
        self._waiting = False
        super().__exit__(*error)

    @property
    def pending(self) -> bool:
        """Whether a signal waits."""
        return self._pending is not None

    def wait(self) -> None:
        """Let signals wait from now on."""
        self._waiting = True

    def settle(self) -> None:
        """Let a signal that waits take its effect; others need not wait any more."""
        self._waiting = False
        self.poll()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.pending:
            self._first = now
        elif now - self._first > _AT_ONCE:
            self._waiting = False
        super()._receive(number, frame)

    def poll(self) -> None:
        """Let a signal that was held back take its effect, if it need not wait."""
        if not self._waiting:
            super().poll()
