"""Which devices there are."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path


def best_device() -> str:
    """'cuda' where torch finds a GPU, else 'cpu'; torch is not asked where there is no driver for one."""
    if "torch" not in sys.modules and not _driver():
        return "cpu"
    import torch  # noqa: PLC0415

    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def _driver() -> bool:
    """Whether there may be a GPU that torch calls 'cuda': NVIDIA's or AMD's. Where that is hard to say, yes."""
    if not sys.platform.startswith("linux"):
        return sys.platform != "darwin"
    if any(Path("/dev", name).exists() for name in ("nvidiactl", "kfd", "dxg")):  # the last is Windows' for Linux
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def no_memory() -> tuple[type[Exception], ...]:
    """What is raised when the machine or a device has no memory left."""
    return (MemoryError, *((sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()))
