"""CBOW with negative sampling as an `nn.Module`, for a training loop of your own.

The module holds the two tables of word2vec and computes the loss, whose gradient (by autograd) is exact; optimizer,
schedule and loop are the caller's. The matching `IterableDataset` is in `torch_w2v.dataset` and can be imported from
here as well.

Dimensions in the docstrings: V words in the vocabulary, D = vector_size, B targets per batch, C context slots per
target, K negatives per target, N context words in the whole batch.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from gensim.models import KeyedVectors
from numpy.typing import ArrayLike
from torch import Tensor, nn

from torch_w2v.batches import CBOWBatch, Contexts, Indices, Mask, check_at_least, check_values, to_tensors
from torch_w2v.dataset import CBOWDataset, NegativePool, collate_cbow, pad_contexts
from torch_w2v.files import replacing

__all__ = [
    "CBOWBatch",
    "CBOWDataset",
    "CBOWNegativeSampling",
    "NegativePool",
    "PairLogits",
    "collate_cbow",
    "pad_contexts",
]

# name -> (half-width of the uniform interval in units of 1/D, whether the output table is drawn too)
_INITS = {"gensim": (1.0, False), "word2vec": (0.5, False), "uniform": (0.5, True)}
_FORMS = ("logsigmoid", "bce")
_REDUCTIONS = ("mean", "sum", "none")


class PairLogits(NamedTuple):
    """Scores of every (target, candidate) pair of a batch; column 0 is the target itself.

    `nn.BCEWithLogitsLoss(weight=weight, reduction="sum")(logits, labels)` is the loss with reduction "sum". All three
    have the shape (B, 1 + K) and the dtype of the tables.

    Attributes:
        logits: the scores, output[w] . h.
        labels: 1 in column 0 and 0 elsewhere.
        weight: 0 for a pair that does not count (a target without any context, a negative equal to the target) and 1
            elsewhere.
    """

    logits: Tensor
    labels: Tensor
    weight: Tensor


class CBOWNegativeSampling(nn.Module):
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

    Attributes:
        input: `nn.Embedding(V, D)`, the vectors that are saved (gensim's `wv.vectors`).
        output: `nn.Embedding(V, D)`, the candidates' side (gensim's `syn1neg`).

    Args:
        vocab_size: V.
        vector_size: D.
        cbow_mean: whether h is the mean of the context vectors; otherwise it is their sum.
        sparse: whether both tables get sparse gradients, as `torch.optim.SparseAdam` needs and `SGD` accepts; Adam
            and RMSprop need False.
        init: "gensim": input uniform in ±1/D from `numpy.random.default_rng(seed)`, bit for bit that of gensim's
            `Word2Vec(seed=seed)`, output zeros. "word2vec": input ±0.5/D, output zeros (word2vec.c). "uniform":
            both tables ±0.5/D (common in PyTorch tutorials).
        seed: the seed of the initial tables.
        skip_target_negatives: whether to leave a negative that equals its target out of the loss, as gensim does (no
            other is drawn in its place).
        loss: "logsigmoid" (the formula above) or "bce" (the same number by `binary_cross_entropy_with_logits`).
        reduction: "mean" over the targets that have a context, "sum" over them, or "none": (B,), with 0 for a target
            that has none. The K + 1 terms of one target are always summed.
        validate: whether to check the values of every batch (index ranges, no batch without any context). On a GPU
            each check waits for the device; pass False there once the loop works. Under `torch.compile` only shapes
            and types are checked.
        device: the device of the tables; None is torch's default.
        dtype: the floating-point type of the tables; None is torch's default.

    Raises:
        ValueError: an argument is out of its range or not one of its choices.
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
        super().__init__()
        check_at_least(1, vocab_size=vocab_size, vector_size=vector_size)
        _check_choice("init", init, tuple(_INITS))
        _check_choice("loss", loss, _FORMS)
        _check_choice("reduction", reduction, _REDUCTIONS)
        self.vocab_size = vocab_size
        self.vector_size = vector_size
        self.cbow_mean = bool(cbow_mean)
        self.sparse = sparse
        self.init = init
        self.skip_target_negatives = skip_target_negatives
        self.loss_form = loss
        self.reduction = reduction
        self.validate = validate
        self.input = nn.Embedding(vocab_size, vector_size, sparse=sparse, device=device, dtype=dtype)
        self.output = nn.Embedding(vocab_size, vector_size, sparse=sparse, device=device, dtype=dtype)
        self.reset_parameters(seed)

    @torch.no_grad()
    def reset_parameters(self, seed: int = 1) -> None:
        """Set both tables to their initial values, drawn as the constructor's `init` says.

        Args:
            seed: the seed of the draws.
        """
        half_width, draw_output = _INITS[self.init]
        rng = np.random.default_rng(seed)

        def draw() -> Tensor:
            # the order of operations of gensim's prep_vectors, in float32, so that "gensim" is equal to the last bit
            values = rng.random((self.vocab_size, self.vector_size), dtype=np.float32) * 2.0 - 1.0
            return torch.from_numpy(values / np.float32(self.vector_size) * np.float32(half_width))

        self.input.weight.copy_(draw())
        if draw_output:
            self.output.weight.copy_(draw())
        else:
            self.output.weight.zero_()

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
        form = _check_choice("form", self.loss_form if form is None else form, _FORMS)
        reduction = _check_choice("reduction", self.reduction if reduction is None else reduction, _REDUCTIONS)
        logits, labels, weight = self.logits(contexts, target, negatives, mask, offsets)
        if form == "bce":
            pairs = nn.functional.binary_cross_entropy_with_logits(logits, labels, weight=weight, reduction="none")
        else:
            # the log-sigmoid of each pair first, the sum over the pairs after
            pairs = -nn.functional.logsigmoid(logits * (2 * labels - 1)) * weight
        if reduction == "none":
            return pairs.sum(dim=1)
        total = pairs.sum()
        return total if reduction == "sum" else total / weight[:, 0].sum().clamp(min=1)

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
        active = active.unsqueeze(1)
        targets = batch.target.unsqueeze(1)
        pairs = torch.cat([targets, batch.negatives], dim=1)
        keep = active.expand_as(pairs)
        if self.skip_target_negatives:
            keep = torch.cat([active, active & (batch.negatives != targets)], dim=1)
        # A target without context looks up the rows of one that has: its weight is 0, so no value changes, but a
        # sparse gradient names only rows that are trained (SparseAdam moves every row that is named).
        pairs = torch.where(active, pairs, pairs.index_select(0, _first_true(active.flatten())))
        logits = torch.bmm(self.output(pairs), h.unsqueeze(2)).squeeze(2)
        labels = torch.zeros_like(logits)
        labels[:, 0] = 1
        return PairLogits(logits, labels, keep.to(logits.dtype))

    def to_keyed_vectors(self, index_to_key: Sequence[Hashable], counts: ArrayLike | None = None) -> KeyedVectors:
        """Copy the input table into gensim's `KeyedVectors`.

        Args:
            index_to_key: the V keys, in the order of the rows.
            counts: integers (V,), the words' frequencies, which become the attribute "count"; None sets none.

        Returns:
            Vectors with a float32 table of their own.

        Raises:
            ValueError: there are not V keys or counts, or a key occurs twice.
        """
        V = self.vocab_size
        keys = list(index_to_key)
        if len(keys) != V:
            raise ValueError(f"index_to_key has {len(keys)} keys, but the table has {V} rows: pass one key per row")
        if len(set(keys)) != V:
            key, rows = Counter(keys).most_common(1)[0]
            raise ValueError(f"index_to_key holds {key!r} {rows} times: every row needs a key of its own")
        vectors = KeyedVectors(self.vector_size, dtype=np.float32)
        vectors.add_vectors(keys, self.input.weight.detach().to("cpu", torch.float32).numpy())  # copies
        if counts is not None:
            counts = np.asarray(counts)
            if counts.shape != (V,):
                raise ValueError(f"counts has shape {counts.shape}: must be ({V},), one count per row of the table")
            vectors.allocate_vecattrs(["count"], [np.int64])
            vectors.expandos["count"][:] = counts
        return vectors

    def save_word2vec_format(
        self, path: str | os.PathLike[str], index_to_key: Sequence[str], counts: ArrayLike | None = None
    ) -> None:
        """Write the input table in word2vec's text format, which `KeyedVectors.load_word2vec_format` reads.

        The file is replaced only when the new one is complete: after an error the old one is still there.

        Args:
            path: a local file; one that ends in ".gz", ".bz2" or ".xz" is compressed.
            index_to_key: the V keys, in the order of the rows: strings without white space, which separates the
                fields of the format.
            counts: integers (V,), the words' frequencies. The file lists the most frequent key first; without counts
                it keeps the order of `index_to_key`.

        Raises:
            OSError: the file cannot be written.
            TypeError: a key is not a string.
            ValueError: a key is empty or holds white space, or as for `to_keyed_vectors`.
        """
        for key in index_to_key:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is not a string: word2vec's text format holds strings (use str(key))")
            if key.split() != [key]:
                raise ValueError(
                    f"the key {key!r} is empty or holds white space, which word2vec's text format cannot hold: "
                    "replace it (for example by '_'), or keep the vectors with to_keyed_vectors(...).save(path)"
                )
        vectors = self.to_keyed_vectors(index_to_key, counts)
        with replacing(path) as unfinished:
            vectors.save_word2vec_format(unfinished)

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
        # Padding looks up a word that is in the batch anyway, with weight 0, for the reason given in `logits`.
        fill = contexts.flatten().index_select(0, _first_true(mask.flatten())).clamp(0, self.vocab_size - 1)
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


def _first_true(flags: Tensor) -> Tensor:
    """Return the position of the first True of a flat bool tensor, as int64 (1,); 0 if there is none."""
    return flags.to(torch.uint8).argmax(dim=0, keepdim=True)


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of `allowed`, else raise a ValueError that lists them."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: must be one of {', '.join(map(repr, allowed))}")
    return value
