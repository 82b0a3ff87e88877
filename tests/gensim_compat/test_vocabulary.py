"""The vocabulary is gensim's, to the last digit and line of the log."""

import logging
import re

import gensim.models
import gensim.utils
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import torch_w2v
from tests.helpers import words

CLASSES = (gensim.models.Word2Vec, torch_w2v.Word2Vec)
COUNTS = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), st.integers(1, 10**6), max_size=60)
OPTIONS = st.fixed_dictionaries(
    {
        "min_count": st.integers(1, 50), "sample": st.sampled_from([0, 1e-5, 1e-3, 0.5, 1, 30]),
        "max_final_vocab": st.one_of(st.none(), st.integers(1, 70)), "sorted_vocab": st.integers(0, 1),
        "null_word": st.integers(0, 1), "hs": st.integers(0, 1), "negative": st.sampled_from([0, 5]),
    }
)  # fmt: skip


def prepared(cls, counts, options, **how):
    """Return all that `prepare_vocab` changes, logs and returns, and the model."""
    model = cls(**options)
    model.raw_vocab = dict(counts)
    report = model.prepare_vocab(**how)
    wv = model.wv
    return {
        "report": report, "words": list(wv.index_to_key), "rows": dict(wv.key_to_index), "raw": dict(model.raw_vocab),
        "events": [event.get("msg") for event in model.lifecycle_events],
        "settings": (model.min_count, model.sample, model.effective_min_count),
        **{
            name: [v if isinstance(v, int) else np.asarray(v).tolist() for v in values.tolist()]
            for name, values in wv.expandos.items()
        },
    }, model  # fmt: skip


@given(COUNTS.filter(len), OPTIONS, st.booleans(), st.booleans())
def test_prepare_vocab(counts, options, keep_raw_vocab, dry_run):
    if options["null_word"] and (dry_run or options["hs"]):  # gensim fails there
        options["null_word"] = 0
    if max(counts.values()) < options["min_count"] or dry_run:
        options["hs"] = 0
    how = {"keep_raw_vocab": keep_raw_vocab, "dry_run": dry_run}
    if dry_run or max(counts.values()) < options["min_count"]:
        options["negative"] = 0  # gensim has no table for no words
    if options["max_final_vocab"] == 1:
        options["max_final_vocab"] = None  # and none when ties leave no words
    theirs, model = prepared(CLASSES[0], counts, options, **how)
    mine, own = prepared(CLASSES[1], counts, options, **how)
    assert mine == theirs
    if options["negative"]:
        assert np.abs(own.cum_table.astype(int) - model.cum_table.astype(int)).max(initial=0) <= 1


def scanned(cls, caplog, sentences, **options):
    caplog.clear()
    model = cls(min_count=2)
    model.scan_vocab(sentences, progress_per=7, **options)
    lines = [
        re.sub(r"keeping \d+", "keeping N", record.getMessage())
        for record in caplog.records
        if record.name == "gensim.models.word2vec"
    ]
    return lines, dict(model.raw_vocab), list(model.raw_vocab)


@pytest.mark.parametrize("sentences", [words(), [["a"], [1, "a"], [], [(2,)]], ["plain", "text"], []])
def test_scan_vocab_and_its_log(sentences, caplog):
    caplog.set_level(logging.INFO)
    theirs, mine = (scanned(cls, caplog, sentences) for cls in CLASSES)
    assert mine == theirs


def test_scan_vocab_prunes_as_gensim(caplog):
    theirs, mine = (cls(max_vocab_size=40, min_count=1) for cls in CLASSES)
    for model in (theirs, mine):
        model.build_vocab(words())
    assert mine.wv.index_to_key == theirs.wv.index_to_key


def test_trim_rules_are_gensims():
    def rule(word, count, least):
        return gensim.utils.RULE_DISCARD if word.endswith("1") else gensim.utils.RULE_DEFAULT

    theirs, mine = (cls(words(), min_count=2, trim_rule=rule, epochs=1) for cls in CLASSES)
    assert mine.wv.index_to_key == theirs.wv.index_to_key
    assert not [word for word in mine.wv.index_to_key if word.endswith("1")]


@pytest.mark.parametrize("counts", [{"a": 2.5, "b": 9.0}, {"a": np.int64(3), "b": np.int64(9)}])
def test_odd_counts(counts):
    theirs, mine = (cls(min_count=1, sample=1e-3) for cls in CLASSES)
    for model in (theirs, mine):
        model.build_vocab_from_freq(dict(counts), corpus_count=9)
    assert mine.wv.index_to_key == theirs.wv.index_to_key
    for name in ("count", "sample_int"):
        np.testing.assert_array_equal(mine.wv.expandos[name], theirs.wv.expandos[name])


def test_a_vocabulary_built_anew_or_extended():
    theirs, mine = (cls(words(), min_count=2, epochs=1) for cls in CLASSES)
    for model in (theirs, mine):
        model.build_vocab([["new", "w1"]] * 3, update=True)
    assert mine.wv.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(mine.wv.expandos["count"], theirs.wv.expandos["count"])
    for model in (theirs, mine):
        model.build_vocab([["other", "words"]] * 3)
    assert mine.wv.index_to_key == theirs.wv.index_to_key
    np.testing.assert_array_equal(mine.wv.expandos["sample_int"], theirs.wv.expandos["sample_int"])
