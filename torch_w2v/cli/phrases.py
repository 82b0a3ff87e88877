"""The option --phrases: words that often stand together are joined before training."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from gensim.models.phrases import Phrases

from torch_w2v import corpus
from torch_w2v.cli import checks
from torch_w2v.cli.errors import CommandError
from torch_w2v.cli.options import INPUT, group

MIN_COUNT, THRESHOLD = 5, 10.0  # as gensim's Phrases has them


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --phrases and its options."""
    source = group(parser, INPUT)
    source.add_argument("--phrases", action="store_true", help="join words that often stand together, as in new_york")
    source.add_argument(
        "--phrases-min-count",
        type=int,
        metavar="N",
        help=f"with --phrases: join what occurs N times or more (default {MIN_COUNT})",
    )
    source.add_argument(
        "--phrases-threshold",
        type=float,
        metavar="X",
        help=f"with --phrases: join what gensim scores higher than this (default {THRESHOLD})",
    )


def thresholds(args: argparse.Namespace) -> tuple[int, float] | None:
    """Return the least count and the least score of phrases; None if none are to be joined.

    Raises:
        CommandError: one is out of its range, or is given without --phrases.
    """
    for option, value in (
        ("--phrases-min-count", args.phrases_min_count),
        ("--phrases-threshold", args.phrases_threshold),
    ):
        if value is not None and not args.phrases:
            raise CommandError(f"{option} {value}: is an option of --phrases: give that, too")
    min_count = MIN_COUNT if args.phrases_min_count is None else args.phrases_min_count
    threshold = THRESHOLD if args.phrases_threshold is None else args.phrases_threshold
    checks.check_at_least("--phrases-min-count", min_count, 1)
    if not threshold > 0:
        raise CommandError(f"--phrases-threshold {threshold}: must be more than 0")
    return (min_count, threshold) if args.phrases else None


@contextmanager
def joined(source: corpus.Opened, path: str, min_count: int, threshold: float) -> Iterator[tuple[corpus.Opened, int]]:
    """Return a corpus in which gensim's Phrases has joined words that often stand together, by '_'.

    Args:
        source: is read twice.
        path: of the corpus, for messages.
        min_count: a phrase occurs at least so often.
        threshold: of gensim's score; a larger one means fewer phrases.

    Yields:
        The corpus, in a temporary file, and the number of different phrases.

    Raises:
        CommandError: the corpus cannot be read.
    """
    with checks.reading(path):
        phrases = Phrases(source, min_count=min_count, threshold=threshold).freeze()
    with tempfile.TemporaryDirectory(prefix="torch_w2v-") as folder:
        name = os.path.join(folder, "phrases.txt")
        with checks.reading(path), open(name, "w", encoding="utf8") as file:
            for sentence in source:
                file.write(" ".join(phrases[sentence]) + "\n")
        yield corpus.files(name), len(phrases.phrasegrams)
