"""How often words repeat within a short stretch of a corpus: what the layout of training is chosen by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.corpus.store import Encoded, Run
from torch_w2v.statistics.samples import PLACES, kept_at_places, kept_share_of

# number of targets of a stretch that is looked at
STRETCH = 32
# in all places of a sample together, at most: stretches, and context words that they reach
_MAX_STRETCHES, _MAX_READS = 256, 32_768
# rows in all stretches: with no more there is a shorter way
_FEW = 4_096
# beyond this window the result of this window is scaled up
_MAX_WINDOW = 1_000
# weight of what a context row gets from another sentence, which hidden layers do not follow, in CBOW
OTHER_SENTENCES = 25.0
# Stretches of a chunk that are looked at, and targets of one from where on its context is as good as all of it; and
# tokens of all stretches, where subsampling drops so much that they are long, but four stretches at least.
_STRETCHES_OF_CHUNK, _FAR, _MOST_LOOKED_AT = 64, 96, 16_384


def repetition(
    corpus: Run,
    keep: np.ndarray,
    window: int,
    shrink_windows: bool,
    kept_share: float,
    other_sentences: float = 0.0,
    most: int = _MAX_STRETCHES,
) -> float:
    """Return how many gradients the row of a context word gets from a stretch of 32 targets, on average over its reads.

    With n_w the number of (target, place in its window) pairs of a stretch where word w is, this is
    sum n_w^2 / sum n_w: 1 where no row is read twice, 5 to 30 for English, above 70 for runs of ten equal items. It is
    estimated from a sample that is always the same, in a time that does not depend on the size of the corpus.

    Where words repeat from sentence to sentence, as in the edges of a graph that are sorted by their first node, it is
    `other_sentences` times what comes from other sentences than the read's, if that is more: with n_ws the pairs of
    word w in sentence s, and E_w what n_w is on average over all stretches,
    (sum n_w^2 - sum n_ws^2 - sum E_w^2) / sum n_w. A word that is everywhere does not count: what its row gets has no
    common direction.

    Args:
        corpus: the encoded corpus, or its beginning.
        keep: (V,) uint32 thresholds of subsampling: word w is kept with probability keep[w] / 2**32.
        window: largest distance between a target and a context word.
        shrink_windows: windows are drawn from 1 to `window`.
        kept_share: share of the corpus's tokens that are kept.
        other_sentences: weight of what comes from other sentences; 0 where that does not matter.
        most: stretches of the sample, at most.
    """
    n = len(corpus.tokens)
    if n == 0:
        return 1.0
    reach = min(window, _MAX_WINDOW)
    stretches = max(PLACES, min(most, _MAX_READS // (STRETCH + 2 * reach)))
    kept_per_place = STRETCH * stretches // PLACES + 2 * reach
    ids, sentence, _ = kept_at_places(corpus, keep, kept_share, kept_per_place)
    estimate = _of_kept(ids, sentence, reach, shrink_windows, stretches, other_sentences)
    if reach < window and estimate > 1 and reach < int(np.diff(corpus.offsets).max()):
        estimate *= window / reach
    return estimate


def repetition_of_chunk(
    chunk: Chunk,
    keep: np.ndarray,
    window: int,
    shrink_windows: bool,
    kept_share: float,
    other_sentences: float,
    context_words: float,
    enough: float,
) -> float:
    """Return the repetition of a chunk, or 0 where a quick look says that it is not above `enough`.

    The quick look takes a hundredth of the training time of a chunk of text at most, so that every one can have it. It
    counts how often the tokens of a stretch are there, as many as subsampling is expected to keep of them, as if each
    had all of its context in the stretch: that is nearly always more than the repetition.

    Args:
        chunk: its tokens are rows.
        keep, window, shrink_windows, kept_share, other_sentences: as `repetition` takes them.
        context_words: expected number of context words per target.
        enough: from where on the repetition is to be known.
    """
    n = len(chunk.tokens)
    length = int((STRETCH + min(context_words, _FAR)) / max(kept_share_of(chunk.tokens, keep), 1e-9))
    if n >= length:
        stretches = min(_STRETCHES_OF_CHUNK, n // length, max(4, _MOST_LOOKED_AT // length))
        starts = np.linspace(0, n - length, stretches).astype(np.int64)
        place = starts[:, None] + np.arange(length)
        words, reads = chunk.tokens[place], min(context_words, STRETCH)
        there = _times_kept(words, keep)
        if there * reads <= enough:
            of_others = there - 1
            if other_sentences * of_others * reads > enough:
                sentences = len(chunk.offsets)
                sentence = np.searchsorted(chunk.offsets, place, side="right") - 1
                of_others = there - _times_kept(words.astype(np.int64) * sentences + sentence, keep, sentences)
            if other_sentences * of_others * reads <= enough:
                return 0.0
    encoded = Encoded(chunk.tokens, chunk.offsets)
    return repetition(encoded, keep, window, shrink_windows, kept_share, other_sentences, _STRETCHES_OF_CHUNK)


def _times_kept(words: np.ndarray, keep: np.ndarray, per_word: int = 1) -> float:
    """Return how often what is kept of stretches is there, in its stretch, on average over what is expected to be kept.

    Args:
        words: (stretches, n) numbers; each word has `per_word` of them, from `per_word` times its row on.
        keep: (V,) uint32 thresholds of subsampling.
        per_word: how many numbers a word has.
    """
    words = np.sort(words, axis=1).ravel()
    # the edges of equal words; two stretches that meet in one word count as one, which is rare and errs upwards
    edges = np.append(np.flatnonzero(words[1:] != words[:-1]), len(words) - 1)
    times = np.diff(edges, prepend=-1)
    rows = words[edges] // per_word
    share = np.where(rows >= 0, keep[np.maximum(rows, 0)] * 2.0**-32, 0.0)
    kept = share * times
    return float((kept * (kept + 1 - share)).sum() / max(kept.sum(), 1e-9))


def _of_kept(
    ids: np.ndarray, sentence: np.ndarray, window: int, shrink_windows: bool, stretches: int, other_sentences: float
) -> float:
    """Return `repetition` over at most `stretches` stretches of kept tokens.

    Args:
        ids: (n,) int64 rows.
        sentence: (n,) number of each token's sentence.
        window, shrink_windows, other_sentences: as `repetition`.
        stretches: how many to look at.
    """
    n = len(ids)
    if n < 2:
        return 1.0
    edges = np.flatnonzero(sentence[1:] != sentence[:-1]) + 1
    first, last = np.append(0, edges), np.append(edges, n)
    of = np.repeat(np.arange(len(first)), last - first)
    # (n,) the edges of a place's sentence
    first, last = first[of], last[of]

    begin = np.arange(0, n, STRETCH)
    begin = begin[:: -(-len(begin) // stretches)]
    # (stretches, all that a stretch can reach)
    place = begin[:, None] + np.arange(-window, STRETCH + window)
    inside = (place >= 0) & (place < n)
    place, stretch = place[inside], np.nonzero(inside)[0]
    # the stretch's targets in the place's sentence
    low = np.maximum(begin[stretch], first[place])
    high = np.minimum(np.minimum(begin[stretch] + STRETCH, n), last[place])
    above, below = (
        _chances_below(window, shrink_windows)[np.minimum(np.maximum(edge - place + window, 0), 2 * window + 1)]
        for edge in (high, low)
    )
    pairs = np.where(high > low, above - below, 0.0)

    reads = max(float(pairs.sum()), 1e-9)
    together = _squares(stretch, ids[place], pairs)
    of_others = 0.0
    if other_sentences and of[-1] > 0:
        within = _squares(stretch * (of[-1] + 1) + of[place], ids[place], pairs)
        everywhere = _squares(np.zeros_like(stretch), ids[place], pairs) / len(begin)
        of_others = other_sentences * (together - within - everywhere)
    return max(1.0, together / reads, of_others / reads)


@lru_cache(maxsize=8)
def _chances_below(window: int, shrink_windows: bool) -> np.ndarray:
    """Return the sums of the chances that the window of a target reaches a place, over the targets below a distance.

    Element i is for those at distances from -window to i - window - 1, (2 * window + 2,) float64. A target is not in
    its own window.
    """
    distance = np.abs(np.arange(-window, window + 1))
    chance = (window + 1 - distance) / window if shrink_windows else np.ones(2 * window + 1)
    chance[window] = 0
    return np.append(0, np.cumsum(chance))


def _squares(group: np.ndarray, ids: np.ndarray, pairs: np.ndarray) -> float:
    """Return the sum, over all groups and rows, of the squares of the pairs of a row in a group."""
    rows = int(ids.max()) + 1
    which = group * rows + ids
    if (int(group[-1]) + 1) * rows > _FEW:
        which = np.unique(which, return_inverse=True)[1]
    return float((np.bincount(which, pairs) ** 2).sum())
