"""`torch-w2v neighbours`: print the nearest neighbours of words."""

from __future__ import annotations

import argparse

from torch_w2v.cli import checks
from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.cli.options import PICKLES, Commands
from torch_w2v.cli.output import print_json
from torch_w2v.files import path_of
from torch_w2v.formats import FORMATS, vectors_of


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "neighbours",
        help="print the nearest neighbours of words",
        description=f"Print the nearest neighbours of each WORD by cosine similarity. {PICKLES}",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "vectors", type=path_of, metavar="VECTORS", help=f"file that ends in one of {', '.join(FORMATS)}"
    )
    parser.add_argument("words", metavar="WORD", nargs="*", help="word to look up")
    parser.add_argument(
        "--positive", nargs="+", default=[], metavar="WORD", help="words to add up: king woman, and --negative man"
    )
    parser.add_argument("--negative", nargs="+", default=[], metavar="WORD", help="words to subtract")
    parser.add_argument("--topn", type=int, default=10, help="number of neighbours per word (default 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")


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
    if not (args.words or args.positive or args.negative):
        raise CommandError("nothing to look up: give a WORD, or --positive and --negative words")
    vectors = vectors_of(checks.load(args.vectors))
    asked = [*args.words, *args.positive, *args.negative]
    unknown = [word for word in dict.fromkeys(asked) if word not in vectors.key_to_index]
    questions: list[tuple[str, list[str], list[str]]] = [
        (word, [word], []) for word in args.words if word not in unknown
    ]
    if (args.positive or args.negative) and not set(unknown) & {*args.positive, *args.negative}:
        title = " ".join([*(f"+{word}" for word in args.positive), *(f"-{word}" for word in args.negative)])
        questions.append((title, args.positive, args.negative))
    answers = [(title, vectors.most_similar(plus, minus, topn=args.topn)) for title, plus, minus in questions]
    if args.json:
        plain = [
            {"words": title, "neighbours": [{"word": str(w), "similarity": round(float(s), 6)} for w, s in found]}
            for title, found in answers
        ]
        print_json(plain)
    else:
        for title, found in answers:
            _print_neighbours(title, found)
    if unknown:
        raise CommandError(f"not among the {len(vectors):,} words of {args.vectors}: {', '.join(unknown)}", FAILED)
    return 0


def _print_neighbours(title: str, neighbours: list[tuple[str, float]]) -> None:
    width = max([len(str(key)) for key, _ in neighbours], default=0)
    print(title)
    for rank, (key, similarity) in enumerate(neighbours, 1):
        print(f"{rank:4}  {key!s:{width}}  {similarity:6.3f}")
