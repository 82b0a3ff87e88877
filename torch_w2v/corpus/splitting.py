"""splitting.cpp behind Python: threads that split text and number its words, and one numbering for all of them.

Which number a word gets is the caller's: a function from new words to numbers, called with every word at its first
occurrence, in the corpus's order; or a `Numbering`, which is faster.
"""

from __future__ import annotations

import ctypes
import itertools
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Generic, Self, TypeVar

import numpy as np

from torch_w2v import native

T = TypeVar("T")
Numbers = Callable[[Sequence[Hashable]], Sequence[int]]  # words -> a number for each

PAD = bytes(16)  # splitting.cpp reads on beyond the end of a text


@cache
def _library() -> ctypes.CDLL:
    """splitting.cpp, in the same library as the CPU kernel."""
    found = native.library()
    words, integers, longs = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in (
        ("new", ctypes.c_void_p, (ctypes.c_int,)),
        ("free", None, (words,)),
        ("count", longs, (words,)),
        ("bytes", ctypes.c_void_p, (words, longs, longs, ctypes.POINTER(ctypes.c_int64))),
        ("split", ctypes.c_int, (words, ctypes.c_char_p, longs, integers, integers, ctypes.c_int64 * 3)),
        ("split_joined", ctypes.c_int, (words, ctypes.c_char_p, longs, integers)),
    ):
        function = getattr(found, f"w2v_words_{name}")
        function.restype, function.argtypes = result, arguments
    found.w2v_remap.restype = ctypes.c_int
    found.w2v_remap.argtypes = (integers, integers, longs, integers, longs)
    found.w2v_count.restype, found.w2v_count.argtypes = None, (integers, longs, integers)
    return found


def remap(tokens: np.ndarray, numbers: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """numbers[tokens], all int32; in `out`, which may be `tokens`, if it is given.

    Raises:
        ValueError: a token outside of `numbers`.
    """
    out = np.empty(len(tokens), np.int32) if out is None else out
    if native.available():
        outside = _library().w2v_remap(
            tokens.ctypes.data, out.ctypes.data, len(tokens), numbers.ctypes.data, len(numbers)
        )
    else:
        outside = len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(numbers)
        if not outside:
            np.take(numbers, tokens, out=out)
    if outside:
        raise ValueError(f"a token lies outside the {len(numbers)} words of the corpus")
    return out


def count(tokens: np.ndarray, counts: np.ndarray) -> None:
    """Add the occurrences of each of `tokens`, int32, to `counts`, int64, in place."""
    if native.available():
        _library().w2v_count(tokens.ctypes.data, len(tokens), counts.ctypes.data)
    else:
        counts += np.bincount(tokens, minlength=len(counts))


def _bytes(words: int, first: int, last: int) -> bytes:
    """Words first .. last - 1 of a table of splitting.cpp, a separator after each."""
    size = ctypes.c_int64()
    start = _library().w2v_words_bytes(words, first, last, ctypes.byref(size))
    return bytes((ctypes.c_char * size.value).from_address(start)) if size.value else b""  # string_at ends at 2 GB


def _words(joined: bytes, separator: str) -> list[str]:
    return joined.decode("utf-8", "surrogatepass").split(separator)[:-1]


class Numbering:
    """Numbers for words, from 0 in the order of first occurrence.

    A table of splitting.cpp as long as all come from there, a dictionary from the first on that do not.
    """

    def __init__(self, separator: str) -> None:
        """separator: what follows each word in `of`."""
        self._separator = separator
        self._ids: defaultdict[Hashable, int] | None = None
        self._known: list[Hashable] = []  # the words of the table
        self._table, self._given = 0, False
        if not native.available():
            self._to_dictionary()
            return
        self._table = _library().w2v_words_new(ord(separator))
        if not self._table:
            raise MemoryError("no memory for a table of words")
        # Not at exit: after a second Ctrl-C a thread may still be splitting into it.
        weakref.finalize(self, _library().w2v_words_free, self._table).atexit = False

    def of(self, joined: bytes, n: int) -> np.ndarray | list[int]:
        """The numbers of n words, each followed by the separator."""
        if self._ids is not None:
            return self(_words(joined, self._separator))
        found = np.empty(n, np.int32)
        if _library().w2v_words_split_joined(self._table, joined + PAD, len(joined) - 1, found.ctypes.data):
            raise MemoryError("no memory for the words of the corpus")
        self.learn(_bytes(self._table, len(self._known), _library().w2v_words_count(self._table)))
        return found

    def share(self) -> int:
        """The table, for the one splitter that fills it from now on, while `learn` follows; 0 where it is in use."""
        if self._ids is not None or self._given or _library().w2v_words_count(self._table):
            return 0
        self._given = True
        return self._table

    def learn(self, joined: bytes) -> bool:
        """What words the table has got since the last call, each followed by the separator; False where a dictionary
        has taken its place."""
        if self._ids is None:
            self._known += _words(joined, self._separator)
        return self._ids is None

    def __call__(self, words: Sequence[Hashable]) -> list[int]:
        """The numbers of words of any hashable kind."""
        ids = self._to_dictionary() if self._ids is None else self._ids
        return list(map(ids.__getitem__, words))

    def _to_dictionary(self) -> defaultdict[Hashable, int]:
        known = {word: i for i, word in enumerate(self._known)}
        self._known = []
        self._ids = defaultdict(itertools.count(len(known)).__next__, known)
        return self._ids

    def __len__(self) -> int:
        return len(self._known if self._ids is None else self._ids)

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._known if self._ids is None else self._ids)


@dataclass
class Split:
    """One block in the numbers of the thread that split it.

    Attributes:
        tokens: (n,) int32.
        lines: (newlines + 1,) words up to each newline and after the last, int32; empty for joined words.
        first: the number of the first new word.
        new: the new words, a separator after each.
        last: the number of the last new word, and one.
        bad: place of the first byte that is not UTF-8, or -1.
    """

    tokens: np.ndarray
    lines: np.ndarray
    first: int
    last: int
    new: bytes
    bad: int


class Splitter:
    """A thread with a numbering of the words it has seen: its own, or the caller's."""

    def __init__(self, numbers: Numbers, joined: bool, alone: bool) -> None:
        """alone: no other thread splits, so a numbering's own table can be this one's as long as it is used."""
        self._library = _library()
        self._joined = joined
        self._numbers = numbers
        numbering = numbers if alone and isinstance(numbers, Numbering) else None
        table = 0 if numbering is None else numbering.share()
        self._shared = numbering if table else None
        self._own = 0 if table else self._library.w2v_words_new(0 if joined else ord("\n"))
        self._words = table or self._own
        if not self._words:
            raise MemoryError("no memory for a table of words")
        self._thread = ThreadPoolExecutor(1, "torch_w2v-text")
        self._tokens, self._lines = np.empty(0, np.int32), np.empty(0, np.int32)
        self._translation = np.empty(0, np.int32)  # the caller's numbers of the words seen so far

    def submit(self, text: bytes, words: int) -> Future[Split]:
        """Split `text` (ending in PAD) into at most `words` words."""
        return self._thread.submit(self._split, text, words)

    def _split(self, text: bytes, words: int) -> Split:
        if len(self._tokens) < words:
            self._tokens, self._lines = np.empty(words, np.int32), np.empty(len(text), np.int32)
        first, n = self._library.w2v_words_count(self._words), len(text) - len(PAD)
        found = (ctypes.c_int64 * 3)(words, 0, -1)
        if self._joined:
            failed = self._library.w2v_words_split_joined(self._words, text, n, self._tokens.ctypes.data)
        else:
            failed = self._library.w2v_words_split(
                self._words, text, n, self._tokens.ctypes.data, self._lines.ctypes.data, found
            )
        if failed:
            raise MemoryError("no memory for the words of the corpus")
        last = self._library.w2v_words_count(self._words)
        lines = self._lines[: 0 if self._joined else found[1] + 1]
        return Split(
            self._tokens[: found[0]].copy(), lines.copy(), first, last, _bytes(self._words, first, last), found[2]
        )

    def translate(self, split: Split) -> np.ndarray:
        """The tokens of a block in the caller's numbers; to be called for the blocks in order."""
        first, last = split.first, split.last
        if self._shared is not None:
            if self._shared.learn(split.new):
                return split.tokens
            self._shared, self._translation = None, np.arange(first, dtype=np.int32)
        if len(self._translation) < last:
            self._translation = np.resize(self._translation, 2 * last)
        if first < last:
            if isinstance(self._numbers, Numbering):
                self._translation[first:last] = self._numbers.of(split.new, last - first)
            else:
                self._translation[first:last] = self._numbers(_words(split.new, "\0" if self._joined else "\n"))
        return remap(split.tokens, self._translation[:last], out=split.tokens)

    def close(self) -> None:
        """End the thread, when it has split what it was given."""
        self._thread.shutdown()
        self._library.w2v_words_free(self._own)


class Splitters(Generic[T]):
    """`threads` splitters that take blocks in turn; what they make of them comes back in order.

    Args:
        threads: how many.
        numbers: which number a word gets.
        joined: blocks are words with zeros between them, and not text.
    """

    def __init__(self, threads: int, numbers: Numbers, joined: bool) -> None:
        self._all = [Splitter(numbers, joined, alone=threads == 1) for _ in range(threads)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for splitter in self._all:
            splitter.close()

    def run(self, blocks: Iterable[tuple[bytes | None, int, T]]) -> Iterator[tuple[np.ndarray, Split | None, T]]:
        """Blocks are (text ending in PAD, most words, anything): gives (tokens, split, anything) for each.

        One whose text is None is not split, and comes back in its turn with no tokens and None.
        """
        waiting: deque[tuple[Splitter, Future[Split] | None, T]] = deque()

        def first() -> tuple[np.ndarray, Split | None, T]:
            splitter, future, rest = waiting.popleft()
            if future is None:
                return np.empty(0, np.int32), None, rest
            split = future.result()
            return splitter.translate(split), split, rest

        for (text, words, rest), splitter in zip(blocks, itertools.cycle(self._all), strict=False):
            waiting.append((splitter, None if text is None else splitter.submit(text, words), rest))
            # What is done goes out at once, so that slow blocks do not hold back those before them.
            while waiting and (len(waiting) > 2 * len(self._all) or _done(waiting[0][1])):
                yield first()
        while waiting:
            yield first()


def _done(future: Future[Split] | None) -> bool:
    return future is None or future.done()
