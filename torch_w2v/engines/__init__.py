"""Chooses the engine; the only place that does.

torch is imported only where something else than the CPU's kernel may be meant: it costs a second and 180 MB
(docs/lab-notes.md).
"""

from __future__ import annotations

import logging
import warnings
from functools import cache
from typing import TYPE_CHECKING

from torch_w2v import native
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.devices import best_device, no_memory
from torch_w2v.engines.interface import Engine
from torch_w2v.engines.layouts import blocks_in_flight, blocks_one_by_one, many_blocks

if TYPE_CHECKING:
    import torch

__all__ = ["ENGINES", "Engine", "best_device", "blocks_in_flight", "blocks_one_by_one", "check", "choose", "many_blocks", "no_memory"]

logger = logging.getLogger(__name__)

ENGINES = ("auto", "cpu", "triton", "torch_batched", "reference")


_LAYOUTS = {
    "cpu": blocks_one_by_one, "reference": blocks_one_by_one, "torch_batched": many_blocks, "triton": blocks_in_flight,
}  # fmt: skip


def check(engine: str, device: str | torch.device) -> str | None:
    """The device meant, as torch writes it; None for 'auto'.

    Raises:
        ValueError: an unknown engine or device, or an engine that does not work on the device.
        RuntimeError: a device that is not there, or an engine that was not built.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: must be one of {', '.join(map(repr, ENGINES))}")
    where: str | None = None
    if device == "cpu":
        where = "cpu"
    elif device != "auto":
        from torch_w2v.engines import torch_engine as on_torch  # noqa: PLC0415

        where = str(on_torch.check_device(device))
    if engine == "cpu":
        if where is not None and _type(where) != "cpu":
            raise ValueError(f"engine='cpu' with device={device!r}: this engine works on device='cpu' only")
        native.library()
    if engine == "triton" and (why := _no_triton(where or best_device())) is not None:
        raise RuntimeError(f"engine='triton' with device={str(device)!r} cannot be used here: {why}")
    return where


def _type(device: str) -> str:
    return device.partition(":")[0]


def _no_triton(device: str) -> str | None:
    """Why the Triton engine cannot be used on a device, if so."""
    import torch  # noqa: PLC0415

    from torch_w2v.engines.triton import engine as triton  # noqa: PLC0415

    return triton.unusable(torch.device(device))


def choose(engine: str, device: str | torch.device, vector_size: int) -> Engine:
    """The engine for `engine=` and `device=`, checked as by `check`; 'auto' says in the log what it chose and why."""
    where = check(engine, device)
    name = engine
    if where is None:
        where = "cpu" if engine == "cpu" else best_device()
    if engine == "auto":
        name, why = _best(where, vector_size)
        _say_once(name, where, why)
    if name == "cpu":
        cpu.check_vector_size(vector_size)
        return Engine(
            name, where, cpu.train_chunk, _LAYOUTS[name], rows=cpu.padded, write_back=cpu.write_back, concurrent=True
        )
    from torch_w2v.engines import torch_engine as on_torch  # noqa: PLC0415

    return on_torch.make(name, where, _LAYOUTS[name])


def _best(device: str, vector_size: int) -> tuple[str, str]:
    """The fastest engine for a device, and why."""
    if _type(device) == "cuda":
        why = _no_triton(device)
        return ("triton", "the fused kernel is the fastest on a GPU") if why is None else ("torch_batched", why)
    if _type(device) != "cpu":
        return "torch_batched", "plain torch runs on every device"
    if vector_size > cpu.MOST:
        return "torch_batched", f"the fused kernel takes vectors of up to {cpu.MOST} floats"
    if native.available():
        return "cpu", "the fused kernel is the fastest on a CPU"
    _warn_once()
    return "torch_batched", "the fused CPU kernel was not built"


@cache
def _say_once(name: str, device: str, why: str) -> None:
    logger.info("engine 'auto': %s on %s (%s)", name, device, why)


@cache
def _warn_once() -> None:
    warnings.warn(
        "torch_w2v's fused CPU kernel was not built (no C++ compiler when it was installed?): training with the slower "
        "engine 'torch_batched'. Install a compiler and reinstall torch_w2v, or pass engine='torch_batched'",
        RuntimeWarning,
        stacklevel=2,
    )
