"""How much memory a piece of work takes."""

from __future__ import annotations

import gc


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
