"""Attributes of a model that have our names: whose they are."""

import copy
import pickle

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import words
from torch_w2v import accel

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
        assert other is model or ours_alone == {"_w2v_accelerated"}


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
