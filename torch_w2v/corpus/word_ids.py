"""Ids of words: what any such function looks like, and the one that counts new words from 0."""

from __future__ import annotations

import itertools
import weakref
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from torch_w2v import native
from torch_w2v.corpus.bindings import PAD, decode_words, library, words_of_table

# Returns the id of each word. The readers of a corpus call it with every word at its first occurrence, in order.
WordIds: TypeAlias = Callable[[Sequence[Hashable]], Sequence[int]]


class GrowingVocabulary:
    """A `WordIds` that counts from 0 in the order of first occurrence. Iterates over its words.

    As long as all words come from splitting.cpp they are looked up in its hash table. From the first other word on a
    dictionary takes the table's place.

    Args:
        separator: the character that follows each word in `ids_of` and `read_table`; no word may contain it.

    Raises:
        MemoryError: there is no memory for the table.
    """

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._dictionary: defaultdict[Hashable, int] | None = None
        self._table_words: list[Hashable] = []
        self._table, self._lent = 0, False
        if not native.available():
            self._to_dictionary()
            return
        self._table = library().w2v_words_new(ord(separator))
        if not self._table:
            raise MemoryError("no memory for a table of words")
        # Not at exit: after a second Ctrl-C a thread may still be splitting into it.
        weakref.finalize(self, library().w2v_words_free, self._table).atexit = False

    def ids_of(self, words: bytes, n: int) -> np.ndarray | list[int]:
        """Return the ids of `n` words, given in UTF-8 with the separator after each.

        Raises:
            MemoryError: the table cannot grow.
        """
        if self._dictionary is not None:
            return self(decode_words(words, self._separator))
        ids = np.empty(n, np.int32)
        if library().w2v_words_split_joined(self._table, words + PAD, len(words) - 1, ids.ctypes.data):
            raise MemoryError("no memory for the words of the corpus")
        self.read_table(words_of_table(self._table, len(self._table_words), library().w2v_words_count(self._table)))
        return ids

    def lend_table(self) -> int:
        """Return the table for a single thread to fill, which passes its new words to `read_table`.

        The result is 0 if the table is lent already, or is not empty, or a dictionary has taken its place.
        """
        if self._dictionary is not None or self._lent or library().w2v_words_count(self._table):
            return 0
        self._lent = True
        return self._table

    def read_table(self, words: bytes) -> bool:
        """Learn the words that were added to the lent table since the last call, in UTF-8, a separator after each.

        Returns:
            False if a dictionary has taken the table's place: the ids of the table are then no longer those of the
            vocabulary, and the words have not been learned.
        """
        if self._dictionary is None:
            self._table_words += decode_words(words, self._separator)
        return self._dictionary is None

    def __call__(self, words: Sequence[Hashable]) -> list[int]:
        """Return the ids of words of any hashable type."""
        ids = self._to_dictionary() if self._dictionary is None else self._dictionary
        return list(map(ids.__getitem__, words))

    def _to_dictionary(self) -> defaultdict[Hashable, int]:
        known = {word: i for i, word in enumerate(self._table_words)}
        self._table_words = []
        self._dictionary = defaultdict(itertools.count(len(known)).__next__, known)
        return self._dictionary

    def __len__(self) -> int:
        return len(self._table_words if self._dictionary is None else self._dictionary)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._table_words if self._dictionary is None else self._dictionary)
