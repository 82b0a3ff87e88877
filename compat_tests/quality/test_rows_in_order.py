"""Rows of a table in order, most of whose fields stay, and chords played again: targets some places apart are alike."""

from itertools import chain

import gensim.models
import numpy as np
import pytest
from gensim.models import KeyedVectors

import torch_w2v
from compat_tests.quality import alike
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import layouts, plan

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

TOKENS = 150_000


def lines():
    return alike.lines(np.random.default_rng(45))


def log_in_text():
    return alike.log_in_text(np.random.default_rng(3))


def chords():
    """Eight chords of three notes in one of twelve keys, each played four times; a key has fifteen notes."""
    draw, found, tokens = np.random.default_rng(1), [], 0
    while tokens < TOKENS:
        key = int(draw.integers(12))
        played = [[f"{key}/{voice}:{draw.integers(5)}" for voice in range(3)] * 4 for _ in range(8)]
        found.append(list(chain(*played)))
        tokens += len(found[-1])
    return found


def of_one_kind(cls, corpus, **more):
    """The precision of words with a kind, among these."""
    options = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "seed": 1, **more}
    vectors = cls(corpus, **options).wv
    words = [word for word in vectors.index_to_key if "/" in word]
    of_kinds = KeyedVectors(vectors.vector_size)
    of_kinds.add_vectors(words, vectors[words])
    return precision(of_kinds)


@pytest.mark.parametrize(
    ("make", "options"), [(lines, {"alpha": 0.05}), (chords, {}), (log_in_text, {"alpha": 0.05, "negative": 10})]
)
def test_precision(make, options, monkeypatch):
    corpus = make()
    wanted = of_one_kind(gensim.models.Word2Vec, corpus, **options)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, **options) > wanted - 0.03
    # they share negatives
    monkeypatch.setattr(plan, "_ALIKE", 100.0)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, **options) < wanted - 0.05


def test_skip_gram_whose_inputs_are_alike(monkeypatch):
    corpus = alike.lines(np.random.default_rng(45), 6, 0.15, 0.8, 50_000)
    options = {"sg": 1, "alpha": 0.05}
    wanted = of_one_kind(gensim.models.Word2Vec, corpus, **options)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, **options) > wanted - 0.03
    monkeypatch.setattr(plan, "_ALIKE_INPUTS", 10.0)
    monkeypatch.setattr(layouts, "LITTLE_ALIKE", 10.0)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, **options) < wanted - 0.05


def table(columns):
    """Twenty rows per sentence, each of one of ten kinds; a field has one of three values of that kind, or of any."""
    draw = np.random.default_rng(1)
    rows = 400_000 // columns // 20 * 20
    kinds = draw.integers(10, size=(rows, 1))
    kinds = np.where(draw.random((rows, columns)) < 0.62, draw.integers(10, size=(rows, columns)), kinds)
    values = draw.integers(3, size=(rows, columns))
    names = np.array([[[f"{k}/{c}:{v}" for v in range(3)] for c in range(columns)] for k in range(10)], object)
    return names[kinds, np.arange(columns), values].reshape(-1, 20 * columns).tolist()


@pytest.mark.slow
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
