"""gensim's choice of the words that stay in the vocabulary, over arrays instead of word by word."""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

# The lines of the log are gensim's.
logger = logging.getLogger("gensim.models.word2vec")


class ExponentError(ValueError):
    """`ns_exponent` makes frequencies of negatives that are all 0, or not finite."""


def cumulative_powers(model: PlainWord2Vec) -> np.ndarray:
    """Return the sums of count**ns_exponent up to each word, (V,) float64.

    Args:
        model: with a vocabulary, which may be empty.

    Raises:
        ExponentError: the sum is 0, or not finite.
    """
    counts = model.wv.expandos["count"] if model.wv.index_to_key else np.zeros(0)
    with np.errstate(all="ignore"):
        power: np.ndarray = np.cumsum(counts ** float(model.ns_exponent))
    if len(power) and not 0 < power[-1] < np.inf:
        raise ExponentError(
            f"ns_exponent={model.ns_exponent}: the sum of count**ns_exponent over the vocabulary is {power[-1]}; use "
            "an exponent nearer to 0.75, and no counts of 0 with a negative one"
        )
    return power


def countable(raw_vocab: dict[Hashable, Any]) -> np.ndarray | None:
    """Return the counts of a raw vocabulary, (n,) int64; None where they are not all positive integers."""
    counts = np.array(list(raw_vocab.values())) if raw_vocab else np.zeros(0, np.int64)
    return counts.astype(np.int64) if counts.dtype.kind == "i" and (counts > 0).all() else None


def forget(model: PlainWord2Vec) -> None:
    """Drop the vectors, lock factors and counts of an earlier vocabulary, which gensim would give to other words."""
    wv = model.wv
    wv.expandos.clear()
    if len(wv.vectors):
        wv.vectors = np.zeros((0, wv.vector_size), np.float32)
        wv.vectors_lockf = np.ones(1, np.float32)
        wv.norms = None


def keep_probability(counts: np.ndarray, sample: float) -> np.ndarray:
    """Return the probability with which gensim's subsampling of frequent words keeps each word.

    A word of count c is kept with the probability min(1, (sqrt(c / t) + 1) * t / c). The threshold t is a share of the
    corpus, sample * counts.sum(), or for sample >= 1 the count int(sample * (3 + sqrt(5)) / 2): a word with `sample`
    occurrences is then just kept.

    Args:
        counts: numbers (V,), the frequencies of the words; one below 1 is taken as 1.
        sample: a share of the corpus below 1, a count of at least 1, or 0 to keep every word.

    Returns:
        float64 (V,).
    """
    if not sample:
        return np.ones(len(counts))
    threshold = sample * counts.sum() if sample < 1 else int(sample * (3 + np.sqrt(5)) / 2)
    counts = np.maximum(counts, 1)
    # A threshold that underflowed to 0 keeps no word, instead of dividing by it.
    return np.minimum(1, (np.sqrt(counts / max(threshold, 1e-300)) + 1) * (threshold / counts))


def prepare(
    model: PlainWord2Vec,
    counts: np.ndarray,
    keep_raw_vocab: bool,
    min_count: int | None,
    sample: float | None,
    dry_run: bool,
) -> dict[str, int]:
    """Do what gensim's `prepare_vocab` does for a fresh vocabulary without a `trim_rule`.

    Results, log lines and lifecycle events are gensim's, which takes some 7 µs per word, most of them in its setters.

    Args:
        model: the model; `raw_vocab` has its words.
        counts: (n,) int64, the counts of `model.raw_vocab`, as `countable` returns them.
        keep_raw_vocab: leave `model.raw_vocab` as it is.
        min_count: words that occur less often go; the model's if None or 0.
        sample: threshold of subsampling; the model's if None or 0.
        dry_run: change nothing in the model.

    Returns:
        gensim's dictionary of counts.
    """
    min_count, sample = min_count or model.min_count, sample or model.sample
    _set_effective_min_count(model, counts, min_count)
    logger.info("Creating a fresh vocabulary")
    stay = counts >= model.effective_min_count
    kept_counts = counts[stay]
    V, total = len(kept_counts), int(kept_counts.sum())
    # gensim sorts afterwards, which makes list and dictionary twice; so does this where there is more to sort.
    sort_now = model.sorted_vocab and not (dry_run or model.null_word or len(model.wv.vectors) or model.wv.expandos)
    order = np.arange(V)
    if sort_now:
        # as in KeyedVectors.sort_by_descending_frequency
        order = np.lexsort((-order, -kept_counts))
    if not dry_run:
        model.min_count, model.sample = min_count, sample
        words = list(itertools.compress(model.raw_vocab, stay.tolist()))
        if sort_now:
            words = list(map(words.__getitem__, order.tolist()))
        model.wv.index_to_key = words
        model.wv.key_to_index = dict(zip(words, range(V), strict=True))
    _add_choice_events(model, counts, V, total)

    probability = keep_probability(kept_counts, sample)
    downsampled = int((probability < 1).sum())
    # Added one after the other, as gensim does: the sum is logged to its last digit.
    words_left = float(np.cumsum(probability * kept_counts)[-1]) if V else 0.0
    words_left = words_left if downsampled else int(words_left)
    if not dry_run:
        if V:
            model.wv.allocate_vecattrs(attrs=["count", "sample_int"], types=[int, np.uint32])
            model.wv.expandos["count"][:] = kept_counts[order]
            model.wv.expandos["sample_int"][:] = (probability[order] * (2**32 - 1)).astype(np.uint32)
        if not keep_raw_vocab:
            logger.info("deleting the raw counts dictionary of %i items", len(model.raw_vocab))
            model.raw_vocab = defaultdict(int)
    logger.info("sample=%g downsamples %i most-common words", sample, downsampled)
    share = f"{words_left * 100.0 / max(total, 1):.1f}%%"  # both signs are gensim's
    _add_event(model, f"downsampling leaves estimated {words_left} word corpus ({share} of prior {total})")
    if model.null_word:
        model.add_null_word()
    if model.sorted_vocab and not sort_now:
        model.wv.sort_by_descending_frequency()
    if model.hs:
        model.create_binary_tree()
    if model.negative:
        model.make_cum_table()
    return {
        "drop_unique": len(counts) - V,
        "retain_total": total,
        "downsample_unique": downsampled,
        "downsample_total": int(words_left),
        "num_retained_words": V,
    }


def _set_effective_min_count(model: PlainWord2Vec, counts: np.ndarray, min_count: int) -> None:
    """Set the count from which on words stay, which `max_final_vocab` may make larger than `min_count`."""
    model.effective_min_count = min_count
    if model.max_final_vocab is None:
        return
    least = 1
    if model.max_final_vocab < len(counts):
        if int(model.max_final_vocab) != model.max_final_vocab:
            raise TypeError(f"max_final_vocab={model.max_final_vocab}: must be an integer")
        least = int(np.sort(counts)[::-1][int(model.max_final_vocab)]) + 1
    model.effective_min_count = max(least, min_count)
    _add_event(
        model,
        f"max_final_vocab={model.max_final_vocab} and min_count={min_count} resulted "
        f"in calc_min_count={least}, effective_min_count={model.effective_min_count}",
    )


def _add_choice_events(model: PlainWord2Vec, counts: np.ndarray, V: int, total: int) -> None:
    """Say which words stay.

    Args:
        model: the model.
        counts: (n,) of all words.
        V: number of words that stay.
        total: sum of their counts.
    """
    n, original = len(counts), int(counts.sum())
    words = f"retains {V} unique words ({V * 100 / max(n, 1):.2f}% of original {n}, drops {n - V})"
    share = f"{total * 100 / max(original, 1):.2f}% of original {original}"
    corpus = f"leaves {total} word corpus ({share}, drops {original - total})"
    for what in (words, corpus):
        _add_event(model, f"effective_min_count={model.effective_min_count} {what}")


def _add_event(model: PlainWord2Vec, message: str) -> None:
    model.add_lifecycle_event("prepare_vocab", msg=message)


def summary(model: PlainWord2Vec, report: Mapping[str, int]) -> str:
    """Return a line about the vocabulary of a model, and what its `min_count` leaves out.

    Args:
        model: has its vocabulary.
        report: what `prepare_vocab` has returned.
    """
    kept, dropped = report["num_retained_words"], report["drop_unique"]
    words = report["retain_total"]
    line = f"vocabulary: {kept:,} words, which occur {words:,} times"
    if dropped:
        every = max(model.corpus_total_words or 0, words, 1)
        line += (
            f"; min_count={model.effective_min_count} leaves out {dropped:,} words, "
            f"{1 - words / every:.1%} of the corpus"
        )
    return line
