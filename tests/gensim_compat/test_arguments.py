"""What is refused before training, and what only looks wrong."""

import logging

import gensim.models
import numpy as np
import pytest
from gensim.models.word2vec import Word2Vec as Plain

import torch_w2v
from tests.helpers import both_classes, messages, on_each_engine, ours, same, words

ALGORITHMS = [{}, {"sg": 1}, {"hs": 1, "negative": 0}]


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


def changes(model):
    """Return whether an epoch changes the model, and leaves it finite. gensim's queries need a key for every row."""
    before = model.wv.vectors.copy()
    model.train(words(), total_examples=300, epochs=1)
    return bool((model.wv.vectors != before).any() and np.isfinite(model.wv.vectors).all())


@on_each_engine
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_arrays_with_more_rows_than_the_vocabulary_train(engine, algorithm):
    """As after words were taken out of the vocabulary, or with rows in reserve."""
    model = ours(words(), engine=engine, **algorithm)
    for word in model.wv.index_to_key[-5:]:
        del model.wv.key_to_index[word]
    model.wv.index_to_key = model.wv.index_to_key[:-5]
    assert changes(model)
    model.wv.vectors = np.concatenate([model.wv.vectors, np.ones((3, 8), np.float32)])
    if hasattr(model, "syn1neg"):
        model.syn1neg = np.concatenate([model.syn1neg, np.ones((4, 8), np.float32)])
    model.wv.expandos["count"] = np.append(model.wv.expandos["count"], [1, 1])
    model.wv.expandos["sample_int"] = np.append(model.wv.expandos["sample_int"], np.uint32([7]))
    assert changes(model)
    assert (model.wv.vectors[-3:] == 1).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize(
    ("row", "message"),
    [(10**6, r"^the vocabulary uses 1000001 rows, but .*wv\.vectors has \d+ rows"), (-2, r"a word has the row -2:")],
)
def test_a_row_outside_the_arrays(row, message, algorithm):
    """gensim would write there."""
    model = built(**algorithm)
    model.wv.key_to_index["w1"] = row
    with pytest.raises(RuntimeError, match=message):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("sentences", [words(), iter], ids=["list", "iterable"])
def test_a_row_that_changes_between_two_calls(sentences):
    model = ours(words())
    # the same dictionary of the same length
    model.wv.key_to_index["w1"] = 10**6
    corpus = sentences if sentences is not iter else type("Corpus", (), {"__iter__": lambda self: iter(words())})()
    with pytest.raises(RuntimeError, match=r"row 1000000"):
        model.train(corpus, total_examples=300, epochs=1)


@pytest.mark.parametrize("name", ["syn1neg", "cum_table"])
def test_an_array_that_is_too_short(name):
    model = built()
    setattr(model, name, getattr(model, name)[:-1])
    with pytest.raises(RuntimeError, match=rf"but {name} has {len(model.wv) - 1} rows: this model cannot train"):
        model.train(words(), total_examples=300, epochs=1)


def test_negatives_are_rows_too():
    model = built()
    model.cum_table = np.append(model.cum_table, model.cum_table[-1:] + np.uint32(5))
    with pytest.raises(RuntimeError, match=rf"but syn1neg has {len(model.wv)} rows"):
        model.train(words(), total_examples=300, epochs=1)


def test_vectors_that_were_added_have_no_output_row():
    model = built()
    model.wv.add_vectors(["new"], np.ones((1, 8), np.float32))
    with pytest.raises(RuntimeError, match=r"syn1neg has"):
        model.train(words(), total_examples=300, epochs=1)
    assert isinstance(model, Plain)
    assert gensim.models.Word2Vec is not torch_w2v.Word2Vec


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
