"""What the engines that work on tensors share: a device, moving arrays there and back, and torch's threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from torch_w2v.engines.interface import Engine
from torch_w2v.system import cores

# Tokens per chunk on a GPU: some milliseconds of work, where a call costs half of one.
GPU_CHUNK = 2_000_000
# Bytes that training on such a chunk takes at most.
_CHUNK_MEMORY = 1 << 30
# Bytes of a table that are copied at a time: on a device, rows of odd length go through a copy.
_PIECE = 1 << 26


def dtype_of_sums(device: torch.device) -> torch.dtype:
    """Return the dtype in which losses are added up on a device: float64, but for Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64


class TorchEngine(Engine):
    """An engine on tensors. On the CPU they share the memory of the model's arrays.

    Attributes:
        uses_all_workers: torch's operations are large enough to be worth `workers` threads.
    """

    uses_all_workers: ClassVar[bool] = False
    out_of_memory_errors = (torch.OutOfMemoryError,)

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self._where = torch.device(device)
        if self._where.type != "cpu":
            self.preferred_chunk_words = GPU_CHUNK

    def load_array(self, array: np.ndarray) -> Tensor:
        """Return an array as a tensor on the device."""
        return torch.from_numpy(array).to(self._where)

    def load_table(self, table: np.ndarray, previous: Any = None) -> Tensor:
        """Return a table as a tensor on the device; see `Engine.load_table`."""
        return self.load_array(table)

    def store_table(self, table: np.ndarray, rows: Tensor) -> None:
        """Copy a tensor back into the model's table, with little memory beside them."""
        into = torch.from_numpy(table)
        if rows.data_ptr() != into.data_ptr():
            copy_rows(into, rows)

    def as_array(self, rows: Tensor) -> np.ndarray:
        """Return rows as an array; those on another device are copied."""
        return rows.cpu().numpy()

    def overwrite(self, rows: Tensor, array: np.ndarray) -> None:
        """Overwrite rows on another device by an array; on the CPU they share their memory."""
        if rows.device.type != "cpu":
            rows.copy_(torch.from_numpy(array))

    def token_cache_bytes(self) -> int:
        """Return half of what a GPU has left beside the tables, less what a chunk needs.

        Other devices do not tell how much they have: 0.
        """
        return max(0, _free(self._where) // 2 - _CHUNK_MEMORY) if self._where.type == "cuda" else 0

    @contextmanager
    def thread_limit(self, workers: int) -> Iterator[None]:
        """Limit torch's own threads in a context, to one per core at most, and restore them afterwards."""
        before = torch.get_num_threads()
        torch.set_num_threads(min(workers, cores()) if self.uses_all_workers else 1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def explain_out_of_memory(self, tables: Sequence[np.ndarray]) -> str:
        """Return what the tables need, what the device has, and what to do."""
        V, D = tables[0].shape
        available = ""
        if self._where.type == "cuda":
            total = torch.cuda.mem_get_info(self._where)[1]
            available = f" of the device's {total / 1e9:.2f} GB, {_free(self._where) / 1e9:.2f} GB are free;"
        return (
            f"device='{self.device}' is out of memory: the vectors of {V:,} words with vector_size={D} need "
            f"{sum(table.nbytes for table in tables) / 1e9:.2f} GB there (twice as much where several "
            "ranks exchange them from device to device), and a chunk of the corpus up to 1 GB;"
            f"{available} use a smaller vector_size, a higher min_count, a max_final_vocab, or device='cpu'. The model "
            "is usable: it has what was trained so far"
        )


def copy_rows(into: Tensor, table: Tensor) -> None:
    """Do `into.copy_(table)` between devices, with little memory beside them.

    Args:
        into, table: (V, D) of the same dtype.
    """
    count = max(1, _PIECE // (4 * max(1, table.shape[1])))
    for part, source in zip(into.split(count), table.split(count), strict=True):
        part.copy_(source)


def add_rows(table: Tensor, rows: Tensor, update: Tensor, scale: Tensor) -> None:
    """Add to rows of a table; a row that is named more than once gets all of its updates.

    Args:
        table: (V, D), updated in place.
        rows: int64, any shape.
        update: the same shape, and D.
        scale: (V,) a factor per row, or empty where all are 1.
    """
    rows = rows.flatten()
    update = update.reshape(len(rows), table.shape[1])
    table.index_add_(0, rows, update * scale[rows, None] if len(scale) else update)


def _free(device: torch.device) -> int:
    """Return how many bytes tensors can still take on a GPU."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused
