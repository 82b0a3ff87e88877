"""Count the words of a corpus."""

from __future__ import annotations

import copy
import logging
import math
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

import numpy as np

from torch_w2v.corpus.bindings import count_tokens
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.lists import parts_of
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, Sentence
from torch_w2v.corpus.word_ids import GrowingVocabulary
from torch_w2v.user_warnings import warn

logger = logging.getLogger("gensim.models.word2vec")  # the lines logged here are gensim's


@dataclass(frozen=True)
class Scan:
    """The words of a corpus.

    Attributes:
        words: every distinct word, in the order of first occurrence.
        counts: (len(words),) int64, the number of occurrences of each.
        sentences: number of sentences.
    """

    words: Sequence[Hashable]
    counts: np.ndarray
    sentences: int


def count_words(
    source: Corpus,
    threads: int,
    progress_per: float,
    keep: Callable[[np.ndarray, np.ndarray], None] | None = None,
    watch: Callable[[int, float], None] | None = None,
) -> Scan:
    """Count the words of a corpus, and log gensim's lines of progress.

    Args:
        source: the sentences.
        threads: number of threads that split text.
        progress_per: number of sentences between two lines of progress.
        keep: called with each part of the corpus in order: int32 tokens, which are indices into `Scan.words`, and the
            int64 lengths of their sentences.
        watch: called after each part with the number of words so far, and the share of the corpus that they are; nan
            where its size is not known.

    Returns:
        The distinct words with their counts, and the number of sentences.

    Raises:
        TypeError: a sentence is not an iterable of hashable words; the message has its number.
    """
    # gensim's may be a float, such as 1e6 or infinity
    step = int(min(math.ceil(progress_per) if math.isfinite(progress_per) else sys.maxsize, sys.maxsize))
    counts = np.zeros(1 << 16, np.int64)
    sentences = words = 0
    size = source.size() if isinstance(source, Text) and watch is not None else None
    done = 0

    def read(count: int) -> None:
        nonlocal done
        done += count

    if isinstance(source, Text):
        vocabulary = GrowingVocabulary(source.separator)
        parts = source.parts(vocabulary, threads, read)
    elif isinstance(source, Column):
        vocabulary = GrowingVocabulary(source.separator)
        parts = source.parts(vocabulary, threads)
    else:
        vocabulary = GrowingVocabulary("\0")
        parts = parts_of(_checked(source), vocabulary)
    with closing(parts):
        for tokens, lengths in parts:
            for i in range(-sentences % step, len(lengths), step):
                logger.info(
                    "PROGRESS: at sentence #%i, processed %i words, keeping %i word types",
                    sentences + i,
                    words + lengths[:i].sum(),
                    np.count_nonzero(counts),
                )
            if len(counts) < len(vocabulary):
                counts = np.concatenate([counts, np.zeros(2 * len(vocabulary) - len(counts), np.int64)])
            count_tokens(tokens, counts)
            sentences += len(lengths)
            words += len(tokens)
            if keep is not None:
                keep(tokens, lengths)
            if watch is not None:
                watch(words, done / size if size else math.nan)
    return Scan(list(vocabulary), counts[: len(vocabulary)], sentences)


def _checked(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Yield the sentences; log gensim's warning if the first one is a str.

    Raises:
        TypeError: its first word is equal to a copy that has another hash, as tensors are: no two would be one word.
    """
    is_first = True
    for sentence in sentences:  # iter() once only: that of a reader which returns itself may rewind its file
        if is_first and isinstance(sentence, (list, tuple)) and sentence and _is_no_word(sentence[0]):
            raise TypeError(
                f"the first word, {sentence[0]!r}, is of the type {type(sentence[0]).__name__}, of which equal ones "
                "have different hashes, so that each would be a word of its own: give numbers or texts (walk.tolist())"
            )
        if is_first and isinstance(sentence, str):
            logger.warning(
                "Each 'sentences' item should be a list of words (usually unicode strings). "
                "First item here is instead plain %s.",
                type(sentence),
            )
            if sentence:
                warn(
                    "the first sentence is a str, so that its characters are the words: give lists of words "
                    "(text.split()) or the path of a file (corpus_file=); lists of characters (list(text)) if these "
                    "are meant"
                )
        is_first = False
        yield sentence


def _is_no_word(word: Hashable) -> bool:
    """Return whether a word is a tensor or the like: equal to its copy, which has another hash."""
    if not hasattr(word, "tolist"):
        return False
    with suppress(Exception):  # what cannot be copied or compared may be a word all the same
        copied = copy.copy(word)
        return bool(copied == word) and hash(copied) != hash(word)
    return False
