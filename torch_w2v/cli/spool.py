"""A corpus from the standard input, kept in a temporary file while it is used."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from torch_w2v.cli.errors import CommandError
from torch_w2v.corpus.signatures import suffix_of

STDIN = "-"


class ClosedInput(io.TextIOWrapper):
    """Takes the place of a standard input that the shell has closed (`<&-`), and is empty."""


def descriptor() -> tuple[int, ...]:
    """Return the descriptor of the standard input, if it is an open file."""
    try:
        return (sys.stdin.fileno(),)
    except (OSError, ValueError, AttributeError):
        return ()


@contextmanager
def corpus_path(path: str) -> Iterator[str]:
    """Return the path of a corpus, for '-' that of a temporary file with what the standard input had.

    Args:
        path: as given on the command line.

    Raises:
        CommandError: the standard input is a terminal, or closed.
    """
    if path != STDIN:
        yield path
        return
    if isinstance(sys.stdin, ClosedInput):
        raise CommandError(f"{STDIN}: the standard input is closed; give it text, as in: cat *.txt | torch-w2v …")
    if sys.stdin.isatty():
        raise CommandError(f"{STDIN}: the standard input is a terminal; give it text, as in: cat *.txt | torch-w2v …")
    stream = sys.stdin.buffer
    first = stream.read(1 << 16)
    suffix = suffix_of(first) or ".txt"
    with tempfile.TemporaryDirectory(prefix="torch_w2v-") as folder:
        name = os.path.join(folder, f"stdin{suffix}")
        with open(name, "wb") as file:
            file.write(first)
            shutil.copyfileobj(stream, file, 1 << 20)
        yield name
