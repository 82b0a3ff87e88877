"""The machine: cores, the memory that there is, and the memory that a piece of work takes."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

# Files with the memory limit of a container, for both versions of Linux's control groups.
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_ASSUMED_MEMORY = 8 << 30  # bytes, on systems that do not tell


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_limit() -> int:
    """Return the bytes of memory of the machine, or of the container if that has less."""
    limits = [_ASSUMED_MEMORY]
    if hasattr(os, "sysconf"):
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in map(Path, _CONTAINER_LIMITS):
        text = path.read_text(encoding="ascii").strip() if path.is_file() else ""
        if text.isdecimal():  # it is "max" in a container without a limit
            limits.append(int(text))
    return min(limits)


def release_freed_memory() -> None:
    """Return memory to the system that was freed in small pieces, which glibc keeps otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class PeakMemory:
    """A context manager that measures the peak memory of this process.

    Attributes:
        bytes: after the block, the peak while it ran, beyond what the process used at its start; None where the system
            does not tell, that is everywhere but on Linux.
    """

    bytes: int | None = None
    _before: int | None = None

    def __enter__(self) -> PeakMemory:
        gc.collect()
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # resets the peak, VmHWM; see man 5 proc
            self._before = _status_bytes("VmRSS")
        except OSError:  # another system, or a container that forbids it
            pass
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            self.bytes = max(0, _status_bytes("VmHWM") - self._before)


def _status_bytes(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
