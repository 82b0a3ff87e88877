"""Skip-gram with negative sampling as an `nn.Module`.

Dimensions in the docstrings: V words in the vocabulary, D = vector_size, B pairs per batch, K negatives per pair.
"""

from __future__ import annotations

import torch
from torch import Tensor

from torch_w2v.module.batches import Indices, check_rows, pairs_to_tensors
from torch_w2v.module.two_tables import NegativeSampling, PairLogits


class SkipGramNegativeSampling(NegativeSampling):
    """Skip-gram with negative sampling: two embedding tables and the loss between them.

    `model(inputs, target, negatives)` is the loss to call `backward()` on:

        -log sigmoid(s_target) - sum over the K negatives of log sigmoid(-s_negative),    s_w = output[w] . input[i]

    (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", eq. 4,
    negated), with i the input word of a pair.

    The gradient is the true one, and so is gensim's for skip-gram: plain SGD with `reduction="sum"` on one pair at a
    time is gensim's update.

    Attributes, arguments and errors of the constructor are those of `NegativeSampling`.
    """

    def forward(self, inputs: Indices, target: Indices, negatives: Indices) -> Tensor:
        """Return the loss of a batch in the form and reduction of the constructor.

        Args, errors and the shape of the result are those of `loss`.
        """
        return self.loss(inputs, target, negatives)

    def loss(
        self,
        inputs: Indices,
        target: Indices,
        negatives: Indices,
        *,
        form: str | None = None,
        reduction: str | None = None,
    ) -> Tensor:
        """Compute the loss of a batch; the class says which.

        Args:
            inputs: as for `logits`.
            target: as for `logits`.
            negatives: as for `logits`.
            form: overrides the constructor's `loss`.
            reduction: overrides the constructor's `reduction`.

        Returns:
            A scalar, or (B,) with reduction "none", of the tables' dtype.

        Raises:
            ValueError: `form` or `reduction` is not one of its choices, or as for `logits`.
            IndexError: as for `logits`.
            TypeError: as for `logits`.
        """
        return self._loss(self.logits(inputs, target, negatives), form, reduction)

    def logits(self, inputs: Indices, target: Indices, negatives: Indices) -> PairLogits:
        """Score the target and the negatives of each pair: s_w = output[w] . input[i].

        Indices may be tensors, arrays or lists; they are moved to the tables' device.

        Args:
            inputs: integers (B,), the input words; B >= 1.
            target: integers (B,), the words to predict.
            negatives: integers (B, K), K >= 1.

        Returns:
            Scores, labels and weights of the pairs.

        Raises:
            IndexError: an index is outside [0, V).
            TypeError: indices are not integers.
            ValueError: shapes do not fit together.
        """
        words, targets, drawn = pairs_to_tensors(inputs, target, negatives, self.input.weight.device)
        if self.validate and not torch.compiler.is_compiling():
            check_rows(self.vocab_size, inputs=words, target=targets, negatives=drawn)
        return self._score(self._hidden(words), targets, drawn)

    def _hidden(self, inputs: Tensor) -> Tensor:
        """Return h (B, D), the input words' vectors."""
        h: Tensor = self.input(inputs)
        return h
