"""What is refused before training, and what only looks wrong."""

import logging

import pytest

import torch_w2v
from tests.helpers import both_classes, messages, ours, same, words


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
        ({"callbacks": [1]}, "callbacks: 1 is a int: must be a list"),
        ({"trim_rule": "x"}, "trim_rule='x': must be a function"),
        ({"vector_size": True}, "vector_size=True: must be an integer"),
    ],
    ids=str,
)
def test_arguments_of_a_wrong_type_are_named(option, message):
    with pytest.raises(TypeError, match=rf"^{message}"):
        ours(words(), **option)


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
