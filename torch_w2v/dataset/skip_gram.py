"""Training examples for a skip-gram loop of your own: (input word, target, negatives) out of sentences, and batches.

Dimensions in the docstrings: B pairs per batch, K negatives per pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_w2v.dataset.sentences import SentenceDataset

SkipGramExample = tuple[int, int, np.ndarray]
"""One pair: the input word's index, the target's index, negatives int64 (K,)."""

# pairs that are formed at once: a sentence may be a whole corpus
_PAIRS = 4096


class SkipGramDataset(SentenceDataset[SkipGramExample]):
    """Sentences as pairs `(input, target, negatives)` for `SkipGramNegativeSampling`; one iteration is one epoch.

    Each example is `(int, int, int64 (K,))`: two words of a sentence, and draws from the pool for this pair alone. The
    pairs, their order and their probability are gensim's: the window is drawn for the *target*, and every word within
    it is the input of one pair. (Windows drawn for the input word would give the same pairs on average, but the number
    of pairs of one input word would vary more.) A negative may equal its target; the module leaves that score out of
    the loss, as gensim does.

    Arguments, attributes, errors and what is drawn when are those of `SentenceDataset`.
    """

    def collate(self, batch: Sequence[SkipGramExample]) -> SkipGramBatch:
        """Collate examples into a batch, as `collate_skip_gram` does.

        Args:
            batch: B examples of this dataset.

        Returns:
            The batch, on the CPU.
        """
        return collate_skip_gram(batch)

    def _examples(
        self, indices: np.ndarray, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
    ) -> Iterator[SkipGramExample]:
        targets = max(1, _PAIRS // (2 * self.window))
        for begin in range(0, indices.size, targets):
            own = np.arange(begin, min(begin + targets, indices.size))
            count = high[own] - low[own] - 1
            # the first, second, … place of each window, its target's own left out
            number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            place = np.repeat(low[own], count) + number
            place += place >= np.repeat(own, count)
            target = np.repeat(indices[own], count)
            negatives = self._draw_negatives(target.size, rng)
            yield from zip(indices[place].tolist(), target.tolist(), negatives, strict=True)


class SkipGramBatch(NamedTuple):
    """A collated batch, in the order of the model's arguments: `model(*batch)`.

    Attributes:
        inputs: int64 (B,).
        target: int64 (B,).
        negatives: int64 (B, K).
    """

    inputs: Tensor
    target: Tensor
    negatives: Tensor


def collate_skip_gram(batch: Sequence[SkipGramExample]) -> SkipGramBatch:
    """Collate examples of `SkipGramDataset` into tensors; pass it as `DataLoader(collate_fn=collate_skip_gram)`.

    Args:
        batch: B examples with the same number of negatives.

    Returns:
        The batch, on the CPU.
    """
    inputs, target, negatives = zip(*batch, strict=True)
    return SkipGramBatch(torch.tensor(inputs), torch.tensor(target), torch.from_numpy(np.stack(negatives)))
