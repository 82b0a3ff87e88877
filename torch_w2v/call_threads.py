"""Which threads work for a call, so that one of them is not left waiting for the end of that call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")

_here = threading.local()


class Call:
    """A call whose work several threads do.

    Attributes:
        threads: identity of each of them -> since when it has waited for code of the program, such as an iterator of a
            corpus; None while it has not.
    """

    def __init__(self) -> None:
        self.threads: dict[int, float | None] = {}


def calls_here() -> tuple[Call, ...]:
    """Return the calls that this thread works for."""
    found: tuple[Call, ...] = getattr(_here, "calls", ())
    return found


@contextmanager
def working_for(calls: tuple[Call, ...]) -> Iterator[None]:
    """Let this thread work for calls, besides those that it works for already."""
    me, before = threading.get_ident(), calls_here()
    new = tuple(call for call in calls if call not in before)
    _here.calls = before + new
    for call in new:
        call.threads[me] = None
    try:
        yield
    finally:
        _here.calls = before
        for call in new:
            call.threads.pop(me, None)


def inherited(work: Callable[..., None]) -> Callable[..., None]:
    """Return a function for a new thread, which works for the calls that the present thread works for."""
    calls = calls_here()

    @wraps(work)
    def work_for_them(*args: Any) -> None:
        with working_for(calls):
            work(*args)

    return work_for_them


def noted(items: Iterable[T]) -> Iterator[T]:
    """Yield items, and note for the calls of this thread since when it has waited for the next one."""
    me, calls = threading.get_ident(), calls_here()
    iterator = iter(items)
    while True:
        # The thread may wait for another iterator already, whose code asks for this one's items.
        before = [call.threads[me] for call in calls]
        now = time.monotonic()
        for call in calls:
            call.threads[me] = now
        try:
            item = next(iterator)
        except StopIteration:
            return
        finally:
            for call, since in zip(calls, before, strict=True):
                call.threads[me] = since
        yield item
