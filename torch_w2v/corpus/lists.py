"""Sentences that are lists of words, as token ids."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from torch_w2v import native
from torch_w2v.corpus.bindings import PAD
from torch_w2v.corpus.splitting import Splitters
from torch_w2v.corpus.types import Part
from torch_w2v.corpus.word_ids import WordIds

BATCH = 32_768  # words that are joined and split at a time: about what fits the cache of one core


def parts_of(
    sentences: Iterable[Iterable[Hashable]], word_ids: WordIds, batch_words: int | None = None
) -> Generator[Part, None, None]:
    """Encode lists of words.

    Where all words of a batch are str without the character 0, they are joined, and split again by splitting.cpp on a
    thread of its own: joining takes Python half the time of looking each word up in a dictionary.

    Args:
        sentences: iterables of hashable words.
        word_ids: returns the id of a word.
        batch_words: minimum number of words that are taken from `sentences` at a time; `BATCH` by default.

    Yields:
        The parts of the corpus in order.

    Raises:
        TypeError: a sentence is not an iterable of hashable words; the message has its number.
    """
    if not native.available():
        yield from parts_in_python(sentences, word_ids)
        return
    splitters: Splitters[_Batch] = Splitters(1, word_ids, zero_separated=True)
    with splitters:
        jobs = ((_join(batch), sum(map(len, batch[1])), batch) for batch in _batches(sentences, batch_words))
        for tokens, split, (first, batch) in splitters.run(jobs):
            lengths = np.fromiter(map(len, batch), np.int64, len(batch))
            yield _look_up(first, batch, word_ids) if split is None else tokens, lengths


def parts_in_python(sentences: Iterable[Iterable[Hashable]], word_ids: WordIds) -> Generator[Part, None, None]:
    """Encode lists of words as `parts_of` does, without the compiled library."""
    for first, batch in _batches(sentences):
        yield _look_up(first, batch, word_ids), np.fromiter(map(len, batch), np.int64, len(batch))


_Batch: TypeAlias = tuple[int, list[Sequence[Hashable]]]  # the number of its first sentence, the sentences


def _batches(sentences: Iterable[Iterable[Hashable]], batch_words: int | None = None) -> Iterator[_Batch]:
    batch: list[Sequence[Hashable]] = []
    first = size = 0
    for number, sentence in enumerate(sentences):
        try:
            words = sentence if isinstance(sentence, (list, tuple)) else list(sentence)
        except TypeError as e:
            raise _not_a_sentence(number, e) from e
        batch.append(words)
        size += len(words)
        if size >= (batch_words or BATCH):
            yield first, batch
            batch, first, size = [], number + 1, 0
    if batch:
        yield first, batch


def _join(batch: _Batch) -> bytes | None:
    """Return the words with zeros between them and `PAD` at the end; None if splitting would not restore them."""
    sentences = list(filter(len, batch[1]))
    try:
        text = "\0".join(map("\0".join, sentences))  # type: ignore[arg-type]
    except TypeError:
        return None
    joined = text.encode("utf-8", "surrogatepass")
    separators = np.count_nonzero(np.frombuffer(joined, np.uint8) == 0)  # five times as fast as `bytes.count`
    if not sentences or separators != sum(map(len, sentences)) - 1:
        return None
    return joined + PAD


def _look_up(first: int, batch: list[Sequence[Hashable]], word_ids: WordIds) -> np.ndarray:
    tokens = [np.empty(0, np.int32)]
    for number, words in enumerate(batch, first):
        try:
            if len(words):
                tokens.append(np.array(word_ids(words), np.int32))
        except TypeError as e:
            raise _not_a_sentence(number, e) from e
    return np.concatenate(tokens)


def _not_a_sentence(number: int, error: TypeError) -> TypeError:
    return TypeError(f"sentence #{number} must be a list of words (hashable, usually str): {error}")
