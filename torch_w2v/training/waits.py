"""What other threads wait for, as far as their frames show it: only looked at while a call of `train()` waits."""

from __future__ import annotations

import concurrent.futures
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from torch_w2v.call_threads import Call

_EVENTS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_progress")


class Seen:
    """What a waiting call has seen of the one that runs."""

    def __init__(self) -> None:
        # frames of callbacks -> since when they have been there
        self._events: dict[FrameType, float] = {}

    def waiting_place(self, call: Call, patience: float) -> str | None:
        """Return where a call has been for so many seconds, if that is code of the program."""
        now, frames = time.monotonic(), sys._current_frames()
        events = [frame for thread in list(call.threads) for frame in _frames(frames.get(thread)) if _is_event(frame)]
        self._events = {frame: self._events.get(frame, now) for frame in events}
        for frame, since in self._events.items():
            if now - since >= patience:
                return f"{frame.f_code.co_name}() of a callback ({frame.f_code.co_filename}:{frame.f_lineno})"
        if any(since is not None and now - since >= patience for since in list(call.threads.values())):
            return "the iterator of its corpus"
        return None


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _is_event(frame: FrameType) -> bool:
    return frame.f_code.co_name in _EVENTS


def awaited_by(frame: FrameType | None) -> Iterator[Any]:
    """Yield the threads and futures for whose end a thread waits, without a limit of time."""
    awaiting = {threading.Thread.join.__code__, concurrent.futures.Future.result.__code__}
    for each in _frames(frame):
        if each.f_code in awaiting and each.f_locals.get("timeout") is None:
            yield each.f_locals.get("self")


def running_futures(frame: FrameType) -> Iterator[Any]:
    """Yield the futures that a thread is to fulfil."""
    for each in _frames(frame):
        future = getattr(each.f_locals.get("self"), "future", None) if each.f_code.co_name == "run" else None
        if isinstance(future, concurrent.futures.Future):
            yield future
