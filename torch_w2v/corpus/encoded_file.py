"""A corpus in a .w2v file: token ids that are read when they are used, with a checksum and without pickle."""

from __future__ import annotations

import copy
import itertools
import logging
import os
import struct
import zlib
from collections.abc import Hashable, Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import numpy as np

from torch_w2v.checks import check_at_least
from torch_w2v.corpus.bindings import count_tokens
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.counting import Scan, count_words
from torch_w2v.corpus.file_array import FileArray
from torch_w2v.corpus.signatures import ENCODED as MAGIC
from torch_w2v.corpus.signatures import kind_of
from torch_w2v.corpus.store import EncodedOnDisk, GrowingArray
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus, NoWordsError
from torch_w2v.files import is_one_of, is_uri, path_of, replacing

logger = logging.getLogger(__name__)

# The parts of a file, in order; all numbers are little-endian:
#
# header   64 bytes: MAGIC, uint32 VERSION, uint32 CRC-32 of all that follows the header, then as uint64 the numbers of
#          tokens, of sentences, of words and of bytes of words, then the uint32 CRC-32 of the header so far, zeros
# tokens   int32 per token: an index into the words; then zeros up to a multiple of 8 bytes
# offsets  int64 per sentence and one more: the edges of the sentences within the tokens
# counts   int64 per word: its number of occurrences
# words    in the order of first occurrence, in UTF-8, a newline after each
#
VERSION = 1
_FIELDS = struct.Struct("<8sIIQQQQ")
_HEADER_SIZE = 64
_STEP = 1 << 22  # bytes that are read or written at a time


class WordError(ValueError):
    """A word that a .w2v file cannot hold."""


def is_encoded(path: str) -> bool:
    """Return whether a local file begins as a .w2v file.

    Raises:
        OSError: it cannot be read.
    """
    return kind_of(path) == "encoded"


class EncodedFile:
    """A corpus in a .w2v file. Iterates over its sentences as lists of words.

    All of the file is checked when it is opened, its checksum and its contents. The tokens stay in the file; the rest
    is loaded, eight bytes per sentence and the words.

    Args:
        path: a local file that `write` or `torch-w2v encode` has written.

    Attributes:
        path: the same.
        tokens: (n,) int32 indices into `words`; a slice is read from the file, and raises OSError if that has changed.
        offsets: (m + 1,) int64 edges of the sentences within `tokens`, from 0 to n.
        counts: (V,) int64, the number of occurrences of each word.
        words: V distinct words, in the order of first occurrence.

    Raises:
        ValueError: the file is not a .w2v file, or one of another version, cut off or damaged.
        OSError: the file cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path = path_of(path)
        if is_uri(path):
            raise ValueError(f"{path}: an encoded corpus must be a local file")
        with open(path, "rb") as file:
            checksum, n, m, V, words_size = _read_header(file, path)
            padding = -4 * n % 8
            size = os.fstat(file.fileno()).st_size
            expected = _HEADER_SIZE + 4 * n + padding + 8 * (m + 1) + 8 * V + words_size
            if size != expected:
                raise ValueError(
                    f"{path} is cut off or damaged: it has {size} bytes instead of {expected}; encode the corpus again"
                )
            self.tokens = FileArray(file, _HEADER_SIZE, "<i4", n)
            reader = _Reader(file)
            occurrences = np.zeros(V, np.int64)
            tokens_are_words = True
            for first in range(0, n, _STEP // 4):
                tokens = np.frombuffer(reader.read(4 * min(_STEP // 4, n - first)), "<i4")
                # A negative number is a large one without its sign.
                tokens_are_words = tokens_are_words and int(tokens.view("<u4").max()) < V
                if tokens_are_words:
                    count_tokens(tokens, occurrences)
            padding_is_zero = not any(reader.read(padding))
            self.offsets = np.frombuffer(reader.read(8 * (m + 1)), "<i8")
            self.counts = np.frombuffer(reader.read(8 * V), "<i8")
            text = reader.read(words_size)
        if reader.crc != checksum:
            raise ValueError(f"{path} is damaged (wrong checksum): encode the corpus again")
        try:
            self.words = text.decode("utf-8").split("\n")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is damaged (its words are not UTF-8): encode the corpus again") from None
        after_last = self.words.pop()
        for damage, is_damaged in (
            ("a token is none of its words", not tokens_are_words),
            ("what follows the tokens", not padding_is_zero),
            ("its offsets do not ascend from 0 to the number of tokens", not _ascends(self.offsets, n)),
            ("its counts are not those of the tokens", not np.array_equal(self.counts, occurrences)),
            ("a word does not occur", not occurrences.all()),
            ("its number of words", after_last or len(self.words) != V),
            ("a word is empty or occurs twice among its words", "" in self.words or len(set(self.words)) != V),
        ):
            if is_damaged:
                raise ValueError(f"{path} is damaged ({damage}): encode the corpus again")

    def sentences(self, first: int, end: int) -> EncodedFile:
        """Return the sentences from `first` to `end` - 1 as a corpus, with the same words and counts."""
        part = copy.copy(self)
        low, high = int(self.offsets[first]), int(self.offsets[end])
        part.tokens, part.offsets = self.tokens.part(low, high), self.offsets[first : end + 1] - low
        return part

    def close(self) -> None:
        """Close the file, which cannot be removed on Windows before; no token may be read afterwards."""
        self.tokens.close()

    def __iter__(self) -> Iterator[list[str]]:
        for run in EncodedOnDisk(self.tokens, self.offsets).runs(_STEP // 4):
            tokens = run.read().tokens
            for low, high in itertools.pairwise(run.offsets.tolist()):
                yield [self.words[token] for token in tokens[low:high]]


class _Reader:
    """Reads a file to its end, and computes the checksum of what it has read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.crc = file, 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise OSError(f"{self._file.name} was cut off while it was read")
        self.crc = zlib.crc32(data, self.crc)
        return data


def _ascends(offsets: np.ndarray, n: int) -> bool:
    return offsets[0] == 0 and offsets[-1] == n and bool((offsets[1:] >= offsets[:-1]).all())


def _read_header(file: BinaryIO, path: str) -> tuple[int, int, int, int, int]:
    """Return the checksum and the numbers of tokens, of sentences, of words and of bytes of words.

    Raises:
        ValueError: it is not the whole header of a .w2v file, of the version that this module reads.
    """
    header = file.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE or header[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path} is not an encoded corpus, as `torch-w2v encode` writes it")
    fields, rest = header[: _FIELDS.size], header[_FIELDS.size :]
    _, version, checksum, n, m, V, words_size = _FIELDS.unpack(fields)
    if version != VERSION:
        raise ValueError(
            f"{path} has version {version} of the format, but this torch_w2v reads version {VERSION}: "
            "encode the corpus again"
        )
    if rest != struct.pack("<I12x", zlib.crc32(fields)):
        raise ValueError(f"{path} is damaged (its header): encode the corpus again")
    return checksum, n, m, V, words_size


def write(
    source: Text | Column | Corpus, path: str | os.PathLike[str], threads: int, progress_per: int = 10_000
) -> Scan:
    """Encode a corpus into a .w2v file, in memory that grows only with the vocabulary.

    Words that are integers are texts in the file: 1 is read back as '1'. The log then has a warning.

    Args:
        source: the text or the column, as `corpus.files` returns it, or sentences, which are read once.
        path: of the .w2v file; an older file is replaced when the new one is complete.
        threads: number of threads that split text.
        progress_per: number of sentences between two lines of progress in the log.

    Returns:
        The words of the corpus with their counts, and its number of sentences.

    Raises:
        OSError: the text cannot be read, or the file cannot be written; a `CacheError` if the temporary file for the
            places of the sentences cannot.
        UnicodeDecodeError: the text is not UTF-8.
        ValueError: the file is one of the text's, or `threads` is less than 1; an older file stays.
        NoWordsError: the corpus has no words; an older file stays.
        WordError: the file cannot hold a word; an older file stays.
    """
    check_at_least(1, threads=threads)
    if isinstance(source, Text) and is_one_of(path_of(path), source.paths):
        raise ValueError(f"{path}: is a file of the corpus that is to be encoded: give another path")
    with replacing(path) as temporary, open(temporary, "wb") as file, closing(EncodedWriter(file)) as writer:
        scan = count_words(source, threads, progress_per, writer.add)
        if not len(scan.words):
            raise NoWordsError("the corpus has no words")
        writer.finish(scan.words, scan.counts)
    number = next((word for word in scan.words if not isinstance(word, str)), None)
    if number is not None:
        logger.warning(
            "words that are integers are texts in %s: %r instead of %r, and so on", path, str(number), int(str(number))
        )
    return scan


class EncodedWriter:
    """Writes a .w2v file part by part.

    Args:
        file: is open for writing, and can seek.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._crc, self._n = file, 0, 0
        content = "the places of the sentences (8 bytes per sentence)"
        self._offsets = GrowingArray(np.int64, content, "set TMPDIR to another folder")
        self._offsets.spill()
        self._offsets.append(np.zeros(1, np.int64))
        file.write(bytes(_HEADER_SIZE))

    def add(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sentences.

        Args:
            tokens: (n,) int32 indices into the words, counted in the order of first occurrence.
            lengths: (m,) integers, the number of tokens per sentence.
        """
        self._offsets.append(self._n + np.cumsum(lengths, dtype=np.int64))
        self._n += len(tokens)
        self._write(np.ascontiguousarray(tokens, "<i4").data)

    def finish(self, words: Iterable[Hashable], counts: np.ndarray) -> None:
        """Write what follows the tokens, and the header.

        Args:
            words: V words in the order of first occurrence.
            counts: (V,) integers, the number of occurrences of each.

        Raises:
            WordError: the file cannot hold a word.
        """
        text = _joined(words)
        self._write(bytes(-4 * self._n % 8))
        for data in self._offsets.written(_STEP):
            self._write(data)
        self._write(np.ascontiguousarray(counts, "<i8").data)
        self._write(text)
        header = _FIELDS.pack(MAGIC, VERSION, self._crc, self._n, self._offsets.size - 1, len(counts), len(text))
        self._file.seek(0)
        self._file.write(header + struct.pack("<I", zlib.crc32(header)))
        self.close()

    def _write(self, data: bytes | memoryview) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._file.write(data)

    def close(self) -> None:
        """Close the temporary file of the offsets; `file` is the caller's to close."""
        self._offsets.close()


def _joined(words: Iterable[Hashable]) -> bytes:
    """Return words in UTF-8, a newline after each; of integers, their digits.

    Raises:
        WordError: one cannot be read back.
    """
    texts: dict[str, Hashable] = {}
    for word in words:
        is_number = isinstance(word, (int, np.integer)) and not isinstance(word, bool)
        text = str(word)
        if not (is_number or isinstance(word, str)):
            raise WordError(f"the word {word!r} is a {type(word).__name__}: a .w2v file holds texts and integers")
        if not text or "\n" in text:
            raise WordError(
                f"the word {word!r} is empty or has a line end in it, which a .w2v file cannot hold: replace it (for "
                "example by '_'), or train on the corpus itself"
            )
        if text in texts:
            raise WordError(
                f"the words {texts[text]!r} and {word!r} would be the same in a .w2v file, where integers are texts: "
                "make them of one type, or train on the corpus itself"
            )
        texts[text] = word
    try:
        return "".join(f"{text}\n" for text in texts).encode()
    except UnicodeEncodeError as e:
        word = next(text for text in texts if not text.isascii() and _is_lone(text))
        raise WordError(
            f"the word {word!r} has half of a surrogate pair, which UTF-8 and a .w2v file cannot hold: replace it, or "
            "train on the corpus itself"
        ) from e


def _is_lone(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
