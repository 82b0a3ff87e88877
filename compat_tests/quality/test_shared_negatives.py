"""Corpora that lose what tells words apart where targets share negatives, however fresh their hidden layers are."""

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import layouts
from torch_w2v.engines.plan import Layout

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

TOKENS = 100_000
OWN = 0.7  # share of the items of a session that are of its group


def sessions(draw, groups, size, length):
    """Items of sessions: most of one group each."""
    while True:
        own = int(draw.integers(groups))
        group = np.where(draw.random(length) < OWN, own, draw.integers(groups, size=length))
        yield [f"{g}/{i}" for g, i in zip(group, draw.integers(size, size=length), strict=True)]


def playlists():
    """Playlists of 64 songs, each played four to eleven times: targets 64 places apart are the same song."""
    draw, found = np.random.default_rng(1), []
    for songs in sessions(draw, 60, 25, 64):
        if sum(map(len, found)) >= TOKENS:
            return found
        found.append(songs * int(draw.integers(4, 12)))


def long_sessions():
    """Sessions of 400 tokens, each item twice in a row on average."""
    draw, found = np.random.default_rng(1), []
    for items in sessions(draw, 60, 15, 200):
        if sum(map(len, found)) >= TOKENS:
            return found
        found.append([item for item in items for _ in range(draw.geometric(0.5))])


@pytest.mark.parametrize(
    ("make", "options", "shared"),
    [
        # large steps, and targets that would share negatives are alike
        (playlists, {"alpha": 0.1, "window": 13}, lambda workload: Layout(T=128, S=64, N=5, by_set=True)),
        # many epochs
        (long_sessions, {"alpha": 0.03, "window": 10, "epochs": 30}, layouts.block_that_follows),
    ],
)
def test_precision(make, options, shared, monkeypatch):
    corpus = make()

    def of(package):
        settings = {"vector_size": 64, "min_count": 1, "sample": 0, "workers": 1, "seed": 1, **options}
        return precision(package.Word2Vec(corpus, **settings).wv)

    wanted = of(gensim.models)
    assert of(torch_w2v) > wanted - 0.03
    monkeypatch.setattr(layouts, "one_block_per_step", shared)
    assert of(torch_w2v) < wanted - 0.05
