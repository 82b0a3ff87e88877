"""The entry point of the command `torch-w2v`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from torch_w2v import __version__, engines
from torch_w2v.cli import demo
from torch_w2v.cli.commands import encode, neighbours, run_compare, run_demo, train
from torch_w2v.cli.errors import BAD_INPUT, FAILED, INTERRUPTED, CommandError
from torch_w2v.cli.options import CORPUS, add_options, constructor_options
from torch_w2v.compare import comparison
from torch_w2v.engines import ENGINES
from torch_w2v.formats import FORMATS
from torch_w2v.system import cores


class _Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(prog="torch-w2v", description="Word2Vec as gensim's, trained on torch_w2v's engines.")
    top.add_argument("--version", action="version", version=f"torch_w2v {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    one = commands.add_parser("train", help="train vectors on a text file", allow_abbrev=False, description=(
        "Train on CORPUS. Options are the arguments of gensim's Word2Vec."))  # fmt: skip
    one.set_defaults(run=train, options=tuple(constructor_options()))
    one.add_argument("corpus", metavar="CORPUS", help=f"{CORPUS}; or what `encode` wrote")
    kinds = "; ".join(f"{suffix}: {kind.what}" for suffix, kind in FORMATS.items())
    one.add_argument("-o", "--output", required=True, metavar="FILE", help=f"the vectors; the suffix says how. {kinds}")
    one.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    one.add_argument("--quiet", action="store_true", help="show warnings and errors only")
    add_options(one, one.get_default("options"))

    two = commands.add_parser("neighbours", help="the nearest neighbours of words", allow_abbrev=False, description=(
        "Print the nearest neighbours of each WORD by cosine similarity. "
        ".kv and .model files are pickles: open only those you trust."))  # fmt: skip
    two.set_defaults(run=neighbours)
    two.add_argument("vectors", metavar="VECTORS", help=f"a file that ends in {', '.join(FORMATS)}")
    two.add_argument("words", metavar="WORD", nargs="+")
    two.add_argument("--topn", type=int, default=10, help="neighbours a word (default 10)")

    three = commands.add_parser("demo", help="gensim beside torch_w2v on a small corpus", allow_abbrev=False,
        description="Train gensim and torch_w2v on the Wikipedia articles that gensim's wheel carries; about a minute.",
    )  # fmt: skip
    shared = ("epochs", "workers", "seed")
    three.set_defaults(run=run_demo, options=shared)
    add_options(three, shared, workers=cores(), **demo.SETTINGS)
    add_options(three, ("engine", "device"))

    four = commands.add_parser("compare", help="is the quality that of gensim, on your corpus?", allow_abbrev=False,
        description=(
            "Train gensim and torch_w2v on CORPUS with the same arguments and several seeds, and compare seconds, "
            "memory and quality. Exits with 1 where a measure is inferior. The corpus is held in memory."),
    )  # fmt: skip
    names = tuple(name for name in constructor_options() if name not in ("engine", "sg", "hs"))
    four.set_defaults(run=run_compare, options=names)
    four.add_argument("corpus", metavar="CORPUS", help=CORPUS)
    some = f"of {', '.join(ENGINES)}; cpu:2 gives one its own number of workers (default auto)"
    four.add_argument("--engines", default="auto", metavar="NAME,…", help=some)
    four.add_argument("--seeds", type=int, default=3, help="runs of each, from --seed on (default 3)")
    four.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="word pairs with a score, tab-separated")
    four.add_argument("--analogies", nargs="+", default=[], metavar="FILE", help="questions in word2vec's format")
    four.add_argument("--held-out", type=float, default=comparison.HELD_OUT, metavar="SHARE",
                      help=f"of the sentences, for the loss (default {comparison.HELD_OUT})")  # fmt: skip
    four.add_argument("--json", action="store_true", help="print JSON instead of tables")
    four.add_argument("--report", metavar="DIR", help="write a page with plots, DIR/report.html (needs matplotlib)")
    add_options(four, names, workers=cores())

    five = commands.add_parser("encode", help="read text once, for any number of models", allow_abbrev=False,
        description="Write CORPUS in numbers: Word2Vec(corpus_file=FILE) and `train FILE` then read no text.",
    )  # fmt: skip
    five.set_defaults(run=encode)
    five.add_argument("corpus", metavar="CORPUS", help=CORPUS)
    five.add_argument("-o", "--output", required=True, metavar="FILE", help="must end in .w2v")
    five.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    five.add_argument("--quiet", action="store_true", help="show warnings and errors only")
    five.add_argument("--workers", type=int, default=cores(), help="threads that split text (default all cores)")
    return top


def _fatal() -> tuple[type[Exception], ...]:
    """What no command can mend, told without a traceback."""
    return (OSError, *engines.out_of_memory_errors())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code: 0, 1 failure, 2 bad input, 130 interrupted."""
    args = parser().parse_args(argv)
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as e:
        message, code = str(e), e.code
    except KeyboardInterrupt:
        message, code = "interrupted", INTERRUPTED
    except BrokenPipeError:  # as in `torch-w2v neighbours … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except _fatal() as e:
        message, code = f"{type(e).__name__}: {e}", FAILED
    print(f"torch-w2v: error: {' '.join(message.split())}", file=sys.stderr)
    return code
