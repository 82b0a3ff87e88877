"""Epochs that no `train()` of ours has begun: gensim's `train`, called by the name of its class, and loops of users."""

import warnings

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import ours, same, topics, words
from torch_w2v import accel
from torch_w2v.user_warnings import DivergenceWarning

Plain = gensim.models.Word2Vec
TOTALS = {"total_examples": 300, "total_words": sum(map(len, words()))}


class ByName(torch_w2v.Word2Vec):
    """As code for Python 2 calls the method of its base."""

    def train(self, *arguments, **options):
        return Plain.train(self, *arguments, **options)


class OwnLoop(torch_w2v.Word2Vec):
    def train(self, sentences, counts=True, epochs=2, **_):
        return [self._train_epoch(sentences, cur_epoch=i * counts, **TOTALS) for i in range(epochs)]


def built(cls=torch_w2v.Word2Vec, sentences=None, **options):
    model = ours(cls=cls, **options)
    model.build_vocab(sentences or words())
    return model


@pytest.mark.parametrize("from_file", [False, True], ids=["list", "file"])
@pytest.mark.parametrize("options", [{}, {"sg": 1}, {"hs": 1, "negative": 0}], ids=str)
def test_gensims_train_trains_as_ours(options, from_file, tmp_path):
    corpus = {"corpus_iterable": words()}
    if from_file:
        corpus = {"corpus_file": str(tmp_path / "corpus.txt")}
        (tmp_path / "corpus.txt").write_text("\n".join(map(" ".join, words())))
    one, other = built(**options), built(**options)
    for start_alpha in (0.05, 0.02):
        rates = {"start_alpha": start_alpha, "end_alpha": 0.01, "epochs": 3}
        assert one.train(**corpus, **TOTALS, **rates) == Plain.train(other, **corpus, **TOTALS, **rates)
        assert same(one, other) or options.get("hs")  # gensim's threads read a file in another order
        assert one.training_losses == other.training_losses
        assert one.min_alpha_yet_reached == other.min_alpha_yet_reached
    assert not options or len(one.training_losses) == (0 if options.get("hs") else 3)


def test_the_constructor_of_a_class_that_calls_it_by_name():
    assert same(ours(words(), cls=ByName), ours(words()))
    with accel.installed():

        class Old(Plain):
            def __init__(self, *arguments, **options):
                Plain.__init__(self, *arguments, **options)

            def train(self, *arguments, **options):
                return Plain.train(self, *arguments, **options)

        small = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 2, "seed": 3}
        assert same(Old(words(), **small), torch_w2v.Word2Vec(words(), **small))


def test_a_loop_of_a_subclass():
    model, expected = built(OwnLoop), built()
    done = model.train(words())
    assert [epoch[1] for epoch in done] == [TOTALS["total_words"]] * 2
    expected.train(words(), **TOTALS, epochs=2)
    assert same(model, expected)
    assert len(model.training_losses) == 2


def test_epochs_of_one_number_have_other_draws():
    def step(model):
        before = model.wv.vectors.copy()
        # at a rate as low as this the second step is the first one again, but for the draws
        model._train_epoch(words(), **TOTALS)
        return model.wv.vectors - before

    model = built(alpha=1e-5, min_alpha=1e-5)
    one, other = step(model), step(model)
    assert 0 < np.abs(one - other).max() > 0.1 * np.abs(one).max()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_training_that_diverges_is_told_once_and_goes_on():
    model = built(sentences=topics(), alpha=500, min_alpha=500, negative=20)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Plain.train(model, topics(), total_examples=600, epochs=3)
    told = [warning for warning in caught if warning.category is DivergenceWarning]
    assert model.diverged
    assert len(told) == 1
    assert told[0].filename == __file__
    assert "was stopped" not in str(told[0].message)


@pytest.mark.parametrize("options", [{}, {"hs": 1, "negative": 0}], ids=str)
def test_tables_that_are_mapped_are_copied(options, tmp_path):
    built(**options).save(str(tmp_path / "m"), sep_limit=0)
    model = torch_w2v.Word2Vec.load(str(tmp_path / "m"), mmap="r")
    model._train_epoch(words(), **TOTALS)
    assert model.wv.vectors.flags.writeable


def test_what_only_our_train_has_is_refused(tmp_path):
    message = r"^checkpoint='.*': only the train\(\) of torch_w2v.Word2Vec has that, .* ByName's own"
    with pytest.raises(ValueError, match=message):
        ours(words(), cls=ByName, checkpoint=tmp_path / "checkpoint")
    with pytest.raises(RuntimeError, match=r"^you must first build vocabulary"):
        ours()._train_epoch(words(), **TOTALS)
    model = built()
    model.window = 0
    with pytest.raises(ValueError, match=r"^window=0"):
        model._train_epoch(words(), **TOTALS)
