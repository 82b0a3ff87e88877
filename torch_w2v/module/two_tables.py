"""The two tables of word2vec and the loss between them, which CBOW and skip-gram share.

Dimensions in the docstrings: V words in the vocabulary, D = vector_size, B examples per batch, K negatives per example.
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

from torch_w2v.checks import check_at_least, check_seed
from torch_w2v.files import replacing

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


class NegativeSampling(nn.Module):
    """Two embedding tables and the loss between them; a subclass makes the vector h of an example from the input table.

    The loss of an example with a target and K negatives is

        -log sigmoid(s_target) - sum over the K negatives of log sigmoid(-s_negative),    s_w = output[w] . h

    (Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality", eq. 4,
    negated).

    Attributes:
        input: `nn.Embedding(V, D)`, the vectors that are saved (gensim's `wv.vectors`).
        output: `nn.Embedding(V, D)`, the candidates' side (gensim's `syn1neg`).

    Args:
        vocab_size: V.
        vector_size: D.
        sparse: whether both tables get sparse gradients, as `torch.optim.SparseAdam` needs and `SGD` accepts; Adam
            and RMSprop need False.
        init: "gensim": input uniform in ±1/D from `numpy.random.default_rng(seed)`, bit for bit that of gensim's
            `Word2Vec(seed=seed)`, output zeros. "word2vec": input ±0.5/D, output zeros (word2vec.c). "uniform":
            both tables ±0.5/D (common in PyTorch tutorials).
        seed: the seed of the initial tables.
        skip_target_negatives: whether to leave a negative that equals its target out of the loss, as gensim does (no
            other is drawn in its place).
        loss: "logsigmoid" (the formula above) or "bce" (the same number by `binary_cross_entropy_with_logits`).
        reduction: "mean" over the examples, "sum" over them, or "none": (B,). The K + 1 terms of one example are
            always summed.
        validate: whether to check the values of every batch. On a GPU each check waits for the device; pass False
            there once the loop works. Under `torch.compile` only shapes and types are checked.
        device: the device of the tables; None is torch's default.
        dtype: the floating-point type of the tables; None is torch's default.

    Raises:
        TypeError: an argument is of a wrong type.
        ValueError: an argument is out of its range or not one of its choices.
    """

    def __init__(
        self,
        vocab_size: int,
        vector_size: int = 100,
        *,
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
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"dtype={dtype!r}: must be a floating-point type")
        _check_choice("init", init, tuple(_INITS))
        _check_choice("loss", loss, _FORMS)
        _check_choice("reduction", reduction, _REDUCTIONS)
        self.vocab_size = vocab_size
        self.vector_size = vector_size
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
        check_seed(seed)
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

    def _score(self, h: Tensor, target: Tensor, negatives: Tensor, active: Tensor | None = None) -> PairLogits:
        """Score the target and the negatives of each example.

        Args:
            h: (B, D).
            target: int64 (B,).
            negatives: int64 (B, K).
            active: bool (B,), False for an example that does not count; None where all do.
        """
        targets = target.unsqueeze(1)
        pairs = torch.cat([targets, negatives], dim=1)
        keep = torch.ones_like(pairs, dtype=torch.bool)
        if self.skip_target_negatives:
            keep = torch.cat([keep[:, :1], negatives != targets], dim=1)
        if active is not None:
            keep = keep & active.unsqueeze(1)
            # An example that does not count looks up the rows of one that does: its weight is 0, so no value changes,
            # but a sparse gradient names only rows that are trained (SparseAdam moves every row that is named).
            pairs = torch.where(active.unsqueeze(1), pairs, pairs.index_select(0, first_true(active)))
        logits = torch.bmm(self.output(pairs), h.unsqueeze(2)).squeeze(2)
        labels = torch.zeros_like(logits)
        labels[:, 0] = 1
        return PairLogits(logits, labels, keep.to(logits.dtype))

    def _loss(self, scores: PairLogits, form: str | None, reduction: str | None) -> Tensor:
        """Return the loss of scored pairs; `form` and `reduction` override those of the constructor.

        Raises:
            ValueError: `form` or `reduction` is not one of its choices.
        """
        form = _check_choice("form", self.loss_form if form is None else form, _FORMS)
        reduction = _check_choice("reduction", self.reduction if reduction is None else reduction, _REDUCTIONS)
        logits, labels, weight = scores
        if form == "bce":
            pairs = nn.functional.binary_cross_entropy_with_logits(logits, labels, weight=weight, reduction="none")
        else:
            # the log-sigmoid of each pair first, the sum over the pairs after
            pairs = -nn.functional.logsigmoid(logits * (2 * labels - 1)) * weight
        if reduction == "none":
            return pairs.sum(dim=1)
        total = pairs.sum()
        return total if reduction == "sum" else total / weight[:, 0].sum().clamp(min=1)


def first_true(flags: Tensor) -> Tensor:
    """Return the position of the first True of a flat bool tensor, as int64 (1,); 0 if there is none."""
    return flags.to(torch.uint8).argmax(dim=0, keepdim=True)


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of `allowed`, else raise a ValueError that lists them."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: must be one of {', '.join(map(repr, allowed))}")
    return value
