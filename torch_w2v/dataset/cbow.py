"""Training examples for a CBOW loop of your own: (contexts, target, negatives) out of sentences, and batches of them.

Dimensions in the docstrings: B targets per batch, C context slots per target, K negatives per target.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_w2v.dataset.sentences import SentenceDataset

CBOWExample = tuple[np.ndarray, int, np.ndarray]
"""One target: context words int64 (c,), the target's index, negatives int64 (K,)."""


class CBOWDataset(SentenceDataset[CBOWExample]):
    """Sentences as examples `(contexts, target, negatives)` for `CBOWNegativeSampling`; one iteration is one epoch.

    Each example is `(int64 (c,), int, int64 (K,))` with 1 <= c <= 2 * window: a word of a sentence, the words around
    it, and draws from the pool. A word left without neighbours is not yielded (it trains nothing). A negative may
    equal its target; the module leaves such a pair out of the loss, as gensim does.

    Arguments, attributes, errors and what is drawn when are those of `SentenceDataset`.
    """

    def collate(self, batch: Sequence[CBOWExample]) -> CBOWBatch:
        """Collate examples into a batch with C = 2 * window columns, always, so that `torch.compile` sees one shape.

        Args:
            batch: B examples of this dataset.

        Returns:
            The batch, on the CPU.
        """
        return collate_cbow(batch, 2 * self.window)

    def _examples(
        self, indices: np.ndarray, low: np.ndarray, high: np.ndarray, rng: np.random.Generator
    ) -> Iterator[CBOWExample]:
        negatives = self._draw_negatives(indices.size, rng)
        for i, (target, begin, end) in enumerate(zip(indices.tolist(), low.tolist(), high.tolist(), strict=True)):
            if end - begin > 1:
                yield np.concatenate((indices[begin:i], indices[i + 1 : end])), target, negatives[i]


class CBOWBatch(NamedTuple):
    """A collated batch, in the order of the model's arguments: `model(*batch)`.

    Attributes:
        contexts: int64 (B, C), 0 in the padding.
        target: int64 (B,).
        negatives: int64 (B, K).
        mask: bool (B, C), True where `contexts` holds a word.
    """

    contexts: Tensor
    target: Tensor
    negatives: Tensor
    mask: Tensor


def collate_cbow(batch: Sequence[CBOWExample], width: int | None = None) -> CBOWBatch:
    """Collate examples of `CBOWDataset` into padded tensors; pass it as `DataLoader(collate_fn=collate_cbow)`.

    Args:
        batch: B examples with the same number of negatives.
        width: C, the number of columns of the padded contexts; None takes the longest context of the batch.

    Returns:
        The batch, on the CPU.

    Raises:
        ValueError: `width` is smaller than the longest context.
    """
    contexts, target, negatives = zip(*batch, strict=True)
    padded, mask = pad_contexts(contexts, width)
    return CBOWBatch(padded, torch.tensor(target), torch.from_numpy(np.stack(negatives)), mask)


def pad_contexts(
    contexts: Sequence[Sequence[int] | np.ndarray | Tensor], width: int | None = None
) -> tuple[Tensor, Tensor]:
    """Pad ragged contexts to a rectangle.

    Args:
        contexts: B sequences of word indices, of any lengths, empty ones included.
        width: C, the number of columns of the result; None takes the longest context, and at least 1.

    Returns:
        `(padded, mask)`: int64 (B, C), with 0 in the padding, and bool (B, C), True at the real words.

    Raises:
        TypeError: a context is not a flat sequence of integers.
        ValueError: `width` is smaller than the longest context.
    """
    arrays = [np.asarray(context) for context in contexts]
    for row, array in enumerate(arrays):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise TypeError(
                f"context {row} is {contexts[row]!r}: must be a flat sequence of integer word indices "
                "(map words through key_to_index first)"
            )
    lengths = np.array([array.size for array in arrays], dtype=np.int64)
    longest = int(lengths.max(initial=1))
    if width is not None and width < longest:
        raise ValueError(f"width={width}: must be at least {longest}, the length of the longest context")
    mask = np.arange(width or longest) < lengths[:, None]
    padded = np.zeros(mask.shape, dtype=np.int64)
    if arrays:
        padded[mask] = np.concatenate(arrays)
    return torch.from_numpy(padded), torch.from_numpy(mask)
