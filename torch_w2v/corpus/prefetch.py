"""An iterator that runs ahead of its reader on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetch(Generic[T]):
    """The items of `items`, made on a thread that runs at most `depth` of them ahead.

    Iterate over it once. An exception of theirs comes out there, with its own traceback. `close` may be called from
    any thread: whoever waits for an item then gets the end; the thread ends before its next item (a daemon, since an
    iterator that waits for something cannot be stopped).
    """

    def __init__(self, items: Iterable[T], depth: int = 2) -> None:
        self._queue: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), name="torch_w2v-ahead", daemon=True)
        self._thread.start()

    def _run(self, items: Iterable[T]) -> None:
        end: BaseException | None = None
        iterator = None
        try:
            iterator = iter(items)
            while not self._closed.is_set():
                self._put((next(iterator),))
        except StopIteration:
            pass
        except BaseException as e:  # carried to the reader, which raises it
            end = e
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:  # a generator that was left in the middle cleans up here
                close()
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
        """Whether it was closed, and may have ended early."""
        return self._closed.is_set()

    def close(self) -> None:
        """No more items; waits a moment for the thread to end."""
        self._closed.set()
        self._thread.join(0.5)

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
