"""Whatever the constructor and callbacks may give, a checkpoint is written by the rules by which it is read."""

import math
import os
import re
import tempfile
import warnings
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from gensim.models.word2vec import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import ours, same, words
from tests.training.watching import Watching

SENTENCES = words(20)
LEGAL = {
    "sample": (None, 0, False, 5, np.float32(0.1), np.array(0.1), Decimal("0.1")),
    "seed": (0, True, np.uint32(7), 2**32 - 1),
    "alpha": (1, True, np.float16(0.1), Fraction(1, 10)),
    "min_alpha": (0, np.array(0), Decimal(0)),
    "window": (True, np.int64(3), 3.0, 10**30),
    "negative": (np.int64(2), True, np.array(2)),
    "min_count": (0, True, 1.5, np.array(1), Fraction(1, 2)),
    "max_vocab_size": (None, np.int64(100), Fraction(100), math.inf),
    "max_final_vocab": (None, np.array(30), 30),
    "ns_exponent": (0, np.float32(0.5), Fraction(3, 4), Decimal("0.75")),
    "cbow_mean": (False, 2, np.int64(1), np.array(1)),
    "epochs": (np.uint8(3), np.array(3)),
    "null_word": (None, np.array(1), object(), "x"),
    "sorted_vocab": (None, np.bool_(0), object()),
    "batch_words": (0, 1e4, np.array(10)),
    "compute_loss": (None, np.bool_(1), np.float32(1), object()),
    "shrink_windows": (None, np.array(0), object()),
    "hashfxn": (len, None),
    "trim_rule": (lambda word, count, least: 0,),
    "comment": (None, object()),
}


def interrupt(model):
    raise KeyboardInterrupt


def check(options):
    """Train, interrupted and resumed, and at once."""
    options = {"epochs": 3, "sentences": SENTENCES, **options}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "training diverged")
        path = os.path.join(folder, "run.checkpoint")
        with pytest.raises(KeyboardInterrupt):
            ours(**options, checkpoint=path, callbacks=[Watching(at_epoch_end=interrupt)])
        assert same(ours(**options, checkpoint=path), ours(**options))


@pytest.mark.parametrize("row", range(max(map(len, LEGAL.values()))))
def test_whatever_is_legal_can_be_gone_on_from(row):
    """Each value is in one of the calls."""
    check({name: values[row % len(values)] for name, values in LEGAL.items()})


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(options=st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in LEGAL.items()}))
def test_any_choice_of_what_is_legal_can_be_gone_on_from(options):
    check(options)


def test_rates_are_the_same_after_an_interrupt(tmp_path):
    """Those of numpy's float32 too, which a checkpoint holds in float64."""
    whole, interrupted, resumed = (ours() for _ in range(3))
    for model in (whole, interrupted, resumed):
        model.build_vocab(SENTENCES)
    call = {"total_examples": 20, "epochs": 3, "start_alpha": np.float32(0.1), "end_alpha": np.float32(0.01)}
    whole.train(SENTENCES, **call)
    with pytest.raises(KeyboardInterrupt):
        interrupted.train(SENTENCES, **call, checkpoint=tmp_path / "c", callbacks=[Watching(at_epoch_end=interrupt)])
    resumed.train(SENTENCES, **call, checkpoint=tmp_path / "c")
    assert same(whole, resumed)


def test_what_could_not_be_gone_on_from_is_not_written(tmp_path):
    """A callback sets an attribute to what training takes and no checkpoint has."""

    def begin(model):
        if model.cbow_mean is None:
            raise KeyboardInterrupt

    watching = Watching(at_epoch_begin=begin, at_epoch_end=lambda model: setattr(model, "cbow_mean", None))
    with (
        pytest.raises(KeyboardInterrupt),
        pytest.warns(RuntimeWarning, match="no checkpoint was written .*'cbow_mean'"),
    ):
        ours(SENTENCES, checkpoint=tmp_path / "c", callbacks=[watching])
    assert os.listdir(tmp_path) == []


def test_a_state_that_json_cannot_hold_is_named(tmp_path):
    callback = Watching()
    callback.state_dict, callback.load_state_dict = lambda: {"seen": {1, 2}}, lambda state: None
    with pytest.raises(TypeError, match=r"state_dict\(\) of the callback Watching: set is not JSON"):
        ours(SENTENCES, checkpoint=tmp_path / "c", callbacks=[callback])


# ---- where a checkpoint must not be ----


@pytest.mark.parametrize("where", ["constructor", "train"])
@pytest.mark.parametrize(
    ("corpus", "checkpoint", "message"),
    [
        (
            {"corpus_file": "d"},
            "d/c",
            "lies in d, all of whose files are the corpus, .*: choose a path outside of this",
        ),
        ({"corpus_file": ["c.txt", "d/"]}, "d/c", "lies in d/, all of whose files are the corpus"),
        ({"corpus_file": "d/*"}, "d/c", r"is a name that the corpus d/\* matches, .*: choose a path that it does not"),
        (
            {"corpus_file": "*.previous"},
            "c",
            r"the one before it, .*c\.previous, is a name that the corpus \*\.previous",
        ),
        ({"corpus_file": "c.txt"}, "c.txt", "is a file of the corpus: choose another path"),
        ({"corpus_file": "link.previous"}, "link", "the one before it, .*, is a file of the corpus"),
        ({"sentences": lambda: PathLineSentences("d")}, "d/c", "lies in d/, all of whose files are the corpus"),
        ({"sentences": lambda: LineSentence("c.txt")}, "c.txt", "is a file of the corpus"),
        ({"sentences": lambda: Text8Corpus("c.txt")}, "c.txt", "is a file of the corpus"),
        ({"sentences": lambda: BrownCorpus("d")}, "d/c", "lies in d, all of whose files"),
    ],
)
def test_a_checkpoint_in_the_corpus_is_refused(where, corpus, checkpoint, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("d")
    for name in ("c.txt", "d/a.txt", "link.previous"):
        Path(name).write_text("a b c\n" * 9)
    # Nothing of the corpus is read before.
    for opener in ("torch_w2v.corpus.text.open_bytes", "gensim.utils.open"):
        monkeypatch.setattr(opener, lambda *_: pytest.fail("it was read"))
    sentences, corpus_file = corpus.get("sentences", lambda: None)(), corpus.get("corpus_file")
    call = partial(ours, sentences, corpus_file=corpus_file)
    if where == "train":
        call = partial(ours([["a", "b", "c"]]).train, sentences, corpus_file, total_words=27, epochs=1)
    with pytest.raises(ValueError, match=f"^checkpoint='{re.escape(str(tmp_path / checkpoint))}': {message}"):
        call(checkpoint=checkpoint)
    assert sorted(os.listdir()) == ["c.txt", "d", "link.previous"]
    assert os.listdir("d") == ["a.txt"]


def test_an_older_checkpoint_in_the_corpus_is_named(tmp_path):
    ours(SENTENCES, checkpoint=tmp_path / "z")
    (tmp_path / "a.txt").write_text("a b c\n")
    np.savez(tmp_path / "arrays.npz", vectors=np.full((9, 8), -1.0))
    with pytest.raises(
        ValueError, match=r"z is a checkpoint of torch_w2v, and no text: move it out of the corpus, to another"
    ):
        ours(corpus_file=[tmp_path / "a.txt", tmp_path / "z"])
    with pytest.raises(UnicodeDecodeError, match=r"must be UTF-8, but this is a checkpoint of torch_w2v: move it out"):
        ours(LineSentence(str(tmp_path / "z")))
    with pytest.raises(UnicodeDecodeError, match=r"arrays\.npz; a corpus_file must be UTF-8\)"):
        ours(corpus_file=[tmp_path / "a.txt", tmp_path / "arrays.npz"])
