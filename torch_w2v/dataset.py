"""Training examples for a custom CBOW loop: (contexts, target, negatives) out of sentences.

Dimensions in the docstrings: V words in the vocabulary, B targets in a batch, C context slots, K negatives.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

Example = tuple[np.ndarray, int, np.ndarray]


class CBOWBatch(NamedTuple):
    """A collated batch, in the order of the model's arguments: ``model(*batch)``.

    ``contexts`` int64 (B, C), ``target`` int64 (B,), ``negatives`` int64 (B, K), ``mask`` bool (B, C).
    """

    contexts: Tensor
    target: Tensor
    negatives: Tensor
    mask: Tensor


class NegativePool:
    """A pre-generated pool of negatives, drawn in proportion to count ** ns_exponent and read as a ring.

    The noise distribution is that of Mikolov et al. 2013 ("Distributed Representations of Words and Phrases and their
    Compositionality", section 2.2: the unigram distribution to the power 3/4). A word with count 0 is never drawn.

    Args:
        counts: integer (V,), the frequency of each word, by index.
        ns_exponent: 0.75 as in the paper; 1 is the corpus's own distribution, 0 is uniform, below 0 favours rare words.
        pool_size: draws held, in int32 (4 bytes each).
        seed: of the draws.

    Raises:
        ValueError: ``counts`` is not (V,) of numbers >= 0 with one above 0, or ``pool_size`` < 1.
    """

    def __init__(self, counts: Any, *, ns_exponent: float = 0.75, pool_size: int = 1_000_000, seed: int = 1) -> None:
        counts = _check_counts(counts)
        if pool_size < 1:
            raise ValueError(f"pool_size={pool_size}: it must be at least 1")
        weight = np.zeros(counts.size)
        np.power(counts, float(ns_exponent), out=weight, where=counts > 0)
        rng = np.random.default_rng(seed)
        self.pool = rng.choice(counts.size, size=pool_size, p=weight / weight.sum()).astype(np.int32)

    def take(self, n: int, start: int) -> np.ndarray:
        """Return int64 (n,): the n draws from position ``start`` on, going round the ring as often as it takes."""
        return np.take(self.pool, np.arange(start, start + n), mode="wrap").astype(np.int64)


class CBOWDataset(IterableDataset[Example]):
    """One pass over the sentences, as examples ``(contexts, target, negatives)`` for ``CBOWNegativeSampling``.

    Each example is ``(int64 (c,), int, int64 (negative,))`` with 1 <= c <= 2 * window: a word of a sentence, the words
    around it, and draws of the pool. As in gensim, words outside the vocabulary and those that subsampling drops
    leave the sentence before the windows are cut. A word left without neighbours is not yielded (it trains nothing).
    A negative may equal its target; the module leaves such a pair out of the loss, as gensim does.

    In a ``DataLoader`` the sentences are shared out over the workers, each to exactly one. Draws differ from pass to
    pass. After ``set_epoch(epoch)`` they are a function of ``seed``, the epoch and the sentence's position alone,
    whatever the number of workers; without it, passes count themselves from 0 (in worker processes together with
    torch's own seed for the pass, so there ``torch.manual_seed`` is what makes them repeatable).

    Args:
        sentences: sequences of word indices, or of words where ``key_to_index`` is given. It is read once each pass,
            so it must restart: a list, or an object with ``__iter__``, not a generator.
        counts: integer (V,), the frequency of each word, by index.
        key_to_index: word -> index; words it lacks are skipped.
        window: the furthest a context word may be from the target, in words.
        shrink_windows: draw each target's reach uniformly from 1 to ``window``, as gensim does.
        sample: subsampling of frequent words: a word of count c is kept with probability
            min(1, (sqrt(c / t) + 1) * t / c), where t = sample * counts.sum(), or for sample >= 1 gensim's
            int(sample * (3 + sqrt(5)) / 2). 0 keeps all.
        negative: K.
        ns_exponent: of the pool, see ``NegativePool``.
        pool_size: of the pool, see ``NegativePool``.
        seed: of the pool and of the draws.

    Raises:
        IndexError: while iterating, an index is outside [0, V).
        TypeError: ``sentences`` is a string or cannot restart; while iterating, a sentence is a string or holds
            something other than indices.
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        sentences: Iterable[Sequence[Any]],
        counts: Any,
        *,
        key_to_index: Mapping[Hashable, int] | None = None,
        window: int = 5,
        shrink_windows: bool = True,
        sample: float = 1e-3,
        negative: int = 5,
        ns_exponent: float = 0.75,
        pool_size: int = 1_000_000,
        seed: int = 1,
    ) -> None:
        if isinstance(sentences, str) or iter(sentences) is sentences:
            raise TypeError(
                f"sentences is a {type(sentences).__name__}: every pass reads it anew, so give a list of sentences or "
                "an object whose __iter__ starts again"
            )
        for name, value in (("window", window), ("negative", negative)):
            if value < 1:
                raise ValueError(f"{name}={value}: it must be at least 1")
        if sample < 0:
            raise ValueError(f"sample={sample}: it must be 0 (keep every word) or above")
        self.sentences = sentences
        self.counts = _check_counts(counts)
        if key_to_index and not 0 <= min(key_to_index.values()) <= max(key_to_index.values()) < self.counts.size:
            raise ValueError(f"key_to_index holds an index outside counts, which has {self.counts.size} entries")
        self.key_to_index = key_to_index
        self.window = window
        self.shrink_windows = shrink_windows
        self.negative = negative
        self.seed = seed
        self.keep = _keep_probability(self.counts, sample)
        self.negatives = NegativePool(counts, ns_exponent=ns_exponent, pool_size=pool_size, seed=seed)
        self._passes = 0
        # in shared memory, so that set_epoch reaches the workers of a DataLoader(persistent_workers=True) as well
        self._epoch = torch.tensor(-1).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Make the draws of the passes that follow those of ``epoch`` (>= 0), in every worker."""
        if epoch < 0:
            raise ValueError(f"epoch={epoch}: it must be at least 0")
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[Example]:
        worker = get_worker_info()
        shard, shards = (worker.id, worker.num_workers) if worker else (0, 1)
        # A DataLoader copies the dataset into its workers anew each pass, so a count kept here stays at 0 there; the
        # seed that torch draws for each pass (the same in all workers but for their id) tells the passes apart.
        epoch, pass_seed = int(self._epoch), 0
        if epoch < 0:
            epoch, pass_seed = self._passes, worker.seed - worker.id if worker else 0
            self._passes += 1
        for number, sentence in enumerate(self.sentences):
            if number % shards == shard:
                rng = np.random.default_rng([self.seed, epoch, number, pass_seed])
                yield from self._examples(self._indices(number, sentence), rng)

    def collate(self, batch: Sequence[Example]) -> CBOWBatch:
        """Collate examples with C = 2 * window in every batch, so that ``torch.compile`` sees one shape."""
        return collate_cbow(batch, 2 * self.window)

    def _examples(self, indices: np.ndarray, rng: np.random.Generator) -> Iterator[Example]:
        indices = indices[rng.random(indices.size) < self.keep[indices]]
        n = indices.size
        reach = rng.integers(1, self.window, size=n, endpoint=True) if self.shrink_windows else self.window
        position = np.arange(n)
        low = np.maximum(position - reach, 0).tolist()
        high = np.minimum(position + reach + 1, n).tolist()
        start = int(rng.integers(self.negatives.pool.size))
        negatives = self.negatives.take(n * self.negative, start).reshape(n, self.negative)
        for i, target in enumerate(indices.tolist()):
            if high[i] - low[i] > 1:
                yield np.concatenate((indices[low[i] : i], indices[i + 1 : high[i]])), target, negatives[i]

    def _indices(self, number: int, sentence: Sequence[Any]) -> np.ndarray:
        if isinstance(sentence, str):
            raise TypeError(f"sentence {number} is a string, {sentence[:40]!r}: split it into words")
        if self.key_to_index is not None:
            known = (self.key_to_index.get(word) for word in sentence)
            return np.array([index for index in known if index is not None], dtype=np.int64)
        indices = np.asarray(sentence)
        if indices.size and (indices.ndim != 1 or indices.dtype.kind not in "iu"):
            raise TypeError(f"sentence {number} holds no word indices: map it to integers, or give key_to_index")
        if indices.size and not 0 <= indices.min() <= indices.max() < self.counts.size:
            raise IndexError(f"sentence {number} holds an index outside [0, {self.counts.size}), the length of counts")
        return indices.astype(np.int64)


def collate_cbow(batch: Sequence[Example], width: int | None = None) -> CBOWBatch:
    """Collate examples of ``CBOWDataset`` into padded tensors; as ``DataLoader(collate_fn=...)``.

    ``width`` is C, the columns of the padded contexts; the longest context of the batch where it is None.

    Raises:
        ValueError: ``width`` is smaller than the longest context.
    """
    contexts, target, negatives = zip(*batch, strict=True)
    padded, mask = pad_contexts(contexts, width)
    return CBOWBatch(padded, torch.tensor(target), torch.from_numpy(np.stack(negatives)), mask)


def pad_contexts(contexts: Sequence[Any], width: int | None = None) -> tuple[Tensor, Tensor]:
    """Pad ragged contexts to a rectangle.

    Args:
        contexts: B sequences (lists, arrays or tensors) of word indices, of any lengths, empty ones included.
        width: C, the columns of the result; the longest context (at least 1) where it is None.

    Returns:
        ``(padded, mask)``: int64 (B, C), with 0 in the padding, and bool (B, C), True at the real words.

    Raises:
        TypeError: an index is not a whole number.
        ValueError: ``width`` is smaller than the longest context.
    """
    arrays = [np.asarray(context) for context in contexts]
    for row, array in enumerate(arrays):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise TypeError(
                f"context {row} is {contexts[row]!r}: expected a flat sequence of integer word indices "
                "(map words through key_to_index first)"
            )
    lengths = np.array([array.size for array in arrays], dtype=np.int64)
    longest = int(lengths.max(initial=1))
    if width is not None and width < longest:
        raise ValueError(f"width={width} is smaller than the longest context ({longest} words): raise it to {longest}")
    mask = np.arange(width or longest) < lengths[:, None]
    padded = np.zeros(mask.shape, dtype=np.int64)
    if arrays:
        padded[mask] = np.concatenate(arrays)
    return torch.from_numpy(padded), torch.from_numpy(mask)


def _check_counts(counts: Any) -> np.ndarray:
    array = np.asarray(counts)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iuf":
        raise ValueError(f"counts has shape {array.shape} and type {array.dtype}: expected numbers of shape (V,)")
    if not (np.isfinite(array).all() and (array >= 0).all() and array.any()):
        raise ValueError("counts must be finite and >= 0, with at least one above 0")
    return array.astype(np.float64)


def _keep_probability(counts: np.ndarray, sample: float) -> np.ndarray:
    """Return float64 (V,), the probability to keep a word, as gensim's Word2VecVocab.prepare_vocab computes it."""
    if not sample:
        return np.ones(counts.size)
    t = sample * counts.sum() if sample < 1 else int(sample * (3 + np.sqrt(5)) / 2)
    positive = np.maximum(counts, 1)
    return np.minimum(1, (np.sqrt(positive / t) + 1) * (t / positive))
