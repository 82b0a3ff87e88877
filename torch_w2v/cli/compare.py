"""`torch-w2v compare`: train gensim and torch_w2v on the same corpus, and compare the quality."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import corpus
from torch_w2v.cli import checks, spool
from torch_w2v.cli.errors import FAILED, CommandError, describe
from torch_w2v.cli.options import CORPUS, Commands, add_constructor_options, chosen_options, constructor_options
from torch_w2v.cli.output import print_json
from torch_w2v.cli.progress import Progress
from torch_w2v.compare import Comparison, compare, comparison, report
from torch_w2v.compare.comparison import HELD_OUT, Maker
from torch_w2v.compare.contenders import GENSIM, contenders_named
from torch_w2v.compare.gold import SHIPPED, Gold, analogies_file, pairs_file
from torch_w2v.engines import ENGINES
from torch_w2v.files import path_of
from torch_w2v.gensim_compat.vocabulary import ExponentError
from torch_w2v.system import cores

# --engines chooses the engines, hierarchical softmax is trained by gensim's own, and a comparison has no
# checkpoints and one process.
_LEFT_OUT = ("engine", "hs", "checkpoint", "checkpoint_every", "distributed", "shard")
# Options whose values only a comparison has.
_OWN = ("engines", "seeds", "held_out")


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "compare",
        help="compare the quality with gensim's on your corpus",
        description=(
            "Train gensim and torch_w2v on CORPUS with the same arguments and several seeds, and compare seconds, "
            "memory and quality. The exit code is 1 if a measure is inferior, 2 if none could be judged. The corpus is "
            "held in memory."
        ),
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "corpus", type=path_of, metavar="CORPUS", help=f"{CORPUS}; or a file that `torch-w2v encode` wrote"
    )
    parser.add_argument(
        "--engines",
        default="auto",
        metavar="NAME,…",
        help=f"engines to compare, of {', '.join(ENGINES)}; 'cpu:2' runs one with two workers (default auto)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=3,
        help="number of runs per contender, with the seeds --seed, --seed + 1, … (default 3)",
    )
    parser.add_argument(
        "--pairs",
        nargs="+",
        type=path_of,
        default=[],
        metavar="FILE",
        help="files of word pairs with a score, tab-separated",
    )
    parser.add_argument(
        "--analogies",
        nargs="+",
        type=path_of,
        default=[],
        metavar="FILE",
        help="files of analogy questions in word2vec's format",
    )
    parser.add_argument(
        "--held-out",
        type=float,
        default=HELD_OUT,
        metavar="SHARE",
        help=f"share of the sentences kept from training, to compute the loss on (default {HELD_OUT})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument(
        "--report", type=path_of, metavar="DIR", help="write a page with plots to DIR/report.html; needs matplotlib"
    )
    add_constructor_options(parser, [name for name in constructor_options() if name not in _LEFT_OUT], workers=cores())


def run(args: argparse.Namespace) -> int:
    """Compare and print the result; the exit code is 1 if a measure is inferior, 2 if none could be judged.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument or a file is wrong, or no measure could be judged.
    """
    checks.check_at_least("--epochs", args.epochs, 1)
    checks.check_limits(args)
    if not args.negative:
        raise CommandError("--negative 0: gensim's own engine trains that, so there is nothing to compare")
    settings = chosen_options(args)
    settings.pop("column")
    ours = {name: settings.pop(name) for name in ("device", "cbow_gradient", "corpus_cache")}
    gold, contenders = _checked(args, settings, ours)
    progress = Progress(sys.stderr)
    try:
        with spool.corpus_path(args.corpus) as path:
            source = checks.resolve_corpus(path, args.column)
            result = _compare(args, source, settings, gold, contenders, progress)
    finally:
        progress.end()
    if args.json:
        print_json(result.as_dict())
    else:
        print("\n".join(result.lines()))
    if not result.verdicts:
        raise CommandError(f"{args.corpus}: no measure could be judged: {_why_none(result, gold)}")
    if args.report:
        print(f"report: {report.write(result, args.report)}", file=sys.stderr)
    return FAILED if result.inferior else 0


def _why_none(result: Comparison, gold: list[Gold]) -> str:
    """Return why no measure has a verdict, on one line."""
    names = [g.name for g in gold]
    others = [line for line in result.left_out if not line.startswith(tuple(f"{name}: " for name in names))]
    return "; ".join([f"no scores of {', '.join(names)}", *others])


def _checked(
    args: argparse.Namespace, settings: dict[str, Any], ours: dict[str, Any]
) -> tuple[list[Gold], dict[str, Maker]]:
    """Return the sets of judgements and our contenders; all that can be checked before the corpus is, is checked.

    Args:
        args: the parsed command line.
        settings: arguments of both classes.
        ours: arguments of ours only.

    Raises:
        CommandError: an argument or a file is wrong.
    """
    try:
        gold = [*SHIPPED, *map(pairs_file, args.pairs), *map(analogies_file, args.analogies)]
        if args.report:
            checks.check_not_read(os.path.join(args.report, report.FILE), (*args.pairs, *args.analogies), args.corpus)
            report.check(args.report)
    except (ValueError, TypeError, RuntimeError, ImportError, OSError) as e:
        raise CommandError(describe(e)) from e
    try:
        contenders = contenders_named(args.engines.split(","), **ours)
        comparison.check({GENSIM: PlainWord2Vec, **contenders}, args.seeds, args.held_out, settings)
    except (ValueError, TypeError, RuntimeError, ImportError, OSError) as e:
        message = describe(e).replace("engine=", "engines=")
        raise CommandError(checks.as_options(message, (*args.options, *_OWN))) from e
    return gold, contenders


def _compare(
    args: argparse.Namespace,
    source: corpus.Opened,
    settings: dict[str, Any],
    gold: list[Gold],
    contenders: dict[str, Maker],
    progress: Progress,
) -> Comparison:
    """Read the corpus and compare; the arguments are those that `run` has checked."""
    progress.phase("reading the corpus")
    with checks.reading(args.corpus):
        sentences = [[sys.intern(word) if type(word) is str else word for word in sentence] for sentence in source]
    try:
        return compare(
            sentences,
            (),
            args.seeds,
            gold=gold,
            variants=contenders,
            held_out=args.held_out,
            progress=progress.phase,
            **settings,
        )
    except corpus.NoWordsError as e:
        raise CommandError(str(e)) from e
    except ExponentError as e:
        raise CommandError(checks.as_options(str(e), args.options)) from e
