"""Which devices there are. torch is imported only where another device than the CPU may be meant."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

from torch_w2v.hints import TorchDevice

Device = str | TorchDevice


def device_type(device: str) -> str:
    """Return the type of a device as torch writes it: 'cuda' of 'cuda:1'."""
    return device.partition(":")[0]


def check_device(device: Device) -> str:
    """Return the torch device that `device=` means, as torch writes it.

    Raises:
        ValueError: not a device that torch knows.
        RuntimeError: a device that this machine, or this build of torch, does not have.
    """
    if device == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415

    try:
        parsed = torch.device(device)
    except (RuntimeError, TypeError) as e:
        reason = str(e).partition("\n")[0] if isinstance(device, str) else f"it is a {type(device).__name__}"
        raise ValueError(
            f"device={device!r}: must be 'auto' or a torch device such as 'cpu' or 'cuda:0' ({reason})"
        ) from e
    try:
        torch.zeros(1, device=parsed).cpu()  # tensors of 'meta' have no values
    except (RuntimeError, AssertionError, NotImplementedError) as e:
        reason = str(e).partition("\n")[0]
        raise RuntimeError(
            f"device={device!r} cannot be used here ({reason}). Use device='cpu' or device='auto', or install a torch "
            "build for this device"
        ) from e
    return str(parsed)


def of_rank(device: Device) -> Device:
    """Return the GPU that 'cuda' means on one of several ranks, with its index; other devices as they are.

    That is the one that the program has chosen, by `init_process_group(device_id=…)` or `torch.cuda.set_device`, or
    else the one whose index is the rank's number on its machine, as torchrun gives it in LOCAL_RANK and Slurm in
    SLURM_LOCALID. Where a launcher shows each process one GPU, that one.
    """
    if str(device) != "cuda":
        return device
    import torch.distributed  # noqa: PLC0415

    if not torch.cuda.is_available():
        return device
    bound = getattr(torch.distributed.group.WORLD, "bound_device_id", None)
    if bound is not None and bound.type == "cuda":
        return str(bound)
    index = torch.cuda.current_device()
    local = os.environ.get("LOCAL_RANK") or os.environ.get("SLURM_LOCALID", "")
    if index == 0 and local.isdecimal():
        index = int(local) % torch.cuda.device_count()
    return f"cuda:{index}"


def best_device() -> str:
    """Return 'cuda' where torch finds a GPU, else 'cpu'; without a driver for a GPU torch is not imported."""
    if "torch" not in sys.modules and not may_have_gpu():
        return "cpu"
    import torch  # noqa: PLC0415

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def may_have_gpu() -> bool:
    """Return whether there may be a GPU that torch calls 'cuda', NVIDIA's or AMD's; True where that is hard to say."""
    driver = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}.get(sys.platform)
    if driver is None:
        return sys.platform != "darwin"
    # The last of these is the driver of Windows' subsystem for Linux.
    if any(Path("/dev", name).exists() for name in ("nvidiactl", "kfd", "dxg")):
        return True
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    return True


def out_of_memory_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that mean that the machine or a device has no memory left."""
    return (MemoryError, *((sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()))
