"""What the datasets for loops of your own share: sentences by worker, draws by epoch, subsampling, windows, negatives.

Dimensions in the docstrings: V words in the vocabulary, K negatives.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import IterableDataset, get_worker_info

from torch_w2v.checks import check_at_least, check_counts, check_seed
from torch_w2v.dataset.negatives import NegativePool
from torch_w2v.gensim_compat.vocabulary import keep_probability

E_co = TypeVar("E_co", covariant=True)


class SentenceDataset(IterableDataset[E_co]):
    """Sentences as training examples of the type E_co; one iteration is one epoch.

    As in gensim, words outside the vocabulary and those that subsampling drops leave the sentence before the windows
    are cut.

    In a `DataLoader` the sentences are distributed over the workers, each to exactly one. Draws differ from epoch to
    epoch. After `set_epoch(epoch)` they are a function of `seed`, the epoch and the sentence's position alone,
    whatever the number of workers. Without it, epochs are counted from 0; in worker processes the draws then depend on
    torch's own seed for the epoch as well, so `torch.manual_seed` is what makes them repeatable there.

    Attributes:
        keep: float64 (V,), the probability with which subsampling keeps each word.
        negatives: the `NegativePool`.

    Args:
        sentences: sequences of word indices, or of words with `key_to_index`. They are read once per epoch, so the
            object must start again each time: a list, or an object with `__iter__`, not a generator.
        counts: numbers (V,), the frequency of each word, by index.
        key_to_index: word -> index; words that it lacks are skipped.
        window: the largest distance between two words of a pair, in words.
        shrink_windows: whether to draw each target's reach uniformly from 1 to `window`, as gensim does.
        sample: gensim's threshold for the subsampling of frequent words; 0 keeps all of them. See
            `torch_w2v.gensim_compat.vocabulary.keep_probability`.
        negative: K.
        ns_exponent: as for `NegativePool`.
        pool_size: as for `NegativePool`.
        seed: the seed of the pool and of all other draws.

    Raises:
        IndexError: while iterating, an index is outside [0, V).
        TypeError: `sentences` is a string or cannot start again, `key_to_index` is no dictionary, or a number is no
            integer; while iterating, a sentence is a string or holds something other than indices.
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        sentences: Iterable[Sequence[Any]],
        counts: ArrayLike,
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
                f"sentences is a {type(sentences).__name__}: must be a list of sentences, or an object whose __iter__ "
                "starts again, because every epoch reads it anew"
            )
        check_at_least(1, window=window, negative=negative)
        check_seed(seed)
        if not 0 <= sample < math.inf:
            raise ValueError(f"sample={sample}: must be 0 (keep every word) or above, and finite")
        self.sentences = sentences
        self.counts = check_counts(counts)
        if key_to_index is not None and not isinstance(key_to_index, Mapping):
            raise TypeError(
                f"key_to_index is a {type(key_to_index).__name__}: must be a dictionary word -> index; "
                "{word: i for i, word in enumerate(index_to_key)} makes one"
            )
        if key_to_index and not 0 <= min(key_to_index.values()) <= max(key_to_index.values()) < self.counts.size:
            raise ValueError(f"key_to_index holds an index outside counts, which has {self.counts.size} entries")
        self.key_to_index = key_to_index
        self.window = window
        self.shrink_windows = shrink_windows
        self.negative = negative
        self.seed = seed
        self.keep = keep_probability(self.counts, sample)
        self.negatives = NegativePool(counts, ns_exponent=ns_exponent, pool_size=pool_size, seed=seed)
        self._epochs_begun = 0
        # in shared memory, so that set_epoch reaches the workers of a DataLoader(persistent_workers=True) as well
        self._epoch = torch.tensor(-1).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Make the iterations that follow, in every worker, draw what belongs to an epoch.

        Args:
            epoch: the number of the epoch.

        Raises:
            TypeError: `epoch` is no integer.
            ValueError: it is below 0.
        """
        check_at_least(0, epoch=epoch)
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[E_co]:
        worker = get_worker_info()
        shard, shards = (worker.id, worker.num_workers) if worker else (0, 1)
        # A DataLoader copies the dataset into its workers anew for each epoch, so a count kept here stays at 0 there;
        # the seed that torch draws for each epoch (the same in all workers but for their id) tells epochs apart.
        epoch, epoch_seed = int(self._epoch), 0
        if epoch < 0:
            epoch, epoch_seed = self._epochs_begun, worker.seed - worker.id if worker else 0
            self._epochs_begun += 1
        for number, sentence in enumerate(self.sentences):
            if number % shards == shard:
                rng = np.random.default_rng([self.seed, epoch, number, epoch_seed])
                indices = self._indices(number, sentence)
                indices = indices[rng.random(indices.size) < self.keep[indices]]
                yield from self._examples(indices, *self._windows(indices.size, rng), rng)

    @abstractmethod
    def _examples(
        self, indices: np.ndarray, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
    ) -> Iterator[E_co]:
        """Yield the examples of one sentence.

        Args:
            indices: int64 (n,), its words that are left.
            low, high: int64 (n,), each target's window as a half-open range of places, its own among them.
            rng: draws the negatives.
        """

    def _windows(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the windows of a sentence of `n` words, clipped at its ends, as half-open ranges."""
        reach = rng.integers(1, self.window, size=n, endpoint=True) if self.shrink_windows else self.window
        position = np.arange(n)
        return np.maximum(position - reach, 0), np.minimum(position + reach + 1, n)

    def _draw_negatives(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return int64 (n, K) negatives: a stretch of the ring."""
        start = int(rng.integers(self.negatives.pool.size))
        return self.negatives.take(n * self.negative, start).reshape(n, self.negative)

    def _indices(self, number: int, sentence: Sequence[Any]) -> np.ndarray:
        """Return the int64 word indices of sentence `number`, or raise an error that names it."""
        if isinstance(sentence, str):
            raise TypeError(f"sentence {number} is a string, {sentence[:40]!r}: split it into words")
        if self.key_to_index is not None:
            known = (self.key_to_index.get(word) for word in sentence)
            return np.array([index for index in known if index is not None], dtype=np.int64)
        indices = np.asarray(sentence)
        if indices.size and (indices.ndim != 1 or indices.dtype.kind not in "iu"):
            raise TypeError(f"sentence {number} does not hold word indices: map it to integers, or pass key_to_index")
        if indices.size and not 0 <= indices.min() <= indices.max() < self.counts.size:
            raise IndexError(f"sentence {number} holds an index outside [0, {self.counts.size}), the length of counts")
        return indices.astype(np.int64)
