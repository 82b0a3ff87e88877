"""Chooses the engine; the only place that does."""

from __future__ import annotations

import importlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from torch_w2v import native
from torch_w2v.engines import cpu, rows, triton
from torch_w2v.plan import Layout

logger = logging.getLogger(__name__)

SMALL = 2_000_000  # kept tokens in a pass
WIDE = 32  # context words of a target
ENGINES = ("auto", "cpu", "triton", "torch_batched", "reference")
GPU_CHUNK = 2_000_000  # words: some milliseconds of a GPU, where a call costs half a one


@dataclass(frozen=True)
class Engine:
    """An implementation of the operator on a device.

    Attributes:
        name: as in `engine=`.
        device: where the tables are during training.
        train_chunk: takes the operator's arguments (`operator.SCHEMA`); the plain function behind it, because the first
            call through torch's dispatcher imports a second's worth of compiler.
        layout: (negative, kept tokens in a pass, context words of a target, cbow_mean) -> how targets are grouped.
        concurrent: chunks may run side by side on threads, updating the tables without locks.
        torch_threads: torch's own operations are large enough to be worth `workers` threads.
        own_rows: (table, its result for the last table or None) -> a copy in rows as the engine wants them, where that
            is not the table's own memory.
        chunk_words: words of a chunk where not the CPU's hundred thousand, which a GPU is done with too soon.
    """

    name: str
    device: torch.device
    train_chunk: Callable[..., Tensor]
    layout: Callable[[int, float, float, bool], Layout]
    concurrent: bool = False
    torch_threads: bool = False
    own_rows: Callable[[Tensor, Tensor | None], Tensor] | None = None
    chunk_words: int | None = None


class Tables:
    """The two tables where an engine trains on them. Their memory is kept from pass to pass: to get it anew costs more
    than to fill it."""

    def __init__(self) -> None:
        self._during: list[Tensor | None] = [None, None]

    @contextmanager
    def on(self, engine: Engine, inputs: np.ndarray, outputs: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
        """Tensors over the arrays' own memory, or copies that are written back, even on an interrupt.

        Raises:
            torch.OutOfMemoryError: here or inside, with what the device has and what to do.
        """
        before = torch.from_numpy(inputs), torch.from_numpy(outputs)
        try:
            if engine.own_rows is None:
                during = [table.to(engine.device) for table in before]
            else:
                during = [engine.own_rows(table, last) for table, last in zip(before, self._during, strict=True)]
                self._during = list(during)
            try:
                yield during[0], during[1]
            finally:
                for array, table in zip(before, during, strict=True):
                    if table is not array:
                        rows.copy_rows(array, table)
        except torch.OutOfMemoryError as e:
            raise torch.OutOfMemoryError(_too_large(engine, before)) from e


def _too_large(engine: Engine, tables: Sequence[Tensor]) -> str:
    """What to say when a device has no memory left."""
    V, D = tables[0].shape
    has = ""
    if engine.device.type == "cuda":
        free, total = torch.cuda.mem_get_info(engine.device)
        free += torch.cuda.memory_reserved(engine.device) - torch.cuda.memory_allocated(engine.device)
        has = f" of the device's {total / 1e9:.2f} GB, {free / 1e9:.2f} GB are free;"
    return (
        f"device='{engine.device}' is out of memory: the vectors of {V:,} words with vector_size={D} need "
        f"{sum(table.nbytes for table in tables) / 1e9:.2f} GB there, and a chunk of the corpus up to 1 GB;{has} use a "
        "smaller vector_size, a higher min_count, a max_final_vocab, or device='cpu'. The model is usable: it has what "
        "was trained so far"
    )


@contextmanager
def torch_threads(workers: int) -> Iterator[None]:
    """Give torch's own operations `workers` threads, at most one a core, and then what they had before."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(workers, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def blocks_one_by_one(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """At most eight targets a set, and as many sets as a target has context words: targets whose windows overlap must
    not share negatives, or the words around them meet the same few again and again (docs/lab-notes.md).

    Blocks are half as long on a small corpus, whose words are few and meet again within a block. Where windows are very
    wide all targets read the same rows: each has negatives of its own, and hidden layers follow the errors before them.
    Sums reach further than means: with more than two targets a set the cosines are no longer gensim's.
    """
    if context > WIDE:
        return Layout(T=256, S=256, N=negative, B=1, G=2, fresh=True)
    T = 32 if kept < SMALL else 64
    S = 8 if mean else T // 2
    while min(T, context) > S:
        S *= 2
    return Layout(T=T, S=S, N=negative, B=1)


def many_blocks(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """Up to 4,096 targets at once, fewer on a small corpus so that a pass has hundreds of steps.

    The 64 targets of a block share one set, large enough that a row of it collects no more than 10 gradients a step.
    """
    T = 64
    return Layout(T=T, S=1, N=max(16, -(-T * negative // 10)), B=int(min(64, max(1, kept / (T * 256)))))


def blocks_in_flight(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """For a GPU: two blocks a multiprocessor of the largest GPUs, fewer on a small corpus, as in `many_blocks`.

    Sets of 32, the width of the products, and as many as it takes for no more than 10 gradients a row of a block.
    """
    T, N = 32 if negative <= 10 else 16, 32
    S = max(1, -(-T * negative // (10 * N)))
    return Layout(T=T, S=S, N=N, B=int(min(256, max(1, kept / (T * 256)))))


_LAYOUTS = {
    "cpu": blocks_one_by_one, "reference": blocks_one_by_one, "torch_batched": many_blocks, "triton": blocks_in_flight,
}  # fmt: skip


def check_device(device: str | torch.device) -> torch.device | None:
    """The torch device meant by `device=`; None for 'auto'.

    Raises:
        ValueError: not a device torch knows.
        RuntimeError: a device this machine or this torch does not have.
    """
    if device == "auto":
        return None
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


def check(engine: str, device: str | torch.device) -> torch.device | None:
    """The torch device meant; None for 'auto'.

    Raises:
        ValueError: an unknown engine or device, or an engine that does not work on the device.
        RuntimeError: a device that is not there, or an engine that was not built.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: must be one of {', '.join(map(repr, ENGINES))}")
    where = check_device(device)
    if engine == "cpu":
        if where is not None and where.type != "cpu":
            raise ValueError(f"engine='cpu' with device={device!r}: this engine works on device='cpu' only")
        native.library()
    if engine == "triton" and (why := triton.unusable(where or _best_device())) is not None:
        raise RuntimeError(f"engine='triton' with device={str(device)!r} cannot be used here: {why}")
    return where


def _best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose(engine: str, device: str | torch.device, vector_size: int) -> Engine:
    """The engine for `engine=` and `device=`, checked as by `check`; 'auto' says in the log what it chose and why."""
    where = check(engine, device)
    name = engine
    if where is None:
        where = torch.device("cpu") if engine == "cpu" else _best_device()
    if engine == "auto":
        name, why = _best(where, vector_size)
        _say_once(name, where, why)
    module = importlib.import_module(f"torch_w2v.engines.{name}")
    if name == "cpu":
        cpu.check_vector_size(vector_size)
        return Engine(name, where, module.train_chunk, _LAYOUTS[name], concurrent=True, own_rows=cpu.padded)
    chunk_words = None if where.type == "cpu" else GPU_CHUNK
    if name == "triton":
        own_rows = partial(triton.padded, device=where)
        return Engine(name, where, module.train_chunk, _LAYOUTS[name], own_rows=own_rows, chunk_words=chunk_words)
    threads = name == "torch_batched"
    return Engine(name, where, module.train_chunk, _LAYOUTS[name], torch_threads=threads, chunk_words=chunk_words)


def _best(device: torch.device, vector_size: int) -> tuple[str, str]:
    """The fastest engine for a device, and why."""
    if device.type == "cuda":
        why = triton.unusable(device)
        return ("triton", "the fused kernel is the fastest on a GPU") if why is None else ("torch_batched", why)
    if device.type != "cpu":
        return "torch_batched", "plain torch runs on every device"
    if vector_size > cpu.MOST:
        return "torch_batched", f"the fused kernel takes vectors of up to {cpu.MOST} floats"
    if native.available():
        return "cpu", "the fused kernel is the fastest on a CPU"
    _warn_once()
    return "torch_batched", "the fused CPU kernel was not built"


@cache
def _say_once(name: str, device: torch.device, why: str) -> None:
    logger.info("engine 'auto': %s on %s (%s)", name, device, why)


@cache
def _warn_once() -> None:
    warnings.warn(
        "torch_w2v's fused CPU kernel was not built (no C++ compiler when it was installed?): training with the slower "
        "engine 'torch_batched'. Install a compiler and reinstall torch_w2v, or pass engine='torch_batched'",
        RuntimeWarning,
        stacklevel=2,
    )
