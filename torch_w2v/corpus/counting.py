"""Count the words of a corpus."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_w2v.corpus import text
from torch_w2v.corpus.splitting import Numbering, count

logger = logging.getLogger("gensim.models.word2vec")  # whose lines these are


@dataclass
class Scan:
    """What one pass over a corpus found.

    Attributes:
        words: every different word, in the order of first occurrence.
        counts: (len(words),) int64.
        sentences: their number.
    """

    words: Sequence[Hashable]
    counts: np.ndarray
    sentences: int


def scan(
    source: Any, threads: int, progress_per: int, keep: Callable[[np.ndarray, np.ndarray], None] | None = None
) -> Scan:
    """Count the words of a corpus: `text.Text`, or an iterable of lists of words. Logs gensim's lines of progress.

    keep: called with each part of the corpus, (tokens, sentence lengths), in numbers into `Scan.words`.

    Raises:
        TypeError: a sentence that is not an iterable of hashable words.
    """
    counts = np.zeros(1 << 16, np.int64)
    sentences = words = 0
    if isinstance(source, text.Text):
        seen = Numbering("\n")
        parts = source.parts(seen, threads)
    else:
        seen = Numbering("\0")
        parts = text.parts_of(_checked(source), seen)
    with closing(parts):
        for tokens, lengths in parts:
            for i in range(-sentences % progress_per, len(lengths), progress_per):
                logger.info(
                    "PROGRESS: at sentence #%i, processed %i words, keeping %i word types",
                    sentences + i, words + lengths[:i].sum(), np.count_nonzero(counts),
                )  # fmt: skip
            if len(counts) < len(seen):
                counts = np.concatenate([counts, np.zeros(2 * len(seen) - len(counts), np.int64)])
            count(tokens, counts)
            sentences += len(lengths)
            words += len(tokens)
            if keep is not None:
                keep(tokens, lengths)
    return Scan(list(seen), counts[: len(seen)], sentences)


def _checked(sentences: Iterable[Any]) -> Iterable[Any]:
    """The sentences, with gensim's warning where the first is a plain str."""
    iterator = iter(sentences)
    first = list(itertools.islice(iterator, 1))
    if first and isinstance(first[0], str):
        logger.warning(
            "Each 'sentences' item should be a list of words (usually unicode strings). "
            "First item here is instead plain %s.",
            type(first[0]),
        )
    return itertools.chain(first, iterator)
