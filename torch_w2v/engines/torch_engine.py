"""What the engines that work on tensors share: devices, moving arrays there and back, threads, and a full device."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from torch_w2v.engines.interface import Engine
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.triton import engine as triton

GPU_CHUNK = 2_000_000  # words: some milliseconds of a GPU, where a call costs half a one
_CHUNK_MEMORY = 1 << 30  # bytes that training on so many takes at most


def check_device(device: str | torch.device) -> torch.device:
    """The torch device meant by `device=`.

    Raises:
        ValueError: not a device torch knows.
        RuntimeError: a device this machine or this torch does not have.
    """
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as e:
        raise ValueError(f"device={device!r}: must be 'auto' or a torch device such as 'cpu' or 'cuda:0' ({e})") from e
    try:
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        raise RuntimeError(
            f"device={device!r} cannot be used here ({e}). Use device='cpu' or device='auto', or install a torch build "
            "for this device"
        ) from e
    return found


def make(name: str, device: str, layout: Callable[[int, float, float, bool], Layout]) -> Engine:
    """The engine `name`, 'triton', 'torch_batched' or 'reference', on a torch device."""
    where = torch.device(device)
    apart = where.type != "cpu"
    module = importlib.import_module(f"torch_w2v.engines.{'triton.engine' if name == 'triton' else name}")

    def place(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(where)

    def rows(table: np.ndarray, last: Tensor | None) -> Tensor:
        return triton.padded(torch.from_numpy(table), last, device=where) if name == "triton" else place(table)

    return Engine(
        name, device, module.train_chunk, layout, place, rows, write_back,
        room=partial(_room, where) if apart else int, session=partial(threads, all_cores=name == "torch_batched"),
        chunk_words=GPU_CHUNK if apart else None, no_memory=(torch.OutOfMemoryError,),
        too_large=partial(_too_large, where),
    )  # fmt: skip


def write_back(table: np.ndarray, rows: Tensor) -> None:
    """Copy rows into the table that they were made from, with little memory beside them."""
    into = torch.from_numpy(table)
    if rows.data_ptr() != into.data_ptr():
        triton.copy_rows(into, rows)


@contextmanager
def threads(workers: int, all_cores: bool) -> Iterator[None]:
    """Give torch's own operations `workers` threads, at most one a core, where they are large enough to be worth it;
    else one; and then what they had before."""
    before = torch.get_num_threads()
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers
    torch.set_num_threads(min(workers, most) if all_cores else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _free(device: torch.device) -> int:
    """Bytes that tensors can still take on a GPU."""
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0]) + unused


def _room(device: torch.device) -> int:
    """Bytes for tokens: half of what a GPU has left beside the tables, less what a chunk needs; nothing on devices that
    do not tell."""
    return max(0, _free(device) // 2 - _CHUNK_MEMORY) if device.type == "cuda" else 0


def _too_large(device: torch.device, tables: Sequence[np.ndarray]) -> str:
    """What to say when a device has no memory left."""
    V, D = tables[0].shape
    has = ""
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
        has = f" of the device's {total / 1e9:.2f} GB, {_free(device) / 1e9:.2f} GB are free;"
    return (
        f"device='{device}' is out of memory: the vectors of {V:,} words with vector_size={D} need "
        f"{sum(table.nbytes for table in tables) / 1e9:.2f} GB there, and a chunk of the corpus up to 1 GB;{has} use a "
        "smaller vector_size, a higher min_count, a max_final_vocab, or device='cpu'. The model is usable: it has what "
        "was trained so far"
    )
