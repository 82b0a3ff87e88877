"""Attributes of a model that have our names: whose they are."""

import copy
import pickle

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import words
from torch_w2v import accel
from torch_w2v.options import option

Plain = gensim.models.Word2Vec
SMALL = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 2, "seed": 3}


@pytest.fixture
def accelerated():
    with accel.installed():
        yield


class Crowded(Plain):
    """A class whose attributes and methods have the names of ours."""

    engine = "steam"

    def __init__(self, sentences, **options):
        self.device, self.shard = "gpu7", 3
        self._corpus, self._ranks, self._checkpoint, self._train_call = sentences, 1, 2, 3
        super().__init__(sentences, **options)
        self.distributed, self.corpus_cache, self.column = True, "attic", lambda: 5
        self._epoch_state = self._group = self._part = self._open = 4

    @property
    def cbow_gradient(self):
        return 12

    def progress(self):
        return 0.5

    def _together(self):
        return "together"

    def reading_once(self):
        return "once"


OF_THE_PROGRAM = {
    "device": "gpu7",
    "shard": 3,
    "distributed": True,
    "corpus_cache": "attic",
    "engine": "steam",
    "cbow_gradient": 12,
    "_ranks": 1,
    "_checkpoint": 2,
    "_train_call": 3,
    "_epoch_state": 4,
}


@pytest.mark.usefixtures("accelerated")
def test_attributes_of_the_program_stay_its_own(tmp_path):
    model = Crowded(words(), **SMALL)
    assert isinstance(model, torch_w2v.Word2Vec)
    model.train(words(), total_examples=model.corpus_count, epochs=1)
    twin = torch_w2v.Word2Vec(words(), **SMALL)
    twin.train(words(), total_examples=twin.corpus_count, epochs=1)
    np.testing.assert_array_equal(model.wv.vectors, twin.wv.vectors)
    path = str(tmp_path / "model")
    model.column = 6
    model.save(path)
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), Crowded.load(path)):
        assert {name: getattr(other, name) for name in OF_THE_PROGRAM} == OF_THE_PROGRAM
        assert other.progress() == 0.5
        assert other._together() == "together"
        ours_alone = {name for name in vars(other) if name.startswith("_w2v_")}
        assert other is model or not ours_alone


@pytest.mark.usefixtures("accelerated")
def test_a_callback_keeps_losses_of_its_own():
    class Losses(gensim.models.callbacks.CallbackAny2Vec):
        def on_train_begin(self, model):
            model.training_losses, model.diverged = [], "no"

        def on_epoch_end(self, model):
            model.training_losses.append(model.get_latest_training_loss())

    model = Plain(words(), compute_loss=True, callbacks=[Losses()], **SMALL)
    assert isinstance(model, torch_w2v.Word2Vec)
    assert len(model.training_losses) == SMALL["epochs"]
    assert model.diverged == "no"


def test_a_subclass_of_ours_may_define_names_of_ours():
    class Defines(torch_w2v.Word2Vec):
        @property
        def device(self):
            return "gpu7"

        def progress(self):
            return 0.5

    model = Defines(words(), **SMALL)
    assert (model.device, model.progress()) == ("gpu7", 0.5)
    assert model.engine == "auto"
    assert len(model.training_losses) == SMALL["epochs"]


@pytest.mark.usefixtures("accelerated")
def test_what_was_made_with_our_class_keeps_its_options(tmp_path):
    model = torch_w2v.Word2Vec(words(), cbow_gradient="exact", **SMALL)
    model.save(str(tmp_path / "model"))
    loaded = torch_w2v.Word2Vec.load(str(tmp_path / "model"))
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), loaded):
        assert option(other, "cbow_gradient") == other.cbow_gradient == "exact"
        other.train(words(), total_examples=300, epochs=3)
        assert len(other.training_losses) == 3
        np.testing.assert_array_equal(other.wv.vectors, model.wv.vectors)
        other.engine = "steam"
        with pytest.raises(ValueError, match="engine='steam': must be one of"):
            other.train(words(), total_examples=300, epochs=1)


def test_a_model_of_the_program_stays_its_own_afterwards():
    with accel.installed():
        model = Plain(words(), **SMALL)
        with pytest.raises(AttributeError, match="'Word2Vec' object has no attribute 'training_losses'"):
            model.training_losses  # noqa: B018
        model.engine, model.distributed = "steam", True
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.train(words(), total_examples=300, epochs=1)
        assert (other.engine, other.distributed) == ("steam", True)


class Before(Plain):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.engine = "steam"


def test_models_of_a_subclass_that_were_made_before():
    model = Before(words(), **SMALL)
    with accel.installed():
        assert isinstance(model, torch_w2v.Word2Vec)
        model.train(words(), total_examples=300, epochs=1)
    assert not isinstance(model, torch_w2v.Word2Vec)
    assert [name for name in vars(Before) if name.startswith("_w2v_")] == []


def test_a_subclass_of_ours_may_have_other_defaults():
    class Exact(torch_w2v.Word2Vec):
        cbow_gradient = "exact"

        def __init__(self, **options):
            Plain.__init__(self, **options)

    assert option(Exact(min_count=1), "cbow_gradient") == "exact"


def test_names_of_another_base():
    class Mixed:
        engine = "steam"

    with accel.installed():

        class Both(Plain, Mixed):
            pass

        assert Both(words(), **SMALL).engine == "steam"
