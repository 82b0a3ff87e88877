"""The engines, and the choice of one; torch is imported only where another engine than the CPU's may be meant.

| `engine=` | device | what it is |
|---|---|---|
| 'cpu' | the CPU | the fused C++ kernel; the fastest there |
| 'gensim' | the CPU | gensim's own engine; not one of the classes here, the model calls it by `super()` |
| 'triton' | NVIDIA GPUs | the fused kernel for tensor cores |
| 'torch_batched' | any torch device | large synchronous steps in plain torch |
| 'reference' | any torch device | the specification: slow, plain |
| 'auto' | | 'triton' on a GPU, 'cpu' on a CPU, 'gensim' where that is not installed, 'torch_batched' elsewhere |

With device='auto' a GPU on which 'triton' does not work is not used where 'cpu' is installed: 'torch_batched' launches
some 165 operations for a step of at most 4,096 targets, so it waits for launches on any GPU, and where words repeat its
steps are of 8 targets.
"""

from __future__ import annotations

import os
from functools import cache

from torch_w2v import native, user_warnings
from torch_w2v.engines.cpu.engine import MAX_VECTOR_SIZE, CpuEngine, instruction_set
from torch_w2v.engines.devices import Device, best_device, check_device, device_type, of_rank, out_of_memory_errors
from torch_w2v.engines.interface import Engine
from torch_w2v.training_log import logger

__all__ = ["ENGINES", "Engine", "best_device", "check", "choose", "out_of_memory_errors", "why_gensim"]

# What the log says where the CPU trains although there is a GPU. It was not timed on such a GPU, hence "expected".
_EXPECTED = "the fused kernel on the CPU is expected to be faster than plain torch on this GPU"

ENGINES = ("auto", "cpu", "gensim", "triton", "torch_batched", "reference")


def check(engine: str, device: Device, cbow_gradient: str = "gensim", ranked: bool = False) -> str | None:
    """Return the device that is meant, as torch writes it; None for 'auto'.

    Args:
        engine: one of `ENGINES`.
        device: 'auto' or a torch device.
        cbow_gradient: 'gensim' or 'exact'.
        ranked: this process is one of several ranks, and 'cuda' means a GPU of its own; see `devices.of_rank`.

    Raises:
        ValueError: an unknown engine or device, or an engine that does not work on the device; TORCH_W2V_ISA in the
            environment is no instruction set.
        RuntimeError: a device that is not there, an engine that was not built, or an instruction set that this machine
            does not have.
    """
    if engine not in ENGINES:
        raise ValueError(f"engine={engine!r}: must be one of {', '.join(map(repr, ENGINES))}")
    where = None if device == "auto" else check_device(of_rank(device) if ranked else device)
    if engine in ("cpu", "gensim") and where is not None and device_type(where) != "cpu":
        raise ValueError(f"engine={engine!r} with device={device!r}: this engine works on device='cpu' only")
    if engine == "cpu":
        native.library()
    if engine in ("cpu", "auto") and native.available():
        instruction_set(os.environ.get("TORCH_W2V_ISA", ""))
    if engine == "gensim" and cbow_gradient != "gensim":
        raise ValueError(
            f"engine='gensim' with cbow_gradient={cbow_gradient!r}: gensim's engine has its own gradient only; use "
            "another engine, or cbow_gradient='gensim'"
        )
    if engine == "triton":
        gpu = where or _best(ranked)
        reason = _why_not_triton(gpu)
        if reason is None and (wrong := _why_triton_is_wrong(gpu)) is not None:
            reason = f"{wrong}; use engine='torch_batched'"
        if reason is not None:
            raise RuntimeError(f"engine='triton' with device={str(device)!r} cannot be used here: {reason}")
    return where


def why_gensim(engine: str, device: Device, vector_size: int, cbow_gradient: str) -> str | None:
    """Return why gensim's own engine trains by negative sampling; None where one of the classes here does.

    Args:
        engine: one of `ENGINES`. 'auto' means gensim's engine on a CPU for which the fused kernel is not installed, or
            for rows too long for it: there it is the fastest. It cannot train with the exact gradient.
        device: 'auto' or a torch device.
        vector_size: floats per row.
        cbow_gradient: 'gensim' or 'exact'.

    Raises:
        ValueError: engine='gensim' with what that cannot do.
    """
    if engine == "gensim":
        check(engine, device, cbow_gradient)
        return "engine='gensim'"
    too_long = vector_size > MAX_VECTOR_SIZE
    if engine != "auto" or cbow_gradient != "gensim" or (native.available() and not too_long):
        return None
    if device_type(best_device() if device == "auto" else str(device)) != "cpu":
        return None
    if too_long:
        return f"vectors of more than {MAX_VECTOR_SIZE} floats"
    _warn_once("gensim's own engine, at its speed")
    return "the fused CPU kernel is not installed"


def choose(engine: str, device: Device, vector_size: int, ranked: bool = False) -> Engine:
    """Return the engine for `engine=` and `device=`, checked as by `check`; the log says what 'auto' chose and why.

    Args:
        engine: one of `ENGINES`, but for those that `why_gensim` gives to gensim.
        device: 'auto' or a torch device.
        vector_size: floats per row.
        ranked: as for `check`.

    Raises:
        ValueError, RuntimeError: as `check`; rows too long for the engine.
    """
    where = check(engine, device, ranked=ranked)
    may_choose = where is None
    if where is None:
        where = "cpu" if engine == "cpu" else _best(ranked)
    if engine == "auto":
        engine, where, reason = _fastest(where, vector_size, may_choose)
        _log_choice_once(engine, where, reason)
    return _make(engine, where, vector_size)


def _best(ranked: bool) -> str:
    best = best_device()
    return str(of_rank(best)) if ranked else best


def _make(engine: str, device: str, vector_size: int) -> Engine:
    if engine == "cpu":
        return CpuEngine(vector_size)
    if engine == "triton":
        from torch_w2v.engines.triton.engine import TritonEngine  # noqa: PLC0415

        return TritonEngine(device)
    if engine == "torch_batched":
        from torch_w2v.engines.torch_batched import TorchBatchedEngine  # noqa: PLC0415

        return TorchBatchedEngine(device)
    from torch_w2v.engines.reference import ReferenceEngine  # noqa: PLC0415

    return ReferenceEngine(device)


def _fastest(device: str, vector_size: int, may_choose: bool) -> tuple[str, str, str]:
    """Return the fastest engine, its device, and why.

    Args:
        device: the best one, or the one that was asked for.
        vector_size: floats per row.
        may_choose: no device was asked for.
    """
    if device_type(device) == "cuda":
        unusable = _why_not_triton(device)
        wrong = _why_triton_is_wrong(device) if unusable is None else None
        reason = unusable or wrong
        if reason is None:
            return "triton", device, "the fused kernel is the fastest on a GPU"
        if may_choose and native.available() and vector_size <= MAX_VECTOR_SIZE:
            chosen = "cpu", "cpu", f"{reason}; {_EXPECTED}"
        else:
            chosen = "torch_batched", device, reason
        if wrong is not None:
            _warn_of_gpu_once(wrong, *chosen[:2])
        return chosen
    if device_type(device) != "cpu":
        return "torch_batched", device, "plain torch runs on every device"
    if vector_size > MAX_VECTOR_SIZE:
        _warn_of_long_rows_once(vector_size)
        return "torch_batched", device, f"the fused kernel takes vectors of up to {MAX_VECTOR_SIZE} floats"
    if native.available():
        return "cpu", device, "the fused kernel is the fastest on a CPU"
    _warn_once("the slower engine 'torch_batched'")
    return "torch_batched", device, "the fused CPU kernel is not installed"


def _why_not_triton(device: str) -> str | None:
    import torch  # noqa: PLC0415

    from torch_w2v.engines.triton.engine import why_unusable  # noqa: PLC0415

    return why_unusable(torch.device(device))


def _why_triton_is_wrong(device: str) -> str | None:
    if device_type(device) != "cuda":  # Triton's interpreter, in tests
        return None
    from torch_w2v.engines.triton.self_check import why_wrong  # noqa: PLC0415

    return why_wrong(device)


@cache
def _warn_of_gpu_once(reason: str, engine: str, device: str) -> None:
    user_warnings.warn(f"{reason}: training with engine {engine!r} on {device} instead")


@cache
def _warn_of_long_rows_once(vector_size: int) -> None:
    user_warnings.warn(
        f"vector_size={vector_size}: the fused CPU kernel takes up to {MAX_VECTOR_SIZE}: training with the slower "
        "engine 'torch_batched'. Give a smaller vector_size, or cbow_gradient='gensim' for gensim's own engine"
    )


@cache
def _log_choice_once(engine: str, device: str, reason: str) -> None:
    logger.info("engine 'auto': %s on %s (%s)", engine, device, reason)


@cache
def _warn_once(instead: str) -> None:
    user_warnings.warn(
        f"torch_w2v's fused CPU kernel is not installed: training with {instead}. To get the kernel, {native.INSTALL}"
    )
