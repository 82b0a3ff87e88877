"""Rows of a table in order, most of whose fields stay, and chords played again: targets some places apart are alike."""

from itertools import chain

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import layouts, plan

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

TOKENS = 150_000
FIELDS, KINDS = 8, 30  # of a log


def lines():
    """Lines of a log with eight fields, 40 in a sentence; a field keeps its value mostly, or has one of the kind."""
    draw = np.random.default_rng(45)
    kind, values, found = 0, [(0, 0)] * FIELDS, []
    for _ in range(TOKENS // FIELDS):
        if draw.random() < 0.01:
            kind = int(draw.integers(KINDS))
        for field in range(FIELDS):
            if draw.random() < 0.06:
                values[field] = (kind if draw.random() < 0.9 else int(draw.integers(KINDS)), int(draw.integers(2)))
        found.append([f"{of_kind}/{field}:{value}" for field, (of_kind, value) in enumerate(values)])
    return [list(chain(*found[i : i + 40])) for i in range(0, len(found), 40)]


def chords():
    """Eight chords of three notes in one of twelve keys, each played four times; a key has fifteen notes."""
    draw, found, tokens = np.random.default_rng(1), [], 0
    while tokens < TOKENS:
        key = int(draw.integers(12))
        played = [[f"{key}/{voice}:{draw.integers(5)}" for voice in range(3)] * 4 for _ in range(8)]
        found.append(list(chain(*played)))
        tokens += len(found[-1])
    return found


def of_one_kind(cls, corpus, alpha):
    options = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "alpha": alpha, "seed": 1}
    return precision(cls(corpus, **options).wv)


@pytest.mark.parametrize(("make", "alpha"), [(lines, 0.05), (chords, 0.025)])
def test_precision(make, alpha, monkeypatch):
    corpus = make()
    wanted = of_one_kind(gensim.models.Word2Vec, corpus, alpha)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, alpha) > wanted - 0.03
    # they share negatives
    monkeypatch.setattr(plan, "_ALIKE", 10.0)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, alpha) < wanted - 0.05


def table(columns):
    """Twenty rows per sentence, each of one of ten kinds; a field has one of three values of that kind, or of any."""
    draw = np.random.default_rng(1)
    rows = 400_000 // columns // 20 * 20
    kinds = draw.integers(10, size=(rows, 1))
    kinds = np.where(draw.random((rows, columns)) < 0.62, draw.integers(10, size=(rows, columns)), kinds)
    values = draw.integers(3, size=(rows, columns))
    names = np.array([[[f"{k}/{c}:{v}" for v in range(3)] for c in range(columns)] for k in range(10)], object)
    return names[kinds, np.arange(columns), values].reshape(-1, 20 * columns).tolist()


def test_skip_gram_on_a_table_as_wide_as_its_inputs_are_apart(monkeypatch):
    """Inputs that share negatives would all be of one column."""
    corpus = table(layouts.STRIDE)

    def of_one_kind(cls):
        options = {"vector_size": 32, "min_count": 1, "sample": 0, "window": 10, "epochs": 1, "workers": 1, "sg": 1}
        return precision(cls(corpus, seed=1, **options).wv)

    wanted = of_one_kind(gensim.models.Word2Vec)
    found = of_one_kind(torch_w2v.Word2Vec)
    monkeypatch.setattr(layouts, "_PERIODIC", 1.0)
    of_one_column = of_one_kind(torch_w2v.Word2Vec)
    assert found > wanted - 0.03, (wanted, found)
    assert of_one_column < wanted - 0.05, (wanted, of_one_column)
