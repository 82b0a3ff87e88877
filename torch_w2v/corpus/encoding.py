"""Sentences as rows of a vocabulary, in runs of whole sentences."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Hashable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from torch_w2v.corpus import lists
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.store import Encoded
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, Part
from torch_w2v.corpus.word_ids import WordIds

UNKNOWN = -1  # the row of a word outside the vocabulary


def rows_in(key_to_index: Mapping[Hashable, int], n_rows: int | None = None) -> WordIds:
    """Return a function from words to their rows, `UNKNOWN` for words outside the vocabulary.

    Args:
        key_to_index: the row of each word of the vocabulary.
        n_rows: number of rows that there are; the function raises a RuntimeError at one outside. None for no limit.
    """
    get = key_to_index.get

    def rows(words: Sequence[Hashable]) -> list[int]:
        return list(map(get, words, itertools.repeat(UNKNOWN)))

    def rows_inside(words: Sequence[Hashable]) -> list[int]:
        ids = rows(words)
        for row in (min(ids, default=0), max(ids, default=0)):
            if not UNKNOWN <= row < (n_rows or 0):
                raise RuntimeError(
                    f"a word has the row {row}, but there are {n_rows} rows: this model cannot train. "
                    "Call build_vocab(), or load a full model"
                )
        return ids

    return rows if n_rows is None else rows_inside


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary as it was at one moment, to find out whether it is still the same.

    Attributes:
        key_to_index: the dictionary.
        size: its number of words.
        items: its words and their rows; None where only identity and size are compared.
    """

    key_to_index: Mapping[Hashable, int]
    size: int
    items: tuple[tuple[Hashable, ...], tuple[int, ...]] | None

    @classmethod
    def now(cls, key_to_index: Mapping[Hashable, int], with_items: bool) -> Vocabulary:
        """Return a vocabulary as it is now; with its items that takes 50 ms per million words, and so does a look."""
        return cls(key_to_index, len(key_to_index), _items(key_to_index) if with_items else None)

    def is_still(self, key_to_index: Mapping[Hashable, int]) -> bool:
        """Return whether nothing has changed."""
        if key_to_index is not self.key_to_index or len(key_to_index) != self.size:
            return False
        return self.items is None or self.items == _items(key_to_index)


def _items(key_to_index: Mapping[Hashable, int]) -> tuple[tuple[Hashable, ...], tuple[int, ...]]:
    return tuple(key_to_index), tuple(key_to_index.values())


def encode(
    source: Corpus,
    key_to_index: Mapping[Hashable, int],
    chunk_tokens: int,
    threads: int = 1,
    n_rows: int | None = None,
) -> Generator[Encoded, None, None]:
    """Encode a stream of sentences into runs of at least `chunk_tokens` tokens.

    A run ends with the sentence that brings it to that size; only the last run may be shorter.

    Args:
        source: the sentences.
        key_to_index: the row of each word of the vocabulary.
        chunk_tokens: minimum number of tokens per run.
        threads: number of threads that split text.
        n_rows: number of rows that there are; None for no limit.

    Yields:
        Runs in the corpus's order, their tokens being rows.

    Raises:
        TypeError: a sentence is not a sized iterable of hashable words; the message has its number.
        RuntimeError: the row of a word is outside `n_rows`.
    """
    rows = rows_in(key_to_index, n_rows)
    parts = (
        source.parts(rows, threads)
        if isinstance(source, (Text, Column))
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
