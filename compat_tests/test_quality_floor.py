"""Quality on the articles that gensim's wheel carries: ours beside gensim, same arguments, mean of three seeds."""

import gensim.models
import numpy as np
import pytest
from gensim.test.utils import datapath

import torch_w2v
from tests.helpers import GPU, KERNEL
from torch_w2v.cli.demo import demo_corpus

FLOOR = 0.03  # how far below gensim's the mean may lie; seeds differ by 0.01
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def sentences():
    return demo_corpus()


def wordsim(model, sentences):
    model.build_vocab(sentences)
    model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
    return model.wv.evaluate_word_pairs(datapath("wordsim353.tsv"))[1][0]


@pytest.fixture(scope="module")
def gensims(sentences):
    return np.mean([wordsim(gensim.models.Word2Vec(seed=seed, epochs=20, workers=2), sentences) for seed in SEEDS])


def mean_of_ours(sentences, **options):
    # One worker: torch's own threads are very slow where something else holds a core.
    models = (torch_w2v.Word2Vec(seed=seed, epochs=20, workers=1, **options) for seed in SEEDS)
    return np.mean([wordsim(model, sentences) for model in models])


@pytest.mark.parametrize("engine", ["torch_batched", *KERNEL, *GPU])
def test_wordsim_is_not_below_gensims(engine, sentences, gensims):
    ours = mean_of_ours(sentences, engine=engine, device="cuda" if engine in GPU else "cpu")
    assert ours >= gensims - FLOOR, f"{engine} {ours:.3f}, gensim {gensims:.3f}"


def test_the_floor_can_be_missed(sentences, gensims):
    """A model trained as if alpha had been forgotten falls through it."""
    assert (
        mean_of_ours(sentences, engine=[*KERNEL, "torch_batched"][0], alpha=0.0025, min_alpha=0.0025, device="cpu")
        < gensims - FLOOR
    )
