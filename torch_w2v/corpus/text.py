"""Corpora of text, in files or in lists of words, as numbers: parts of whole sentences, in order.

A part is int32 tokens (n,) and the int64 lengths of their sentences.
"""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from smart_open import open as smart_open
from smart_open.compression import get_supported_extensions

from torch_w2v import native
from torch_w2v.corpus.prefetch import Prefetch
from torch_w2v.corpus.splitting import PAD, Numbers, Splitters
from torch_w2v.files import is_uri

Part = tuple[np.ndarray, np.ndarray]  # tokens, sentence lengths

BLOCK = 1 << 20  # bytes of text that are split at a time
UNPACKED_SLOWLY = (".gz", ".bz2", ".xz")  # by one thread, which gives no more text than one thread splits
BATCH = 32_768  # words of lists that are joined and split at a time: about what fits a core's own cache


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
        """The sentences as numbers. A thread reads ahead; `threads` - 1 others split, at least one; this one counts.

        Where decompressing takes longer than splitting, one splits: more would only take its core from it.
        """
        if not native.available():
            yield from _plain_parts(self, numbers)
            return
        rest = np.empty(0, np.int32)  # of a sentence whose end is still to come
        line = offset = 0
        slow = all(path.lower().endswith(UNPACKED_SLOWLY) for path in self.paths)
        splitters: Splitters[_Block] = Splitters(1 if slow else max(1, threads - 1), numbers, joined=False)
        with splitters, Prefetch(self._blocks()) as blocks:
            jobs = ((block.text, len(block.text) // 2 + 1, block) for block in blocks)
            for new, split, block in splitters.run(jobs):
                assert split is not None
                if block.first:
                    line = offset = 0
                if split.bad >= 0:
                    raise _undecodable(block, split.bad, line, offset)
                line += len(split.lines) - 1
                offset += len(block.text) - len(PAD)
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
                pieces: list[bytes] = []  # of text without a place to cut
                first = True
                while data := file.read(BLOCK):
                    cut = data.rfind(b"\n") + 1 or data.rfind(b" ") + 1
                    if cut:
                        yield _Block(b"".join([*pieces, data[:cut], PAD]), path, first, last=False)
                        pieces, first = [], False
                    pieces.append(data[cut:])
                yield _Block(b"".join([*pieces, PAD]), path, first, last=True)


def opened(path: str) -> BinaryIO:
    """A file's bytes, decompressed.

    Raises:
        ImportError: a compression that needs a package which is not there, with the line that installs it.
    """
    if not is_uri(path) and not path.lower().endswith(tuple(get_supported_extensions())):
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
    """The error that Python gives for the line in which splitting.cpp found bytes that are not UTF-8."""
    start = block.text.rfind(b"\n", 0, bad) + 1
    stop = block.text.find(b"\n", bad) + 1 or len(block.text) - len(PAD)
    number = line + block.text.count(b"\n", 0, start) + 1
    try:
        _decoded(block.text[start:stop], block.path, number, offset + start)
    except UnicodeDecodeError as e:
        return e
    raise AssertionError(f"splitting.cpp and Python disagree on byte {offset + bad} of {block.path}")


def parts_of(
    sentences: Iterable[Iterable[Hashable]], numbers: Numbers, batch_words: int | None = None
) -> Generator[Part, None, None]:
    """Lists of words as numbers.

    Where all words of a batch are str without the character 0 they are joined, and split again by splitting.cpp on a
    thread of its own: to join them takes Python half the time that it takes to look each one up in a dictionary.

    batch_words: how many words are taken from `sentences` at a time, at least; BATCH where it is not given.

    Raises:
        TypeError: a sentence that is not an iterable of hashable words, with its number.
    """
    if not native.available():
        yield from _plain_parts(sentences, numbers)
        return
    splitters: Splitters[Batch] = Splitters(1, numbers, joined=True)
    with splitters:
        jobs = ((_joined(batch), sum(map(len, batch[1])), batch) for batch in _batches(sentences, batch_words))
        for tokens, split, (number, batch) in splitters.run(jobs):
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
    sentences = list(filter(len, batch[1]))
    try:
        text = "\0".join(map("\0".join, sentences))  # type: ignore[arg-type]
    except TypeError:
        return None
    joined = text.encode("utf-8", "surrogatepass")
    separators = np.count_nonzero(np.frombuffer(joined, np.uint8) == 0)  # five times as fast as `count`
    if not sentences or separators != sum(map(len, sentences)) - 1:
        return None
    return joined + PAD


def _looked_up(number: int, batch: list[Sequence[Hashable]], numbers: Numbers) -> np.ndarray:
    found = [np.empty(0, np.int32)]
    for i, words in enumerate(batch, number):
        try:
            if len(words):
                found.append(np.array(numbers(words), np.int32))
        except TypeError as e:
            raise _no_sentence(i, e) from e
    return np.concatenate(found)


def _no_sentence(number: int, error: TypeError) -> TypeError:
    return TypeError(f"sentence #{number} must be a list of words (hashable, usually str): {error}")


def _plain_parts(sentences: Iterable[Iterable[Hashable]], numbers: Numbers) -> Generator[Part, None, None]:
    """`parts_of` where splitting.cpp was not built."""
    for number, batch in _batches(sentences):
        yield _looked_up(number, batch, numbers), np.fromiter(map(len, batch), np.int64, len(batch))
