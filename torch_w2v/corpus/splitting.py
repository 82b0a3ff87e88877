"""Threads that split text with splitting.cpp, each with word ids of its own, translated into those of the caller."""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from torch_w2v.corpus.bindings import PAD, decode_words, library, remap, words_of_table
from torch_w2v.corpus.word_ids import GrowingVocabulary, WordIds
from torch_w2v.hints import Self
from torch_w2v.pool import ThreadPool
from torch_w2v.system import cores

T = TypeVar("T")


def splitters_for(threads: int) -> int:
    """Return how many threads split text where `threads` may work, the caller's included: no more than there are cores.

    A program may ask for any number of workers, and each has a table of words.
    """
    return max(1, min(threads - 1, cores()))


@dataclass
class Split:
    """One block of text, split.

    Attributes:
        tokens: (n,) int32 ids of the thread that split it.
        line_lengths: (newlines + 1,) int32, the number of words before each newline and after the last; empty for
            zero-separated words.
        first_new, end_new: the words that the thread saw here for the first time have ids from `first_new` to
            `end_new` - 1.
        new_words: these words in UTF-8, a separator after each.
        invalid_at: place of the first byte that is not UTF-8, or -1.
    """

    tokens: np.ndarray
    line_lengths: np.ndarray
    first_new: int
    end_new: int
    new_words: bytes
    invalid_at: int


class Splitter:
    """A thread that splits text, and its table of the words that it has seen.

    Args:
        word_ids: returns the caller's id of a word.
        zero_separated: the text is words with zeros between them, and not lines.
        only: no other thread splits. The thread then fills the caller's table, if that is a `GrowingVocabulary` that
            can lend it, and its ids need no translation.

    Raises:
        MemoryError: there is no memory for the table.
    """

    def __init__(self, word_ids: WordIds, zero_separated: bool, only: bool) -> None:
        self._library = library()
        self._zero_separated = zero_separated
        self._word_ids = word_ids
        vocabulary = word_ids if only and isinstance(word_ids, GrowingVocabulary) else None
        lent = 0 if vocabulary is None else vocabulary.lend_table()
        self._lender = vocabulary if lent else None
        self._own_table = 0 if lent else self._library.w2v_words_new(0 if zero_separated else ord("\n"))
        self._table = lent or self._own_table
        if not self._table:
            raise MemoryError("no memory for a table of words")
        self._thread = ThreadPool(1, "torch_w2v-text")
        self._tokens, self._line_lengths = np.empty(0, np.int32), np.empty(0, np.int32)
        self._translation = np.empty(0, np.int32)  # the caller's id of each word of the table

    def submit(self, text: bytes, max_words: int) -> Future[Split]:
        """Split a text on the thread.

        Args:
            text: ends in `PAD`.
            max_words: not less than the number of its words.

        Returns:
            The future split block; it raises MemoryError if the table cannot grow.
        """
        return self._thread.submit(self._split, text, max_words)

    def _split(self, text: bytes, max_words: int) -> Split:
        if len(self._tokens) < max_words:
            self._tokens, self._line_lengths = np.empty(max_words, np.int32), np.empty(len(text), np.int32)
        first_new, size = self._library.w2v_words_count(self._table), len(text) - len(PAD)
        result = (ctypes.c_int64 * 3)(max_words, 0, -1)  # number of words, of newlines, place of an invalid byte
        if self._zero_separated:
            failed = self._library.w2v_words_split_joined(self._table, text, size, self._tokens.ctypes.data)
        else:
            failed = self._library.w2v_words_split(
                self._table, text, size, self._tokens.ctypes.data, self._line_lengths.ctypes.data, result
            )
        if failed:
            raise MemoryError("no memory for the words of the corpus")
        end_new = self._library.w2v_words_count(self._table)
        lines = 0 if self._zero_separated else result[1] + 1
        return Split(
            tokens=self._tokens[: result[0]].copy(),
            line_lengths=self._line_lengths[:lines].copy(),
            first_new=first_new,
            end_new=end_new,
            new_words=words_of_table(self._table, first_new, end_new),
            invalid_at=result[2],
        )

    def translate(self, split: Split) -> np.ndarray:
        """Return the tokens of a block as the caller's ids; the blocks must come in order."""
        first_new, end_new = split.first_new, split.end_new
        if self._lender is not None:
            if self._lender.read_table(split.new_words):
                return split.tokens
            self._lender, self._translation = None, np.arange(first_new, dtype=np.int32)
        if len(self._translation) < end_new:
            self._translation = np.resize(self._translation, 2 * end_new)
        if first_new < end_new:
            ids: np.ndarray | Sequence[int]
            if isinstance(self._word_ids, GrowingVocabulary):
                ids = self._word_ids.ids_of(split.new_words, end_new - first_new)
            else:
                ids = self._word_ids(decode_words(split.new_words, "\0" if self._zero_separated else "\n"))
            self._translation[first_new:end_new] = ids
        return remap(split.tokens, self._translation[:end_new], out=split.tokens)

    def close(self) -> None:
        """End the thread, once it has split what was submitted.

        The thread frees the table, so that it does if an interrupt ends the waiting for it.
        """
        table, self._own_table = self._own_table, 0
        try:
            if table and not sys.is_finalizing():
                self._thread.submit(self._library.w2v_words_free, table)
        finally:
            self._thread.shutdown()


class Splitters(Generic[T]):
    """A number of splitters that take blocks of text in turn; the split blocks come back in order.

    Args:
        threads: number of splitters.
        word_ids, zero_separated: see `Splitter`.
    """

    def __init__(self, threads: int, word_ids: WordIds, zero_separated: bool) -> None:
        self._splitters = [Splitter(word_ids, zero_separated, only=threads == 1) for _ in range(threads)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with ExitStack() as stack:  # an interrupt of one leaves no other open
            for splitter in self._splitters:
                stack.callback(splitter.close)

    def run(self, blocks: Iterable[tuple[bytes | None, int, T]]) -> Iterator[tuple[np.ndarray, Split | None, T]]:
        """Split blocks of text.

        Args:
            blocks: (text ending in `PAD`, maximum number of words, any value) each. A block whose text is None is
                not split, but keeps its turn.

        Yields:
            (tokens as the caller's ids, split block, the same value) for each block; for one without text the
            tokens are empty and the split block is None.
        """
        waiting: deque[tuple[Splitter, Future[Split] | None, T]] = deque()

        def next_result() -> tuple[np.ndarray, Split | None, T]:
            splitter, future, value = waiting.popleft()
            if future is None:
                return np.empty(0, np.int32), None, value
            split = future.result()
            return splitter.translate(split), split, value

        for (text, max_words, value), splitter in zip(blocks, itertools.cycle(self._splitters), strict=False):
            waiting.append((splitter, None if text is None else splitter.submit(text, max_words), value))
            # A block that is done is returned at once, so that a slow source does not hold back earlier blocks.
            while waiting and (len(waiting) > 2 * len(self._splitters) or _done(waiting[0][1])):
                yield next_result()
        while waiting:
            yield next_result()


def _done(future: Future[Split] | None) -> bool:
    return future is None or future.done()
