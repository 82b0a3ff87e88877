"""The standard streams: errors of the output are said to be its own; what stderr cannot take is lost, and nothing else.

What the encoding of the output has no code for is escaped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.json_values import json_value


class Output:
    """stdout while a command runs. A broken pipe stays one.

    A pipe or a file on Windows has an encoding of some hundred letters by default. A word with others is written with
    escapes, as in '\\u6771', which Python writes to stderr too.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write a text, as a stream's method does."""
        with self._reporting():
            try:
                return self._stream.write(text)
            except UnicodeEncodeError:
                return self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))

    def flush(self) -> None:
        """Write what is in the stream's buffer."""
        with self._reporting():
            self._stream.flush()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as e:
            raise CommandError(f"cannot write to the standard output: {e.strerror}", FAILED) from e


class Messages:
    """stderr while a command runs. A full disk or a broken pipe there loses the messages, and does not end the work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, as a stream's method does, if that is possible."""
        if not self._stream.closed:
            with suppress(OSError):
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is in the stream's buffer, if that is possible."""
        if not self._stream.closed:
            with suppress(OSError):
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def print_json(value: Any) -> None:
    """Print what JSON can hold, null for what is not finite, with escapes where stdout has no code for a letter."""
    value = json_value(value)
    text = json.dumps(value, indent=1, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=1)
    print(text)
