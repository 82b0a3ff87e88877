"""Measures that need no human judgements, and so work for any language, for items and for graphs.

They are the loss on sentences that were held out of training, and how well two runs agree on the neighbours of words
and on the similarity of pairs of words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.corpus import Corpus
from torch_w2v.corpus.encoding import concatenate, rows_in
from torch_w2v.corpus.lists import parts_of
from torch_w2v.engines import streams

if TYPE_CHECKING:
    from torch import Tensor

    from torch_w2v.engines.sampling import Kept

FREQUENT = 10_000  # words and pairs are sampled among so many of the most frequent words
NEIGHBOUR_WORDS = 30_000  # neighbours are sought among so many of the most frequent words
SAMPLE_WORDS, SAMPLE_PAIRS = 1_000, 100_000
TOP = 10  # number of neighbours per word

_HELD_OUT_SEED, _SAMPLE_SEED = 20_240, 1
_TARGETS_PER_STEP = 8_192  # in `held_out_loss`


def held_out_loss(model: PlainWord2Vec, sentences: Corpus) -> float:
    """Compute the mean loss of CBOW or skip-gram with negative sampling on sentences that were not trained on.

    The loss of a target is softplus(-h·o), that of a negative sample softplus(h·o), in float64. Subsampling, windows
    and negative samples are drawn as in training, but always with the same seed, so that all models of one vocabulary
    are asked the same questions. In skip-gram each pair of a word with one in whose window it lies has negatives of its
    own.

    Args:
        model: gensim's or torch_w2v's, trained with hs=0 and negative>0.
        sentences: lists of words.

    Returns:
        The mean over the (target, sample) pairs, in nats; nan if there is no target.
    """
    import torch  # noqa: PLC0415  takes a second, which only this measure needs

    from torch_w2v.engines import sampling  # noqa: PLC0415

    wv = model.wv
    held = concatenate(list(parts_of(sentences, rows_in(wv.key_to_index))))
    keep = wv.expandos["sample_int"] if model.sample else np.full(len(wv), 2**32 - 1)
    keep = torch.from_numpy(np.asarray(keep, np.uint32).view(np.int32))
    token_stream, noise_stream = (
        streams.key(_HELD_OUT_SEED, 0, 0, purpose) for purpose in (streams.TOKEN, streams.NOISE)
    )
    kept = sampling.kept_stream(
        torch.from_numpy(held.tokens),
        torch.from_numpy(held.offsets),
        0,
        keep,
        token_stream,
        model.window,
        bool(model.shrink_windows),
    )
    noise = torch.from_numpy(streams.alias_table(np.diff(model.cum_table.astype(np.int64), prepend=0)))
    inputs, outputs = torch.from_numpy(np.asarray(wv.vectors)), torch.from_numpy(np.asarray(model.syn1neg))
    total = pairs = 0.0
    for start in range(0, len(kept.ids), _TARGETS_PER_STEP):
        t = torch.arange(start, min(start + _TARGETS_PER_STEP, len(kept.ids)))
        t = t[kept.high[t] - kept.low[t] > 1]  # a word without context trains nothing
        for h, y, number in _questions(inputs, kept, t, model):
            counters = number[:, None] * model.negative + torch.arange(model.negative)
            negatives = sampling.noise_words(noise, noise_stream, counters)  # (n, K)
            target_scores = (h * outputs[y].double()).sum(1)
            negative_scores = torch.einsum("nd,nkd->nk", h, outputs[negatives].double())
            used = negatives != y[:, None]
            total += float(torch.nn.functional.softplus(-target_scores).sum())
            total += float((torch.nn.functional.softplus(negative_scores) * used).sum())
            pairs += len(y) + int(used.sum())
    return total / pairs if pairs else float("nan")


def _questions(inputs: Tensor, kept: Kept, t: Tensor, model: PlainWord2Vec) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Return what the targets `t` are predicted from.

    Yields:
        Hidden layers, float64 of shape (n, D), the rows of the words that they are to predict, (n,), and numbers of
        their negatives, (n,), no two alike. In skip-gram a target is predicted by one word of its window at a time.
    """
    if not len(t):
        return
    if not model.sg:
        yield _hidden(inputs, kept, t, bool(model.cbow_mean)), kept.ids[t], t
        return
    reach = 2 * model.window + 1
    for distance in range(-model.window, model.window + 1):
        place = t + distance
        own = (place >= kept.low[t]) & (place < kept.high[t]) & (place != t)
        if own.any():
            yield inputs[kept.ids[place[own]]].double(), kept.ids[t[own]], t[own] * reach + distance + model.window


def _hidden(inputs: Tensor, kept: Kept, t: Tensor, mean: bool) -> Tensor:
    """Return the mean or sum of the context rows of the targets `t`, float64 of shape (n, D)."""
    import torch  # noqa: PLC0415

    low, high = kept.low[t], kept.high[t]
    first = int(low.min())
    rows = inputs[kept.ids[first : int(high.max())]].double()
    sums = torch.cat([torch.zeros(1, rows.shape[1], dtype=torch.float64), rows.cumsum(0)])
    h = sums[high - first] - sums[low - first] - rows[t - first]
    return h / (high - low - 1)[:, None] if mean else h


@dataclass(frozen=True)
class Portrait:
    """What a run is compared with other runs by.

    Attributes:
        neighbours: (SAMPLE_WORDS, TOP) rows of the nearest neighbours of sampled words, the nearest first.
        cosines: (SAMPLE_PAIRS,) float64, the cosines of sampled pairs of words.
    """

    neighbours: np.ndarray
    cosines: np.ndarray

    def overlap(self, other: Portrait) -> float:
        """Return the share of neighbours that two runs have in common."""
        both = (self.neighbours[:, :, None] == other.neighbours[:, None, :]).any(2)
        return float(both.mean())

    def correlation(self, other: Portrait) -> float:
        """Return Pearson's correlation of the cosines of two runs."""
        return float(np.corrcoef(self.cosines, other.cosines)[0, 1])


def portrait(vectors: KeyedVectors) -> Portrait | None:
    """Describe a run by words that are sampled by their frequency rank, the same ones in every run.

    Args:
        vectors: sorted by frequency.

    Returns:
        The portrait; None for fewer than 3 words.
    """
    frequent = min(len(vectors), FREQUENT)
    if frequent < 3:
        return None
    draw = np.random.default_rng(_SAMPLE_SEED)
    words = np.sort(draw.permutation(frequent)[:SAMPLE_WORDS])
    left, right = draw.integers(0, frequent, (2, SAMPLE_PAIRS))
    right = np.where(left == right, (right + 1) % frequent, right)
    rows = np.asarray(vectors.vectors[:NEIGHBOUR_WORDS])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    similarity = rows[words] @ rows.T
    similarity[np.arange(len(words)), words] = -2.0  # below every cosine: no word is its own neighbour
    count = min(TOP, len(rows) - 1)
    nearest = np.argpartition(similarity, -count, axis=1)[:, -count:]
    order = np.take_along_axis(-similarity, nearest, 1).argsort(1)
    return Portrait(np.take_along_axis(nearest, order, 1), (rows[left] * rows[right]).sum(1).astype(np.float64))
