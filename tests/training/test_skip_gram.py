"""sg=1 on our engines: what is learnt, and what the options do. That the numbers are right is tests/engines' matter."""

import logging
import math
import random

import gensim.models
import numpy as np
import pytest

from tests.helpers import ENGINES, messages, on_each_engine, ours, same, topics, trainable, words
from torch_w2v.engines.layouts import skip_gram_block, skip_gram_steps
from torch_w2v.engines.plan import Workload


# The specification is slow, and is compared with the others for every option (tests/engines).
@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize(
    "options",
    [{}, {"shrink_windows": False, "window": 2}, {"negative": 20, "ns_exponent": 0.5}, {"sample": 0, "window": 1000}],
    ids=str,
)
def test_learns_two_topics(engine, options):
    # Of wide windows a few sentences have as many pairs, which the specification takes one by one.
    corpus = topics(200) if options.get("window", 5) > 5 else topics()
    options = {"sample": 0.01, **options}
    model = ours(corpus, engine, sg=1, alpha=0.05, epochs=4, compute_loss=True, **options)
    nearest = [word for word, _ in model.wv.most_similar("a0", topn=7)]
    assert all(word.startswith("a") for word in nearest), nearest
    losses = list(model.training_losses)
    assert len(losses) == 4
    # In the last epochs two topics are learnt, and the loss is that of the draws.
    assert math.log(2) >= losses[0] > losses[1]
    assert max(losses[2:]) < losses[0] - 0.02
    assert model.get_latest_training_loss() > 1000


def test_the_same_loss_as_gensims_on_the_whole():
    """The mean per pair falls as far; gensim sums it over pairs, in float32."""
    options = {"sg": 1, "alpha": 0.05, "epochs": 1, "compute_loss": True, "sample": 0}
    corpus = topics(6000)
    mine, theirs = ours(corpus, **options), ours(corpus, cls=gensim.models.Word2Vec, **options)
    for model in (mine, theirs):
        model.running_training_loss = 0.0
        model.train(corpus, total_examples=6000, epochs=1, compute_loss=True, start_alpha=1e-6, end_alpha=1e-6)
    assert mine.get_latest_training_loss() == pytest.approx(theirs.get_latest_training_loss(), rel=0.02)


@on_each_engine
def test_locked_inputs_stay(engine):
    model = ours(engine=engine, sg=1)
    model.build_vocab(words())
    before = model.wv.vectors.copy()
    lock = np.ones(len(model.wv), np.float32)
    lock[[0, 3]] = 0
    model.wv.vectors_lockf = lock
    model.train(words(), total_examples=300, epochs=2)
    moved = (model.wv.vectors != before).any(1)
    assert not moved[[0, 3]].any()
    assert moved[[1, 2, 4]].all()


def test_workers_change_no_draw():
    """Subsampling keeps the same words; one worker repeats bit for bit."""
    one, three = (ours(words(3000), sg=1, workers=workers, epochs=1) for workers in (1, 3))
    trained = [model.train(words(3000), total_examples=3000, epochs=2)[0] for model in (one, three)]
    assert trained[0] == trained[1]
    assert np.isfinite(three.wv.vectors).all()
    assert same(ours(words(3000), sg=1), ours(words(3000), sg=1))


def test_new_words_learn():
    model = ours(topics(), sg=1)
    new = [["a0", "c0", "c1", "c2"]] * 200
    model.build_vocab(new, update=True)
    before = model.wv["c0"].copy()
    assert trainable(model, new)
    assert (model.wv["c0"] != before).any()


def test_the_log_says_how_inputs_are_grouped(caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    ours(topics(), sg=1)
    grouped = "blocks of 16 inputs, 32 words apart, 2 sets of 8 negatives, 1 block at once"
    assert any(grouped in line for line in messages(caplog))


@pytest.mark.parametrize("options", [{"alpha": 0.25}, {"alpha": 0.5}, {"negative": 300}, {"negative": 600}], ids=str)
def test_large_steps_on_a_few_words(options):
    """Each of sixty words' nearest are those of its topic, where gensim's are with alpha=.25 only."""
    draw = random.Random(3)
    groups = [[f"{topic}-{i}" for i in range(12)] for topic in range(5)]
    sentences = [draw.choices(draw.choice(groups), k=8) for _ in range(500)]
    model = ours(sentences, sg=1, vector_size=20, sample=0, epochs=5, **options)
    assert not model.diverged
    near = [
        other.partition("-")[0] == word.partition("-")[0]
        for word in model.wv.index_to_key
        for other, _ in model.wv.most_similar(word, topn=5)
    ]
    assert sum(near) > 0.9 * len(near)


@pytest.mark.parametrize(
    ("workload", "T", "S", "N"),
    [
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.1), 16, 1, 32),
        (Workload(5, 1e9, 11.0, skip_gram=True, busiest_output=0.1), 16, 2, 28),
        (Workload(15, 1e9, 6.0, skip_gram=True, busiest_output=0.1), 16, 3, 32),
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.1, alpha=0.05), 8, 2, 16),
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.1, alpha=0.1), 4, 4, 8),
        # 16 words, each a sixteenth of the corpus and of the negatives
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.375, vocabulary=100), 14, 1, 60),
        # text without subsampling
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.175), 16, 1, 48),
        (Workload(5, 1e9, 11.0, skip_gram=True, busiest_output=0.1, vocabulary=34), 16, 4, 16),
        (Workload(5, 1e9, 1001.0, skip_gram=True, busiest_output=0.1), 16, 167, 32),
        (Workload(100, 1e9, 101.0, skip_gram=True, busiest_output=1.0, alpha=1e-9), 16, 158, 64),
        (Workload(1, 10, 1.0, skip_gram=True, busiest_output=2.0, alpha=1.0), 1, 2, 4),
        (Workload(5, 1e9, 6.0, skip_gram=True, busiest_output=0.1, alpha=0.25), 4, 10, 8),
        (Workload(250, 1e9, 6.0, skip_gram=True, busiest_output=0.1), 1, 12, 64),
        (Workload(800, 1e9, 6.0, skip_gram=True, busiest_output=0.1), 1, 24, 128),
    ],
)
def test_layout_of_a_block(workload, T, S, N):
    layout = skip_gram_block(workload)
    assert (layout.T, layout.S, layout.N, layout.G, layout.fresh) == (T, S, N, 4, True)


def test_layout_of_synchronous_steps():
    """As many inputs as in blocks of 16; where windows are short each has a block of its own."""

    def blocks(**options):
        workload = Workload(**{"negative": 5, "kept_words": 1e9, "context_words": 6.0, **options}, skip_gram=True)
        layout = skip_gram_steps(workload)
        assert not layout.fresh
        assert layout.S == 1
        assert layout.T == 1
        return layout.B / 16

    of_long_windows = skip_gram_steps(Workload(5, 1e9, 17.0, skip_gram=True, busiest_output=1e-9))
    assert of_long_windows.T > 1
    assert of_long_windows.B == 64
    assert skip_gram_steps(Workload(5, 1e9, 6.0, skip_gram=True, repetition=200)).T > 1
    assert blocks(busiest_output=0.05) == 20
    assert blocks(busiest_output=1e-9) == 64
    assert blocks(busiest_output=0.05, repetition=100) == 6
    assert blocks(busiest_output=0.05, kept_words=1e5) == 6
    assert blocks(busiest_output=0.3) == 3
