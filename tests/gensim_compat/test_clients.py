"""Programs written for gensim: a replaced name, subclasses with code of their own, objects without our constructor."""

import dataclasses
import logging
import math
import pickle

import gensim.models
import numpy as np
import pytest
from gensim.models.word2vec import Word2Vec as Plain

from tests.helpers import both_classes, messages, ours, same, trainable, words
from tests.processes import python
from torch_w2v import Word2Vec
from torch_w2v.gensim_compat.hooks import HOOKS


def test_gensims_name_replaced_by_our_class(tmp_path):
    done = python(
        """
import io, pickle, sys
import gensim.models
import torch_w2v
Plain = gensim.models.Word2Vec
gensim.models.Word2Vec = torch_w2v.Word2Vec
from torch_w2v import formats
from torch_w2v.compare import compare
from gensim.models import Word2Vec
path, small = sys.argv[1] + "/m.model", dict(vector_size=4, min_count=1, workers=1)
model = Word2Vec([["a", "b"]] * 9, **small)
model.save(path)
model.save(io.BytesIO())
assert type(Word2Vec.load(path)) is torch_w2v.Word2Vec
assert type(pickle.load(open(path, "rb"))) is Plain
formats.save_vectors(model, path)
formats.load_vectors(path)
import inspect
assert inspect.signature(compare).parameters["baseline"].default is Plain
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


class Hooked:
    """Counts the calls of a method of the training engine."""

    calls = 0

    def count(self, method, *args, **kwargs):
        self.calls += 1
        return method(*args, **kwargs)


def overriding(base, *names):
    """Return a subclass of `base` that counts the calls of some of its methods."""
    cls = type("Own", (Hooked, base), {})
    for name in names:

        def method(self, *args, _name=name, **kwargs):
            return self.count(getattr(super(cls, self), _name), *args, **kwargs)

        setattr(cls, name, method)
    return cls


@pytest.mark.parametrize("name", HOOKS)
def test_a_subclass_that_overrides_a_method_of_the_engine_trains_by_its_own_code(name, tmp_path, caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(map(" ".join, words())), encoding="utf-8")
    from_file = "corpusfile" in name or name == "_do_train_epoch"
    models = []
    for base in (Word2Vec, Plain):
        cls = overriding(base, name)
        corpus = {"corpus_file": str(path)} if from_file else {"sentences": words()}
        models.append(cls(**corpus, vector_size=8, min_count=1, workers=1, epochs=3, seed=3))
    assert models[0].calls == models[1].calls > 0
    assert same(*models)
    line = f"Own overrides {name}: training with gensim's own engine"
    assert messages(caplog).count(line) == 1
    assert not any("engine 'auto'" in message for message in messages(caplog))


def test_a_method_of_the_engine_set_on_the_model_is_called():
    calls = []
    model = ours()
    model.build_vocab(words())
    plain = model._do_train_job
    model._do_train_job = lambda *args: calls.append(1) or plain(*args)
    model.train(words(), total_examples=model.corpus_count, epochs=1)
    assert calls


def test_an_epoch_that_a_subclass_runs_itself_may_use_gensims_threads():
    """As a copy of gensim's `_train_epoch` does."""

    class Own(Word2Vec):
        def _train_epoch(self, *args, **kwargs):
            return Plain._train_epoch(self, *args, **kwargs)

    model = ours(words(), cls=Own)
    assert same(model, ours(words(), cls=Plain))


@both_classes
def test_other_overridden_methods_are_called_by_the_engine(cls):
    class Constant(cls):
        def _get_next_alpha(self, epoch_progress, cur_epoch):
            return 0.0

    model = ours(words(), cls=Constant)
    assert not model.syn1neg.any()


class Sub(Plain):
    pass


class SubOfOurs(Word2Vec):
    pass


@pytest.mark.parametrize("own", [Sub, SubOfOurs])
def test_a_file_of_a_users_own_subclass_loads_as_gensim_loads_it(own, tmp_path):
    path = str(tmp_path / "m")
    ours(words(), cls=own).save(path)
    for cls in (Plain, Sub, Word2Vec, SubOfOurs):
        model = cls.load(path)
        assert type(model) is own
        assert trainable(model, words())


def test_a_subclass_that_pickle_cannot_find_is_saved_as_gensims(tmp_path):
    """gensim's `save` fails."""

    class Local(Word2Vec):
        pass

    path = str(tmp_path / "m")
    ours(words(), cls=Local).save(path)
    assert type(Plain.load(path)) is Plain
    assert type(Local.load(path)) is Local


@both_classes
def test_a_schedule_of_ones_own_starts_each_epoch_at_zero(cls):
    class Root(cls):
        def _get_next_alpha(self, epoch_progress, cur_epoch):
            assert 0 <= epoch_progress <= 1
            seen.append((cur_epoch, epoch_progress))
            return 0.025 * (1 - math.sqrt(epoch_progress))

    seen = []
    ours(words(), cls=Root, epochs=3)
    assert {epoch: min(at for number, at in seen if number == epoch) for epoch in range(3)} == {0: 0, 1: 0, 2: 0}


@both_classes
@pytest.mark.parametrize("hs", [0, 1])
def test_a_dataclass_can_be_trained(cls, hs):
    """It has an `__eq__`, and so no hash."""

    @dataclasses.dataclass
    class Own(cls):
        size: int = 8

        def __post_init__(self):
            super().__init__(vector_size=self.size, min_count=1, hs=hs, negative=5 * (not hs))

    model = Own()
    model.build_vocab(words())
    assert trainable(model, words())


def test_a_plain_file_loads_as_the_class_that_is_asked(tmp_path):
    path = str(tmp_path / "m")
    for cls in (Plain, Word2Vec):
        ours(words(), cls=cls).save(path)
        assert [type(c.load(path)) for c in (Plain, Word2Vec, SubOfOurs)] == [Plain, Word2Vec, SubOfOurs]


def test_a_pickle_of_a_subclass_of_ours_keeps_its_class(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(pickle.dumps(ours(words(), cls=SubOfOurs)))
    for cls in (Word2Vec, SubOfOurs):
        assert type(cls.load(path)) is SubOfOurs


def test_objects_that_never_saw_our_constructor_train(tmp_path):
    class ByName(Word2Vec):
        def __init__(self, sentences, **options):
            gensim.models.Word2Vec.__init__(self, sentences, **options)

    model = ByName(words(), vector_size=8, min_count=1, workers=1, epochs=2, seed=3)
    assert same(model, ours(words()))
    assert (model.device, model.engine, model.cbow_gradient, model.corpus_cache) == ("auto", "auto", "gensim", "auto")

    theirs = ours(words(), cls=Plain)
    theirs.__class__ = Word2Vec
    assert list(theirs.training_losses) == []
    assert trainable(theirs, words())


class Name(str):
    """Compares as `str` does."""

    __slots__ = ()


@both_classes
def test_words_of_a_subclass_of_str(cls):
    """The page of differences says that ours has plain `str`, and gensim the objects."""
    model = cls([[Name("a"), "b"]] * 20, vector_size=4, min_count=1, workers=1)
    assert set(map(type, model.wv.index_to_key)) == ({str} if cls is Word2Vec else {str, Name})
    assert "a" in model.wv
    assert Name("b") in model.wv


@both_classes
def test_vectors_of_another_file_can_be_taken_over_as_the_page_of_differences_says(cls, tmp_path):
    path = str(tmp_path / "vectors")
    model = cls([["a", "b"]] * 20, vector_size=4, min_count=1, workers=1, sample=0)
    model.wv.save_word2vec_format(path, binary=True)
    if int(np.__version__.partition(".")[0]) > 1:
        with pytest.raises(ValueError, match="binary mode of fromstring"):
            model.wv.intersect_word2vec_format(path, binary=True)
    model.wv.save_word2vec_format(path)
    with pytest.raises(IndexError):
        model.wv.intersect_word2vec_format(path)
    model.wv.vectors_lockf = np.ones(len(model.wv), np.float32)
    before = model.wv.vectors.copy()
    model.wv.intersect_word2vec_format(path, lockf=0.0)
    model.train([["a", "b"]] * 20, total_examples=20, epochs=1)
    np.testing.assert_allclose(model.wv.vectors, before, atol=1e-6)
