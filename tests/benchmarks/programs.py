"""What the tests of the benchmarks share."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
import warnings
from typing import NamedTuple
from unittest import mock


class Finished(NamedTuple):
    """What a program has returned and printed."""

    returncode: int
    stdout: str
    stderr: str


def run(name: str, *arguments: object) -> Finished:
    """Run `python -m benchmarks.NAME` in this process, which has imported already what takes seconds."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", [name, *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        # Its functions may have been imported by their tests; the program that runs has its own.
        warnings.filterwarnings("ignore", ".*found in sys.modules", RuntimeWarning)
        try:
            runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                err.write(end.code)
    return Finished(code, out.getvalue(), err.getvalue())
