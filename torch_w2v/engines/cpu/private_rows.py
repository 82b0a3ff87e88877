"""The rows that a thread has copies of (private_rows.h): made, exchanged by the kernel, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from torch_w2v.engines.cpu.rows import aligned, with_more_rows
from torch_w2v.engines.interface import Tables
from torch_w2v.engines.sharing import Sharing


class ThreadTables(Tables):
    """Tables with the rows behind them that one thread has copies of, and what they were when last exchanged.

    Attributes:
        rows: number of the rows, which are copies of the first ones of the tables.
        first: number of the first of them in the tables.
        exchanged: (2, rows, padded row) float32.
        exchanges: (1 + c, 4) int64, the kernel's `Schedule`: the number of targets that were trained, the pace, the
            number of classes, and `Sharing.most`; then for each class what `Sharing` has, the next row, and how much is
            due.
        met: (2, rows + 1) int32, how often each row's word was a target since its row was exchanged, and how often is
            enough.
        prepared: the kernel's arguments, kept from chunk to chunk.
    """

    rows: int
    first: int
    exchanged: np.ndarray
    exchanges: np.ndarray
    met: np.ndarray
    prepared: Any = None

    @classmethod
    @contextmanager
    def opened(cls, tables: Tables, sharing: Sharing, thread: int) -> Iterator[ThreadTables]:
        """Give a thread its copies; at the end the tables get what it has learnt.

        Args:
            tables: padded, with `sharing.rows` more rows for each thread.
            sharing: which rows are copied.
            thread: number of the thread, from 0.
        """
        own = cls(*tables)
        own.rows = sharing.rows
        own.first = len(tables.inputs) + thread * sharing.rows
        begins = np.append(0, sharing.classes[:-1, 0])
        # Threads begin at different rows, so that they do not exchange the same one at the same time.
        sizes = sharing.classes[:, 0] - begins
        next_rows = begins + sizes * thread // sharing.threads
        classes = np.column_stack([sharing.classes, next_rows, np.zeros_like(next_rows)])
        own.exchanges = np.vstack([[0, sharing.pace, len(classes), sharing.most], classes])
        own.met = np.ones((2, own.rows + 1), np.int32)
        own.met[0], own.met[1, -1] = 0, np.iinfo(np.int32).max
        shared, copies = own._shared_and_own()
        for table, copy in zip(shared, copies, strict=True):
            copy[...] = table
        own.exchanged = aligned(2 * own.rows, copies[0].shape[1]).reshape(2, own.rows, -1)
        own.exchanged[...] = copies
        try:
            yield own
        finally:
            for table, copy, before in zip(shared, copies, own.exchanged, strict=True):
                np.add(table, np.subtract(copy, before, out=before), out=table)

    def _shared_and_own(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        tables = [with_more_rows(table) for table in self]
        return [table[: self.rows] for table in tables], [table[self.first :][: self.rows] for table in tables]

    def of_all_rows(self, scale: np.ndarray) -> np.ndarray:
        """Return factors of words as factors of rows, those of the thread's own included; none where there are none."""
        if not len(scale):
            return scale
        factors = np.zeros(self.first + self.rows, np.float32)
        factors[: len(scale)], factors[self.first :] = scale, scale[: self.rows]
        return factors
