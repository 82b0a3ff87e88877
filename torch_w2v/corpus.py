"""Text in, int32 tokens and sentence edges out, cut into the chunks that engines work on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gensim.models import word2vec as gensim_word2vec
from smart_open import open as smart_open
from torch import Tensor

UNKNOWN = -1  # the token of a word outside the vocabulary

# Inputs that give the same sentences at every pass, and so are encoded once. Exact types: a subclass may not.
_STATIC = (
    list, tuple, gensim_word2vec.LineSentence, gensim_word2vec.PathLineSentences,
    gensim_word2vec.Text8Corpus, gensim_word2vec.BrownCorpus,
)  # fmt: skip


def is_uri(path: str) -> bool:
    """Whether `path` is for smart_open alone (s3://…, https://…), not for the file system."""
    return "://" in path


def check_file(path: str) -> None:
    """Raise gensim's TypeError unless `path` is an existing file; remote ones are left to smart_open.

    Raises:
        TypeError: a missing file, a directory, or not a path at all.
    """
    if not isinstance(path, str) or not (is_uri(path) or os.path.isfile(path)):
        raise TypeError(f"Parameter corpus_file must be a valid path to a file, got {path!r} instead")


class TextFile:
    """The sentences of a `corpus_file`, as gensim's LineSentence gives them, from any place smart_open can read.

    One line is one sentence, words are split at white space, lines are cut every 10,000 words, empty lines are left
    out. Compression goes by the suffix.

    Raises:
        UnicodeDecodeError: naming the file, the line and the byte.
    """

    def __init__(self, path: str, max_sentence_length: int = gensim_word2vec.MAX_WORDS_IN_BATCH) -> None:
        self.path = path
        self.max_sentence_length = max_sentence_length

    def __iter__(self) -> Iterator[list[str]]:
        with smart_open(self.path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    words = line.decode("utf-8").split()
                except UnicodeDecodeError as e:
                    where = f"{e.reason} (line {number} of {self.path}; a corpus_file must be UTF-8)"
                    raise UnicodeDecodeError(e.encoding, e.object, e.start, e.end, where) from None
                for i in range(0, len(words), self.max_sentence_length):
                    yield words[i : i + self.max_sentence_length]


def is_static(source: Any) -> bool:
    """Whether `source` gives the same sentences at every pass."""
    return type(source) in (*_STATIC, TextFile)


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

    tokens: Tensor
    offsets: Tensor
    begin: int
    end: int
    position: int
    examples: int


@dataclass(frozen=True)
class Encoded:
    """Whole sentences: int32 tokens (n,), int64 sentence edges (m + 1,) from 0 to n, their place in the corpus."""

    tokens: np.ndarray
    offsets: np.ndarray
    position: int = 0

    def runs(self, chunk_tokens: int) -> Iterator[Encoded]:
        """Cut at the first sentence edge at or after every `chunk_tokens` tokens, as `encode` does."""
        start, last = 0, len(self.offsets) - 1
        while start < last:
            goal = self.offsets[start] + chunk_tokens
            stop = min(int(np.searchsorted(self.offsets, goal, side="left")), last)
            a, b = self.offsets[start], self.offsets[stop]
            yield Encoded(self.tokens[a:b], self.offsets[start : stop + 1] - a, self.position + int(a))
            start = stop


def encode(
    sentences: Iterable[Iterable[Hashable]], key_to_index: Mapping[Any, int], chunk_tokens: int
) -> Iterator[Encoded]:
    """Encode a stream of sentences; a run is closed by the sentence that brings it to `chunk_tokens` tokens or more.

    Raises:
        TypeError: a sentence that is not an iterable of hashable words, with its number.
    """
    position, number, tokens, lengths = 0, -1, [], []
    size = 0
    get = key_to_index.get
    for number, sentence in enumerate(sentences):
        try:
            rows = list(map(get, sentence, itertools.repeat(UNKNOWN)))
        except TypeError as e:
            raise TypeError(f"sentence #{number} must be a list of words (hashable, usually str): {e}") from e
        tokens.append(np.array(rows, np.int32))
        lengths.append(len(rows))
        size += len(rows)
        if size >= chunk_tokens:
            yield _run(tokens, lengths, position)
            position, tokens, lengths, size = position + size, [], [], 0
    if lengths:
        yield _run(tokens, lengths, position)


def _run(tokens: list[np.ndarray], lengths: list[int], position: int) -> Encoded:
    return Encoded(np.concatenate(tokens), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]), position)


def joined(runs: Iterable[Encoded]) -> Encoded:
    """All runs of a corpus as one."""
    tokens, offsets = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
    for run in runs:
        tokens.append(run.tokens)
        offsets.append(run.offsets[1:] + run.position)
    return Encoded(np.concatenate(tokens), np.concatenate(offsets))


class Reader:
    """The passes of one `train()` call over its corpus: a static corpus is encoded in the first and kept."""

    def __init__(self) -> None:
        self._encoded: Encoded | None = None
        self._words = 0  # in the vocabulary that it was encoded with

    def runs(self, source: Any, key_to_index: Mapping[Any, int], chunk_tokens: int) -> Iterator[Encoded]:
        """One pass over `source`."""
        if self._encoded is not None and self._words == len(key_to_index):  # a callback may extend the vocabulary
            yield from self._encoded.runs(chunk_tokens)
            return
        seen = []
        for run in encode(source, key_to_index, chunk_tokens):
            if is_static(source):
                seen.append(run)
            yield run
        if seen:
            self._encoded, self._words = joined(seen), len(key_to_index)


def chunks(run: Encoded, chunk_tokens: int, window: int, kept: Callable[[Tensor, int], Tensor]) -> Iterator[Chunk]:
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
            torch.from_numpy(run.tokens[low:high]),
            torch.from_numpy(edges),
            begin - low,
            end - low,
            run.position + low,
            int(ended[1] - (ended[0] if begin else 0)),
        )


def _halo(run: Encoded, cut: int, edge: int, window: int, kept: Callable[[Tensor, int], Tensor]) -> int:
    """Tokens between `cut` and `edge`, a sentence edge on one side of it, to carry for `window` kept ones."""
    size, most = 2 * window, abs(edge - cut)
    while size < most:
        a, b = (cut - size, cut) if edge < cut else (cut, cut + size)
        if int(kept(torch.from_numpy(run.tokens[a:b]), run.position + a).sum()) >= window:
            return size
        size *= 2
    return most
