"""Ranks that are threads of one process, for tests: the interface of `Group` without torch and without sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class ThreadGroup:
    """One rank of several in this process; see `Group`."""

    def __init__(self, rank: int, size: int, shared: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, size
        self._shared, self._barrier = shared, barrier

    @contextmanager
    def together(self) -> Iterator[None]:
        try:
            yield
        except threading.BrokenBarrierError as e:
            raise RuntimeError("another rank has failed") from e
        except BaseException:
            self._barrier.abort()
            raise

    def from_all(self, value: T) -> list[T]:
        self._shared[self.rank] = value
        self._barrier.wait(60)
        values = list(self._shared)
        self._barrier.wait(60)
        return values

    def to_first(self, value: T) -> list[T] | None:
        values = self.from_all(value)
        return values if self.rank == 0 else None

    def from_first(self, value: T) -> T:
        return self.from_all(value)[0]

    def backend_for(self, device: str) -> str | None:
        return None

    def swap(self, values: Sequence[bytes]) -> list[bytes]:
        return [everyone[self.rank] for everyone in self.from_all(list(values))]

    def broadcast(self, array: np.ndarray) -> None:
        array[...] = self.from_first(array.copy())

    def swap_parts(self, parts: np.ndarray) -> np.ndarray:
        return np.stack([part[self.rank] for part in self.from_all(parts.copy())])

    def gather_parts(self, part: np.ndarray, into: np.ndarray) -> None:
        into[...] = np.stack(self.from_all(part.copy()))


class ThreadTensorGroup:
    """The interface of `TensorGroup` for tensors on the CPU, between the ranks of a `ThreadGroup`."""

    def __init__(self, ranks: ThreadGroup) -> None:
        self.ranks, self.rank, self.size = ranks, ranks.rank, ranks.size

    def meet(self) -> None:
        self.ranks.from_all(None)

    def settle(self, device: Any) -> None:
        pass

    def broadcast(self, tensor: Any) -> None:
        assert tensor.is_contiguous()
        tensor.copy_(self.ranks.from_first(tensor.clone()))

    def swap_parts(self, parts: Any, into: Any) -> None:
        assert parts.is_contiguous()
        assert into.is_contiguous()
        for row, part in zip(into, self.ranks.from_all(parts.clone()), strict=True):
            row.copy_(part[self.rank])

    def gather_parts(self, part: Any, into: Any) -> None:
        assert part.is_contiguous()
        assert into.is_contiguous()
        for row, other in zip(into, self.ranks.from_all(part.clone()), strict=True):
            row.copy_(other)


def run_ranks(size: int, program: Callable[[ThreadGroup], T]) -> list[T]:
    """Run a program once per rank, side by side, and return the results; an error of a rank is raised."""
    shared: list[Any] = [None] * size
    barrier = threading.Barrier(size)
    results: list[Any] = [None] * size
    errors: list[BaseException] = []

    def run(rank: int) -> None:
        group = ThreadGroup(rank, size, shared, barrier)
        try:
            with group.together():
                results[rank] = program(group)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in errors:
        if "another rank has failed" not in str(error):
            raise error
    if errors:
        raise errors[0]
    return results
