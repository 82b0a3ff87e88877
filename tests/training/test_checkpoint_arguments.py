"""Whatever the constructor and callbacks may give, a checkpoint is written by the rules by which it is read."""

import math
import os
import tempfile
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers import ours, same, words
from tests.training.watching import Watching

SENTENCES = words(20)
LEGAL = {
    "sample": (None, 0, False, 5, np.float32(0.1), np.array(0.1), Decimal("0.1")),
    "seed": (0, True, np.uint32(7), 2**32 - 1),
    "alpha": (1, True, np.float16(0.1), Fraction(1, 10), -0.1),
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
