"""How alike the windows are of targets that would share negatives: what the layout of training is chosen by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.corpus.store import Encoded, Run
from torch_w2v.statistics.samples import kept_at_places, kept_share_of

# how many kept tokens targets are apart that share a set of negatives (`layouts.block_that_follows`, then
# `layouts.one_block_per_step`)
_APART = (16, 32, 48, 64, 128, 192)
# pairs of targets that are compared at each of these, at most, and words of a window, on either side of its target: so
# few that the windows of two targets have no place in common
_PAIRS, _REACH = 200, 7
# kept tokens of each place of the sample: so many that enough are 192 places before another one, too
_TOKENS_PER_PLACE = 217
# fewer tokens tell nothing
_LEAST_TOKENS = 2_000
# Share from which on a target, with so many context words at least, is like another; and how much such targets weigh:
# those of log lines in a text lose as much as if there were nothing else. With fewer words many are alike by chance.
_ALIKE, _LEAST_CONTEXT, _WEIGHT = 0.6, 4, 8.0
# kept tokens of each place that are compared with others behind them
_TOKENS_FOR_PERIODS = 400
# One token in so many of a chunk is looked at, but so many of it at least and at most; and how far on either side of a
# place at most, where subsampling drops much.
_EVERY, _LEAST_LOOKS, _MOST_LOOKS, _MOST_REACH = 200, 50, 300, 40
# share of the looks that find their token again, beyond chance, above which a chunk is looked at closely: text has .09
_OF_TEXT = 0.1
# multiples of it, less their whole part, are spread evenly and have no period
_GOLDEN = (5**0.5 - 1) / 2


def likeness(corpus: Run, keep: np.ndarray, window: int, kept_share: float) -> float:
    """Return how alike targets are that would share negatives: those 16, 32, 48, 64, 128 or 192 places apart.

    It is the larger of two numbers, each the largest of all distances. One is the share of its context words that a
    target has in common with the other, less what it has with any other target of the corpus: up to .1 for text, .42
    and more where rows of a table follow one another and most of their fields stay. The other is 8 times the share of
    the targets that have more than .6 of their context in common, and not by chance: 0 for text, 1.2 where a third of
    it are such rows. Both are estimated from a sample that is always the same, in a time that does not depend on the
    size of the corpus; the result is 0 for a corpus of fewer than 2,000 tokens.

    Args:
        corpus: the encoded corpus, or its beginning.
        keep: (V,) uint32 thresholds of subsampling: word w is kept with probability keep[w] / 2**32.
        window: largest distance between a target and a context word.
        kept_share: share of the corpus's tokens that are kept.
    """
    found = list(_in_common(corpus, keep, window, kept_share, _APART))
    by_chance = sum(one.alike_by_chance for one in found) / max(sum(one.targets for one in found), 1)
    return max((max(one.mean, _WEIGHT * one.share_alike(by_chance)) for one in found), default=0.0)


def likeness_of_inputs(corpus: Run, keep: np.ndarray, window: int, kept_share: float, stride: int) -> float:
    """Return which share of its context words an input of skip-gram has in common with another one of its block.

    That is one, two or three times `stride` places on, less what it has in common with any other input.

    Args:
        corpus, keep, window, kept_share: as `likeness` takes them.
        stride: how many kept tokens the inputs of a block are apart.
    """
    found = _in_common(corpus, keep, window, kept_share, _distances(stride))
    return max((one.mean for one in found), default=0.0)


def _distances(stride: int) -> tuple[int, ...]:
    return stride, 2 * stride, 3 * stride


class _InCommon(NamedTuple):
    """What targets have in common with those at a distance.

    Attributes:
        mean: the share of all context words, less what they have in common with any other target.
        targets: number of targets.
        alike: number of those that are like the other one. The place of the corpus that has most of them, of 16, does
            not count: it may be the only table of a text.
        alike_by_chance: number of those that are like any other.
    """

    mean: float
    targets: int
    alike: int
    alike_by_chance: int

    def share_alike(self, by_chance: float) -> float:
        """Return the share of the targets that are like the other one by more than chance.

        Four standard deviations of what `by_chance`, the share that are like any other, lets expect do not count: it
        is the largest of several samples that matters.
        """
        expected = by_chance * self.targets
        return (self.alike - expected - 4 * math.sqrt(expected)) / self.targets


def _in_common(
    corpus: Run, keep: np.ndarray, window: int, kept_share: float, distances: Sequence[int]
) -> Iterator[_InCommon]:
    """Yield what targets have in common with those at each distance that the corpus has.

    Args:
        corpus, keep, window, kept_share: as `likeness` takes them.
        distances: in kept tokens.
    """
    if len(corpus.tokens) < _LEAST_TOKENS:
        return
    reach = min(window, _REACH)
    ids, sentence, place = kept_at_places(corpus, keep, kept_share, _TOKENS_PER_PLACE)
    # (2 reach + 1, n) words of each target's window, -1 where it has none, and for the target itself
    context = np.where(_around(sentence, reach) == sentence, _around(ids.astype(np.int32), reach), -1)
    context[reach] = -1
    for apart in distances:
        first = np.flatnonzero(place[:-apart] == place[apart:])
        if not len(first):
            continue
        first = first[:: math.ceil(len(first) / _PAIRS)]
        # `take` leaves rows in memory, and indexing columns, of which the comparison takes four times as long.
        mine, others = context.take(first, 1), context.take(first + apart, 1)
        there = mine >= 0
        words = there.sum(0)
        # (2, targets) of the other target's window, and of any other
        common = np.stack([_also_there(mine, those) for those in (others, np.roll(others, len(first) // 2, axis=1))])
        mean, by_chance = common.sum(1) / max(int(words.sum()), 1)
        alike, alike_by_chance = (words >= _LEAST_CONTEXT) & (common > _ALIKE * words)
        elsewhere = int(alike.sum() - np.bincount(place[first], alike).max())
        yield _InCommon(float(mean - by_chance), len(first), elsewhere, int(alike_by_chance.sum()))


def likeness_of_chunk(
    chunk: Chunk, keep: np.ndarray, window: int, kept_share: float, enough: float, stride: int = 0
) -> float:
    """Return the likeness of a chunk, or 0 where a quick look says that it is not above `enough`.

    The quick look takes some 0.3 ms, two percent of the training time of 100,000 words. It asks which share of the
    tokens are there again at such a distance, or not further from there than a window reaches, less those that are
    as near to any other place, each token counted as often as subsampling keeps it: nearly always more than half of the
    mean that `likeness` has. Of a chunk that is text for the most part it finds rows that are a sixth of it or more.

    Args:
        chunk: its tokens are rows.
        keep, window, kept_share: as `likeness` takes them.
        enough: from where on the likeness is to be known.
        stride: of the inputs of skip-gram, as `likeness_of_inputs` takes it; 0 for CBOW.
    """
    tokens, n = chunk.tokens, len(chunk.tokens)
    share = max(kept_share_of(tokens, keep), 1e-9)
    distances = _distances(stride) if stride else _APART
    reach, apart = min(int(min(window, _REACH) / share), _MOST_REACH), np.array(distances) / share
    width = int(apart[-1]) + reach + 1
    if n >= max(_LEAST_TOKENS, 2 * width):
        looks = min(max(n // _EVERY, _LEAST_LOOKS), _MOST_LOOKS)
        # not at equal distances, all of which may be of one column of a table
        first = ((np.arange(looks) + np.arange(looks) * _GOLDEN % 1) * ((n - width) / looks)).astype(np.int64)
        words = tokens[first]
        shares = np.where(words >= 0, keep[np.maximum(words, 0)].astype(np.float64), 0.0)
        any_others = [np.roll(first, looks * part // 4) + reach for part in (1, 2, 3)]
        places = np.column_stack([first[:, None] + apart.astype(np.int64), *any_others])
        near = tokens[places[:, :, None] + np.arange(-reach, reach + 1)]  # (looks, distances + 3, 2 reach + 1)
        again = shares @ (near == words[:, None, None]).any(2)
        if again[: len(apart)].max() - again[len(apart) :].mean() <= min(enough / 2, _OF_TEXT) * shares.sum():
            return 0.0
    part = Encoded(tokens, chunk.offsets), keep, window, kept_share
    return likeness_of_inputs(*part, stride) if stride else likeness(*part)


def period(corpus: Run, keep: np.ndarray, kept_share: float, distance: int, other: int) -> float:
    """Return how many more of the kept tokens are there again at a distance than at another one.

    It is the largest difference of the shares at these distances, at twice and at three times them, where the other one
    counts half as much again, since with few words both vary: 0 and less for text, .01 and more where rows of a table
    that are as wide as the distance, or two or three times as wide, follow one another, and where a column has so few
    values that it matters.

    Args:
        corpus, keep, kept_share: as `likeness` takes them.
        distance, other: in kept tokens.
    """
    if len(corpus.tokens) < _LEAST_TOKENS:
        return 0.0
    ids, _, place = kept_at_places(corpus, keep, kept_share, _TOKENS_FOR_PERIODS + 3 * max(distance, other))

    def again(apart: int) -> float:
        together = place[apart:] == place[:-apart]
        return float((ids[apart:] == ids[:-apart])[together].mean()) if together.any() else 0.0

    return max(again(times * distance) - 1.5 * again(times * other) for times in (1, 2, 3))


def _around(numbers: np.ndarray, reach: int) -> np.ndarray:
    """Return a view of (n,) numbers as (2 reach + 1, n): those up to so many places before each, to those behind."""
    nothing = np.full(reach, -1, numbers.dtype)
    return np.lib.stride_tricks.sliding_window_view(np.concatenate([nothing, numbers, nothing]), len(numbers))


def _also_there(windows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return how many words of each window, a column of (n, m) with -1 for none, are in the other one of its column."""
    return ((windows >= 0) & (windows[:, None] == others).any(1)).sum(0)
