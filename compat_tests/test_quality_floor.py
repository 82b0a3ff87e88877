"""WordSim-353 on the articles in gensim's wheel: our mean over two seeds beside gensim's, with the same arguments."""

import gensim.models
import numpy as np
import pytest
from gensim.test.utils import datapath

import torch_w2v
from tests.helpers import DEFAULT_ENGINE, GPU, KERNEL
from torch_w2v.cli.demo import demo_corpus

SEEDS = (1, 2)
TRAINING = {"epochs": 6, "alpha": 0.08, "workers": 1}
# How far our mean may lie below gensim's; the standard deviation between seeds is 0.02.
MARGIN = 0.03
# compat_tests/quality compares `torch_batched` with gensim in less time.
ENGINES = [pytest.param("torch_batched", marks=pytest.mark.slow), *KERNEL, *GPU]


@pytest.fixture(scope="module")
def sentences():
    return demo_corpus()


def wordsim(model, sentences):
    """Train a model and return its Spearman correlation with WordSim-353."""
    model.build_vocab(sentences)
    model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
    return model.wv.evaluate_word_pairs(datapath("wordsim353.tsv"))[1][0]


@pytest.fixture(scope="module")
def gensim_mean(sentences):
    models = (gensim.models.Word2Vec(seed=seed, **TRAINING) for seed in SEEDS)
    return np.mean([wordsim(model, sentences) for model in models])


def our_mean(sentences, **options):
    # With more workers torch starts threads of its own, which are very slow where another process needs the core.
    models = (torch_w2v.Word2Vec(**{**TRAINING, "seed": seed, **options}) for seed in SEEDS)
    return np.mean([wordsim(model, sentences) for model in models])


@pytest.mark.parametrize("engine", ENGINES)
def test_wordsim_is_not_below_gensims(engine, sentences, gensim_mean):
    ours = our_mean(sentences, engine=engine, device="cuda" if engine in GPU else "cpu")
    assert ours >= gensim_mean - MARGIN, f"{engine} {ours:.3f}, gensim {gensim_mean:.3f}"


def test_a_bad_model_is_below_the_margin(sentences, gensim_mean):
    """The model is trained with a tenth of the learning rate."""
    ours = our_mean(sentences, engine=DEFAULT_ENGINE, alpha=0.008, min_alpha=0.008, device="cpu")
    assert ours < gensim_mean - MARGIN
