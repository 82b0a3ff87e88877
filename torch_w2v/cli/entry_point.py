"""The entry point of `torch-w2v`: parse the command line, run the command, turn errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any, NoReturn, TextIO

from torch_w2v import engines, extras
from torch_w2v.cli import compare, demo, encode, export, info, neighbours, train
from torch_w2v.cli.errors import BAD_INPUT, FAILED, INTERRUPTED, CommandError
from torch_w2v.cli.output import Messages, Output
from torch_w2v.cli.spool import ClosedInput
from torch_w2v.training.interrupts import Interrupts, Terminated
from torch_w2v.version import __version__

COMMANDS = (train, neighbours, info, export, demo, compare, encode)  # each has `add_parser(commands)` and `run(args)`


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print a message, or nothing where that cannot be: the exit code says it too. Python 3.11.2 would raise."""
        with suppress(OSError):
            super()._print_message(message, file)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Take the names of options with underscores too, as gensim writes its arguments: --vector_size."""
        args = sys.argv[1:] if args is None else list(args)
        end = args.index("--") if "--" in args else len(args)
        known, rest = super().parse_known_args([*map(_hyphenated, args[:end]), *args[end:]], namespace)
        # argparse ends an argument that takes any number of words at the first option.
        open_ended = [action for action in self._actions if action.nargs == "*" and not action.option_strings]
        end = rest.index("--") if "--" in rest else len(rest)
        if open_ended and not any(word.startswith("-") for word in rest[:end]):
            words = [*getattr(known, open_ended[0].dest), *rest[:end], *rest[end + 1 :]]
            setattr(known, open_ended[0].dest, words)
            rest = []
        return known, rest


def _hyphenated(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return name.replace("_", "-") + equals + value if name.startswith("--") else argument


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; parsed arguments have the command's function as `run`."""
    top = _Parser(prog="torch-w2v", description="gensim's Word2Vec, trained on torch_w2v's engines.")
    top.add_argument("--version", action="version", version=f"torch_w2v {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: the arguments after the program's name; None for those of this process.

    Returns:
        The exit code: 0, or 1 (failure), 2 (wrong input) or 128 and the number of a signal (130 after
        Ctrl-C), as named in `torch_w2v.cli.errors`.
    """
    _open_closed_streams()
    top = parser()
    if "_ARGCOMPLETE" in os.environ:  # set by a shell that wants to complete the line
        extras.load("argcomplete", "completion", "completion of command lines").autocomplete(top)
    try:
        args = top.parse_args(argv)
    except SystemExit:  # argparse has printed what is wrong with the arguments
        _drop_what_cannot_be_written(sys.stderr)
        raise
    message = None
    # Signals raise, so that temporary files are removed.
    with redirect_stdout(Output(sys.stdout)), redirect_stderr(Messages(sys.stderr)), Interrupts():
        try:
            code: int = args.run(args)
            sys.stdout.flush()
        except CommandError as e:
            message, code = str(e), e.code
        except KeyboardInterrupt:
            message, code = "interrupted", INTERRUPTED
        except Terminated as e:
            message, code = "interrupted", e.exit_code
        except BrokenPipeError:  # as in `torch-w2v neighbours … | head -1`
            code = FAILED
        except _reported_errors() as e:
            message, code = f"{type(e).__name__}: {e}", FAILED
    if message is not None:
        print(f"torch-w2v: error: {' '.join(message.split())}", file=Messages(sys.stderr))
    for stream in (sys.stdout, sys.stderr):
        _drop_what_cannot_be_written(stream)
    return code


def _drop_what_cannot_be_written(stream: TextIO) -> None:
    """Empty the buffer of a stream that cannot be written to: Python would try once more when it ends, and fail."""
    try:
        stream.flush()
    except OSError:  # is reported already
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _open_closed_streams() -> None:
    """Open what the shell has closed (`>&-`): a file opened later would take its place, and get what is printed.

    What is printed to a closed stdout is an error when it is flushed; what is printed to a closed stderr is lost.
    """
    for name, flags in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            setattr(sys, name, ClosedInput(os.fdopen(opened, "rb")) if name == "stdin" else os.fdopen(opened, "w"))


def _reported_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the machine (files, memory), which are reported without a traceback."""
    return (OSError, *engines.out_of_memory_errors())
