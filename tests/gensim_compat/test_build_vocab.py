"""Vocabularies and initial vectors are gensim's, whatever they are built from."""

import re

import gensim.models
import numpy as np
import pytest
from gensim import utils

from tests.helpers import CountingCorpus, both_classes, on_each_engine, ours, same, topics, trainable, words


def test_vocabulary_and_first_vectors_are_gensims():
    for options in (
        {}, {"min_count": 20}, {"max_final_vocab": 7}, {"sorted_vocab": 0}, {"null_word": 1}, {"sample": 0},
        {"max_vocab_size": 15}, {"ns_exponent": -0.5}, {"ns_exponent": 0.0}, {"sample": 30},
        {"trim_rule": lambda word, *_: utils.RULE_KEEP if word in ("w1", "w2", "w40") else utils.RULE_DISCARD},
    ):  # fmt: skip
        trim_rule = options.pop("trim_rule", None)
        models = [ours(cls=gensim.models.Word2Vec, **options), ours(**options)]
        for model in models:
            model.build_vocab(words(), trim_rule=trim_rule)
        theirs, mine = models
        assert same(theirs, mine), options
        assert theirs.corpus_count == mine.corpus_count
        assert theirs.corpus_total_words == mine.corpus_total_words
        np.testing.assert_array_equal(theirs.cum_table, mine.cum_table)
        for name, values in theirs.wv.expandos.items():
            np.testing.assert_array_equal(values, mine.wv.expandos[name])
        assert theirs.estimate_memory() == mine.estimate_memory()
        mine.sample = 0
        assert trainable(mine, words()), options
    assert theirs.estimate_memory(1000) == mine.estimate_memory(1000)


def test_integer_tokens():
    numbered = [[int(word[1:]) for word in sentence] for sentence in words()]
    by_number, by_name = ours(numbered), ours(words())
    assert by_number.wv.index_to_key == [int(word[1:]) for word in by_name.wv.index_to_key]
    np.testing.assert_array_equal(by_number.wv.vectors, by_name.wv.vectors)
    arrays = [np.array(sentence, np.int64) for sentence in numbered]
    assert same(ours(arrays), by_number)


@on_each_engine
def test_online_vocabulary(engine):
    model = ours(topics(), engine, sample=0)
    old, output = model.wv.vectors.copy(), model.syn1neg.copy()
    more = [["a0", "new", "a1"], ["new", "a2"]] * 20
    model.build_vocab(more, update=True)
    np.testing.assert_array_equal(model.wv.vectors[:-1], old)
    np.testing.assert_array_equal(model.syn1neg, np.vstack([output, np.zeros((1, 8), np.float32)]))
    first = model.wv["new"].copy()
    model.train(more, total_examples=model.corpus_count, epochs=3)
    assert (model.wv["new"] != first).any()
    assert model.syn1neg[model.wv.get_index("new")].any()
    assert (model.wv["a0"] != old[model.wv.get_index("a0")]).any()
    np.testing.assert_array_equal(model.wv["b0"], old[model.wv.get_index("b0")])


def test_vocabulary_from_frequencies():
    counted = {}
    for sentence in words():
        for word in sentence:
            counted[word] = counted.get(word, 0) + 1
    scanned, given = ours(), ours()
    scanned.build_vocab(words())
    given.build_vocab_from_freq(counted, corpus_count=len(words()))
    for model in (scanned, given):
        model.train(words(), total_examples=model.corpus_count, total_words=scanned.corpus_total_words, epochs=2)
    assert same(scanned, given)


@both_classes
def test_vocabulary_from_frequencies_without_a_corpus_count(cls):
    """Its corpus_count is 0, and that is what users pass to train()."""
    model = ours(cls=cls)
    model.build_vocab_from_freq({f"w{i}": 50 - i for i in range(41)})
    assert model.corpus_count == 0
    trained, raw = model.train(words(), total_examples=model.corpus_count, epochs=2)
    assert raw == 2 * sum(map(len, words()))
    assert 0 < trained <= raw
    # alpha falls from epoch to epoch, not within one
    assert model.min_alpha_yet_reached == pytest.approx((model.alpha + model.min_alpha) / 2)


def test_reset_from():
    source = ours(words())
    model = ours()
    model.reset_from(source)
    assert model.wv.index_to_key == source.wv.index_to_key
    assert (model.corpus_count, model.corpus_total_words) == (source.corpus_count, source.corpus_total_words)
    trained = source.wv.vectors.copy()
    model.train(words(), total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=2)
    np.testing.assert_array_equal(source.wv.vectors, trained)
    assert same(model, source)  # the same draws from the same start


@pytest.mark.parametrize("value", [None, "5", [5]])
def test_lines_of_progress_that_are_no_number(value):
    with pytest.raises(TypeError, match=re.escape(f"progress_per={value!r}: must be a number of sentences, more than")):
        ours().build_vocab(words(), progress_per=value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"trim_rule": 5}, "trim_rule=5: must be a function"),
        ({"min_count": [2]}, r"min_count=\[2\]: must be a number"),
        ({"min_count": "x"}, "min_count='x': must be an integer"),
        ({"sample": [1]}, r"sample=\[1\]: must be a number"),
        ({"sample": -1.0}, r"sample=-1\.0: must be 0 "),
    ],
)
def test_choices_of_words_that_are_none(given, message):
    """Before the corpus is read."""
    corpus = CountingCorpus(words())
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        ours().build_vocab(corpus, **given)
    assert not corpus.iterations
    with pytest.raises((TypeError, ValueError), match=f"^{message}"):
        ours().prepare_vocab(**given)


def test_numbers_of_lines_of_progress():
    with pytest.raises(ValueError, match=r"progress_per=0: must be a number of sentences, more than 0"):
        ours().build_vocab(words(), progress_per=0)
    for value in (1, 0.5, np.int64(3), float("inf"), float("nan"), -5):  # gensim takes all of them
        ours().build_vocab(words(), progress_per=value)
    model = ours(words())
    with pytest.raises(TypeError, match=r"report_delay=None: must be a number"):
        model.train(words(), total_examples=300, epochs=1, report_delay=None)


def test_a_new_vocabulary_has_new_vectors():
    """gensim gives the trained vectors to other words, or fails."""
    model = ours(words(), epochs=2)
    fresh = ours()
    fresh.build_vocab(words())
    trained = model.wv.vectors.copy()
    model.build_vocab(words())
    np.testing.assert_array_equal(model.wv.vectors, fresh.wv.vectors)
    assert not (model.wv.vectors == trained).all(1).any()
    more = [[*sentence, f"new{i}"] for i, sentence in enumerate(words())]
    model.build_vocab(more)
    assert len(model.wv) == len(model.wv.vectors) == len(fresh.wv) + len(more)
    assert model.wv.get_vecattr("new7", "count") == 1
    model.train(more, total_examples=len(more), epochs=1)
    assert np.isfinite(model.wv.most_similar("new7")[0][1])


def test_a_new_vocabulary_has_no_old_lock_factors():
    model = ours(words(), epochs=1, sample=0)
    model.wv.vectors_lockf = np.zeros(len(model.wv), np.float32)
    model.build_vocab(words())
    untrained = model.wv.vectors.copy()
    model.train(words(), total_examples=300, epochs=1)
    assert (model.wv.vectors != untrained).any(1).all()


def test_choosing_words_again_keeps_the_vectors():
    """As for another subsampling."""
    model = ours(min_count=1)
    model.build_vocab(words(), keep_raw_vocab=True)
    model.train(words(), total_examples=300, epochs=1)
    shape = model.wv.vectors.shape
    model.prepare_vocab(keep_raw_vocab=True, sample=1e-2)
    assert model.wv.vectors.shape == shape
    assert model.train(words(), total_examples=300, epochs=1)[0] > 0


def test_a_vocabulary_that_is_only_looked_at_leaves_the_vectors():
    model = ours(words(), epochs=1)
    before = {word: model.wv[word].copy() for word in model.wv.index_to_key}
    model.scan_vocab(words())
    model.prepare_vocab(dry_run=True)
    assert len(model.wv) == len(before)
    for word, vector in before.items():
        np.testing.assert_array_equal(model.wv[word], vector)


def test_sentences_that_are_strings_are_a_warning():
    with pytest.warns(RuntimeWarning, match="its characters are the words: give lists of words"):
        ours(["some text", "more text"] * 20)
