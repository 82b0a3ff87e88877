"""How much memory there is, and how much a piece of work takes."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of a container; v2, v1


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit() -> int:
    """Bytes of memory of the machine, or of the container where that has less."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else [8 << 30]
    for path in map(Path, _LIMITS):
        if path.is_file() and (text := path.read_text(encoding="ascii").strip()).isdecimal():  # else "max"
            found.append(int(text))
    return min(found)


def give_back() -> None:
    """Let the system have memory that was freed in pieces; glibc keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


class PeakMemory:
    """The most memory of this process while the block runs, beyond what it had at its start; Linux only."""

    bytes: int | None = None
    _before: int | None = None

    def __enter__(self) -> PeakMemory:
        gc.collect()
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # man 5 proc: resets the peak, VmHWM
            self._before = self._status("VmRSS")
        except OSError:  # another system, or not allowed
            pass
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            self.bytes = max(0, self._status("VmHWM") - self._before)

    @staticmethod
    def _status(name: str) -> int:
        with open("/proc/self/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
