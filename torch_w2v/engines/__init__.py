"""Chooses the engine; the only place that does."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from torch_w2v.plan import Layout

logger = logging.getLogger(__name__)

ENGINES = ("auto", "reference", "torch_batched")


@dataclass(frozen=True)
class Engine:
    """An implementation of the operator on a device.

    Attributes:
        name: as in `engine=`.
        device: where the tables are during training.
        train_chunk: the operator (`operator.SCHEMA`).
        layout: (negative, kept tokens in a pass) -> how targets are grouped.
        concurrent: chunks may run side by side on threads, updating the tables without locks.
    """

    name: str
    device: torch.device
    train_chunk: Callable[..., Tensor]
    layout: Callable[[int, float], Layout]
    concurrent: bool = False


@contextmanager
def torch_threads(workers: int) -> Iterator[None]:
    """Give torch's own operations `workers` threads, at most one a core, and then what they had before."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(workers, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def blocks_one_by_one(negative: int, kept: float) -> Layout:
    """64 targets over 8 strided sets of their own negatives: as many different negatives a context row as in gensim."""
    return Layout(T=64, S=8, N=negative, B=1)


def many_blocks(negative: int, kept: float) -> Layout:
    """Up to 4,096 targets at once, fewer on a small corpus so that a pass has hundreds of steps.

    The 64 targets of a block share one set, large enough that a row of it collects no more than 10 gradients a step.
    """
    T = 64
    return Layout(T=T, S=1, N=max(16, -(-T * negative // 10)), B=int(min(64, max(1, kept / (T * 256)))))


_LAYOUTS = {"reference": blocks_one_by_one, "torch_batched": many_blocks}


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
        ValueError: an unknown engine or device.
        RuntimeError: a device that is not there.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: must be one of {', '.join(map(repr, ENGINES))}")
    return check_device(device)


def choose(engine: str, device: str | torch.device) -> Engine:
    """The engine for `engine=` and `device=`, checked as by `check`; 'auto' says in the log what it chose and why."""
    where = check(engine, device)
    if where is None:
        where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = "torch_batched" if engine == "auto" else engine
    if engine == "auto":
        _say_once(name, where)
    op = importlib.import_module(f"torch_w2v.engines.{name}").op
    return Engine(name, where, op, _LAYOUTS[name])


@cache
def _say_once(name: str, device: torch.device) -> None:
    logger.info("engine 'auto': %s on %s (plain torch runs on every device)", name, device)
