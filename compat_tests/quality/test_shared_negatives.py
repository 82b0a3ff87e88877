"""Corpora that lose what tells words apart where targets share negatives, however fresh their hidden layers are."""

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality import alike
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import layouts
from torch_w2v.engines.plan import Layout

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

TOKENS = 100_000
OWN = 0.7  # share of the items of a session that are of its group


def playlists():
    """Playlists of 64 songs, each played four to eleven times: targets 64 places apart are the same song."""
    draw, found = np.random.default_rng(1), []
    for songs in alike.sessions(draw, 60, 25, 64, OWN):
        if sum(map(len, found)) >= TOKENS:
            return found
        found.append(songs * int(draw.integers(4, 12)))


def long_sessions(tokens=TOKENS):
    """Sessions of 400 tokens, each item twice in a row on average."""
    draw, found = np.random.default_rng(1), []
    for items in alike.sessions(draw, 60, 15, 200, OWN):
        if sum(map(len, found)) >= tokens:
            return found
        found.append([item for item in items for _ in range(draw.geometric(0.5))])


@pytest.mark.parametrize(
    ("make", "options", "shared"),
    [
        # large steps, and targets that would share negatives are alike
        (playlists, {"alpha": 0.1, "window": 13}, lambda workload: Layout(T=128, S=64, N=5, by_set=True)),
        # many epochs
        pytest.param(
            long_sessions,
            {"alpha": 0.03, "window": 10, "epochs": 30},
            lambda workload: Layout(T=64, S=16, N=6, fresh=True),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_precision(make, options, shared, monkeypatch):
    corpus = make()

    def of(package):
        settings = {"vector_size": 32, "min_count": 1, "sample": 0, "workers": 1, "seed": 1, **options}
        return precision(package.Word2Vec(corpus, **settings).wv)

    wanted = of(gensim.models)
    assert of(torch_w2v) > wanted - 0.03
    monkeypatch.setattr(layouts, "one_block_per_step", shared)
    assert of(torch_w2v) < wanted - 0.05


@pytest.mark.slow
def test_epochs_of_many_calls_count():
    corpus, options = long_sessions(TOKENS // 2), {"alpha": 0.03, "window": 10}
    settings = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "seed": 1, **options}

    def of(package):
        model = package.Word2Vec(**settings)
        model.build_vocab(corpus)
        for _ in range(30):
            model.train(corpus, total_examples=model.corpus_count, epochs=1)
        return precision(model.wv)

    assert of(torch_w2v) > of(gensim.models) - 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("length", "own", "window"), [(50, 0.3, 9), (200, 0.4, 8)])
def test_many_epochs_over_items_that_do_not_repeat(length, own, window, monkeypatch):
    corpus = alike.mixed(np.random.default_rng(1), length, own, TOKENS // 2)

    def of(package):
        settings = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "alpha": 0.05, "window": window}
        return precision(package.Word2Vec(corpus, **settings, seed=1, epochs=50).wv)

    wanted = of(gensim.models)
    assert of(torch_w2v) > wanted - 0.01
    for name in ("_LONG_TRAINING", "_SHORT_TRAINING"):
        monkeypatch.setattr(layouts, name, 10.0)
    assert of(torch_w2v) < wanted - 0.01
