"""Corpora of every form: which files there are, runs of whole sentences as rows of the tables, chunks for engines."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np

from torch_w2v import system
from torch_w2v.corpus import counting, text
from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.prefetch import Prefetch
from torch_w2v.corpus.sources import is_static, native, same
from torch_w2v.corpus.splitting import Numbers, remap
from torch_w2v.corpus.store import Encoded, Spool
from torch_w2v.corpus.text import Text

UNKNOWN = -1  # the token of a word outside the vocabulary

def scan(source: Any, threads: int, progress_per: int, cache: str) -> counting.Scan:
    """Count the words of a corpus, and keep it in numbers unless `cache` is 'off'."""
    if isinstance(source, EncodedFile):
        encoded = None if cache == "off" else Encoded(source.tokens, source.offsets)
        return counting.Scan(source.words, source.counts, len(source.offsets) - 1, encoded)
    if cache == "off":
        return counting.scan(source, threads, progress_per)
    with closing(Spool(cache)) as spool:
        found = counting.scan(source, threads, progress_per, spool.add)
        return replace(found, encoded=spool.finish())


def rows_in(key_to_index: Mapping[Any, int]) -> Numbers:
    """The rows of words, UNKNOWN for those outside the vocabulary."""
    get = key_to_index.get

    def rows(words: Sequence[Hashable]) -> list[int]:
        return list(map(get, words, itertools.repeat(UNKNOWN)))

    return rows


def encode(source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int, threads: int = 1) -> Iterator[Encoded]:
    """Encode a stream of sentences; a run is closed by the sentence that brings it to `chunk_tokens` tokens or more.

    Raises:
        TypeError: a sentence that is not an iterable of hashable words, with its number.
    """
    rows = rows_in(key_to_index)
    parts = (
        source.parts(rows, threads)
        if isinstance(source, Text)
        else text.parts_of(source, rows, min(text.BATCH, chunk_tokens))
    )
    position = size = 0
    waiting: list[text.Part] = []
    with closing(parts):
        for part in parts:
            waiting.append(part)
            size += len(part[0])
            if size >= chunk_tokens:
                *runs, last = joined(waiting, position).runs(chunk_tokens)
                yield from runs
                if len(last.tokens) >= chunk_tokens:
                    yield last
                    waiting, position, size = [], last.position + len(last.tokens), 0
                else:
                    waiting, position, size = [(last.tokens, np.diff(last.offsets))], last.position, len(last.tokens)
    if waiting:
        yield from joined(waiting, position).runs(chunk_tokens)


def joined(parts: Sequence[text.Part], position: int = 0) -> Encoded:
    """Parts of a corpus as one."""
    lengths = np.concatenate([np.zeros(1, np.int64), *(lengths for _, lengths in parts)])
    tokens = np.concatenate([np.zeros(0, np.int32), *(tokens for tokens, _ in parts)])
    return Encoded(tokens, np.cumsum(lengths), position)


class Reader:
    """The passes of one `train()` call over its corpus: a static corpus is encoded once and kept.

    Args:
        cache: where it is kept: 'auto', 'memory', 'disk' (see `store.Spool`) or 'off', to encode it at every pass.
        threads: for splitting text.
        scan: what the scan for the vocabulary kept of the corpus `scanned`.
    """

    def __init__(
        self, cache: str = "auto", threads: int = 1, scan: counting.Scan | None = None, scanned: Any = None
    ) -> None:
        self._cache, self._threads = cache, threads
        self._scan, self._scanned = scan, scanned
        self._encoded: Encoded | None = None
        self._words = 0  # in the vocabulary that it was encoded with
        self._ahead: Prefetch[Encoded] | None = None

    def runs(self, source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int) -> Iterator[Encoded]:
        """One pass over `source`, as rows; what has to be encoded is encoded on a thread that runs ahead."""
        source = native(source)
        if self._encoded is None or self._words != len(key_to_index):  # a callback may extend the vocabulary
            self._find(source, key_to_index)
        if self._scan is not None:
            self._scan = self._scanned = None  # its words take much memory
            system.give_back()
        return (
            self._read(source, key_to_index, chunk_tokens)
            if self._encoded is None
            else self._encoded.runs(chunk_tokens)
        )

    def _read(self, source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int) -> Iterator[Encoded]:
        spool = Spool(self._cache) if is_static(source) and self._cache != "off" else None
        try:
            with Prefetch(encode(source, key_to_index, chunk_tokens, self._threads)) as self._ahead:
                for run in self._ahead:
                    if spool is not None:
                        spool.add(run.tokens, np.diff(run.offsets))
                    yield run
                if spool is not None and not self._ahead.closed:
                    self._encoded, self._words = spool.finish(), len(key_to_index)
        finally:
            if spool is not None:
                spool.close()

    def _find(self, source: Any, key_to_index: Mapping[Any, int]) -> None:
        """Use what is encoded already: by the scan for the vocabulary, or in a file."""
        self._encoded = None
        encoded: Encoded | None = None
        words: Sequence[Hashable] = ()
        if isinstance(source, EncodedFile):
            encoded, words = Encoded(source.tokens, source.offsets), source.words
        elif self._scan is not None and self._scan.encoded is not None and same(source, self._scanned):
            encoded, words = self._scan.encoded, self._scan.words
        if encoded is not None:
            rows = np.array(rows_in(key_to_index)(words), np.int32)
            if encoded.in_memory:
                remap(encoded.tokens, rows, out=encoded.tokens)
                self._encoded = encoded
            else:
                self._encoded = replace(encoded, rows=rows)
            self._words = len(key_to_index)

    def close(self) -> None:
        """End a pass from another thread: whoever waits for its next run gets the end."""
        if self._ahead is not None:
            self._ahead.close()


