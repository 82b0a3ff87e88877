"""A rank's part of a corpus: an equal share of the bytes of all files, or of the sentences of an encoded corpus."""

from __future__ import annotations

import io
import os
import re
import zlib
from typing import NamedTuple

import numpy as np

from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.text import ByteRange, Text, is_compressed, open_bytes
from torch_w2v.corpus.types import Corpus

# A line is looked for within so many bytes behind a cut: ten times a sentence of 10,000 words. A longer line is cut at
# white space.
_LONGEST_LINE = 1 << 20
# sentences of a list that are compared between ranks, and words of each
_LOOKS, _LOOKED_AT = 16, 1_000
_SPACE = re.compile(rb"[ \t\n\r\v\f]")


def shard(source: Corpus, rank: int, size: int) -> Corpus:
    """Return a rank's part of a corpus. Together, in the order of the ranks, the parts are the corpus.

    A list is cut into parts of as many sentences. Files are cut where a line begins; in a line longer than a megabyte,
    behind white space. A compressed file cannot be cut: the rank with the byte in its middle reads all of it.

    Args:
        source: as `sources.files` returns it, or a list or tuple of sentences.
        rank: from 0.
        size: number of ranks.

    Raises:
        TypeError: an iterable of another kind.
        OSError: a file cannot be opened, or cannot tell its size.
    """
    if isinstance(source, (list, tuple)):
        return source[len(source) * rank // size : len(source) * (rank + 1) // size]
    if isinstance(source, EncodedFile):
        return source.sentences(*_sentences(source.offsets, rank, size))
    if not isinstance(source, Text):
        raise TypeError(
            f"a {type(source).__name__} cannot be cut into parts for {size} ranks: give each rank sentences of its "
            "own, and shard='given'"
        )
    sizes = [_size(path) for path in source.paths]
    total, start = sum(sizes), 0
    low, high = total * rank // size, total * (rank + 1) // size
    paths: list[str] = []
    ranges: list[ByteRange] = []
    for path, length in zip(source.paths, sizes, strict=True):
        if is_compressed(path):
            begin, end = (0, length) if low <= start + length // 2 < high else (0, 0)
        else:
            begin, end = (_line_after(path, min(max(edge - start, 0), length), length) for edge in (low, high))
        if end > begin:
            paths.append(path)
            ranges.append((begin, end))
        start += length
    return Text(paths, source.max_sentence_length, ranges)


class Extent(NamedTuple):
    """What is known of a corpus without reading it: equal on all ranks if they name the same one.

    Attributes:
        kind: 'text', 'encoded corpus', 'list', or the name of its class.
        size: bytes of files as they are stored, sentences of a list, words of an encoded corpus; else 0.
        checksum: of the texts in a few sentences of a list, which another order changes; else 0. Words of other types
            may look different in each process.
    """

    kind: str
    size: int
    checksum: int = 0


def extent(source: Corpus) -> Extent:
    """Return what is known of a corpus that is cut into parts.

    Args:
        source: as for `shard`.
    """
    if isinstance(source, Text):
        return Extent("text", sum(map(_size, source.paths)))
    if isinstance(source, EncodedFile):
        return Extent("encoded corpus", int(source.offsets[-1]))
    if not isinstance(source, (list, tuple)):
        return Extent(type(source).__name__, 0)
    places = sorted({len(source) * part // _LOOKS for part in range(_LOOKS)}) if len(source) else []
    some = map(source.__getitem__, places)
    sentences = [sentence[:_LOOKED_AT] for sentence in some if isinstance(sentence, (list, tuple))]
    words = [word for sentence in sentences for word in sentence if type(word) is str]
    return Extent("list", len(source), zlib.crc32("\0".join(words).encode("utf-8", "surrogatepass")))


def _sentences(offsets: np.ndarray, rank: int, size: int) -> tuple[int, int]:
    """Return the first sentence of a rank and the one after its last, so that all ranks have as many words."""
    words = [int(offsets[-1]) * number // size for number in (rank, rank + 1)]
    first, end = (int(np.searchsorted(offsets[:-1], edge, side="left")) for edge in words)
    # Empty sentences at the very end have the same offset as the end.
    return (first, len(offsets) - 1 if rank == size - 1 else end)


def _size(path: str) -> int:
    if os.path.isfile(path):
        return os.path.getsize(path)
    # Of a compressed file the stored size will do, as for local ones: to learn the other is to read it all.
    with open_bytes(path, decompress=False) as file:
        try:
            return file.seek(0, io.SEEK_END)
        except (OSError, io.UnsupportedOperation) as e:
            raise OSError(
                f"{path} cannot be cut into parts, since it cannot seek: give each rank its own files (shard='given')"
            ) from e


def _line_after(path: str, at: int, size: int) -> int:
    """Return the first place at or after `at` where a line begins; in a very long line, where a word does."""
    if at in (0, size):
        return at
    with open_bytes(path) as file:
        file.seek(at - 1)
        text = file.read(_LONGEST_LINE)
        newline = text.find(b"\n")
        if newline >= 0:
            return at + newline
        if at - 1 + len(text) == size:
            return size
        # The first white space, however far it is: so a later place never has an earlier cut.
        while text:
            space = _SPACE.search(text)
            if space:
                return at + space.start()
            at += len(text)
            text = file.read(_LONGEST_LINE)
    return size
