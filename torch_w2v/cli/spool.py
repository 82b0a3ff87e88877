"""A corpus from the standard input, or made from another one: kept in a temporary file while it is used."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from gensim.models.phrases import Phrases

from torch_w2v import corpus
from torch_w2v.cli import checks
from torch_w2v.cli.errors import CommandError

STDIN = "-"
MIN_COUNT, THRESHOLD = 5, 10.0  # of phrases, as gensim's Phrases has them
# What a stream that is no plain text begins with, and the suffix that says so.
_MAGIC = (
    (b"\x1f\x8b", ".gz"),
    (b"BZh", ".bz2"),
    (b"\xfd7zXZ", ".xz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
    (b"PAR1", ".parquet"),
)


@contextmanager
def corpus_path(path: str) -> Iterator[str]:
    """Return the path of a corpus, for '-' that of a temporary file with what the standard input had.

    Args:
        path: as given on the command line.

    Raises:
        CommandError: the standard input is a terminal.
    """
    if path != STDIN:
        yield path
        return
    if sys.stdin.isatty():
        raise CommandError(f"{STDIN}: the standard input is a terminal; give it text, as in: cat *.txt | torch-w2v …")
    stream = sys.stdin.buffer
    first = stream.read(1 << 16)
    suffix = next((suffix for magic, suffix in _MAGIC if first.startswith(magic)), ".txt")
    with tempfile.TemporaryDirectory(prefix="torch_w2v-") as folder:
        name = os.path.join(folder, f"stdin{suffix}")
        with open(name, "wb") as file:
            file.write(first)
            shutil.copyfileobj(stream, file, 1 << 20)
        yield name


def phrase_options(args: argparse.Namespace) -> tuple[int, float] | None:
    """Return the least count and the threshold of phrases; None if none are to be joined.

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
def with_phrases(
    source: corpus.Opened, path: str, min_count: int, threshold: float
) -> Iterator[tuple[corpus.Opened, int]]:
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
