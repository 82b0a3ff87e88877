"""Sentences as rows of a vocabulary, in runs of whole sentences."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing

import numpy as np

from torch_w2v.corpus import lists
from torch_w2v.corpus.store import Encoded
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, Part
from torch_w2v.corpus.word_ids import WordIds

UNKNOWN = -1  # the row of a word outside the vocabulary


def rows_in(key_to_index: Mapping[Hashable, int]) -> WordIds:
    """Return a function from words to their rows, `UNKNOWN` for words outside the vocabulary."""
    get = key_to_index.get

    def rows(words: Sequence[Hashable]) -> list[int]:
        return list(map(get, words, itertools.repeat(UNKNOWN)))

    return rows


def encode(
    source: Corpus, key_to_index: Mapping[Hashable, int], chunk_tokens: int, threads: int = 1
) -> Iterator[Encoded]:
    """Encode a stream of sentences into runs of at least `chunk_tokens` tokens.

    A run ends with the sentence that brings it to that size; only the last run may be shorter.

    Args:
        source: the sentences.
        key_to_index: the row of each word of the vocabulary.
        chunk_tokens: minimum number of tokens per run.
        threads: number of threads that split a `Text`.

    Yields:
        Runs in the corpus's order, their tokens being rows.

    Raises:
        TypeError: a sentence is not an iterable of hashable words; the message has its number.
    """
    rows = rows_in(key_to_index)
    parts = (
        source.parts(rows, threads)
        if isinstance(source, Text)
        else lists.parts_of(source, rows, min(lists.BATCH, chunk_tokens))
    )
    position = size = 0
    waiting: list[Part] = []
    with closing(parts):
        for part in parts:
            waiting.append(part)
            size += len(part[0])
            if size >= chunk_tokens:
                *runs, last = concatenate(waiting, position).runs(chunk_tokens)
                yield from runs
                if len(last.tokens) >= chunk_tokens:
                    yield last
                    waiting, position, size = [], last.position + len(last.tokens), 0
                else:
                    waiting, position, size = [(last.tokens, np.diff(last.offsets))], last.position, len(last.tokens)
    if waiting:
        yield from concatenate(waiting, position).runs(chunk_tokens)


def concatenate(parts: Sequence[Part], position: int = 0) -> Encoded:
    """Return consecutive parts of a corpus as one.

    Args:
        parts: in order.
        position: place of their first token in the corpus.
    """
    lengths = np.concatenate([np.zeros(1, np.int64), *(lengths for _, lengths in parts)])
    tokens = np.concatenate([np.zeros(0, np.int32), *(tokens for tokens, _ in parts)])
    return Encoded(tokens, np.cumsum(lengths), position)
