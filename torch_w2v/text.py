"""Sentences in, numbers out: text files and lists of words split and numbered by text.cpp, in the corpus's order.

What comes out are parts: int32 tokens (n,) of whole sentences, and the int64 lengths of those. Which number a word gets
is the caller's: a function from new words to numbers, called with every word at its first occurrence, in order.
"""

from __future__ import annotations

import ctypes
import itertools
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import BinaryIO, Generic, Self, TypeVar

import numpy as np
from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from smart_open import open as smart_open
from smart_open.compression import get_supported_extensions

from torch_w2v import native
from torch_w2v.ahead import Ahead

Part = tuple[np.ndarray, np.ndarray]  # tokens, sentence lengths
T = TypeVar("T")
Numbers = Callable[[Sequence[Hashable]], Sequence[int]]  # words -> a number for each; `Numbering` is the fastest

BLOCK = 1 << 20  # bytes of text that are split at a time
BATCH = 32_768  # words of lists that are joined and split at a time: about what fits a core's own cache
_PAD = bytes(8)  # text.cpp reads on beyond the end of a text, in whole machine words


@cache
def _library() -> ctypes.CDLL:
    """text.cpp, in the same library as the CPU kernel."""
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
    """Words first .. last - 1 of a table of text.cpp, a separator after each."""
    size = ctypes.c_int64()
    start = _library().w2v_words_bytes(words, first, last, ctypes.byref(size))
    return ctypes.string_at(start, size.value)


def _words(joined: bytes, separator: str) -> list[str]:
    return joined.decode("utf-8", "surrogatepass").split(separator)[:-1]


class Numbering:
    """Numbers for words, from 0 in the order of first occurrence.

    A table of text.cpp as long as all come from there, a dictionary from the first on that do not.
    """

    def __init__(self, separator: str) -> None:
        """separator: what follows each word in `of`."""
        self._separator = separator
        self._ids: defaultdict[Hashable, int] | None = None
        self._table = 0
        if not native.available():
            self._to_dictionary()
            return
        self._table = _library().w2v_words_new(ord(separator))
        if not self._table:
            raise MemoryError("no memory for a table of words")
        weakref.finalize(self, _library().w2v_words_free, self._table)

    def of(self, joined: bytes, n: int) -> np.ndarray | list[int]:
        """The numbers of n words, each followed by the separator."""
        if self._ids is not None:
            return self(_words(joined, self._separator))
        found = np.empty(n, np.int32)
        if _library().w2v_words_split_joined(self._table, joined + _PAD, len(joined) - 1, found.ctypes.data):
            raise MemoryError("no memory for the words of the corpus")
        return found

    def __call__(self, words: Sequence[Hashable]) -> list[int]:
        """The numbers of words of any hashable kind."""
        ids = self._to_dictionary() if self._ids is None else self._ids
        return list(map(ids.__getitem__, words))

    def _to_dictionary(self) -> defaultdict[Hashable, int]:
        known = {word: i for i, word in enumerate(self)} if self._table else {}
        self._ids = defaultdict(itertools.count(len(known)).__next__, known)
        return self._ids

    def __len__(self) -> int:
        return len(self._ids) if self._ids is not None else _library().w2v_words_count(self._table)

    def __iter__(self) -> Iterator[Hashable]:
        if self._ids is not None:
            return iter(self._ids)
        return iter(_words(_bytes(self._table, 0, len(self)), self._separator))


@dataclass
class _Split:
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


class _Splitter:
    """A thread of its own with its own numbering of the words it has seen."""

    def __init__(self, joined: bool) -> None:
        self._library = _library()
        self._joined = joined
        self._words = self._library.w2v_words_new(0 if joined else ord("\n"))
        if not self._words:
            raise MemoryError("no memory for a table of words")
        self._thread = ThreadPoolExecutor(1, "torch_w2v-text")
        self._tokens, self._lines = np.empty(0, np.int32), np.empty(0, np.int32)
        self._numbers = np.empty(1024, np.int32)  # of the caller, for the words seen so far

    def submit(self, text: bytes, words: int) -> Future[_Split]:
        """Split `text` (ending in _PAD) into at most `words` words."""
        return self._thread.submit(self._split, text, words)

    def _split(self, text: bytes, words: int) -> _Split:
        if len(self._tokens) < words:
            self._tokens, self._lines = np.empty(words, np.int32), np.empty(len(text), np.int32)
        first, n = self._library.w2v_words_count(self._words), len(text) - len(_PAD)
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
        return _Split(
            self._tokens[: found[0]].copy(), lines.copy(), first, last, _bytes(self._words, first, last), found[2]
        )

    def translate(self, split: _Split, numbers: Numbers) -> np.ndarray:
        """The tokens of a block in the caller's numbers; to be called for the blocks in order."""
        first, last = split.first, split.last
        if len(self._numbers) < last:
            self._numbers = np.resize(self._numbers, 2 * last)
        if first < last:
            if isinstance(numbers, Numbering):
                self._numbers[first:last] = numbers.of(split.new, last - first)
            else:
                self._numbers[first:last] = numbers(_words(split.new, "\0" if self._joined else "\n"))
        return remap(split.tokens, self._numbers[:last], out=split.tokens)

    def close(self) -> None:
        self._thread.shutdown()
        self._library.w2v_words_free(self._words)


class _Splitters(Generic[T]):
    """`threads` splitters that take blocks in turn; what they make of them comes back in order."""

    def __init__(self, threads: int, joined: bool) -> None:
        self._all = [_Splitter(joined) for _ in range(threads)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for splitter in self._all:
            splitter.close()

    def run(
        self, blocks: Iterable[tuple[bytes | None, int, T]], numbers: Numbers
    ) -> Iterator[tuple[np.ndarray, _Split | None, T]]:
        """Blocks are (text ending in _PAD, most words, anything): gives (tokens, split, anything) for each.

        One whose text is None is not split, and comes back in its turn with no tokens and None.
        """
        waiting: deque[tuple[_Splitter, Future[_Split] | None, T]] = deque()

        def first() -> tuple[np.ndarray, _Split | None, T]:
            splitter, future, rest = waiting.popleft()
            if future is None:
                return np.empty(0, np.int32), None, rest
            split = future.result()
            return splitter.translate(split, numbers), split, rest

        for (text, words, rest), splitter in zip(blocks, itertools.cycle(self._all), strict=False):
            waiting.append((splitter, None if text is None else splitter.submit(text, words), rest))
            # What is done goes out at once, so that slow blocks do not hold back those before them.
            while waiting and (len(waiting) > 2 * len(self._all) or _done(waiting[0][1])):
                yield first()
        while waiting:
            yield first()


def _done(future: Future[_Split] | None) -> bool:
    return future is None or future.done()


@dataclass(frozen=True)
class _Block:
    """A piece of a file, cut after a newline; inside a longer line after a space."""

    text: bytes
    path: str
    first: bool  # of its file
    last: bool


class Text:
    """Text files as gensim's LineSentence reads them, from any place smart_open can read, one after the other.

    One line is one sentence, words are split at white space, lines are cut every `max_sentence_length` words, empty
    lines are left out. Compression goes by the suffix.

    Raises:
        UnicodeDecodeError: naming the file, the line and the byte in it.
    """

    def __init__(self, paths: Sequence[str], max_sentence_length: int = MAX_WORDS_IN_BATCH) -> None:
        self.paths = list(paths)
        self.max_sentence_length = max_sentence_length

    def __iter__(self) -> Iterator[list[str]]:
        """The sentences, in plain Python: the specification of `parts`."""
        for path in self.paths:
            offset = 0
            with opened(path) as lines:
                for number, line in enumerate(lines, 1):
                    words = _decoded(line, path, number, offset).split()
                    offset += len(line)
                    for i in range(0, len(words), self.max_sentence_length):
                        yield words[i : i + self.max_sentence_length]

    def parts(self, numbers: Numbers, threads: int) -> Generator[Part, None, None]:
        """The sentences as numbers; files are read and decompressed on a thread, and split on `threads` others."""
        if not native.available():
            yield from _plain_parts(self, numbers)
            return
        rest = np.empty(0, np.int32)  # of a sentence whose end is still to come
        line = offset = 0
        splitters: _Splitters[_Block] = _Splitters(threads, joined=False)
        with splitters, Ahead(self._blocks()) as blocks:
            jobs = ((block.text, len(block.text) // 2 + 1, block) for block in blocks)
            for new, split, block in splitters.run(jobs, numbers):
                assert split is not None
                if block.first:
                    line = offset = 0
                if split.bad >= 0:
                    raise _undecodable(block, split.bad, line, offset)
                line += len(split.lines) - 1
                offset += len(block.text) - len(_PAD)
                lines = split.lines.astype(np.int64)
                lines[0] += len(rest)
                tokens = np.concatenate([rest, new]) if len(rest) else new
                # A line that goes on in the next block gives only its whole pieces now.
                left = 0 if block.last else int(lines[-1]) % self.max_sentence_length
                lines[-1] -= left
                yield tokens[: len(tokens) - left], _cut(lines, self.max_sentence_length)
                rest = tokens[len(tokens) - left :]

    def _blocks(self) -> Iterator[_Block]:
        for path in self.paths:
            with opened(path) as file:
                before, first = b"", True
                while data := file.read(BLOCK):
                    data = before + data
                    cut = data.rfind(b"\n") + 1 or data.rfind(b" ") + 1
                    if cut:
                        yield _Block(data[:cut] + _PAD, path, first, last=False)
                        first = False
                    before = data[cut:]
                yield _Block(before + _PAD, path, first, last=True)


def opened(path: str) -> BinaryIO:
    """A file's bytes, decompressed.

    Raises:
        ImportError: a compression that needs a package which is not there, with the line that installs it.
    """
    if "://" not in path and not path.lower().endswith(tuple(get_supported_extensions())):
        return open(path, "rb")  # smart_open would do the same, slower
    try:
        return smart_open(path, "rb")
    except ImportError as e:
        extra = "zst" if path.endswith(".zst") else path.split("://", maxsplit=1)[0]
        raise ImportError(f"{path}: reading this needs more of smart_open: pip install 'smart_open[{extra}]'") from e


def _cut(lengths: np.ndarray, most: int) -> np.ndarray:
    """Sentences of at most `most` words from lines of so many; empty lines are left out."""
    lengths = lengths[lengths > 0]
    if not len(lengths) or lengths.max() <= most:
        return lengths
    pieces = -(-lengths // most)
    cut = np.full(pieces.sum(), most)
    cut[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * most
    return cut


def _decoded(line: bytes, path: str, number: int, offset: int) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as e:
        where = f"{e.reason} (line {number}, byte {offset + e.start} of {path}; a corpus_file must be UTF-8)"
        raise UnicodeDecodeError(e.encoding, e.object, e.start, e.end, where) from None


def _undecodable(block: _Block, bad: int, line: int, offset: int) -> UnicodeDecodeError:
    """The error that Python gives for the line in which text.cpp found bytes that are not UTF-8."""
    start = block.text.rfind(b"\n", 0, bad) + 1
    stop = block.text.find(b"\n", bad) + 1 or len(block.text) - len(_PAD)
    number = line + block.text.count(b"\n", 0, start) + 1
    try:
        _decoded(block.text[start:stop], block.path, number, offset + start)
    except UnicodeDecodeError as e:
        return e
    raise AssertionError(f"text.cpp and Python disagree on byte {offset + bad} of {block.path}")


def parts_of(
    sentences: Iterable[Iterable[Hashable]], numbers: Numbers, batch_words: int | None = None
) -> Generator[Part, None, None]:
    """Lists of words as numbers.

    Where all words of a batch are str without the character 0 they are joined, and split again by text.cpp on a thread
    of its own: to join them takes Python half the time that it takes to look each one up in a dictionary.

    batch_words: how many words are taken from `sentences` at a time, at least; BATCH where it is not given.

    Raises:
        TypeError: a sentence that is not an iterable of hashable words, with its number.
    """
    if not native.available():
        yield from _plain_parts(sentences, numbers)
        return
    splitters: _Splitters[Batch] = _Splitters(1, joined=True)
    with splitters:
        jobs = ((_joined(batch), sum(map(len, batch[1])), batch) for batch in _batches(sentences, batch_words))
        for tokens, split, (number, batch) in splitters.run(jobs, numbers):
            lengths = np.fromiter(map(len, batch), np.int64, len(batch))
            yield _looked_up(number, batch, numbers) if split is None else tokens, lengths


Batch = tuple[int, list[Sequence[Hashable]]]  # number of its first sentence, sentences


def _batches(sentences: Iterable[Iterable[Hashable]], words_in_batch: int | None = None) -> Iterator[Batch]:
    batch: list[Sequence[Hashable]] = []
    first = size = 0
    for number, sentence in enumerate(sentences):
        try:
            words = sentence if isinstance(sentence, (list, tuple)) else list(sentence)
        except TypeError as e:
            raise _no_sentence(number, e) from e
        batch.append(words)
        size += len(words)
        if size >= (words_in_batch or BATCH):
            yield first, batch
            batch, first, size = [], number + 1, 0
    if batch:
        yield first, batch


def _joined(batch: Batch) -> bytes | None:
    """Words with zeros between them; None where that cannot be undone."""
    sentences = [words for words in batch[1] if words]
    try:
        text = "\0".join(map("\0".join, sentences))  # type: ignore[arg-type]
    except TypeError:
        return None
    if not sentences or text.count("\0") != sum(map(len, sentences)) - 1:
        return None
    return text.encode("utf-8", "surrogatepass") + _PAD


def _looked_up(number: int, batch: list[Sequence[Hashable]], numbers: Numbers) -> np.ndarray:
    found = [np.empty(0, np.int32)]
    for i, words in enumerate(batch, number):
        try:
            found.append(np.array(numbers(words), np.int32))
        except TypeError as e:
            raise _no_sentence(i, e) from e
    return np.concatenate(found)


def _no_sentence(number: int, error: TypeError) -> TypeError:
    return TypeError(f"sentence #{number} must be a list of words (hashable, usually str): {error}")


def _plain_parts(sentences: Iterable[Iterable[Hashable]], numbers: Numbers) -> Generator[Part, None, None]:
    """`parts_of` where text.cpp was not built."""
    for number, batch in _batches(sentences):
        yield _looked_up(number, batch, numbers), np.fromiter(map(len, batch), np.int64, len(batch))
