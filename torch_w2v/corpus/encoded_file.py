"""A corpus in a file of numbers (.w2v): mapped into memory, with a checksum and without pickle."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, BinaryIO

import numpy as np

from torch_w2v.corpus.counting import Scan, scan
from torch_w2v.corpus.store import Growing, mapped
from torch_w2v.corpus.text import Text
from torch_w2v.files import is_uri, replacing

# header   MAGIC, version, CRC-32 of all that follows the header, then the numbers of tokens, sentences, words and bytes
#          of words, and the CRC-32 of the header before it; little-endian, zeros up to 64 bytes
# tokens   int32 each: the number of a word, counted from 0 in the order of first occurrence; filled up to 8 bytes
# offsets  int64 each, sentences + 1 of them
# counts   int64 each, of the words
# words    UTF-8, a newline after each
# The first byte is not UTF-8, so no text is mistaken for it; the newlines in MAGIC find transfers that change them.
MAGIC = b"\x93W2V\r\n\x1a\n"
VERSION = 1
_FIELDS = struct.Struct("<8sIIQQQQ")
_SIZE = 64
_STEP = 1 << 22  # bytes


def is_encoded(path: str) -> bool:
    """Whether a local file begins as a .w2v file."""
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class EncodedFile:
    """A corpus in a .w2v file. Iterates over its sentences as lists of words.

    Raises:
        ValueError: no such file, one of another version, cut off or damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if is_uri(path):
            raise ValueError(f"{path}: an encoded corpus is mapped into memory, so it must be a local file")
        with open(path, "rb") as file:
            header = file.read(_SIZE)
            if len(header) < _SIZE or header[: len(MAGIC)] != MAGIC:
                raise ValueError(f"{path} is not an encoded corpus; `torch-w2v encode` writes them")
            fields, rest = header[: _FIELDS.size], header[_FIELDS.size :]
            _, version, checksum, n, m, V, size = _FIELDS.unpack(fields)
            if version != VERSION:
                raise ValueError(
                    f"{path} has version {version} of the format, this torch_w2v reads {VERSION}: encode anew"
                )
            if rest != struct.pack("<I12x", zlib.crc32(fields)):
                raise ValueError(f"{path} is damaged (its header): encode the corpus anew")
            offsets = _SIZE + -(-4 * n // 8) * 8
            counts = offsets + 8 * (m + 1)
            words = counts + 8 * V
            found = os.fstat(file.fileno()).st_size
            if found != words + size:
                raise ValueError(f"{path} is cut off or damaged: {found} bytes instead of {words + size}: encode anew")
            crc = 0
            while data := file.read(_STEP):
                crc = zlib.crc32(data, crc)
            if crc != checksum:
                raise ValueError(f"{path} is damaged (wrong checksum): encode the corpus anew")
            self.tokens = mapped(file, _SIZE, "<i4", n)
            self.offsets = mapped(file, offsets, "<i8", m + 1)
            self.counts = mapped(file, counts, "<i8", V)
            file.seek(words)
            self.words = file.read(size).decode("utf-8").split("\n")[:-1]

    def __iter__(self) -> Iterator[list[str]]:
        for a, b in itertools.pairwise(self.offsets.tolist()):
            yield [self.words[token] for token in self.tokens[a:b]]


def write(source: Text, path: str, threads: int, progress_per: int = 10_000) -> Scan:
    """Encode text into a .w2v file, in memory that grows with the vocabulary only; `path` is replaced at the end."""
    with replacing(path) as temporary, open(temporary, "wb") as file, closing(EncodedWriter(file)) as writer:
        found = scan(source, threads, progress_per, writer.add)
        writer.finish(found.words, found.counts)
    return found


class EncodedWriter:
    """Writes a .w2v file part by part; `file` is open for writing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._crc, self._n = file, 0, 0
        self._offsets = Growing(np.int64)
        self._offsets.spill()
        self._offsets.append(np.zeros(1, np.int64))
        file.write(bytes(_SIZE))

    def add(self, tokens: np.ndarray, lengths: np.ndarray) -> None:
        """Append sentences."""
        self._offsets.append(self._n + np.cumsum(lengths, dtype=np.int64))
        self._n += len(tokens)
        self._put(np.ascontiguousarray(tokens, "<i4").data)

    def finish(self, words: Iterable[Any], counts: np.ndarray) -> None:
        """Write what follows the tokens, and the header."""
        self._put(bytes(-4 * self._n % 8))
        for data in self._offsets.written(_STEP):
            self._put(data)
        self._put(np.ascontiguousarray(counts, "<i8").data)
        text = "".join(f"{word}\n" for word in words).encode()
        self._put(text)
        header = _FIELDS.pack(MAGIC, VERSION, self._crc, self._n, self._offsets.size - 1, len(counts), len(text))
        self._file.seek(0)
        self._file.write(header + struct.pack("<I", zlib.crc32(header)))
        self.close()

    def _put(self, data: Any) -> None:
        self._crc = zlib.crc32(data, self._crc)
        self._file.write(data)

    def close(self) -> None:
        """Give up the temporary file."""
        self._offsets.close()
