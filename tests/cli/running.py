"""What the tests of the commands share."""

from __future__ import annotations

from collections.abc import Callable

FAST = ("--vector-size", "8", "--epochs", "1", "--workers", "1")

Command = Callable[..., tuple[int, str, str]]  # from arguments to exit code, stdout, stderr


def one_line(err: str) -> str:
    """The only line of stderr."""
    (line,) = err.splitlines()
    return line
