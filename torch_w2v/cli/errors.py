"""The exit codes of the command line, and the error that ends a command."""

from __future__ import annotations

FAILED = 1  # the work was begun but could not be finished, or a comparison found a measure inferior
BAD_INPUT = 2  # an argument or a file is wrong; argparse uses the same code
INTERRUPTED = 130  # Ctrl-C; shells use 128 + the number of the signal


class CommandError(Exception):
    """Ends the command with one line on stderr.

    Args:
        message: what was given, what is allowed and what to do.
        code: the exit code of the process.
    """

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


def describe(error: Exception) -> str:
    """Return an error's message, for an `OSError` of a file as 'PATH: reason' without its number."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
