"""A corpus in a .w2v file: token ids that are mapped into memory, with a checksum and without pickle."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Hashable, Iterable, Iterator
from contextlib import closing
from typing import BinaryIO

import numpy as np

from torch_w2v.corpus.counting import Scan, count_words
from torch_w2v.corpus.store import GrowingArray, map_array
from torch_w2v.corpus.text import Text
from torch_w2v.files import is_uri, replacing

# The parts of a file, in order; all numbers are little-endian:
#
# header   64 bytes: MAGIC, uint32 VERSION, uint32 CRC-32 of all that follows the header, then as uint64 the numbers of
#          tokens, of sentences, of words and of bytes of words, then the uint32 CRC-32 of the header so far, zeros
# tokens   int32 per token: an index into the words; then zeros up to a multiple of 8 bytes
# offsets  int64 per sentence and one more: the edges of the sentences within the tokens
# counts   int64 per word: its number of occurrences
# words    in the order of first occurrence, in UTF-8, a newline after each
#
# The first byte of MAGIC is not UTF-8, so no text is taken for a .w2v file. The line ends in MAGIC change where a
# transfer converts line ends, so such a file is refused.
MAGIC = b"\x93W2V\r\n\x1a\n"
VERSION = 1
_FIELDS = struct.Struct("<8sIIQQQQ")
_HEADER_SIZE = 64
_STEP = 1 << 22  # bytes that are read or written at a time


def is_encoded(path: str) -> bool:
    """Return whether a local file begins as a .w2v file.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class EncodedFile:
    """A corpus in a .w2v file, checked and mapped into memory. Iterates over its sentences as lists of words.

    Args:
        path: a local file that `write` or `torch-w2v encode` has written.

    Attributes:
        path: the same.
        tokens: (n,) int32 indices into `words`.
        offsets: (m + 1,) int64 edges of the sentences within `tokens`, from 0 to n.
        counts: (V,) int64, the number of occurrences of each word.
        words: V distinct words, in the order of first occurrence.

    Raises:
        ValueError: the file is not a .w2v file, or one of another version, cut off or damaged.
        OSError: the file cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if is_uri(path):
            raise ValueError(f"{path}: an encoded corpus is mapped into memory, so it must be a local file")
        with open(path, "rb") as file:
            checksum, n, m, V, words_size = _read_header(file, path)
            offsets = _HEADER_SIZE + -(-4 * n // 8) * 8
            counts = offsets + 8 * (m + 1)
            words = counts + 8 * V
            size = os.fstat(file.fileno()).st_size
            if size != words + words_size:
                raise ValueError(
                    f"{path} is cut off or damaged: it has {size} bytes instead of {words + words_size}; "
                    "encode the corpus again"
                )
            crc = 0
            while data := file.read(_STEP):
                crc = zlib.crc32(data, crc)
            if crc != checksum:
                raise ValueError(f"{path} is damaged (wrong checksum): encode the corpus again")
            self.tokens = map_array(file, _HEADER_SIZE, "<i4", n)
            self.offsets = map_array(file, offsets, "<i8", m + 1)
            self.counts = map_array(file, counts, "<i8", V)
            file.seek(words)
            self.words = file.read(words_size).decode("utf-8").split("\n")[:-1]

    def __iter__(self) -> Iterator[list[str]]:
        for low, high in itertools.pairwise(self.offsets.tolist()):
            yield [self.words[token] for token in self.tokens[low:high]]


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


def write(source: Text, path: str | os.PathLike[str], threads: int, progress_per: int = 10_000) -> Scan:
    """Encode text into a .w2v file, in memory that grows only with the vocabulary.

    Args:
        source: the text, as `corpus.files` returns it.
        path: of the .w2v file; an older file is replaced when the new one is complete.
        threads: number of threads that split text.
        progress_per: number of sentences between two lines of progress in the log.

    Returns:
        The words of the corpus with their counts, and its number of sentences.

    Raises:
        OSError: the text cannot be read, or the file cannot be written.
        UnicodeDecodeError: the text is not UTF-8.
    """
    with replacing(path) as temporary, open(temporary, "wb") as file, closing(EncodedWriter(file)) as writer:
        scan = count_words(source, threads, progress_per, writer.add)
        writer.finish(scan.words, scan.counts)
    return scan


class EncodedWriter:
    """Writes a .w2v file part by part.

    Args:
        file: is open for writing, and can seek.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._crc, self._n = file, 0, 0
        self._offsets = GrowingArray(np.int64)
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
        """
        self._write(bytes(-4 * self._n % 8))
        for data in self._offsets.written(_STEP):
            self._write(data)
        self._write(np.ascontiguousarray(counts, "<i8").data)
        text = "".join(f"{word}\n" for word in words).encode()
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
