"""Progress on the terminal."""

from __future__ import annotations

from typing import TextIO

from torch_w2v.progress import clear_line


class Progress:
    """Shows which phase of the work is running.

    Each phase has a line of its own. On a terminal, the steps of a phase replace one another on that line; elsewhere
    they are left out.

    Args:
        stream: where the lines go, usually `sys.stderr`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.is_terminal = stream.isatty()
        self.name = ""

    def phase(self, name: str) -> None:
        """End the current phase and begin the phase `name`."""
        self.end()
        self.name = name
        self.stream.write(name if self.is_terminal else f"{name}\n")
        self.stream.flush()

    def step(self, text: str) -> None:
        """Show a step of the current phase; at most 60 characters of `text` are shown."""
        if self.is_terminal:
            self.stream.write(f"{clear_line()}{self.name}: {text:.60}")
            self.stream.flush()

    def end(self) -> None:
        """End the current phase, if there is one."""
        if self.is_terminal and self.name:
            self.stream.write(f"{clear_line()}{self.name}\n")
        self.name = ""
