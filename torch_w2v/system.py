"""The machine: cores, the memory that there is, and the memory that a piece of work takes."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

# Files with the memory limit of a container, for both versions of Linux's control groups.
_CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
# and with what it uses of that
_CONTAINER_USAGES = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
_ASSUMED_MEMORY = 8 << 30  # bytes, on systems that do not tell


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _WindowsMemory(ctypes.Structure):
    """Windows' MEMORYSTATUSEX: what GlobalMemoryStatusEx fills in, in bytes."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("percent_used", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "available", "total_paged", "available_paged")),
        *((name, ctypes.c_uint64) for name in ("total_virtual", "available_virtual", "available_extended")),
    ]


def _windows_memory() -> _WindowsMemory | None:
    """Return what Windows says of its memory; None on another system."""
    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    status = _WindowsMemory(size=ctypes.sizeof(_WindowsMemory))
    return status if kernel is not None and kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def memory_limit() -> int:
    """Return the bytes of memory of the machine, or of the container or the process (`ulimit -v`) if that has less."""
    limits = [_ASSUMED_MEMORY]
    if (windows := _windows_memory()) is not None:
        limits = [windows.total]
    elif hasattr(os, "sysconf"):
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    others = [*map(_number_in, _CONTAINER_LIMITS), _address_space()]
    return min([*limits, *(limit for limit in others if limit is not None)])


def _address_space() -> int | None:
    """Return the bytes that this process may map, by `ulimit -v`; None without such a limit."""
    try:
        import resource  # noqa: PLC0415  not there on Windows
    except ImportError:
        return None
    if not hasattr(resource, "RLIMIT_AS"):  # OpenBSD
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def _number_in(path: str) -> int | None:
    """Return the number in a file of the system; None if there is none, as in a container without a limit."""
    file = Path(path)
    text = file.read_text(encoding="ascii").strip() if file.is_file() else ""
    return int(text) if text.isdecimal() else None


def available_memory() -> int:
    """Return how many bytes can still be used without swapping; the limit where the system does not tell."""
    most = memory_limit()
    if (windows := _windows_memory()) is not None:
        return min(windows.available, most)
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return most
    limits = list(zip(map(_number_in, _CONTAINER_LIMITS), map(_number_in, _CONTAINER_USAGES), strict=True))
    if (space := _address_space()) is not None:
        limits.append((space, _status_bytes("VmSize")))
    for limit, usage in limits:
        if limit is not None and usage is not None:
            free = min(free, max(0, limit - usage))
    return min(free, most)


def release_freed_memory() -> None:
    """Return memory to the system that was freed in small pieces, which glibc keeps otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has used so far; None where the system does not tell."""
    try:
        import resource  # noqa: PLC0415  not there on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


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
