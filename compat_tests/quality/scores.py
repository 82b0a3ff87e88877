"""What is measured of a model of a corpus of the family, and when it is as good as gensim's.

- Precision: the share of a word's nearest neighbours (five, or as many as its group has others) that are of its group,
  over all words with a group. It may be .03 below gensim's.
- Norm: the largest length of a vector. It must be finite, and may be three times gensim's.
- Loss, where there are no groups: held out, on a second corpus of the same source. It may be 2 % above gensim's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import mean
from timeit import default_timer
from typing import Any

import numpy as np
from gensim.models import KeyedVectors

from compat_tests.quality.family import FIXED, SETTINGS, corpus
from torch_w2v.compare.measures import held_out_loss

NEAREST = 5
PRECISION_MARGIN, NORM_FACTOR, LOSS_MARGIN = 0.03, 3.0, 0.02


@dataclass(frozen=True)
class Scores:
    """Of one model, or means over seeds.

    Attributes:
        precision: nan where there are no groups.
        norm: inf where a component is not finite.
        loss: nan where there are groups.
        seconds: of `train()`.
    """

    precision: float
    norm: float
    loss: float
    seconds: float

    def __str__(self) -> str:
        measure = self.loss if math.isnan(self.precision) else self.precision
        return f"{measure:.3f}/{self.norm:.3g}"

    def failures(self, gensim: Scores) -> list[str]:
        """Return the measures in which this is not as good as gensim's."""
        failed = {
            "precision": self.precision < gensim.precision - PRECISION_MARGIN,
            "norm": not self.norm <= NORM_FACTOR * gensim.norm,
            "loss": math.isfinite(gensim.loss) and not self.loss <= gensim.loss * (1 + LOSS_MARGIN),
        }
        return [name for name, is_worse in failed.items() if is_worse]


def means(scores: Iterable[Scores]) -> Scores:
    """Return the means over the seeds; of the norms, too."""
    rows = list(scores)
    return Scores(*(mean(getattr(row, name) for row in rows) for name in ("precision", "norm", "loss", "seconds")))


def precision(vectors: KeyedVectors) -> float:
    """Return the share of nearest neighbours of the own group; nan without groups, 0 for broken vectors."""
    group = np.array([int(key.partition("/")[0]) if "/" in key else -1 for key in vectors.index_to_key])
    if group.max() < 1:
        return math.nan
    rows = np.asarray(vectors.vectors, np.float64)
    if not np.isfinite(rows).all():
        return 0.0
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
    similar = rows @ rows.T
    np.fill_diagonal(similar, -2)
    nearest = np.argsort(-similar, axis=1)[:, :NEAREST]
    sizes = np.bincount(group[group >= 0])
    shares = []
    for i in np.flatnonzero(group >= 0):
        k = min(NEAREST, int(sizes[group[i]]) - 1)
        if k:
            shares.append((group[nearest[i, :k]] == group[i]).mean())
    return float(np.mean(shares))


def score(make: Callable[..., Any], name: str, setting: str, seed: int, **more: Any) -> Scores:
    """Train a model on a case and measure it.

    Args:
        make: makes an untrained model from constructor arguments.
        name: of a corpus of the family.
        setting: of the settings of the family.
        seed: of the model.
        more: arguments instead of the family's.
    """
    model = make(**{**FIXED, **SETTINGS[setting], "seed": seed, **more})
    model.build_vocab(corpus(name))
    start = default_timer()
    model.train(corpus(name), total_examples=model.corpus_count, epochs=model.epochs)
    seconds = default_timer() - start
    rows = model.wv.vectors.astype(np.float64)
    norm = float(np.linalg.norm(rows, axis=1).max()) if np.isfinite(rows).all() else math.inf
    share = precision(model.wv)
    loss = math.nan
    if math.isnan(share):
        with np.errstate(all="ignore"):
            loss = held_out_loss(model, corpus(name, 1)[: len(corpus(name)) // 3])
    return Scores(share, norm, loss, seconds)
