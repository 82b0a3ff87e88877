"""Attributes in slots of a subclass are copied, saved and kept by checkpoints as those in `__dict__` are."""

import copy
import pickle

import gensim.models
import pytest
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import KilledError, ours, same, words
from torch_w2v import accel
from torch_w2v.slots import slots_of

Plain, Word2Vec = gensim.models.Word2Vec, torch_w2v.Word2Vec


def with_slots(base):
    class WithSlots(base):
        __slots__ = ("__hidden", "device", "labels", "never_set")

        def __init__(self, *args, labels=None, **options):
            self.labels, self.device, self.__hidden = labels, "a shelf", 5
            super().__init__(*args, **options)

        def hidden(self):
            return self.__hidden

    return WithSlots


OfGensim, OfOurs = with_slots(Plain), with_slots(Word2Vec)
for name, cls in (("OfGensim", OfGensim), ("OfOurs", OfOurs)):
    cls.__qualname__ = name  # pickle finds a class by it


class Base(Word2Vec):
    __slots__ = "labels"  # noqa: PLC0205  one name, as a str


class Derived(Base):
    """Adds no slots, and has those of its base."""


def copies(model, folder):
    path = str(folder / "model")
    model.save(path)
    yield from (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model)), type(model).load(path))


@pytest.mark.parametrize("how", ["gensim", "torch_w2v", "accelerated"])
def test_slots_are_copied_and_saved(how, tmp_path):
    cls = OfOurs if how == "torch_w2v" else OfGensim
    with accel.installed() if how == "accelerated" else accel.paused():
        model = cls(words(), min_count=1, vector_size=4, labels={"a": 1})
        assert isinstance(model, Word2Vec) is (how != "gensim")
        for other in copies(model, tmp_path):
            assert type(other) is cls
            assert (other.labels, other.device, other.hidden()) == ({"a": 1}, "a shelf", 5)
            assert not hasattr(other, "never_set")
            assert same(other, model)


def test_slots_of_a_base(tmp_path):
    model = ours(words(), cls=Derived)
    model.labels = [1]
    assert slots_of(model) == {"labels": [1]}
    assert [other.labels for other in copies(model, tmp_path)] == [[1]] * 4


def test_a_class_that_pickle_cannot_find_keeps_its_values(tmp_path):
    class Local(Word2Vec):
        __slots__ = ("labels",)

    model = ours(words(), cls=Local)
    model.labels = [1]
    model.save(str(tmp_path / "model"))
    assert Plain.load(str(tmp_path / "model")).labels == [1]
    for cls in (Word2Vec, Local):
        loaded = cls.load(str(tmp_path / "model"))
        assert type(loaded) is cls
        assert loaded.labels == [1]
        assert same(loaded, model)


def test_a_plain_model_loads_as_a_class_with_slots(tmp_path):
    ours(words(), cls=Plain).save(str(tmp_path / "model"))
    loaded = Base.load(str(tmp_path / "model"))
    assert type(loaded) is Base
    assert loaded.train(words(), total_examples=loaded.corpus_count, epochs=1)[1]


class Counting(CallbackAny2Vec):
    """Keeps what it counts in a slot, and ends the first call as a kill would."""

    __slots__ = ("epochs", "kills")

    def __init__(self, kills):
        self.epochs, self.kills = 0, kills

    def on_epoch_end(self, model):
        self.epochs += 1
        if self.kills and self.epochs == 2:
            raise KilledError


def test_slots_of_a_callback_are_in_the_checkpoint(tmp_path):
    def train(callback):
        ours(words(), epochs=3, callbacks=[callback], checkpoint=tmp_path / "checkpoint", checkpoint_every=0)

    with pytest.raises(KilledError):
        train(Counting(kills=True))
    again = Counting(kills=False)
    train(again)
    assert again.epochs == 3
