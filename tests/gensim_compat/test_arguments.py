"""What is refused before training, and what only looks wrong."""

import logging
import re

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import both_classes, messages, ours, same, words
from torch_w2v.callbacks import History


def built(**options):
    model = ours(**options)
    model.build_vocab(words())
    return model


@pytest.mark.parametrize("algorithm", [{}, {"sg": 1}, {"hs": 1}], ids=str)
@pytest.mark.parametrize("ns_exponent", [1e3, 400])
def test_a_table_of_negatives_that_is_not_finite(ns_exponent, algorithm):
    message = rf"^ns_exponent={ns_exponent}: the sum of count\*\*ns_exponent over the vocabulary is inf;"
    with pytest.raises(ValueError, match=message):
        ours(words(), ns_exponent=ns_exponent, **algorithm)
    with pytest.raises(ValueError, match=r"^ns_exponent=-1000: .* is 0\.0;"):
        ours([["a", "b"]] * 9, ns_exponent=-1000, **algorithm)


def test_a_count_of_zero_with_a_negative_exponent():
    model = built(ns_exponent=-0.5)
    model.wv.expandos["count"][-1] = 0
    with pytest.raises(ValueError, match=r"^ns_exponent=-0\.5: .* is inf; .* no counts of 0 with a negative one"):
        model.make_cum_table()
    model.ns_exponent = 0.5
    model.make_cum_table()
    assert model.cum_table[-1] == model.cum_table[-2] == 2**31 - 1


@both_classes
@pytest.mark.parametrize("per", [1e2, 2.5, float("inf"), 100])
def test_progress_per_may_be_a_float(cls, per, caplog):
    caplog.set_level(logging.INFO, "gensim")
    model = ours(cls=cls)
    model.build_vocab(words(), progress_per=per)
    lines = [line for line in messages(caplog, logger="gensim") if line.startswith("PROGRESS: at sentence #")]
    assert lines[0].startswith("PROGRESS: at sentence #0,")
    assert len(lines) == {100: 3, float("inf"): 1}.get(per, len(lines))


@pytest.mark.parametrize(("name", "value"), [("window", "4"), ("workers", "2"), ("negative", "5"), ("alpha", ".1")])
def test_an_attribute_that_became_a_string(name, value):
    model = built()
    setattr(model, name, value)
    with pytest.raises(TypeError, match=f"^{name}='{value}': must be an? .*, not a string"):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_that_no_generator_takes(seed):
    with pytest.raises(ValueError, match=rf"^seed={seed}: must be at least 0 and below 2\*\*32, or None$"):
        torch_w2v.Word2Vec(seed=seed)


def test_more_words_per_batch_than_there_can_be():
    assert same(ours(words(), batch_words=2**70), ours(words(), batch_words=10**9))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"seed": 1.5}, r"seed=1\.5: must be an integer"),
        ({"seed": "a"}, "seed='a': must be an integer"),
        ({"epochs": None}, "epochs=None: must be an integer"),
        ({"min_count": None}, "min_count=None: must be an integer"),
        ({"callbacks": None}, "callbacks: None is a NoneType: must be a list"),
        (
            {"callbacks": [1]},
            "callbacks: 1 is a int: each must be an object with the methods of gensim's CallbackAny2Vec",
        ),
        ({"trim_rule": "x"}, "trim_rule='x': must be a function"),
        ({"vector_size": True}, "vector_size=True: must be an integer"),
    ],
    ids=str,
)
def test_arguments_of_a_wrong_type_are_named(option, message):
    with pytest.raises(TypeError, match=rf"^{message}"):
        ours(words(), **option)


def test_a_single_callback_is_no_list_though_it_may_be_iterable():
    with pytest.raises(TypeError, match=r"^callbacks: .* is a History: must be a list"):
        ours(words(), callbacks=History())

    class Several(list):
        def on_epoch_end(self, model):
            for callback in self:
                callback.on_epoch_end(model)

    ours(words(), epochs=1, callbacks=Several())


# What was accepted, or failed without a name, sometimes after the corpus was read.
WRONG = [
    ("min_count", [2], TypeError, "min_count=[2]: must be a number"),
    ("min_count", (2,), TypeError, "min_count=(2,): must be a number"),
    ("min_count", 2 + 0j, TypeError, "min_count=(2+0j): must be a number"),
    ("min_count", [1, 2, 3], TypeError, "min_count=[1, 2, 3]: must be a number"),
    ("min_count", "x", ValueError, "min_count='x': must be an integer"),
    ("sample", [1], TypeError, "sample=[1]: must be a number"),
    ("sample", "x", ValueError, "sample='x': must be a number"),
    ("sample", float("nan"), ValueError, "sample=nan: must be 0 (no subsampling), a share below 1 such as 1e-3, or "),
    ("sample", -1, ValueError, "sample=-1: must be 0"),
    ("trim_rule", "x", TypeError, "trim_rule='x': must be a function"),
]


@pytest.mark.parametrize(("name", "value", "kind", "message"), WRONG, ids=str)
def test_arguments_of_a_vocabulary_are_named_before_the_corpus_is_read(name, value, kind, message):
    class Unread:
        def __iter__(self):
            raise AssertionError("read")

    def act_by_act():
        yield lambda: ours(Unread(), **{name: value})
        yield lambda: ours().build_vocab(Unread(), **{name: value})
        yield lambda: built().build_vocab(Unread(), update=True, **{name: value})
        yield lambda: built(hs=1).build_vocab(Unread(), update=True, **{name: value})
        model = ours()
        model.scan_vocab(words())
        yield lambda: model.prepare_vocab(**{name: value})
        if name == "trim_rule":
            yield lambda: ours().build_vocab_from_freq({"a": 3}, trim_rule=value)
        elif not isinstance(value, str):  # attributes that were set later
            other = ours()
            setattr(other, name, value)
            yield lambda: other.build_vocab(Unread())
            yield lambda: other.build_vocab_from_freq({"a": 3})

    for act in act_by_act():
        with pytest.raises(kind, match=f"^{re.escape(message)}"):
            act()


def test_other_arguments_of_a_vocabulary():
    for act, kind, message in (
        (lambda: ours().build_vocab(words(), no_such=0), TypeError, "build_vocab() got an unexpected keyword argument"),
        (lambda: built().train(words(), no_such=0), TypeError, "train() got an unexpected keyword argument 'no_such'"),
        (lambda: built().train(words(), cur_epoch=3), TypeError, "train() multiple values for argument 'cur_epoch'"),
        (
            lambda: built().train(words(), device="cpu"),
            TypeError,
            "train() got an unexpected keyword argument 'device'; Word2Vec() takes device",
        ),
        (lambda: ours().build_vocab_from_freq({"a": 3}, corpus_count=[1]), TypeError, "corpus_count=[1]: must be a"),
        (lambda: ours().build_vocab_from_freq([("a", 3)]), TypeError, "word_freq is a list: must be a dictionary"),
        (lambda: ours().build_vocab_from_freq({"a": "3"}), TypeError, "word_freq['a']='3': must be a dictionary"),
        (lambda: ours(words(), max_final_vocab=[1]), TypeError, "max_final_vocab=[1]: must be a number"),
        (lambda: ours(words(), max_vocab_size=[1]), TypeError, "max_vocab_size=[1]: must be a number"),
        (lambda: built().train(words(), total_examples=[1], epochs=1), TypeError, "total_examples=[1]: must be a num"),
    ):
        with pytest.raises(kind, match=f"^{re.escape(message)}"):
            act()


def test_a_count_in_a_string_is_a_number_everywhere():
    expected = ours(min_count=2)
    expected.build_vocab(words())
    for model, options in ((ours(min_count="2"), {}), (ours(), {"min_count": "2", "sample": "1e-3"})):
        model.build_vocab(words(), **options)
        assert (model.min_count, model.sample) == (2, 1e-3)
        assert same(model, expected)
    model = ours(min_count=3)
    model.build_vocab(words())
    model.build_vocab([["new"] * 2], update=True, min_count="2")
    assert "new" in model.wv


def test_several_integers_are_a_seed(tmp_path):
    one, other = ours(words(), seed=[1, 2]), ours(words(), seed=np.array([1, 2]), checkpoint=tmp_path / "checkpoint")
    assert same(one, other)
    assert one.seed == [1, 2]
    assert not same(one, ours(words(), seed=[2, 1]))
    plain = ours(seed=[1, 2], cls=gensim.models.Word2Vec)
    model = ours(seed=[1, 2])
    for each in (plain, model):
        each.build_vocab(words())
    np.testing.assert_array_equal(model.wv.vectors, plain.wv.vectors)
    for wrong in ([], [-1], [1.5], [[1]], 2 + 0j, np.array(5)):
        with pytest.raises((TypeError, ValueError), match=r"^seed="):
            ours(seed=wrong)
    for wrong in ({1}, -5, 2**40, [1, -2]):
        model.seed = wrong
        with pytest.raises((TypeError, ValueError), match=r"^seed=.* 0 and below 2\*\*32"):
            model.train(words(), total_examples=300, epochs=1)


@both_classes
def test_a_constructor_that_does_not_train_takes_them(cls):
    for option in ({"callbacks": None}, {"epochs": None}, {"min_count": None}, {"trim_rule": 0}):
        ours(cls=cls, **option)


def test_callbacks_of_a_wrong_type_are_named_in_train_too():
    with pytest.raises(TypeError, match=r"^callbacks: 1 is a int"):
        built().train(words(), total_examples=300, epochs=1, callbacks=[1])


@pytest.mark.parametrize("total", [-1, float("nan")])
def test_totals_below_zero(total):
    with pytest.raises(ValueError, match=f"^total_examples={total}: must be a number of at least 0"):
        built().train(words(), total_examples=total, epochs=1)


@pytest.mark.parametrize("wrong", ["no", 2, None])
def test_what_is_on_or_off(wrong):
    with pytest.raises(TypeError, match=rf"^progress={wrong!r}: must be True or False$"):
        ours(progress=wrong)
