"""What can be measured of trained vectors: sets of human judgements, and measures that need none.

The second kind works for any language, item sequences or graphs: the loss on text that was held out of training, and
how well two runs agree on the neighbours of words and on the similarity of pairs of words.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from torch_w2v.corpus.encoding import joined, rows_in
from torch_w2v.corpus.text import parts_of
from torch_w2v.engines import streams

if TYPE_CHECKING:
    from torch import Tensor

    from torch_w2v.engines.sampling import Kept

ANALOGY_WORDS = 30_000  # questions are restricted to the most frequent words, gensim's usual setting being 300,000
FEWEST_PAIRS, FEWEST_QUESTIONS = 10, 20  # known pairs or questions below which a set says nothing

FREQUENT = 10_000  # the words that runs are compared on
SAMPLE_WORDS, SAMPLE_PAIRS = 1_000, 100_000
TOP = 10  # neighbours of a word

_HELD_OUT_SEED, _SAMPLE_SEED = 20_240, 1
_TARGETS = 8_192  # of a step of `held_out_loss`


@dataclass(frozen=True)
class Gold:
    """A set of human judgements.

    Attributes:
        name: shown in tables.
        path: tab-separated word pairs with a score, or a file of analogy questions in word2vec's format.
        margin: how far a mean may lie below gensim's (absolute) and still count as the same quality.
        analogies: which of the two it is.
    """

    name: str
    path: str
    margin: float
    analogies: bool = False

    def known(self, vectors: KeyedVectors) -> tuple[int, int]:
        """How many of a set's word pairs have both words among the vectors, and how many there are."""
        pairs = [set(map(str.upper, line.split("\t")[:2])) for line in _lines(self.path)]
        words = set(map(str.upper, vectors.index_to_key))  # gensim's evaluation ignores case
        return sum(pair <= words for pair in pairs), len(pairs)

    def score(self, vectors: KeyedVectors) -> float:
        """Spearman's rho, or the share of questions answered; nan where too few of its words are known."""
        if self.analogies:
            score, sections = vectors.evaluate_word_analogies(self.path, restrict_vocab=ANALOGY_WORDS)
            asked = len(sections[-1]["correct"]) + len(sections[-1]["incorrect"])
            return float(score) if asked >= FEWEST_QUESTIONS else float("nan")
        if self.known(vectors)[0] < FEWEST_PAIRS:
            return float("nan")
        return float(vectors.evaluate_word_pairs(self.path, restrict_vocab=len(vectors))[1][0])


def _lines(path: str) -> Iterator[str]:
    with open(path, encoding="utf8") as lines:
        yield from (line.rstrip("\n") for line in lines if line.strip() and not line.startswith("#"))


# Fixed before anything was measured; larger than the noise of a few seeds, smaller than what a user sees.
SHIPPED = (
    Gold("WordSim-353", datapath("wordsim353.tsv"), 0.020),
    Gold("SimLex-999", datapath("simlex999.txt"), 0.015),
    Gold("analogies", datapath("questions-words.txt"), 0.010, analogies=True),
)
_KNOWN_MARGINS = {"men": 0.010}


def pairs_file(path: str) -> Gold:
    """The user's word pairs.

    Raises:
        ValueError: not UTF-8 lines of two words and a number, separated by tabs; names the line.
        OSError: cannot be read.
    """
    for number, line in enumerate(_checked_lines(path), 1):
        fields = line.split("\t")
        try:
            if line.strip() and not line.startswith("#"):
                float(fields[2])
        except (IndexError, ValueError):
            raise ValueError(
                f"{path}, line {number}: must be two words and a number, separated by tabs, got {line!r}"
            ) from None
    name = Path(path).stem
    return Gold(name, path, _KNOWN_MARGINS.get(name.lower(), 0.020))


def analogies_file(path: str) -> Gold:
    """The user's analogy questions: lines of four words, sections that begin with ': name'.

    Raises:
        ValueError: anything else; names the line.
        OSError: cannot be read.
    """
    section = False
    for number, line in enumerate(_checked_lines(path), 1):
        section = section or line.startswith(": ")
        if not line.startswith(": ") and (len(line.split()) != 4 or not section):
            raise ValueError(
                f"{path}, line {number}: must be four words, below a first line such as ': section', got {line!r}"
            )
    return Gold(Path(path).stem, path, 0.010, analogies=True)


def _checked_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf8").splitlines()
    except UnicodeDecodeError as e:
        raise ValueError(f"{path}: must be UTF-8 ({e.reason} at byte {e.start})") from None


@contextmanager
def quiet_gensim() -> Iterator[None]:
    """Keep gensim's evaluation lines out of the log."""
    logger = logging.getLogger("gensim.models.keyedvectors")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def held_out_loss(model: Any, sentences: Iterable[Sequence[Any]]) -> float:
    """Mean loss of CBOW with negative sampling on sentences that were not trained on; nan where there is no target.

    softplus(-h·o) for a target, softplus(h·o) for a negative, mean over (target, sample) pairs in float64, as
    `compute_loss` gives it in training. Subsampling, windows and negatives are drawn as in training, but always from
    the same seed, so that models of one vocabulary are asked the same questions.

    Args:
        model: gensim's Word2Vec or ours, trained with sg=0, hs=0, negative>0.
        sentences: lists of words.
    """
    import torch  # noqa: PLC0415  a second, for whoever wants this measure

    from torch_w2v.engines import sampling  # noqa: PLC0415

    wv = model.wv
    V = len(wv)
    held = joined(list(parts_of(sentences, rows_in(wv.key_to_index))))
    keep = wv.expandos["sample_int"] if model.sample else np.full(V, 2**32 - 1)
    keep = torch.from_numpy(np.asarray(keep, np.uint32).view(np.int32))
    token_stream, noise_stream = (
        streams.key(_HELD_OUT_SEED, 0, 0, purpose) for purpose in (streams.TOKEN, streams.NOISE)
    )
    kept = sampling.kept_stream(
        torch.from_numpy(held.tokens), torch.from_numpy(held.offsets), 0, keep, token_stream, model.window,
        bool(model.shrink_windows),
    )  # fmt: skip
    noise = torch.from_numpy(streams.alias_table(np.diff(model.cum_table.astype(np.int64), prepend=0)))
    inputs, outputs = torch.from_numpy(np.asarray(wv.vectors)), torch.from_numpy(np.asarray(model.syn1neg))
    total = pairs = 0.0
    for start in range(0, len(kept.ids), _TARGETS):
        t = torch.arange(start, min(start + _TARGETS, len(kept.ids)))
        t = t[kept.high[t] - kept.low[t] > 1]  # a word without context trains nothing
        if not len(t):
            continue
        h = _hidden(inputs, kept, t, bool(model.cbow_mean))
        counters = t[:, None] * model.negative + torch.arange(model.negative)
        negatives = sampling.noise_words(noise, noise_stream, counters)  # (n, K)
        y = kept.ids[t]
        own = (h * outputs[y].double()).sum(1)
        others = torch.einsum("nd,nkd->nk", h, outputs[negatives].double())
        used = negatives != y[:, None]
        total += float(torch.nn.functional.softplus(-own).sum())
        total += float((torch.nn.functional.softplus(others) * used).sum())
        pairs += len(t) + int(used.sum())
    return total / pairs if pairs else float("nan")


def _hidden(inputs: Tensor, kept: Kept, t: Tensor, mean: bool) -> Tensor:
    """(n, D) float64: mean or sum of the context rows of targets `t`."""
    import torch  # noqa: PLC0415

    low, high = kept.low[t], kept.high[t]
    first = int(low.min())
    rows = inputs[kept.ids[first : int(high.max())]].double()
    sums = torch.cat([torch.zeros(1, rows.shape[1], dtype=torch.float64), rows.cumsum(0)])
    h = sums[high - first] - sums[low - first] - rows[t - first]
    return h / (high - low - 1)[:, None] if mean else h


@dataclass(frozen=True)
class Portrait:
    """What runs are compared by: `TOP` nearest neighbours of some words (n, TOP), the cosines of some pairs (m,)."""

    neighbours: np.ndarray
    cosines: np.ndarray

    def overlap(self, other: Portrait) -> float:
        """The share of neighbours that two runs have in common."""
        both = (self.neighbours[:, :, None] == other.neighbours[:, None, :]).any(2)
        return float(both.mean())

    def correlation(self, other: Portrait) -> float:
        """Pearson's correlation of the cosines of the same pairs of words in two runs."""
        return float(np.corrcoef(self.cosines, other.cosines)[0, 1])


def portrait(vectors: KeyedVectors) -> Portrait | None:
    """Describe a run, on words chosen by their rank alone; None for fewer than 3 words.

    Words are drawn from the `FREQUENT` most frequent, neighbours sought among the `ANALOGY_WORDS` most frequent.
    """
    frequent = min(len(vectors), FREQUENT)
    if frequent < 3:
        return None
    draw = np.random.default_rng(_SAMPLE_SEED)
    words = np.sort(draw.permutation(frequent)[:SAMPLE_WORDS])
    one, other = draw.integers(0, frequent, (2, SAMPLE_PAIRS))
    other = np.where(one == other, (other + 1) % frequent, other)
    rows = np.asarray(vectors.vectors[:ANALOGY_WORDS])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    similar = rows[words] @ rows.T
    similar[np.arange(len(words)), words] = -2.0  # not its own neighbour
    top = np.argpartition(similar, -min(TOP, len(rows) - 1), axis=1)[:, -min(TOP, len(rows) - 1) :]
    nearest = np.take_along_axis(top, np.take_along_axis(-similar, top, 1).argsort(1), 1)
    return Portrait(nearest, (rows[one] * rows[other]).sum(1).astype(np.float64))
