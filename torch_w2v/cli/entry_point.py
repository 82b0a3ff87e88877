"""The entry point of `torch-w2v`: parse the command line, run the command, turn errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from torch_w2v import __version__, engines
from torch_w2v.cli import compare, demo, encode, neighbours, train
from torch_w2v.cli.errors import BAD_INPUT, FAILED, INTERRUPTED, CommandError

COMMANDS = (train, neighbours, demo, compare, encode)  # each has `add_parser(commands)` and `run(args)`


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


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
        The exit code: 0, or 1 (failure), 2 (wrong input) or 130 (interrupted), as named in `torch_w2v.cli.errors`.
    """
    args = parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as e:
        message, code = str(e), e.code
    except KeyboardInterrupt:
        message, code = "interrupted", INTERRUPTED
    except BrokenPipeError:  # as in `torch-w2v neighbours … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except _reported_errors() as e:
        message, code = f"{type(e).__name__}: {e}", FAILED
    print(f"torch-w2v: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def _reported_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the machine (files, memory), which are reported without a traceback."""
    return (OSError, *engines.out_of_memory_errors())
