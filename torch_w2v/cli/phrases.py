"""The option --phrases: words that often stand together are joined before training."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager

from gensim.models.phrases import Phrases

from torch_w2v import corpus
from torch_w2v.cli import checks
from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.cli.options import INPUT, group
from torch_w2v.corpus import encoded_file
from torch_w2v.corpus.store import CacheError

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
        The corpus, in a temporary .w2v file, which keeps words with white space in them whole, and the number of
        different phrases.

    Raises:
        CommandError: the corpus cannot be read, or has words that are no texts or that the file cannot hold; or the
            file cannot be written.
    """
    phrases = Phrases(_texts(source, path), min_count=min_count, threshold=threshold).freeze()
    with _temporary_folder() as folder:
        name = os.path.join(folder, "phrases.w2v")
        try:
            encoded_file.write((phrases[sentence] for sentence in _texts(source, path)), name, 1)
        except encoded_file.WordError as e:
            raise CommandError(f"{path}: --phrases cannot be used: {e}") from e
        except OSError as e:
            reason = e.strerror if isinstance(e, CacheError) else _no_file(folder, e)
            raise CommandError(str(reason), FAILED) from e
        with closing(corpus.EncodedFile(name)) as encoded:
            yield encoded, len(phrases.phrasegrams)


def _texts(source: corpus.Opened, path: str) -> Iterator[list[str]]:
    """Yield the sentences of a corpus.

    Raises:
        CommandError: it cannot be read, or a word is no text.
    """
    with checks.reading(path):
        for sentence in source:
            for word in sentence:
                if not isinstance(word, str):
                    raise CommandError(
                        f"{path}: --phrases joins words that are texts, but {word!r} is of the type "
                        f"{type(word).__name__}: make its words texts, or leave out --phrases"
                    )
            yield sentence


@contextmanager
def _temporary_folder() -> Iterator[str]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="torch_w2v-")
    except OSError as e:
        raise CommandError(_no_file("any folder", e), FAILED) from e
    with folder as name:
        yield name


def _no_file(folder: str, error: OSError) -> str:
    return (
        f"{error.strerror}: cannot write the corpus with its phrases (4 bytes per word, 8 per sentence) in {folder}: "
        "set TMPDIR to another folder"
    )
