"""Small corpora, whose words meet few negatives in all: what targets near one another share would hide what differs."""

from dataclasses import replace

import gensim.models
import numpy as np
import pytest
from scipy.stats import spearmanr

import torch_w2v
from compat_tests.quality import alike
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines.cpu.engine import CpuEngine

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

SIDE, WALKS, LENGTH = 20, 3, 20
SEEDS = (1, 2, 3)


def mean(cls, corpus, score, **options):
    options = {"vector_size": 64, "min_count": 1, "workers": 1, "alpha": 0.05, **options}
    return np.mean([score(cls(corpus, seed=seed, **options).wv) for seed in SEEDS])


@pytest.mark.slow
def test_documents_in_alphabetical_order(monkeypatch):
    corpus, options = alike.bags(np.random.default_rng(1)), {"sample": 0, "epochs": 8, "vector_size": 32}
    wanted = mean(gensim.models.Word2Vec, corpus, precision, **options)
    assert mean(torch_w2v.Word2Vec, corpus, precision, **options) > wanted - 0.015
    # targets 16 places apart share a set
    layout = CpuEngine.layout
    monkeypatch.setattr(CpuEngine, "layout", lambda self, workload: replace(layout(self, workload), S=16))
    assert mean(torch_w2v.Word2Vec, corpus, precision, **options) < wanted - 0.015


def walks_from_node_to_node():
    """Walks on a grid, all those of a node one after the other."""
    draw, found = np.random.default_rng(1), []
    for start in range(SIDE**2):
        for _ in range(WALKS):
            walk = [divmod(start, SIDE)]
            while len(walk) < LENGTH:
                x, y = walk[-1]
                near = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
                near = [(i, j) for i, j in near if 0 <= i < SIDE and 0 <= j < SIDE]
                walk.append(near[int(draw.integers(len(near)))])
            found.append([f"{x},{y}" for x, y in walk])
    return found


def nearness(wv):
    """Return the rank correlation of cosines with nearness on the grid, over pairs of nodes."""
    first, second = np.random.default_rng(2).integers(len(wv), size=(2, 20_000))
    unit, place = wv.get_normed_vectors(), np.array([list(map(int, word.split(","))) for word in wv.index_to_key])
    cosines, near = (unit[first] * unit[second]).sum(1), -np.abs(place[first] - place[second]).sum(1)
    return spearmanr(cosines, near)[0]


def test_walks_that_begin_at_each_node_in_turn(monkeypatch):
    corpus, options = walks_from_node_to_node(), {"sg": 1, "window": 10, "epochs": 4}
    wanted = mean(gensim.models.Word2Vec, corpus, nearness, **options)
    assert mean(torch_w2v.Word2Vec, corpus, nearness, **options) > wanted - 0.02
    # sixteen inputs share a set
    layout = CpuEngine.layout
    monkeypatch.setattr(CpuEngine, "layout", lambda self, workload: replace(layout(self, workload), T=16))
    assert mean(torch_w2v.Word2Vec, corpus, nearness, **options) < wanted - 0.03
