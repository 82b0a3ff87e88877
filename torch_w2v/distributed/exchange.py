"""The exchange of what the ranks have learnt, between two intervals of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from torch_w2v.distributed import bindings
from torch_w2v.distributed.group import Group
from torch_w2v.distributed.merge import MOMENT_ROWS, Curvature, Problem, curvature, direction_count
from torch_w2v.distributed.schedule import rows_to_exchange
from torch_w2v.pool import ThreadPool

# Bytes that are sent at a time: enough to use a fast link, and no second copy of a large table.
_BLOCK = 32 << 20


def overwrite(group: Group, arrays: Sequence[np.ndarray]) -> None:
    """Overwrite arrays on all ranks by rank 0's, in place.

    Raises:
        ValueError: as `check_alike`.
    """
    check_alike(group, arrays)
    for array in arrays:
        whole = np.ascontiguousarray(array)
        group.broadcast(whole)
        array[...] = whole


def check_alike(group: Group, tables: Sequence[Any]) -> None:
    """Raise a ValueError if this rank's tables have not the shapes and dtypes of rank 0's: arrays, or tensors."""
    own = [(tuple(table.shape), str(table.dtype)) for table in tables]
    first = group.from_first(own)
    if own != first:
        raise ValueError(
            f"the tables of rank 0 are {first}, and those of rank {group.rank} are {own}: a callback must not change "
            "their shapes or dtypes where several processes train"
        )


class Exchange:
    """Makes one model of the tables that the ranks have trained apart; see `merge`.

    Args:
        group: the ranks.
        problem: of the whole corpus.
        is_sorted: rows are sorted by falling frequency.
        threads: number of threads of this rank.

    Attributes:
        bytes_sent: of tables, by this rank.
    """

    def __init__(self, group: Group, problem: Problem, is_sorted: bool, threads: int) -> None:
        self._group = group
        self._problem = problem
        self._is_sorted = is_sorted
        V = len(problem.kept)
        self._threads = threads
        # arrays here, tensors in `TensorExchange`
        self._base: list[Any] = []
        self._gradients: list[Any] = []
        self._curvatures: list[Curvature] = []
        hottest = np.argsort(-problem.kept, kind="stable")[:MOMENT_ROWS]
        self._hottest = hottest if len(hottest) < V else slice(None)
        self._of_hottest = Problem(
            **{**vars(problem), "kept": self._share(problem.kept), "drawn": self._share(problem.drawn)}
        )
        self.bytes_sent = 0

    def _share(self, shares: np.ndarray) -> np.ndarray:
        some = shares[self._hottest]
        return some / max(some.sum(), 1e-300)

    def overwrite(self, tables: Sequence[Any]) -> None:
        """Overwrite the tables on all ranks by rank 0's, in place; they are as `begin` takes them."""
        overwrite(self._group, tables)

    def begin(self, tables: Sequence[Any], curvatures: np.ndarray | None = None) -> None:
        """Take the tables as what the ranks agree on.

        Args:
            tables: (V, D) float32 each, equal on all ranks.
            curvatures: on rank 0, `curvatures()` of an exchange that had the same tables after it had all rows; None
                to compute them.
        """
        self._base = [self._copy(table) for table in tables]
        self._gradients = [self._zeros(base) for base in self._base]
        self._refresh(curvatures)

    def curvatures(self) -> np.ndarray:
        """Return the directions and rates in use, float32 (2, m D + m + 1)."""
        return np.stack([np.append(c.directions, c.rates) for c in self._curvatures])

    def _refresh(self, curvatures: np.ndarray | None = None) -> None:
        """Compute the directions on rank 0, unless they are given: others might round differently."""
        D = self._base[0].shape[1]
        m = direction_count(D)
        flat = np.zeros((2, m * D + m + 1), np.float32)
        if self._group.rank == 0:
            if curvatures is None:
                inputs, outputs = (self._hot_rows(base) for base in self._base)
                self._curvatures = [curvature(moments) for moments in self._of_hottest.moments(inputs, outputs)]
                curvatures = self.curvatures()
            flat[...] = curvatures
        self._group.broadcast(flat)
        self._curvatures = [Curvature(part[: m * D].reshape(m, D).copy(), part[m * D :].copy()) for part in flat]

    def merge(self, tables: Sequence[Any], counts: np.ndarray, number: int, is_last: bool, alpha: float) -> int:
        """Exchange what the ranks have learnt since the last time, in place.

        Args:
            tables: (V, D) float32 each, trained by this rank.
            counts: (V,) how often this rank has kept each word since the last exchange.
            number: of the exchange within the epoch, from 1.
            is_last: it is the last of the epoch: all ranks then have the same tables.
            alpha: the learning rate, the same on all ranks.

        Returns:
            The number of rows of each table that were exchanged.
        """
        for gradients, new in zip(self._gradients, self._problem.gradients(counts), strict=True):
            self._count(gradients, new)
        V = len(counts)
        rows = rows_to_exchange(number, is_last, V, self._is_sorted)
        if rows == V:
            self._refresh()
        with ThreadPool(self._threads, "torch_w2v-exchange") as pool:
            for table, base, gradients, curve in zip(
                tables, self._base, self._gradients, self._curvatures, strict=True
            ):
                scaled = self._scaled(curve, alpha, base)
                for part in self._blocks(rows, base.shape[1]):
                    self._merge_rows(table[part], base[part], gradients[part], scaled, pool)
                gradients[:rows] = 0
        return rows

    def _blocks(self, rows: int, columns: int) -> Iterator[slice]:
        step = max(1, _BLOCK // (2 * columns))
        return (slice(first, min(first + step, rows)) for first in range(0, rows, step))

    def _copy(self, table: Any) -> Any:
        return np.array(table, np.float32, order="C")

    def _zeros(self, table: Any) -> Any:
        """Return a float32 zero per row of a table."""
        return np.zeros(len(table), np.float32)

    def _hot_rows(self, base: Any) -> np.ndarray:
        rows: np.ndarray = base[self._hottest]
        return rows

    def _count(self, gradients: Any, new: np.ndarray) -> None:
        gradients[...] += new

    def _scaled(self, curve: Curvature, alpha: float, base: Any) -> Any:
        """Return a curvature for a learning rate, where the table is."""
        return Curvature(curve.directions, np.float32(alpha) * curve.rates)

    def _merge_rows(self, local: Any, base: Any, gradients: Any, curve: Any, pool: Executor) -> None:
        n, D = base.shape
        size = self._group.size
        part = -(-n // size)
        columns = D + len(curve.directions) + 1
        wire = np.zeros((size * part, columns), np.uint16)
        bindings.pack(local, base, gradients, curve, wire[:n], pool)
        received = self._group.swap_parts(wire.reshape(size, part, columns))
        self._group.gather_parts(bindings.add(received), wire.reshape(size, part, columns))
        bindings.apply(local, base, curve, wire[:n], pool)
        self.bytes_sent += 2 * wire.nbytes * (size - 1) // size
