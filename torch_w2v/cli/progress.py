"""Lines that tell how far the work is."""

from __future__ import annotations

from typing import TextIO


class Progress:
    """Tells how far the work is: each phase on a line of its own, and on a terminal its steps on that line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.tty = stream.isatty()
        self.name = ""

    def phase(self, name: str) -> None:
        """Begin the phase `name`."""
        self.end()
        self.name = name
        self.stream.write(name if self.tty else f"{name}\n")
        self.stream.flush()

    def step(self, text: str) -> None:
        """Say where the phase is."""
        if self.tty:
            self.stream.write(f"\r\033[K{self.name}: {text:.60}")
            self.stream.flush()

    def end(self) -> None:
        """End the phase."""
        if self.tty and self.name:
            self.stream.write(f"\r\033[K{self.name}\n")
        self.name = ""
