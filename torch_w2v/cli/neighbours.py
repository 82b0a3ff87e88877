"""`torch-w2v neighbours`: print the nearest neighbours of words."""

from __future__ import annotations

import argparse

from gensim.models import KeyedVectors

from torch_w2v.cli import checks
from torch_w2v.cli.errors import FAILED, CommandError, describe
from torch_w2v.cli.options import Commands
from torch_w2v.formats import FORMATS, load_vectors


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "neighbours",
        help="print the nearest neighbours of words",
        description=(
            "Print the nearest neighbours of each WORD by cosine similarity. "
            ".kv and .model files are pickles: open only those you trust."
        ),
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("vectors", metavar="VECTORS", help=f"file that ends in one of {', '.join(FORMATS)}")
    parser.add_argument("words", metavar="WORD", nargs="+", help="word to look up")
    parser.add_argument("--topn", type=int, default=10, help="number of neighbours per word (default 10)")


def run(args: argparse.Namespace) -> int:
    """Print the neighbours of the known words, and report the unknown ones at the end.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument or a file is wrong, or a word is unknown.
    """
    checks.check_at_least("--topn", args.topn, 1)
    try:
        vectors = load_vectors(args.vectors)
    except (ValueError, OSError, ImportError) as e:
        raise CommandError(describe(e)) from e
    known = [word for word in args.words if word in vectors.key_to_index]
    unknown = [word for word in args.words if word not in vectors.key_to_index]
    for word in known:
        _print_neighbours(vectors, word, args.topn)
    if unknown:
        raise CommandError(f"not among the {len(vectors):,} words of {args.vectors}: {', '.join(unknown)}", FAILED)
    return 0


def _print_neighbours(vectors: KeyedVectors, word: str, topn: int) -> None:
    neighbours = vectors.most_similar(word, topn=topn)
    width = max([len(str(key)) for key, _ in neighbours], default=0)
    print(word)
    for rank, (key, similarity) in enumerate(neighbours, 1):
        print(f"{rank:4}  {key!s:{width}}  {similarity:6.3f}")
