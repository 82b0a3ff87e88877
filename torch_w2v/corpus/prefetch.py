"""An iterator whose items are computed ahead of their consumer, on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from torch_w2v.call_threads import inherited, noted

T = TypeVar("T")


class Prefetch(Generic[T]):
    """The items of an iterable, computed on a thread at most `depth` items ahead. It can be iterated over once.

    An exception of the iterable is raised in the consumer, with its own traceback. The thread is a daemon, since an
    iterable that waits for something cannot be stopped.

    Args:
        items: the iterable. If its iterator has a method `close`, as a generator has, the thread calls it at the end.
        depth: maximum number of items that wait for the consumer.
    """

    def __init__(self, items: Iterable[T], depth: int = 2) -> None:
        self._queue: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(
            target=inherited(self._run), args=(items,), name="torch_w2v-prefetch", daemon=True
        )
        self._thread.start()

    def _run(self, items: Iterable[T]) -> None:
        end: BaseException | None = None
        iterator = None
        try:
            iterator = iter(items)
            noted_items = noted(iterator)
            while not self._closed.is_set():
                self._put((next(noted_items),))
        except StopIteration:
            pass
        except BaseException as e:  # raised in the consumer
            end = e
        try:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        except BaseException as e:  # the first of two is raised in the consumer
            end = e if end is None else end
        finally:
            self._put(end)

    def _put(self, item: tuple[T] | BaseException | None) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._queue.put(item, timeout=0.05)
                return

    def __iter__(self) -> Iterator[T]:
        while not self._closed.is_set():
            with suppress(queue.Empty):
                item = self._queue.get(timeout=0.05)
                if item is None:
                    return
                if not isinstance(item, tuple):
                    raise item
                yield item[0]

    @property
    def closed(self) -> bool:
        """Whether `close` was called, so that the items may have ended early."""
        return self._closed.is_set()

    def close(self) -> None:
        """End the items, from any thread: a waiting consumer sees the end of the iterator.

        The thread ends before its next item; this waits half a second for it.
        """
        self._closed.set()
        self._thread.join(0.5)

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
