"""Callbacks see a model that is up to date, and may change it, as in gensim."""

import copy
import pickle

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.helpers import on_each_engine, ours, same, topics, trainable, words
from tests.training.watching import Watching


@pytest.mark.parametrize("options", [{}, {"sg": 1}, {"hs": 1}])
def test_callbacks_come_in_gensims_order(options):
    watching = Watching(lambda model: model.train_count)
    model = ours(words(), callbacks=[watching], **options)
    epoch = ["epoch begins", "epoch ends"]
    assert watching.seen == ["train begins", *epoch, *epoch, "train ends"]
    assert watching.results == [0, 0]
    assert model.train_count == 1


@on_each_engine
def test_queries_in_callbacks_are_fresh(engine):
    """In gensim the norms are those of before the training (piskvorky/gensim#3429)."""

    def similarities(model):
        asked = model.wv.similarity("a0", "a1"), dict(model.wv.most_similar("a0", topn=99))["a1"]
        x, y = model.wv["a0"], model.wv["a1"]
        return *asked, float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    watching = Watching(similarities, at_epoch_begin=lambda model: model.wv.most_similar("a0"))
    model = ours(topics(), engine, alpha=0.05, epochs=3, callbacks=[watching])
    for similarity, most_similar, computed in watching.results:
        assert similarity == pytest.approx(computed, abs=1e-5)
        assert most_similar == pytest.approx(computed, abs=1e-5)
    assert len(set(watching.results)) == model.epochs


def test_alpha_edited_in_a_callback():
    def stop(model):
        model.alpha = model.min_alpha = 0.0
        return model.wv.vectors.copy()

    watching = Watching(stop)
    model = ours(words(), epochs=3, callbacks=[watching])
    first, second, third = watching.results
    assert (first != ours(words(), epochs=3, alpha=0.0, min_alpha=0.0).wv.vectors).any()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    assert model.min_alpha_yet_reached == 0


@on_each_engine
def test_arrays_replaced_in_a_callback(engine):
    """Each epoch begins with the arrays that the model has then."""

    def replace(model):
        model.wv.vectors, model.syn1neg = model.wv.vectors.copy(), model.syn1neg.copy()

    assert same(ours(words(), engine, callbacks=[Watching(replace)]), ours(words(), engine))


@on_each_engine
def test_vocabulary_extended_in_a_callback(engine):
    sentences = [*words(), *([["late", "w1", "w2"]] * 20)]
    model = ours(engine=engine, sample=0)
    model.build_vocab(words())

    def extend(model):
        if "late" not in model.wv:
            model.build_vocab(sentences[-20:], update=True)
        return model.wv["late"].copy()

    watching = Watching(extend)
    model.train(sentences, total_examples=len(sentences), epochs=2, callbacks=[watching])
    assert (watching.results[0] != watching.results[1]).any()


def test_copied_inside_a_callback():
    def clones(model):
        return copy.deepcopy(model), pickle.loads(pickle.dumps(model))

    watching = Watching(clones)
    model = ours(words(), callbacks=[watching])
    for clone in watching.results[-1]:
        assert same(clone, model)
        assert vars(clone).keys() == vars(model).keys()  # without the state of the call that trains it
        assert trainable(clone, words())
    assert not same(watching.results[0][0], model)


def test_train_inside_a_callback():
    class Again(CallbackAny2Vec):
        calls = 0

        def on_epoch_end(self, model):
            self.calls += 1
            if self.calls == 1:
                model.train(words(50), total_examples=50, epochs=1)

    again = Again()
    model = ours(words(), epochs=3, callbacks=[again])
    assert again.calls == 3
    assert "_w2v_call" not in vars(model)
