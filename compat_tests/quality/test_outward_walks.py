"""Where neighbours are much alike: walks that do not turn back, as node2vec's with a small q, and fixed orders."""

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import KERNEL
from torch_w2v.engines import layouts, plan
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.plan import Layout, Objective

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

SIDE, LENGTH, WALKS = 20, 40, 1_600


def walks():
    """Walks of 40 nodes, each step to a neighbour that is not the node before the last step."""
    draw = np.random.default_rng(43)
    found = []
    for number in range(WALKS):
        walk = [divmod(number % SIDE**2, SIDE)]
        while len(walk) < LENGTH:
            x, y = walk[-1]
            near = [(x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
            near = [node for node in near if min(node) >= 0 and max(node) < SIDE and node not in walk[-2:-1]]
            walk.append(near[int(draw.integers(len(near)))])
        found.append([f"{x},{y}" for x, y in walk])
    return found


def nearness(wv):
    """Return the share of the five nearest neighbours that are two steps away at most, over all nodes."""
    unit = wv.get_normed_vectors()
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    nearest = np.argsort(-cosine, 1)[:, :5]
    place = np.array([list(map(int, word.split(","))) for word in wv.index_to_key])
    return float((np.abs(place[nearest] - place[:, None]).sum(2) <= 2).mean())


def mean(cls, corpus, seeds, **options):
    fixed = {"vector_size": 64, "min_count": 1, "sample": 0, "workers": 1, "alpha": 0.1}
    return np.mean([nearness(cls(corpus, **fixed, **options, seed=seed).wv) for seed in seeds])


def test_sums(monkeypatch):
    corpus, options = walks(), {"seeds": (1, 2), "cbow_mean": 0, "window": 20}
    wanted = mean(gensim.models.Word2Vec, corpus, **options)
    assert mean(torch_w2v.Word2Vec, corpus, **options) > wanted - 0.03
    # samples with scores between 6 and 7, which gensim skips
    monkeypatch.setattr(Objective, "largest_score", 7.0)
    assert mean(torch_w2v.Word2Vec, corpus, **options) < wanted - 0.05


def test_skip_gram(monkeypatch):
    corpus, options = walks(), {"seeds": (1,), "sg": 1, "window": 10}
    wanted = mean(gensim.models.Word2Vec, corpus, **options)
    assert mean(torch_w2v.Word2Vec, corpus, **options) > wanted - 0.03
    # four consecutive inputs share negatives
    monkeypatch.setattr(CpuEngine, "layout", lambda self, workload: Layout(T=4, S=7, N=8, G=4, fresh=True))
    assert mean(torch_w2v.Word2Vec, corpus, **options) < wanted - 0.03


def alleles():
    """Sentences of 150 alleles in the order of a genome, A or B in each place; ten places on end have three forms."""
    draw = np.random.default_rng(44)
    found = []
    for _ in range(270):
        sentence = []
        for block in range(15):
            form = int(draw.integers(3))
            sentence += [f"{block}:{i}{'AB'[(i * (form + 1) + i * i * form // 3 + block) % 2]}" for i in range(10)]
        found.append(sentence)
    return found


def same_block(wv):
    """Return the share of the five nearest neighbours that are of the same ten places, over all alleles."""
    block = np.array([int(word.split(":")[0]) for word in wv.index_to_key])
    unit = wv.get_normed_vectors()
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    return float((block[np.argsort(-cosine, 1)[:, :5]] == block[:, None]).mean())


def test_a_fixed_order(monkeypatch):
    corpus, options = alleles(), {"vector_size": 64, "min_count": 1, "sample": 0, "sg": 1, "workers": 1, "alpha": 0.05}
    wanted = same_block(gensim.models.Word2Vec(corpus, **options).wv)
    assert same_block(torch_w2v.Word2Vec(corpus, **options).wv) > wanted - 0.03
    # neighbours share negatives
    monkeypatch.setattr(layouts, "STRIDE", 1)
    monkeypatch.setattr(plan, "_ALIKE_INPUTS", 100.0)
    monkeypatch.setattr(layouts, "LITTLE_ALIKE", 100.0)
    assert same_block(torch_w2v.Word2Vec(corpus, **options).wv) < wanted - 0.05
