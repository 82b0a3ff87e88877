"""The estimate from a sample is what counting every pair gives, and tells runs from text."""

import numpy as np
import pytest

from torch_w2v.corpus.store import Encoded
from torch_w2v.statistics.repetition import STRETCH, repetition

ALL = np.full(1000, 2**32 - 1, np.uint32)


def encoded(*sentences):
    lengths = [len(sentence) for sentence in sentences]
    return Encoded(np.concatenate(sentences).astype(np.int32), np.cumsum([0, *lengths]))


def counted(corpus, window, shrink):
    """Every (target, place) pair of every stretch, by the chance that the target's window reaches the place."""
    squares = total = 0.0
    n = len(corpus.tokens)
    sentence = np.searchsorted(corpus.offsets, np.arange(n), side="right")
    for start in range(0, n, STRETCH):
        reads = {}
        for t in range(start, min(start + STRETCH, n)):
            for c in range(max(0, t - window), min(n, t + window + 1)):
                if c != t and sentence[c] == sentence[t]:
                    chance = (window + 1 - abs(c - t)) / window if shrink else 1
                    reads[corpus.tokens[c]] = reads.get(corpus.tokens[c], 0) + chance
        squares += sum(n_w**2 for n_w in reads.values())
        total += sum(reads.values())
    return max(1.0, squares / total)


@pytest.mark.parametrize("step", [1, 50])  # between the rows: there are few of them, or many
@pytest.mark.parametrize("shrink", [True, False])
@pytest.mark.parametrize("window", [1, 5, 40])
def test_counts_what_there_is(window, shrink, step):
    draw = np.random.default_rng(window)
    corpus = encoded(*(step * draw.integers(0, 20, size) for size in (100, 1, 2, 33, 64, 7)))
    assert repetition(corpus, ALL, window, shrink, 1.0) == pytest.approx(counted(corpus, window, shrink))


def test_nothing_and_nothing_known():
    empty = Encoded(np.zeros(0, np.int32), np.zeros(1, np.int64))
    assert repetition(empty, ALL, 5, True, 1.0) == 1
    assert repetition(encoded(np.full(50, -1)), ALL, 5, True, 0.0) == 1
    assert repetition(encoded([0]), ALL, 5, True, 1.0) == 1


def test_tokens_of_another_vocabulary():
    draw = np.random.default_rng(0)
    corpus = encoded(draw.integers(0, 20, 300))
    rows = draw.permutation(20).astype(np.int32)
    other = Encoded(np.argsort(rows)[corpus.tokens].astype(np.int32), corpus.offsets, rows=rows)
    keep = draw.integers(0, 2**32, 20, dtype=np.uint32)
    assert repetition(other, keep, 5, True, 0.5) == repetition(corpus, keep, 5, True, 0.5)


def test_runs_repeat_and_text_does_not():
    draw = np.random.default_rng(0)
    runs = encoded(*(np.repeat(draw.integers(0, 1000, 6), 10) for _ in range(2000)))
    zipf = encoded(*(draw.zipf(1.3, 20).clip(max=999) for _ in range(5000)))
    share = np.bincount(zipf.tokens, minlength=1000) / len(zipf.tokens)
    subsampled = (np.minimum(1, 0.01 / np.maximum(share, 1e-9)) * (2**32 - 1)).astype(np.uint32)
    assert repetition(runs, ALL, 10, True, 1.0) > 70
    assert repetition(zipf, subsampled, 5, True, 0.3) < 20


def test_the_cost_does_not_depend_on_the_corpus(monkeypatch):
    sizes, unique = [], np.unique
    monkeypatch.setattr(np, "unique", lambda x, **options: sizes.append(len(x)) or unique(x, **options))
    draw = np.random.default_rng(0)
    for window in (5, 50, 500, 100_000):
        corpus = encoded(*(draw.integers(0, 1000, 100_000) for _ in range(10)))
        repetition(corpus, ALL, window, True, 1.0)
    assert max(sizes) < 50_000
