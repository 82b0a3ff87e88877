"""Files of text, as sentences of words and as token ids."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from smart_open import open as smart_open
from smart_open.compression import get_supported_extensions

from torch_w2v import native
from torch_w2v.corpus.bindings import PAD
from torch_w2v.corpus.lists import parts_in_python
from torch_w2v.corpus.prefetch import Prefetch
from torch_w2v.corpus.signatures import why_no_text
from torch_w2v.corpus.splitting import Splitters, splitters_for
from torch_w2v.corpus.types import Part
from torch_w2v.corpus.word_ids import WordIds
from torch_w2v.files import is_uri, path_of

# The first byte of a part of a file, and the one after its last; None for the whole file.
ByteRange: TypeAlias = "tuple[int, int] | None"

BLOCK = 1 << 20  # bytes of text that are split at a time
SLOW_TO_DECOMPRESS = (".gz", ".bz2", ".xz")  # no faster than one thread splits


@dataclass(frozen=True)
class _Block:
    """A piece of a file, which ends after a newline, or, inside a longer line, after a space.

    Attributes:
        text: the bytes, then `PAD`.
        path: of the file.
        begin: first byte of the file, or of the part of it, that is read.
        is_first, is_last: whether it is the first and the last block of the file, or of the part.
    """

    text: bytes
    path: str
    begin: int
    is_first: bool
    is_last: bool


class Text:
    """The sentences of text files, read one after the other. Iterates over lists of words.

    As in gensim's `LineSentence`, one line is one sentence, words are split at white space, and lines are cut every
    `max_sentence_length` words; empty lines are left out. The suffix of a file says how it is compressed.

    Args:
        paths: local files, or URIs that smart_open can read.
        max_sentence_length: maximum number of words per sentence.
        ranges: the part of each file that is read, in bytes; all of every file by default. A part of a file that is
            not compressed begins and ends where a line, or a word, does.

    Raises:
        UnicodeDecodeError: while reading, a line is not UTF-8; the message has the file, the line and the byte.
        OSError: while reading, a file cannot be opened.
        ImportError: while reading, as `open_bytes`.
    """

    separator = "\n"  # the character that no word contains

    def __init__(
        self,
        paths: Sequence[str],
        max_sentence_length: int = MAX_WORDS_IN_BATCH,
        ranges: Sequence[ByteRange] | None = None,
    ) -> None:
        self.paths = list(map(path_of, paths))
        self.max_sentence_length = max_sentence_length
        self.ranges: list[ByteRange] = [None] * len(self.paths) if ranges is None else list(ranges)

    def __iter__(self) -> Iterator[list[str]]:
        """Read the sentences in plain Python: the specification of `parts`."""
        for path, part in zip(self.paths, self.ranges, strict=True):
            begin = offset = part[0] if part else 0
            with _opened(path, part) as lines:
                for number, line in enumerate(lines, 1):
                    words = _decode(line, path, number, offset, begin).split()
                    offset += len(line)
                    for i in range(0, len(words), self.max_sentence_length):
                        yield words[i : i + self.max_sentence_length]

    def size(self) -> int | None:
        """Return the number of bytes of text; None where that is not known before it is read."""
        packed = tuple(get_supported_extensions())
        if any(is_uri(path) or path.lower().endswith(packed) for path in self.paths):
            return None
        return sum(map(os.path.getsize, self.paths))

    def parts(
        self, word_ids: WordIds, threads: int, read: Callable[[int], None] = lambda count: None
    ) -> Generator[Part, None, None]:
        """Encode the sentences.

        One thread reads ahead, and `threads` - 1 others split, at least one, and one per core at most; the caller's
        thread translates. A single thread splits what is slow to decompress, since more would only take time from the
        decompressing one.

        Args:
            word_ids: returns the id of a word.
            threads: number of threads, including the caller's.
            read: called with the number of bytes of each piece of text before its part.

        Yields:
            The parts of the corpus in order.
        """
        if not native.available():
            yield from parts_in_python(self, word_ids)
            return
        rest = np.empty(0, np.int32)  # tokens of a sentence that goes on in the next block
        line = offset = 0
        is_slow = all(path.lower().endswith(SLOW_TO_DECOMPRESS) for path in self.paths)
        splitting = 1 if is_slow else splitters_for(threads)
        splitters: Splitters[_Block] = Splitters(splitting, word_ids, zero_separated=False)
        with splitters, Prefetch(self._blocks()) as blocks:
            jobs = ((block.text, len(block.text) // 2 + 1, block) for block in blocks)
            for new_tokens, split, block in splitters.run(jobs):
                assert split is not None
                if block.is_first:
                    line, offset = 0, block.begin
                if split.invalid_at >= 0:
                    raise _decode_error(block, split.invalid_at, line, offset)
                line += len(split.line_lengths) - 1
                offset += len(block.text) - len(PAD)
                read(len(block.text) - len(PAD))
                lengths = split.line_lengths.astype(np.int64)
                lengths[0] += len(rest)
                tokens = np.concatenate([rest, new_tokens]) if len(rest) else new_tokens
                # Of a line that goes on in the next block only whole sentences are returned now.
                remaining = 0 if block.is_last else int(lengths[-1]) % self.max_sentence_length
                lengths[-1] -= remaining
                yield tokens[: len(tokens) - remaining], _sentence_lengths(lengths, self.max_sentence_length)
                rest = tokens[len(tokens) - remaining :]

    def _blocks(self) -> Iterator[_Block]:
        for path, part in zip(self.paths, self.ranges, strict=True):
            begin = part[0] if part else 0
            with _opened(path, part) as file:
                pieces: list[bytes] = []  # read since the last place where a block may end
                is_first = True
                while data := file.read(BLOCK):
                    cut = data.rfind(b"\n") + 1 or data.rfind(b" ") + 1
                    if cut:
                        yield _Block(b"".join([*pieces, data[:cut], PAD]), path, begin, is_first, is_last=False)
                        pieces, is_first = [], False
                    pieces.append(data[cut:])
                yield _Block(b"".join([*pieces, PAD]), path, begin, is_first, is_last=True)


def is_compressed(path: str) -> bool:
    """Return whether a file is read through a decompressor, as its suffix says."""
    return path.lower().endswith(tuple(get_supported_extensions()))


def open_bytes(path: str, decompress: bool = True) -> BinaryIO:
    """Open a local file or a URI, decompressed as its suffix says, and return the binary file.

    Args:
        path: of a local file, or a URI.
        decompress: False to read the bytes as they are stored.

    Raises:
        ImportError: a package that the compression or the URI needs is missing; the message has the command that
            installs it.
        OSError: it cannot be opened.
    """
    if not is_uri(path) and not is_compressed(path):
        return open(path, "rb")  # smart_open would do the same, slower
    try:
        return smart_open(path, "rb", compression="infer_from_extension" if decompress else "disable")
    except ImportError as e:
        extra = "zst" if path.endswith(".zst") else path.split("://", maxsplit=1)[0]
        raise ImportError(
            f"{path}: a package to read this with is missing; install it by: pip install 'smart_open[{extra}]'"
        ) from e


@contextmanager
def _opened(path: str, part: ByteRange = None) -> Iterator[BinaryIO]:
    """Open a file, or a part of it, as `open_bytes`; that it cannot be decompressed is an OSError that names it."""
    with open_bytes(path) as file:
        try:
            if part is None or is_compressed(path):
                yield file
            else:
                yield io.BufferedReader(_Part(file, *part), BLOCK)
        except _decompression_errors() as e:
            raise OSError(f"{path}: damaged, or cut off: {e}") from e
        except OSError as e:
            if type(e) is OSError and e.errno is None and path.lower().endswith(".bz2"):  # that module's own
                raise OSError(f"{path}: damaged, or cut off: {e}") from e
            raise


class _Part(io.RawIOBase):
    """The bytes `begin` to `end` - 1 of a file that can seek, as a file."""

    def __init__(self, file: BinaryIO, begin: int, end: int) -> None:
        file.seek(begin)
        self._file = file
        self._left = end - begin

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


def _newlines_before(path: str, end: int) -> int:
    """Return the number of newlines before a byte of a file, for the message of an error."""
    if not end:
        return 0
    with open_bytes(path) as file:
        return sum(file.read(min(BLOCK, end - at)).count(b"\n") for at in range(0, end, BLOCK))


def _decompression_errors() -> tuple[type[Exception], ...]:
    modules = (sys.modules.get(name) for name in ("compression.zstd", "backports.zstd"))  # what smart_open imports
    zstd = tuple(module.ZstdError for module in modules if module is not None)
    return (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, *zstd)


def _sentence_lengths(line_lengths: np.ndarray, max_length: int) -> np.ndarray:
    """Return the lengths of the sentences, of at most `max_length` words, into which lines of these lengths are cut."""
    line_lengths = line_lengths[line_lengths > 0]
    if not len(line_lengths) or line_lengths.max() <= max_length:
        return line_lengths
    pieces = -(-line_lengths // max_length)
    lengths = np.full(pieces.sum(), max_length)
    lengths[np.cumsum(pieces) - 1] = line_lengths - (pieces - 1) * max_length
    return lengths


def _decode(line: bytes, path: str, number: int, offset: int, begin: int) -> str:
    """Decode a line; `number` counts lines from the byte `begin` of the file, `offset` is the line's first byte."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as e:
        number += _newlines_before(path, begin)
        hint = f"a corpus_file must be UTF-8{why_no_text(path) if os.path.isfile(path) else ''}"
        reason = f"{e.reason} (line {number}, byte {offset + e.start} of {path}; {hint})"
        raise UnicodeDecodeError(e.encoding, e.object, e.start, e.end, reason) from None


def _decode_error(block: _Block, invalid_at: int, line: int, offset: int) -> UnicodeDecodeError:
    """Return Python's error for the line in which splitting.cpp found a byte that is not UTF-8."""
    start = block.text.rfind(b"\n", 0, invalid_at) + 1
    end = block.text.find(b"\n", invalid_at) + 1 or len(block.text) - len(PAD)
    number = line + block.text.count(b"\n", 0, start) + 1
    try:
        _decode(block.text[start:end], block.path, number, offset + start, block.begin)
    except UnicodeDecodeError as e:
        return e
    raise AssertionError(f"splitting.cpp and Python disagree on byte {offset + invalid_at} of {block.path}")
