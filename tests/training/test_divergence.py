"""Training that diverges is noticed, told once and stopped; the model stays usable."""

import linecache
import warnings

import gensim.models.callbacks
import numpy as np
import pytest

from tests.helpers import ENGINES, ours, topics, trainable
from torch_w2v import Word2Vec
from torch_w2v.training import divergence
from torch_w2v.training.divergence import MAX_COMPONENT, has_diverged, largest, largest_of_sample
from torch_w2v.user_warnings import DivergenceWarning

# No learning rate makes training diverge on these corpora: updates of a step are limited, and hopeless samples skipped.
TOO_MUCH = np.full(1, 1e9, np.float32)


class Counting(gensim.models.callbacks.CallbackAny2Vec):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, model):
        self.calls.append("train begins")

    def on_epoch_begin(self, model):
        self.calls.append("epoch begins")

    def on_epoch_end(self, model):
        self.calls.append("epoch ends")

    def on_train_end(self, model):
        self.calls.append("train ends")


@pytest.mark.parametrize("engine", ENGINES)
def test_training_stops_at_the_end_of_the_epoch(engine):
    counting = Counting()
    model = ours(engine=engine, alpha=0.05, sample=0, epochs=5)
    model.build_vocab(topics())
    model.wv.vectors_lockf = TOO_MUCH
    with pytest.warns(RuntimeWarning, match=r"training diverged in epoch 1: .* Use an alpha below 0\.05") as record:
        trained, words = model.train(topics(), total_examples=600, epochs=5, callbacks=[counting])
    assert len(record) == 1
    assert record[0].filename == __file__
    assert model.diverged
    assert (trained, words) == (3600, 3600)
    assert counting.calls == ["train begins", "epoch begins", "epoch ends", "train ends"]
    assert model.train_count == 1


def test_what_only_the_end_shows_is_told_at_the_line_of_the_call(monkeypatch):
    """After an epoch a sample of the rows is looked at, at the end all are; nothing is left to be stopped then."""
    model = ours(topics())
    monkeypatch.setattr(divergence, "largest", lambda rows: 1e9)
    monkeypatch.setattr(divergence, "largest_of_sample", lambda *_: 1.0)
    monkeypatch.setattr(divergence, "largest_before", lambda *_: 1.0)
    with pytest.warns(DivergenceWarning, match="beyond 1000; the vectors are useless") as record:
        model.train(topics(), total_examples=600, epochs=2)
    assert record[0].filename == __file__
    assert "model.train(" in linecache.getline(__file__, record[0].lineno)
    assert model.diverged


def test_each_model_of_a_loop_is_told():
    """Python shows a warning once per line, unless its text differs; each of these is another model's."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        for _ in range(2):
            model = ours(alpha=0.05, sample=0)
            model.build_vocab(topics())
            model.wv.vectors_lockf = TOO_MUCH
            model.train(topics(), total_examples=600, epochs=1)
    assert [warning.category for warning in caught] == [DivergenceWarning] * 2


def test_where_warnings_are_errors_the_epoch_is_right():
    model = ours(alpha=0.05, sample=0, epochs=5)
    model.build_vocab(topics())
    model.wv.vectors_lockf = TOO_MUCH
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DivergenceWarning, match=r"training diverged in epoch 1: .*; training was stopped, "):
            model.train(topics(), total_examples=600, epochs=5)
    assert model.diverged


@pytest.mark.parametrize("options", [{"engine": "gensim"}, {"hs": 1, "negative": 0}])
def test_gensims_own_engine(options):
    with pytest.warns(DivergenceWarning, match=r"training diverged: .* Use an alpha below 1e\+06, or subsampling"):
        model = Word2Vec(topics(), alpha=1e6, min_count=1, sample=0, workers=1, vector_size=8, **options)
    assert model.diverged
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not Word2Vec(topics(), min_count=1, workers=1, vector_size=8, **options).diverged


@pytest.mark.parametrize("name", ["syn1", "syn1neg"])
def test_outputs_of_gensims_own_engine(name):
    model = Word2Vec(topics(), min_count=1, workers=1, vector_size=8, hs=1, negative=5, engine="gensim")
    with pytest.warns(DivergenceWarning), divergence.checking_gensims(model):
        getattr(model, name)[3] = np.nan


def test_what_is_given_already_is_not_advised():
    with pytest.warns(DivergenceWarning, match=r"Use an alpha below 1e\+06$"):
        Word2Vec(topics(), alpha=1e6, min_count=1, sample=0.5, workers=1, vector_size=8, engine="gensim")


def test_the_next_training_starts_with_what_is_there():
    model = ours(topics())
    assert not model.diverged
    start = model.wv.vectors.copy()
    model.wv.vectors_lockf = TOO_MUCH
    with pytest.warns(RuntimeWarning, match="training diverged"):
        model.train(topics(), total_examples=600, epochs=1)
    model.wv.vectors[:], model.syn1neg[:], model.wv.vectors_lockf = start, 0, np.ones(1, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert trainable(model, topics())
    assert not model.diverged


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, MAX_COMPONENT, -MAX_COMPONENT])
def test_what_counts(value):
    table = np.zeros((3000, 4), np.float32)
    assert not has_diverged(largest(table), 0.0)
    assert not has_diverged(largest_of_sample(10**6, table), 0.0)
    table[999, 2] = value
    assert has_diverged(largest(table), 0.0)
    assert has_diverged(largest_of_sample(10**6, np.zeros_like(table), table), 0.0)
    assert not has_diverged(largest_of_sample(10, table), 0.0), "a small sample for few words"


def test_large_vectors_that_were_given_may_stay():
    model = ours(topics())
    model.wv.vectors[3] = 20 * MAX_COMPONENT
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train(topics(), total_examples=600, epochs=2)
    assert not model.diverged
    assert len(model.training_losses) == 2
    assert has_diverged(41.0 * MAX_COMPONENT, 20.0 * MAX_COMPONENT)
    assert has_diverged(MAX_COMPONENT, np.inf)
