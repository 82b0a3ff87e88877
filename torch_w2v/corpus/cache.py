"""The corpus of one model, read once for its vocabulary and for all epochs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from torch_w2v import system
from torch_w2v.call_threads import noted
from torch_w2v.corpus import lists
from torch_w2v.corpus.bindings import remap
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.counting import Scan, count_words
from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.encoding import Vocabulary, concatenate, encode, rows_in
from torch_w2v.corpus.prefetch import Prefetch
from torch_w2v.corpus.shards import shard
from torch_w2v.corpus.sources import CorpusFile, Opened, as_text, files, is_static, same
from torch_w2v.corpus.store import Encoded, EncodedOnDisk, Run, Spool
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus


@dataclass(frozen=True)
class _Scanned:
    """A corpus that `scan` has encoded: its tokens are indices into `words`."""

    source: Corpus
    words: Sequence[Hashable]
    encoded: Encoded


@dataclass(frozen=True)
class _Trained:
    """A corpus that is ready for the next epoch."""

    source: Corpus
    encoded: Run


class CorpusCache:
    """The corpus of one model, read once: what is counted for the vocabulary is what is trained on.

    A corpus that cannot change between epochs (a file, a list, one of gensim's readers) is encoded once and kept; any
    other iterable is read anew in every epoch. The cache holds one corpus at a time. While it is in use, nothing may
    modify a list that it has read.

    Args:
        policy: where to cache the encoded corpus: 'memory', 'disk', 'auto' (see `store.Spool`), or 'off' to encode it
            in every epoch.
        threads: number of threads that split text.
        part: the number of a rank and how many there are, where `part_of` is to return that rank's part of a corpus.
        fixed_vocabulary: nothing changes the words or the rows of a vocabulary of the same size while the cache is in
            use. Otherwise every epoch looks at all of them.

    Attributes:
        vocabulary_version: changes when `runs` finds another vocabulary than before, for a corpus that cannot change.
    """

    def __init__(
        self,
        policy: str = "auto",
        threads: int = 1,
        fixed_vocabulary: bool = False,
        part: tuple[int, int] | None = None,
    ) -> None:
        self._policy, self._threads, self._fixed_vocabulary = policy, threads, fixed_vocabulary
        self._part = part
        self._parts: dict[int, tuple[Corpus, Corpus]] = {}  # a corpus and its part, by the identity of the corpus
        self.vocabulary_version = 0
        self._vocabulary: Vocabulary | None = None
        self._opened: dict[Any, Opened] = {}
        self._scanned: _Scanned | None = None
        self._trained: _Trained | None = None
        # What `stop` ends: a thread that reads ahead, or a generator.
        self._reading: Prefetch[Encoded] | Generator[Encoded, None, None] | None = None

    def open(self, corpus_file: CorpusFile, column: str | None = None) -> Opened:
        """Return the source that a `corpus_file` names; equal values return the same object.

        So a path is resolved once, and a .w2v file is checked once.

        Args:
            corpus_file: see `sources.files`; what it has returned is returned as it is.
            column: of .parquet files.

        Raises:
            TypeError, ValueError, OSError: as `sources.files`.
        """
        if isinstance(corpus_file, (Text, EncodedFile, Column)):
            return corpus_file
        key = _key(corpus_file), column
        source = self._opened.get(key)
        if source is None:
            source = self._opened[key] = files(corpus_file, column)
        return source

    def part_of(self, source: Corpus) -> Corpus:
        """Return this rank's part of a corpus; all of it where there is one rank.

        Args:
            source: files, a list or a tuple; equal objects return the same part.

        Raises:
            TypeError: an iterable that cannot be cut.
        """
        source = as_text(source)
        if self._part is None:
            return source
        if id(source) not in self._parts:
            self._parts[id(source)] = source, shard(source, *self._part)
        return self._parts[id(source)][1]

    def scan(
        self,
        source: Corpus,
        progress_per: float = 10_000,
        keep: bool = False,
        watch: Callable[[int, float], None] | None = None,
    ) -> Scan:
        """Count the words of a corpus.

        Args:
            source: the sentences.
            progress_per: number of sentences between two lines of progress in the log.
            keep: keep the encoded corpus for `runs`, if it cannot change and the policy is not 'off'. It takes the
                place of the corpus that the cache held.
            watch: see `count_words`.

        Returns:
            The distinct words with their counts, and the number of sentences.

        Raises:
            TypeError: a sentence is not an iterable of hashable words.
        """
        source = as_text(source)
        if keep:
            self._scanned = self._trained = None
        if isinstance(source, EncodedFile):  # has been counted, and is its own encoding
            return Scan(source.words, source.counts, len(source.offsets) - 1)
        if not (keep and is_static(source) and self._policy != "off"):
            return count_words(source, self._threads, progress_per, watch=watch)
        with closing(Spool(self._policy)) as spool:
            scan = count_words(source, self._threads, progress_per, spool.add, watch)
            self._scanned = _Scanned(source, scan.words, spool.finish())
        return scan

    def runs(
        self,
        source: Corpus,
        key_to_index: Mapping[Hashable, int],
        chunk_tokens: int,
        n_rows: int | None = None,
        ahead: bool = True,
    ) -> Iterator[Run]:
        """Read one epoch; what has to be encoded is encoded on a thread that runs ahead of the caller.

        What was kept of another corpus, or for another vocabulary, is not used: the corpus is then encoded anew.

        Args:
            source: the sentences.
            key_to_index: the row of each word of the vocabulary.
            chunk_tokens: minimum number of tokens per run.
            n_rows: number of rows that there are; None for no limit.
            ahead: without it the caller's thread encodes, when it asks for the next run.

        Returns:
            Runs of whole sentences in the corpus's order; `Encoded.read` makes their tokens rows.

        Raises:
            RuntimeError: here or while iterating, the row of a word is outside `n_rows`.
            Exception: while iterating, whatever the corpus raises, with its own traceback.
        """
        source = as_text(source)
        encoded = self._encoded(source, key_to_index, n_rows) if is_static(source) else None
        if self._scanned is not None:
            self._scanned = None  # its words take much memory
            system.release_freed_memory()
        if encoded is not None:
            return encoded.runs(chunk_tokens)
        encoding = encode(source, key_to_index, chunk_tokens, self._threads, n_rows)
        return self._read(source, encoding) if ahead else self._read_here(encoding)

    def peek(self, source: Corpus, runs: Iterator[Run]) -> tuple[Run, Iterator[Run]]:
        """Return what can be seen of a corpus before an epoch, and the runs of that epoch, from the first one on.

        Args:
            source: as given to `runs`.
            runs: what it returned just now.

        Returns:
            The encoded corpus if it is at hand, otherwise its first run; and the runs.
        """
        if self._trained is not None and same(as_text(source), self._trained.source):
            return self._trained.encoded, runs
        first = next(runs, None)
        if first is None:
            return Encoded(np.zeros(0, np.int32), np.zeros(1, np.int64)), runs
        return first, itertools.chain([first], runs)

    def stop(self) -> None:
        """End the epoch that is being read, from any thread: a waiting consumer sees the end of the iterator."""
        if self._reading is not None:
            self._reading.close()

    def _encoded(self, source: Corpus, key_to_index: Mapping[Hashable, int], n_rows: int | None) -> Run | None:
        """Return a corpus that cannot change as rows, if an epoch, the scan or a .w2v file has encoded it."""
        if self._vocabulary is None and self._costs_less_than_a_look(source, key_to_index):
            self.vocabulary_version += 1
            self._trained = _Trained(source, self._encode_short(source, key_to_index, n_rows))
            return self._trained.encoded
        if self._vocabulary is None or not self._vocabulary.is_still(key_to_index):
            self._vocabulary = Vocabulary.now(key_to_index, with_items=not self._fixed_vocabulary)
            self.vocabulary_version += 1
            self._trained = None
        if self._trained is not None and same(source, self._trained.source):
            return self._trained.encoded
        self._trained = None
        encoded: Run
        if isinstance(source, EncodedFile):
            rows = _rows(source.words, key_to_index, n_rows)
            encoded = EncodedOnDisk(source.tokens, source.offsets, rows)
        elif self._scanned is not None and same(source, self._scanned.source):
            rows = _rows(self._scanned.words, key_to_index, n_rows)
            encoded = self._scanned.encoded
            if encoded.in_memory:
                remap(encoded.tokens, rows, out=encoded.tokens)
            else:
                encoded = replace(encoded, rows=rows)
        elif self._policy != "off" and lists.is_short(source):
            encoded = self._encode_short(source, key_to_index, n_rows)
        else:
            return None
        self._trained = _Trained(source, encoded)
        return encoded

    def _costs_less_than_a_look(self, source: Corpus, key_to_index: Mapping[Hashable, int]) -> bool:
        """Return whether a corpus is encoded sooner than all words of a vocabulary that may change are looked at."""
        if self._fixed_vocabulary or self._scanned is not None or self._policy == "off":
            return False
        return lists.is_short(source) and sum(map(len, source)) < len(key_to_index)

    @staticmethod
    def _encode_short(source: Corpus, key_to_index: Mapping[Hashable, int], n_rows: int | None) -> Encoded:
        return concatenate(list(lists.parts_in_python(source, rows_in(key_to_index, n_rows))))

    def _read(self, source: Corpus, runs: Iterator[Encoded]) -> Iterator[Encoded]:
        """Return the runs of a corpus as they are encoded; keep them if it cannot change and was read to its end."""
        spool = Spool(self._policy) if is_static(source) and self._policy != "off" else None
        try:
            with Prefetch(runs) as prefetch:
                self._reading = prefetch
                for run in prefetch:
                    if spool is not None:
                        spool.add(run.tokens, np.diff(run.offsets))
                    yield run
                if spool is not None and not prefetch.closed:
                    self._trained = _Trained(source, spool.finish())
        finally:
            if spool is not None:
                spool.close()

    def _read_here(self, runs: Generator[Encoded, None, None]) -> Iterator[Encoded]:
        """Return the runs of a corpus as they are encoded, by the thread that asks for them."""
        self._reading = runs
        with closing(runs):
            yield from noted(runs)


def _rows(words: Sequence[Hashable], key_to_index: Mapping[Hashable, int], n_rows: int | None) -> np.ndarray:
    return np.array(rows_in(key_to_index, n_rows)(words), np.int32)


def _key(corpus_file: CorpusFile) -> Any:
    """Return a hashable value that is equal for equal paths and lists of them."""
    if isinstance(corpus_file, (list, tuple)):
        return tuple(map(_key, corpus_file))
    path = os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
    return path if isinstance(path, (str, Text, EncodedFile, Column)) else id(path)  # `files` refuses anything else
