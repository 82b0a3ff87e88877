"""Sentences that are lists of words, as token ids."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from torch_w2v import native
from torch_w2v.corpus.bindings import PAD
from torch_w2v.corpus.splitting import Splitters
from torch_w2v.corpus.types import Part
from torch_w2v.corpus.word_ids import WordIds

BATCH = 32_768  # words that are joined and split at a time: about what fits the cache of one core


# words up to which a list is encoded at once, by the thread that asks: others cost more than they save
SHORT = 20_000


def is_short(sentences: Iterable[Iterable[Hashable]]) -> bool:
    """Return whether a corpus is a list of lists of `SHORT` words at most in all."""
    return (
        isinstance(sentences, (list, tuple))
        and len(sentences) <= SHORT
        and all(issubclass(kind, (list, tuple)) for kind in set(map(type, sentences)))
        and sum(map(len, sentences)) <= SHORT
    )


def parts_of(
    sentences: Iterable[Iterable[Hashable]], word_ids: WordIds, batch_words: int | None = None
) -> Generator[Part, None, None]:
    """Encode lists of words.

    Where all words of a batch are str without the character 0, they are joined, and split again by splitting.cpp on a
    thread of its own: joining takes Python half the time of looking each word up in a dictionary. Words of a subclass
    of str that has an equality of its own are looked up. So are those of a corpus that is short: a thread takes longer.

    Args:
        sentences: iterables of hashable words.
        word_ids: returns the id of a word.
        batch_words: minimum number of words that are taken from `sentences` at a time; `BATCH` by default.

    Yields:
        The parts of the corpus in order.

    Raises:
        TypeError: a sentence is not a sized iterable of hashable words; the message has its number.
    """
    if not native.available():
        yield from parts_in_python(sentences, word_ids)
        return
    batches = _batches(sentences, batch_words)
    first = next(batches, None)
    if first is None:
        return
    most = batch_words or BATCH
    if len(first.words) < min(most, SHORT):  # of a corpus that has no other
        yield _look_up(first, word_ids), np.array(first.lengths, np.int64)
        return
    splitters: Splitters[_Batch] = Splitters(1, word_ids, zero_separated=True)
    with splitters:
        jobs = ((_join(batch.words), len(batch.words), batch) for batch in itertools.chain([first], batches))
        for tokens, split, batch in splitters.run(jobs):
            yield _look_up(batch, word_ids) if split is None else tokens, np.array(batch.lengths, np.int64)


def parts_in_python(sentences: Iterable[Iterable[Hashable]], word_ids: WordIds) -> Generator[Part, None, None]:
    """Encode lists of words as `parts_of` does, without the compiled library."""
    for batch in _batches(sentences):
        yield _look_up(batch, word_ids), np.array(batch.lengths, np.int64)


@dataclass
class _Batch:
    """Consecutive sentences.

    Attributes:
        first: number of the first one.
        words: of all of them. They are taken when a sentence comes, and not later: the corpus may yield one list again
            and again, with other words each time.
        lengths: of the sentences.
    """

    first: int
    words: list[Hashable] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)


def _batches(sentences: Iterable[Iterable[Hashable]], batch_words: int | None = None) -> Iterator[_Batch]:
    most = batch_words or BATCH
    batch = _Batch(0)
    words, lengths = batch.words, batch.lengths
    before = 0
    for number, sentence in enumerate(sentences):
        try:
            words.extend(sentence if type(sentence) is list else _words_of(sentence))
            # as gensim does: what has no length, such as a `map` object, can be read only once
            len(sentence)  # type: ignore[arg-type]
        except TypeError as e:
            raise _not_a_sentence(number, e) from e
        size = len(words)
        lengths.append(size - before)
        before = size
        if size >= most:
            yield batch
            batch = _Batch(number + 1)
            words, lengths, before = batch.words, batch.lengths, 0
    if lengths:
        yield batch


def _words_of(sentence: Iterable[Hashable]) -> Iterable[Hashable]:
    """Return the words of a sentence: of a tensor the numbers, whose elements would be a word of their own each."""
    if hasattr(sentence, "ndim") and hasattr(sentence, "tolist") and not isinstance(sentence, np.ndarray):
        numbers: list[Hashable] = sentence.tolist()
        return numbers
    return sentence


def _join(words: list[Hashable]) -> bytes | None:
    """Return the words with zeros between them and `PAD` at the end; None if splitting would not restore them."""
    types = list(map(type, words))
    if not words or (types.count(str) < len(types) and not all(map(_is_its_text, set(types)))):
        return None
    joined = "\0".join(words).encode("utf-8", "surrogatepass")  # type: ignore[arg-type]
    separators = np.count_nonzero(np.frombuffer(joined, np.uint8) == 0)  # five times as fast as `bytes.count`
    if separators != len(words) - 1:
        return None
    return joined + PAD


def _is_its_text(word: type) -> bool:
    """Return whether words of a type are equal wherever their text is."""
    plain = word.__eq__ is str.__eq__ and word.__hash__ is str.__hash__
    return issubclass(word, str) and (plain or word is np.str_)


def _look_up(batch: _Batch, word_ids: WordIds) -> np.ndarray:
    texts = {kind for kind in set(map(type, batch.words)) if kind is not str and _is_its_text(kind)}
    if texts:  # become str, as where words are split
        batch.words = [str.__str__(word) if type(word) in texts else word for word in batch.words]
    try:
        return np.array(word_ids(batch.words), np.int32)
    except TypeError:
        begin = 0
        # One by one, since the message has the number of the sentence.
        for number, length in enumerate(batch.lengths, batch.first):
            try:
                word_ids(batch.words[begin : begin + length])
            except TypeError as e:
                raise _not_a_sentence(number, e) from e
            begin += length
        raise


def _not_a_sentence(number: int, error: TypeError) -> TypeError:
    return TypeError(f"sentence #{number} must be a list of words (hashable, usually str): {error}")
