"""CBOW with negative sampling as an ``nn.Module``, for people who write their own training loop.

The module holds the two tables of word2vec and gives the exact gradient of the loss (autograd); the optimizer, the
schedule and the loop stay the caller's. The matching ``IterableDataset`` is in ``torch_w2v.dataset``, and importable
from here.

Dimensions in the docstrings: V words in the vocabulary, D = vector_size, B targets in a batch, C context slots a
target, K negatives a target, N context words in the whole batch.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from torch_w2v.dataset import CBOWBatch, CBOWDataset, NegativePool, collate_cbow, pad_contexts

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
    """Scores of every (target, candidate) pair of a batch, each of shape (B, 1 + K); column 0 is the target itself.

    ``nn.BCEWithLogitsLoss(weight=weight, reduction="sum")(logits, labels)`` is the loss with reduction "sum".
    ``labels`` is 1 in column 0 and 0 elsewhere; ``weight`` is 0 for a pair that does not count (a target without any
    context, a negative equal to the target) and 1 elsewhere. All three have the dtype of the logits.
    """

    logits: Tensor
    labels: Tensor
    weight: Tensor


class CBOWNegativeSampling(nn.Module):
    """CBOW with negative sampling: two embedding tables and the loss between them.

    ``model(contexts, target, negatives, mask)`` is the loss to call ``backward()`` on:

        -log sigmoid(s_target) - sum over the K negatives of log sigmoid(-s_negative),    s_w = output[w] . h

    (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", eq. 4,
    negated), with h the mean (``cbow_mean=True``) or the sum of the input vectors of the context.

    The gradient is the true one. gensim and word2vec.c differ from it on purpose: with cbow_mean=1 they add the whole
    error of h to each of its c context rows, where the derivative of a mean is 1/c of it, and with cbow_mean=0 they
    divide the error by c, where the derivative of a sum is the whole (piskvorky/gensim#1873, #697). So with
    cbow_mean a loop over this module wants a larger learning rate than gensim's 0.025: kōan (Irsoy et al. 2021,
    "Corrected CBOW Performs as well as Skip-gram") used 0.075.

    Attributes:
        input: ``nn.Embedding(V, D)``, the vectors that get saved (gensim's ``wv.vectors``).
        output: ``nn.Embedding(V, D)``, the candidates' side (gensim's ``syn1neg``).

    Args:
        vocab_size: V.
        vector_size: D.
        cbow_mean: mean of the context vectors if true, else their sum.
        sparse: give both tables sparse gradients (for ``torch.optim.SGD`` or ``SparseAdam``; Adam and RMSprop need
            False).
        init: "gensim": input uniform in ±1/D from ``numpy.random.default_rng(seed)``, bit for bit that of gensim's
            ``Word2Vec(seed=seed)``, output zeros. "word2vec": input ±0.5/D, output zeros (word2vec.c). "uniform":
            both tables ±0.5/D (common in PyTorch tutorials).
        seed: of the initial tables.
        skip_target_negatives: leave a negative that equals its target out of the loss, as gensim does (it does not
            draw another).
        loss: "logsigmoid" (the formula above) or "bce" (the same number by ``binary_cross_entropy_with_logits``).
        reduction: "mean" over the targets that have a context, "sum" over them, or "none": (B,), with 0 for a target
            that has none. The K + 1 terms of one target are always summed.
        validate: check the values of every batch (index ranges, no batch without any context). On a GPU each check
            waits for the device; pass False there once the loop works. Under ``torch.compile`` only shapes and
            types are checked.
        device: of the tables.
        dtype: of the tables, floating; None is torch's default.

    Raises:
        ValueError: an argument is out of its range, or names no known choice.
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
        for name, size in (("vocab_size", vocab_size), ("vector_size", vector_size)):
            if size < 1:
                raise ValueError(f"{name}={size}: it must be at least 1")
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
        """Set both tables to their initial values, as ``init`` names them, from ``seed``."""
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

    def forward(self, contexts: Any, target: Any, negatives: Any, mask: Any = None, offsets: Any = None) -> Tensor:
        """Return the loss of a batch, in the form and the reduction given at construction; arguments as ``logits``."""
        return self.loss(contexts, target, negatives, mask, offsets)

    def loss(
        self,
        contexts: Any,
        target: Any,
        negatives: Any,
        mask: Any = None,
        offsets: Any = None,
        *,
        form: str | None = None,
        reduction: str | None = None,
    ) -> Tensor:
        """Return the loss of a batch (see the class); ``form`` and ``reduction`` override the constructor's.

        Returns:
            A scalar, or (B,) with ``reduction="none"``. A target without any context contributes 0 and no gradient.

        Raises:
            ValueError: unknown ``form`` or ``reduction``, or what ``logits`` raises.
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

    def logits(self, contexts: Any, target: Any, negatives: Any, mask: Any = None, offsets: Any = None) -> PairLogits:
        """Score the target and the negatives of each context: s_w = output[w] . h.

        Args:
            contexts: the context words, in one of three forms: a list of B sequences of indices; an integer tensor
                (B, C), all of it real or as ``mask`` says (padding may hold anything, -1 included); or a flat
                integer tensor (N,) with ``offsets``.
            target: integer (B,).
            negatives: integer (B, K), K >= 1.
            mask: bool or 0/1, (B, C): where ``contexts`` holds a real word.
            offsets: integer (B,): where each target's context starts in the flat ``contexts``, as in
                ``nn.EmbeddingBag``; equal neighbours make an empty context.

        Indices may be tensors, arrays or lists; they are moved to the tables' device.

        Raises:
            IndexError: an index is outside [0, V).
            TypeError: indices are not integers, or ``contexts`` is of none of the three forms.
            ValueError: shapes do not fit together, or no target of the batch has a context.
        """
        contexts, target, negatives, mask, offsets = self._batch(contexts, target, negatives, mask, offsets)
        h, active = self._hidden(contexts, mask, offsets)
        active = active.unsqueeze(1)
        pairs = torch.cat([target.unsqueeze(1), negatives], dim=1)
        keep = active.expand_as(pairs)
        if self.skip_target_negatives:
            keep = torch.cat([active, active & (negatives != target.unsqueeze(1))], dim=1)
        # A target without context looks up the rows of one that has: its weight is 0, so no value changes, but a
        # sparse gradient names only rows that are trained (SparseAdam moves every row that is named).
        pairs = torch.where(active, pairs, pairs.index_select(0, _first_true(active.flatten())))
        logits = torch.bmm(self.output(pairs), h.unsqueeze(2)).squeeze(2)
        labels = torch.zeros_like(logits)
        labels[:, 0] = 1
        return PairLogits(logits, labels, keep.to(logits.dtype))

    def to_keyed_vectors(self, index_to_key: Sequence[Hashable], counts: Any = None) -> KeyedVectors:
        """Return gensim ``KeyedVectors`` with a float32 copy of the input table.

        Args:
            index_to_key: the V keys, in the order of the rows.
            counts: integer (V,), the words' frequencies; they become the attribute "count" where given.

        Raises:
            ValueError: not V keys or counts, or a key twice.
        """
        V = self.vocab_size
        keys = list(index_to_key)
        if len(keys) != V:
            raise ValueError(f"index_to_key has {len(keys)} keys, but the table has {V} rows: give one key a row")
        if len(set(keys)) != V:
            key, rows = Counter(keys).most_common(1)[0]
            raise ValueError(f"index_to_key holds {key!r} {rows} times: every row needs its own key")
        vectors = KeyedVectors(self.vector_size, dtype=np.float32)
        vectors.add_vectors(keys, self.input.weight.detach().to("cpu", torch.float32).numpy())  # copies
        if counts is not None:
            counts = np.asarray(counts)
            if counts.shape != (V,):
                raise ValueError(f"counts has shape {counts.shape}, but the table has {V} rows: expected ({V},)")
            vectors.allocate_vecattrs(["count"], [np.int64])
            vectors.expandos["count"][:] = counts
        return vectors

    def save_word2vec_format(
        self, path: str | os.PathLike[str], index_to_key: Sequence[str], counts: Any = None
    ) -> None:
        """Write the input table in word2vec's text format, which ``KeyedVectors.load_word2vec_format`` reads.

        The file appears at once, when it is complete; until then (and after an error) the old one stays. A path that
        ends in ".gz", ".bz2" or ".xz" is compressed. With ``counts`` the most frequent key comes first, else the
        order is that of ``index_to_key``.

        Args:
            path: a local file.
            index_to_key: the V keys, in the order of the rows: strings without white space, which the format uses
                to separate its fields.
            counts: integer (V,), the words' frequencies, used only for the order.

        Raises:
            OSError: the file cannot be written.
            TypeError: a key is not a string.
            ValueError: a key is empty or holds white space, or what ``to_keyed_vectors`` raises.
        """
        for key in index_to_key:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} is no string: the text format holds strings only (use str(key))")
            if key.split() != [key]:
                raise ValueError(
                    f"the key {key!r} is empty or holds white space, which word2vec's text format cannot hold: "
                    "replace it (for example by '_'), or keep the vectors with to_keyed_vectors(...).save(path)"
                )
        vectors = self.to_keyed_vectors(index_to_key, counts)
        final = Path(os.path.realpath(path))
        # the name ends as the final one does: smart_open chooses the compression by the suffix
        unfinished = final.with_name(f".{uuid.uuid4().hex}.{final.name}")
        try:
            vectors.save_word2vec_format(str(unfinished))
            os.replace(unfinished, final)
        finally:
            unfinished.unlink(missing_ok=True)

    def _hidden(self, contexts: Tensor, mask: Tensor | None, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return h (B, D), zeros for an empty context, and bool (B,): whether the context has a word."""
        table = self.input.weight
        if offsets is not None:
            count = torch.diff(offsets, append=offsets.new_full((1,), contexts.numel()))
            mode = "mean" if self.cbow_mean else "sum"
            if not self._bag_lacks_backward():
                h = nn.functional.embedding_bag(contexts, table, offsets, mode=mode, sparse=self.sparse)
                return h, count > 0
            rows = self.input(contexts)
            B = torch.arange(count.numel(), device=count.device)
            bag = torch.repeat_interleave(B, count, output_size=contexts.numel())
            h = rows.new_zeros(count.numel(), self.vector_size).index_add(0, bag, rows)
            return (h / count.clamp(min=1).unsqueeze(1) if self.cbow_mean else h), count > 0
        if mask is None:
            mask = torch.ones_like(contexts, dtype=torch.bool)
        # Padding looks up a word that is in the batch anyway, with weight 0: see the note in logits.
        fill = contexts.flatten().index_select(0, _first_true(mask.flatten())).clamp(0, self.vocab_size - 1)
        contexts = torch.where(mask, contexts, fill)
        count = mask.sum(dim=1)
        weight = mask.to(table.dtype)
        if self.cbow_mean:
            weight = weight / count.clamp(min=1).unsqueeze(1)
        if self._bag_lacks_backward():
            h = torch.bmm(weight.unsqueeze(1), self.input(contexts)).squeeze(1)
        else:
            # measured on a CPU at B=2048, C=10, D=100: 2 to 3 times as fast as self.input(contexts) and a sum
            h = nn.functional.embedding_bag(contexts, table, mode="sum", per_sample_weights=weight, sparse=self.sparse)
        return h, count > 0

    def _bag_lacks_backward(self) -> bool:
        # torch.compile (seen in 2.13) cannot trace the sparse backward of embedding_bag; that of nn.Embedding it can
        return self.sparse and torch.compiler.is_compiling()

    def _batch(
        self, contexts: Any, target: Any, negatives: Any, mask: Any, offsets: Any
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
        """Bring a batch to int64 tensors on the tables' device and check it."""
        device = self.input.weight.device
        if mask is not None and offsets is not None:
            raise ValueError("both mask and offsets are given: mask goes with padded contexts, offsets with flat ones")
        if isinstance(contexts, (list, tuple)) and offsets is None:
            if mask is not None:
                raise ValueError("mask is given with contexts as a list: a list needs none, or pass a padded tensor")
            contexts, mask = pad_contexts(contexts)
        contexts = _indices("contexts", contexts, device)
        target = _indices("target", target, device)
        negatives = _indices("negatives", negatives, device)
        B = target.shape[0] if target.ndim == 1 else -1
        if B < 1:
            raise ValueError(f"target has shape {tuple(target.shape)}: expected (B,) with B >= 1")
        if negatives.ndim != 2 or negatives.shape[0] != B or negatives.shape[1] < 1:
            raise ValueError(f"negatives has shape {tuple(negatives.shape)}: expected ({B}, K) with K >= 1")
        if offsets is not None:
            offsets = _indices("offsets", offsets, device)
            if contexts.ndim != 1 or offsets.shape != (B,):
                raise ValueError(
                    f"contexts has shape {tuple(contexts.shape)} and offsets {tuple(offsets.shape)}: expected flat "
                    f"contexts (N,) and offsets ({B},)"
                )
        elif contexts.ndim != 2 or contexts.shape[0] != B or contexts.shape[1] < 1:
            raise ValueError(
                f"contexts has shape {tuple(contexts.shape)}: expected ({B}, C) with C >= 1, a list of {B} "
                "sequences, or flat indices with offsets"
            )
        if mask is not None:
            mask = torch.as_tensor(mask, device=device).bool()
            if mask.shape != contexts.shape:
                raise ValueError(f"mask has shape {tuple(mask.shape)}, but contexts {tuple(contexts.shape)}")
        if self.validate and not torch.compiler.is_compiling():
            if offsets is not None and (
                offsets[0] != 0 or (offsets.diff() < 0).any() or offsets[-1] > contexts.numel()
            ):
                raise ValueError(f"offsets must start at 0, never fall, and end at or below N = {contexts.numel()}")
            real = contexts.flatten() if mask is None else contexts[mask]
            if not real.numel():
                raise ValueError("no target of this batch has a context word: leave such targets out (gensim does)")
            for name, index in (("contexts", real), ("target", target), ("negatives", negatives)):
                low, high = (int(bound) for bound in index.aminmax())
                if low < 0 or high >= self.vocab_size:
                    raise IndexError(
                        f"{name} holds the index {low if low < 0 else high}: expected 0 <= index < vocab_size = "
                        f"{self.vocab_size}" + (" (pass mask if it is padding)" if name == "contexts" else "")
                    )
        return contexts, target, negatives, mask, offsets


def _first_true(flags: Tensor) -> Tensor:
    """Return the position of the first True of a flat bool tensor, as int64 (1,); 0 where there is none."""
    return flags.to(torch.uint8).argmax(dim=0, keepdim=True)


def _indices(name: str, values: Any, device: torch.device) -> Tensor:
    try:
        tensor = torch.as_tensor(values, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} cannot be made a tensor of integer indices: {error}") from error
    if tensor.numel() and (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool):
        raise TypeError(f"{name} has the type {tensor.dtype}: expected integer word indices")
    return tensor.long()


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is unknown: choose one of {', '.join(map(repr, allowed))}")
    return value
