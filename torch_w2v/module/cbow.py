"""CBOW with negative sampling as an `nn.Module`.

Dimensions in the docstrings: V words in the vocabulary, D = vector_size, B targets per batch, C context slots per
target, K negatives per target, N context words in the whole batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torch_w2v.module.batches import Contexts, Indices, Mask, check_values, to_tensors
from torch_w2v.module.two_tables import NegativeSampling, PairLogits, first_true


class CBOWNegativeSampling(NegativeSampling):
    """CBOW with negative sampling: two embedding tables and the loss between them.

    `model(contexts, target, negatives, mask)` is the loss to call `backward()` on:

        -log sigmoid(s_target) - sum over the K negatives of log sigmoid(-s_negative),    s_w = output[w] . h

    (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", eq. 4,
    negated), with h the mean (`cbow_mean=True`) or the sum of the input vectors of the context.

    The gradient is the true one. gensim and word2vec.c differ from it on purpose: with cbow_mean=1 they add the whole
    error of h to each of its c context rows, where the derivative of a mean is 1/c of it, and with cbow_mean=0 they
    divide the error by c, where the derivative of a sum is the whole (piskvorky/gensim#1873, #697). So with
    `cbow_mean` a loop over this module needs a larger learning rate than gensim's 0.025: kōan (Irsoy et al. 2021,
    "Corrected CBOW Performs as well as Skip-gram") used 0.075.

    A target without any context contributes 0 to the loss and gets no gradient; "mean" is over the others.

    Attributes, arguments and errors of the constructor are those of `NegativeSampling`, and:

    Args:
        cbow_mean: whether h is the mean of the context vectors; otherwise it is their sum.
    """

    def __init__(
        self,
        vocab_size: int,
        vector_size: int = 100,
        *,
        cbow_mean: bool = True,
        sparse: bool = False,
        init: str = "gensim",
        seed: int = 1,
        skip_target_negatives: bool = True,
        loss: str = "logsigmoid",
        reduction: str = "mean",
        validate: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            vocab_size,
            vector_size,
            sparse=sparse,
            init=init,
            seed=seed,
            skip_target_negatives=skip_target_negatives,
            loss=loss,
            reduction=reduction,
            validate=validate,
            device=device,
            dtype=dtype,
        )
        self.cbow_mean = bool(cbow_mean)

    def forward(
        self,
        contexts: Contexts,
        target: Indices,
        negatives: Indices,
        mask: Mask | None = None,
        offsets: Indices | None = None,
    ) -> Tensor:
        """Return the loss of a batch in the form and reduction of the constructor.

        Args, errors and the shape of the result are those of `loss`.
        """
        return self.loss(contexts, target, negatives, mask, offsets)

    def loss(
        self,
        contexts: Contexts,
        target: Indices,
        negatives: Indices,
        mask: Mask | None = None,
        offsets: Indices | None = None,
        *,
        form: str | None = None,
        reduction: str | None = None,
    ) -> Tensor:
        """Compute the loss of a batch; the class says which.

        Args:
            contexts: as for `logits`.
            target: as for `logits`.
            negatives: as for `logits`.
            mask: as for `logits`.
            offsets: as for `logits`.
            form: overrides the constructor's `loss`.
            reduction: overrides the constructor's `reduction`.

        Returns:
            A scalar, or (B,) with reduction "none", of the tables' dtype. A target without any context contributes 0
            and no gradient.

        Raises:
            ValueError: `form` or `reduction` is not one of its choices, or as for `logits`.
            IndexError: as for `logits`.
            TypeError: as for `logits`.
        """
        return self._loss(self.logits(contexts, target, negatives, mask, offsets), form, reduction)

    def logits(
        self,
        contexts: Contexts,
        target: Indices,
        negatives: Indices,
        mask: Mask | None = None,
        offsets: Indices | None = None,
    ) -> PairLogits:
        """Score the target and the negatives of each context: s_w = output[w] . h.

        Indices may be tensors, arrays or lists; they are moved to the tables' device.

        Args:
            contexts: the context words, in one of three forms: a list of B sequences of indices; integers (B, C),
                all of them real or as `mask` says (padding may hold anything, -1 included); or flat integers (N,)
                with `offsets`.
            target: integers (B,).
            negatives: integers (B, K), K >= 1.
            mask: bool or 0/1, (B, C): where `contexts` holds a real word.
            offsets: integers (B,): where each target's context starts in the flat `contexts`, as in
                `nn.EmbeddingBag`; two equal offsets in a row make an empty context.

        Returns:
            Scores, labels and weights of the pairs.

        Raises:
            IndexError: an index is outside [0, V).
            TypeError: indices are not integers, or `contexts` is in none of the three forms.
            ValueError: shapes do not fit together, or no target of the batch has a context.
        """
        batch = to_tensors(contexts, target, negatives, mask, offsets, self.input.weight.device)
        if self.validate and not torch.compiler.is_compiling():
            check_values(batch, self.vocab_size)
        h, active = self._hidden(batch.contexts, batch.mask, batch.offsets)
        return self._score(h, batch.target, batch.negatives, active)

    def _hidden(self, contexts: Tensor, mask: Tensor | None, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return h (B, D), zeros for an empty context, and bool (B,): whether the context has a word."""
        if offsets is not None:
            count = torch.diff(offsets, append=offsets.new_full((1,), contexts.numel()))
            return self._hidden_flat(contexts, offsets, count), count > 0
        if mask is None:
            mask = torch.ones_like(contexts, dtype=torch.bool)
        count = mask.sum(dim=1)
        return self._hidden_padded(contexts, mask, count), count > 0

    def _hidden_flat(self, contexts: Tensor, offsets: Tensor, count: Tensor) -> Tensor:
        """Return h (B, D) of flat contexts (N,) that start at `offsets` and have `count` words, both int64 (B,)."""
        if not self._bag_lacks_backward():
            mode = "mean" if self.cbow_mean else "sum"
            return nn.functional.embedding_bag(contexts, self.input.weight, offsets, mode=mode, sparse=self.sparse)
        rows = self.input(contexts)
        targets = torch.arange(count.numel(), device=count.device)
        target_of_word = torch.repeat_interleave(targets, count, output_size=contexts.numel())
        h = rows.new_zeros(count.numel(), self.vector_size).index_add(0, target_of_word, rows)
        return h / count.clamp(min=1).unsqueeze(1) if self.cbow_mean else h

    def _hidden_padded(self, contexts: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        """Return h (B, D) of padded contexts (B, C) with their mask and `count`, the int64 (B,) words of each."""
        # Padding looks up a word that is in the batch anyway, with weight 0, for the reason given in `_score`.
        fill = contexts.flatten().index_select(0, first_true(mask.flatten())).clamp(0, self.vocab_size - 1)
        contexts = torch.where(mask, contexts, fill)
        weight = mask.to(self.input.weight.dtype)
        if self.cbow_mean:
            weight = weight / count.clamp(min=1).unsqueeze(1)
        if self._bag_lacks_backward():
            return torch.bmm(weight.unsqueeze(1), self.input(contexts)).squeeze(1)
        # On a CPU, with B=2048, C=10 and D=100, this is 2 to 3 times as fast as a sum over self.input(contexts).
        return nn.functional.embedding_bag(
            contexts, self.input.weight, mode="sum", per_sample_weights=weight, sparse=self.sparse
        )

    def _bag_lacks_backward(self) -> bool:
        # torch.compile (as of torch 2.13) cannot trace the sparse backward of embedding_bag, but that of nn.Embedding
        return self.sparse and torch.compiler.is_compiling()
