"""What engines learn from a corpus whose answers are known, and what rules their updates."""

import hashlib
import itertools

import numpy as np
import pytest

from tests.helpers import ENGINES, KERNEL, TORCH, both_classes, on_each_engine, ours, same, topics, weights, words
from tests.processes import python

OPTIONS = {
    "defaults": {},
    "sums": {"cbow_mean": 0, "alpha": 0.02},
    "whole windows": {"shrink_windows": False},
    "exact gradient": {"cbow_gradient": "exact", "alpha": 0.1},
}
# tests/engines compares the specification, which is slow, with the other engines for every option.
LEARNING = [
    pytest.param("reference", "defaults", marks=pytest.mark.slow),
    *itertools.product(ENGINES[1:], OPTIONS),
]


@pytest.mark.parametrize(("engine", "options"), LEARNING)
def test_learns_two_topics(engine, options):
    settings = {"epochs": 10, "alpha": 0.05, "sample": 0, **OPTIONS[options]}
    if engine == "reference":
        settings |= {"epochs": 3, "alpha": 0.1}
    model = ours(topics(300 if engine == "torch_batched" else 600), engine, **settings)
    for word in model.wv.index_to_key:
        nearest = [other for other, _ in model.wv.most_similar(word, topn=7)]
        assert {other[0] for other in nearest} == {word[0]}, (word, nearest)
    likely = [word for word, _ in model.predict_output_word(["a0", "a1", "a2"], topn=5)]
    assert {word[0] for word in likely} == {"a"}


@on_each_engine
def test_lockf(engine):
    free = ours(engine=engine)
    free.build_vocab(words())
    start = free.wv.vectors.copy()

    def trained(lockf):
        model = ours(engine=engine)
        model.build_vocab(words())
        model.wv.vectors_lockf = lockf
        model.train(words(), total_examples=300, epochs=2)
        assert model.syn1neg.any()
        return model

    moved = (trained(np.ones(1, np.float32)).wv.vectors != start).any(1)
    assert moved.all()
    frozen = trained(np.zeros(1, np.float32))
    np.testing.assert_array_equal(frozen.wv.vectors, start)
    lockf = np.ones(len(start), np.float32)
    lockf[[1, 5]] = 0
    assert np.flatnonzero((trained(lockf).wv.vectors == start).all(1)).tolist() == [1, 5]
    lockf = np.array([0, 1, 1], np.float32)  # cyclic: w % 3
    still = np.flatnonzero((trained(lockf).wv.vectors == start).all(1))
    assert still.tolist() == list(range(0, len(start), 3))


@on_each_engine
def test_lockf_scales_the_update(engine):
    """With a tiny learning rate training is linear in the factor."""

    def step(lockf):
        model = ours(engine=engine, alpha=1e-4, min_alpha=1e-4)
        model.build_vocab(words())
        model.syn1neg[:] = np.linspace(-1, 1, model.syn1neg.size).reshape(model.syn1neg.shape)
        start = model.wv.vectors.astype(np.float64)
        model.wv.vectors_lockf = np.array([lockf], np.float32)
        model.train(words(), total_examples=300, epochs=1)
        return model.wv.vectors - start

    np.testing.assert_allclose(step(0.5), 0.5 * step(1.0), rtol=0.02, atol=1e-6)


def test_alpha_falls_as_in_gensim():
    """gensim trains all of a batch with the rate at its beginning, and tells the last one; here each is an epoch."""
    model = ours(words(), alpha=0.03, min_alpha=0.002, epochs=4)
    assert model.min_alpha_yet_reached == pytest.approx(0.03 - 0.028 * 3 / 4, rel=1e-6)
    model.train(words(), total_examples=300, epochs=3, start_alpha=0.01, end_alpha=0.001)
    assert (model.alpha, model.min_alpha) == (0.01, 0.001)
    assert model.min_alpha_yet_reached == pytest.approx(0.01 - 0.009 * 2 / 3, rel=1e-6)
    many = ours(words(), alpha=0.03, min_alpha=0.002, batch_words=20)
    assert many.min_alpha_yet_reached == pytest.approx(0.002, abs=2e-4)


@on_each_engine
def test_seed_and_repeated_calls_change_the_draws(engine):
    def trained(calls, epochs, **options):
        model = ours(engine=engine, **options)
        model.build_vocab(words())
        for _ in range(calls):
            model.train(words(), total_examples=300, epochs=epochs, start_alpha=0.02, end_alpha=0.02)
        return model

    assert same(trained(1, 2), trained(1, 2))
    start = trained(0, 0).wv.vectors.copy()
    one, other = trained(1, 1, seed=3), trained(1, 1, seed=4)
    assert (one.syn1neg != other.syn1neg).any()
    # A second call from the first one's starting weights has other draws, and so another result.
    again = trained(1, 1)
    again.wv.vectors[:], again.syn1neg[:] = start, 0
    again.train(words(), total_examples=300, epochs=1)
    assert (again.syn1neg != one.syn1neg).any()


def digest(engine):
    """Return a digest of all that two calls of `train()` make of a small model."""
    model = ours(words(60), engine)
    model.train(words(60, seed=1), total_examples=60, epochs=1)
    return hashlib.sha256(b"".join(array.tobytes() for array in weights(model))).hexdigest()


def digests():
    """Return the digests of all engines, and of all instruction sets of the CPU kernel, by name."""
    found = {engine: digest(engine) for engine in ENGINES}
    if KERNEL and TORCH:
        from tests.engines import kernel_replay  # noqa: PLC0415 - it needs torch

        found |= kernel_replay.digests()
    return found


def test_repeatable_across_processes():
    """Also across the seeds of Python's own hashes, which are another one in each process.

    On the CPU kernel each instruction set repeats what it computes, bit for bit.
    """
    code = "from tests.training.test_learning import digests; print(digests())"
    done = python(code, PYTHONHASHSEED="1")
    assert (done.stdout, done.stderr) == (f"{digests()}\n", "")


@both_classes
def test_no_seed(cls):
    one, other = ours(words(), cls=cls, seed=None), ours(words(), cls=cls, seed=None)
    assert (one.wv.vectors != other.wv.vectors).any()


@pytest.mark.parametrize("engine", ENGINES[1:])  # the specification uses one thread
def test_workers(engine):
    for workers in (2, 3):
        model = ours(topics(), engine, workers=workers, epochs=10, alpha=0.05, sample=0, batch_words=100)
        assert model.wv.similarity("a0", "a1") > model.wv.similarity("a0", "b1")


def test_trained_words_are_counted():
    model = ours(sample=0)
    model.build_vocab(words())
    total = model.corpus_total_words
    assert model.train(words(), total_examples=300, epochs=3) == (3 * total, 3 * total)
    model.sample = 1e-3
    model.build_vocab(words())
    trained, raw = model.train(words(), total_examples=300, epochs=20)
    assert raw == 20 * total
    expected = (model.wv.expandos["count"] * (model.wv.expandos["sample_int"] / 2**32)).sum() * 20
    assert abs(trained - expected) < 5 * np.sqrt(expected)
