"""Corpora of every form: which files there are, runs of whole sentences as rows of the tables, chunks for engines."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gensim.models import word2vec as gensim_word2vec

from torch_w2v import memory, text, vocabulary
from torch_w2v.ahead import Ahead
from torch_w2v.encoded_file import EncodedFile, is_encoded
from torch_w2v.splitting import Numbers, remap
from torch_w2v.store import Encoded, Spool
from torch_w2v.text import Text

UNKNOWN = -1  # the token of a word outside the vocabulary

# Inputs that give the same sentences at every pass, and so are encoded once. Exact types: a subclass may not.
_STATIC = (
    list, tuple, gensim_word2vec.LineSentence, gensim_word2vec.PathLineSentences,
    gensim_word2vec.Text8Corpus, gensim_word2vec.BrownCorpus, Text, EncodedFile,
)  # fmt: skip


def is_uri(path: str) -> bool:
    """Whether `path` is for smart_open alone (s3://…, https://…), not for the file system."""
    return "://" in path


def paths_of(corpus_file: Any) -> list[str]:
    """The files that a `corpus_file` names: a file, a folder (its files in the order of their names), a pattern such as
    'texts/*.gz', a URI, or a list of these. Remote ones are not looked for.

    Raises:
        TypeError: nothing of the kind, or no such file; it begins as gensim's does.
    """
    if isinstance(corpus_file, (list, tuple)) and corpus_file:
        return [path for one in corpus_file for path in paths_of(one)]
    path = os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
    if isinstance(path, str):
        if is_uri(path) or os.path.isfile(path):
            return [path]
        inside = os.path.isdir(path)
        found = [os.path.join(path, name) for name in os.listdir(path)] if inside else glob.glob(path, recursive=True)
        if files := sorted(name for name in found if os.path.isfile(name)):
            return files
        if inside:
            raise TypeError(
                f"Parameter corpus_file must be a valid path to a file, got {path!r}, a folder without files"
            )
    raise TypeError(f"Parameter corpus_file must be a valid path to a file, got {path!r} instead")


def files(corpus_file: Any) -> Text | EncodedFile:
    """The sentences of a `corpus_file`.

    Raises:
        TypeError: as `paths_of`.
        ValueError: a damaged .w2v file, or one among several files.
    """
    paths = paths_of(corpus_file)
    encoded = [path for path in paths if path.endswith(".w2v") or (not is_uri(path) and is_encoded(path))]
    if encoded and len(paths) > 1:
        raise ValueError(f"{encoded[0]} is an encoded corpus: it must be the only file, but there are {len(paths)}")
    return EncodedFile(paths[0]) if encoded else Text(paths)


def native(source: Any) -> Any:
    """gensim's readers of lines as the files they read; everything else as it is."""
    lines = type(source) is gensim_word2vec.LineSentence and isinstance(source.source, str)
    if not lines and type(source) is not gensim_word2vec.PathLineSentences:
        return source
    if source.limit is not None or not isinstance(source.max_sentence_length, int) or source.max_sentence_length < 1:
        return source
    return Text([source.source] if lines else source.input_files, source.max_sentence_length)


def is_static(source: Any) -> bool:
    """Whether `source` gives the same sentences at every pass."""
    return type(source) in _STATIC


@dataclass(frozen=True)
class Chunk:
    """The unit of work: some tokens to train on, all of whole sentences but for sentences longer than a chunk.

    Attributes:
        tokens: (n,) int32 rows of the tables, -1 for unknown words.
        offsets: (m + 1,) int64 sentence edges within `tokens`, from 0 to n.
        begin, end: tokens[begin:end] are trained on, the others are only context.
        position: place of tokens[0] in the corpus.
        examples: sentences that end in this chunk.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    begin: int
    end: int
    position: int
    examples: int


def scan(source: Any, threads: int, progress_per: int, cache: str) -> vocabulary.Scan:
    """Count the words of a corpus, and keep it in numbers unless `cache` is 'off'."""
    if isinstance(source, EncodedFile):
        encoded = None if cache == "off" else Encoded(source.tokens, source.offsets)
        return vocabulary.Scan(source.words, source.counts, len(source.offsets) - 1, encoded)
    if cache == "off":
        return vocabulary.scan(source, threads, progress_per)
    with closing(Spool(cache)) as spool:
        found = vocabulary.scan(source, threads, progress_per, spool.add)
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
        self, cache: str = "auto", threads: int = 1, scan: vocabulary.Scan | None = None, scanned: Any = None
    ) -> None:
        self._cache, self._threads = cache, threads
        self._scan, self._scanned = scan, scanned
        self._encoded: Encoded | None = None
        self._words = 0  # in the vocabulary that it was encoded with
        self._ahead: Ahead[Encoded] | None = None

    def runs(self, source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int) -> Iterator[Encoded]:
        """One pass over `source`, as rows; what has to be encoded is encoded on a thread that runs ahead."""
        source = native(source)
        if self._encoded is None or self._words != len(key_to_index):  # a callback may extend the vocabulary
            self._find(source, key_to_index)
        if self._scan is not None:
            self._scan = self._scanned = None  # its words take much memory
            memory.give_back()
        return (
            self._read(source, key_to_index, chunk_tokens)
            if self._encoded is None
            else self._encoded.runs(chunk_tokens)
        )

    def _read(self, source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int) -> Iterator[Encoded]:
        spool = Spool(self._cache) if is_static(source) and self._cache != "off" else None
        try:
            with Ahead(encode(source, key_to_index, chunk_tokens, self._threads)) as self._ahead:
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


def same(source: Any, other: Any) -> bool:
    """Whether two corpora are one: the same object, or the same files read in the same way."""
    return source is other or (type(source) is type(other) is Text and vars(source) == vars(other))


def chunks(
    run: Encoded, chunk_tokens: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]
) -> Iterator[Chunk]:
    """Cut a run into chunks: one, unless a sentence makes it longer than two chunks.

    Then it is cut every `chunk_tokens` tokens, and each piece carries enough of its neighbours for whole windows:
    `window` kept tokens on either side, or all there are in the sentence.

    Args:
        run: whole sentences, closed at `chunk_tokens` as by `encode`.
        chunk_tokens: the size aimed at.
        window: kept tokens that a window may reach over.
        kept: (tokens, position of the first) -> mask of the tokens that subsampling keeps.
    """
    n = len(run.tokens)
    cuts = [*range(0, n - chunk_tokens, chunk_tokens), n] if n > 2 * chunk_tokens else [0, n]
    for begin, end in itertools.pairwise(cuts):
        first = int(np.searchsorted(run.offsets, begin, side="right")) - 1
        last = int(np.searchsorted(run.offsets, end, side="left"))
        low = begin - _halo(run, begin, int(run.offsets[first]), window, kept)
        high = end + _halo(run, end, int(run.offsets[last]), window, kept)
        edges = np.clip(run.offsets[first : last + 1], low, high) - low
        ended = np.searchsorted(run.offsets[1:], [begin, end], side="right")
        yield Chunk(
            run.tokens[low:high],
            edges,
            begin - low,
            end - low,
            run.position + low,
            int(ended[1] - (ended[0] if begin else 0)),
        )


def _halo(run: Encoded, cut: int, edge: int, window: int, kept: Callable[[np.ndarray, int], np.ndarray]) -> int:
    """Tokens between `cut` and `edge`, a sentence edge on one side of it, to carry for `window` kept ones."""
    size, most = 2 * window, abs(edge - cut)
    while size < most:
        a, b = (cut - size, cut) if edge < cut else (cut, cut + size)
        if int(kept(run.tokens[a:b], run.position + a).sum()) >= window:
            return size
        size *= 2
    return most
