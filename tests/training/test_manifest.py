"""What a checkpoint says must be what one can say, also where its checksums are right."""

import copy
import json
import math
import os

import numpy as np
import pytest

from tests.helpers import ours, same, words
from tests.training.watching import Watching
from torch_w2v.training import checkpoint_file, manifest
from torch_w2v.training.epoch import CallState
from torch_w2v.training.measured import LATER, Measured

SENTENCES = words(300)


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """Return the manifest of a checkpoint."""
    path = tmp_path_factory.mktemp("right") / "run.checkpoint"
    ours(SENTENCES, checkpoint=path, callbacks=[Watching()], compute_loss=None)
    with np.load(path) as checkpoint:
        return json.loads(checkpoint["manifest.json"])


WRONG = {
    "arguments": ([], None, {}),
    "arguments.vocabulary": ({}, 3, {"words": -1}),
    "arguments.epochs": (-1, "2", 1.5),
    "stage": ("middle", 3),
    "progress": (3, {}),
    "progress.epoch": (-1, 2, "0"),
    "progress.seed": (-1, "1"),
    "progress.repetition": (math.nan, "1"),
    "progress.context": (math.nan, "1"),
    "progress.busiest": (math.nan, "1"),
    "progress.unmet": (math.nan, "1"),
    "progress.expected_words": (math.inf, None),
    "progress.totals": ({}, 3),
    "progress.totals.chunks": (-1, "1", 0.5),
    "progress.totals.last": (-2,),
    "progress.totals.loss": ("1", None),
    "progress.call.raw_words": (None,),
    "attributes": ({}, {"wv": 3}, 3),
    "attributes.alpha": ("0.1", None, [1]),
    "attributes.cbow_gradient": (3, "other"),
    "attributes.training_losses": (3, ["1"]),
    "attributes.__class__": (3,),
    "callbacks": ({}, [3], [{"class": "Watching"}], [{"class": 3, "attributes": {}}]),
    "arrays": (3,),
    "arrays.vectors": (3, {"shape": [41], "dtype": "<f4"}, {"shape": [0, 8], "dtype": "<f4"}),
    "arrays.vectors_lockf": ({"shape": [1], "dtype": "<i8"}, {"shape": [1], "dtype": "other"}),
}


@pytest.mark.parametrize("name", LATER)
def test_what_the_first_checkpoints_do_not_have(name, right):
    right = copy.deepcopy(right)
    del right["progress"][name]
    manifest.check(right)
    state = CallState(measured=Measured(**dict.fromkeys(LATER, 0.5)))
    state.load(right["progress"])
    assert getattr(state.measured, name) == 0
    right["progress"][name] = math.nan
    with pytest.raises(ValueError, match=f"its '{name}' cannot be that of a checkpoint"):
        manifest.check(right)


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused(name, right):
    manifest.check(right)
    *folders, last = name.split(".")
    missing = object()
    for value in (*WRONG[name], missing):
        wrong = copy.deepcopy(right)
        part = wrong
        for folder in folders:
            part = part[folder]
        if value is not missing:
            part[last] = value
        elif last in part:
            del part[last]
        else:
            continue
        with pytest.raises(ValueError, match="cannot be that of a checkpoint"):
            manifest.check(wrong)


def test_what_cannot_be_of_several_ranks_is_refused(right):
    parts = [right["progress"]["totals"]]
    ranks = {
        **right,
        "arguments": {**right["arguments"], "distributed": True},
        "exchange": 4,
        "exchanges": 20,
        "parts": parts,
    }
    manifest.check(ranks)
    for wrong in (
        {"exchange": -1},
        {"exchange": "4"},
        {"exchanges": None},
        {"parts": []},
        {"parts": [{}]},
        {"parts": 3},
    ):
        with pytest.raises(ValueError, match=f"'{next(iter(wrong))}' cannot be that of a checkpoint"):
            manifest.check({**ranks, **wrong})
    with pytest.raises(ValueError, match="'curvatures' cannot be that of a checkpoint"):
        manifest.check({**ranks, "stage": "train"})


def test_training_goes_on_from_the_one_before(tmp_path):
    path = tmp_path / "run.checkpoint"
    whole = ours(SENTENCES, checkpoint=path)
    with np.load(path) as checkpoint:
        arrays = {name: checkpoint[name] for name in checkpoint.files if name != "manifest.json"}
    checkpoint_file.write(str(path), {"arguments": {}, "stage": "end"}, arrays)
    with pytest.warns(RuntimeWarning, match=r"'vocabulary' cannot be that of a checkpoint: going on from .*\.previous"):
        assert same(ours(SENTENCES, checkpoint=path), whole)


def test_a_checkpoint_that_does_not_say_whether_it_is_of_several_ranks_is_of_one(tmp_path):
    path = tmp_path / "run.checkpoint"
    whole = ours(SENTENCES, checkpoint=path)
    with np.load(path) as checkpoint:
        arrays = {name: checkpoint[name] for name in checkpoint.files if name != "manifest.json"}
        found = json.loads(checkpoint["manifest.json"])
    del found["arguments"]["distributed"]
    path.unlink()
    checkpoint_file.write(str(path), {name: found[name] for name in found.keys() - {"arrays"}}, arrays)
    before = path.read_bytes()
    assert same(ours(SENTENCES, checkpoint=path), whole)
    assert path.read_bytes() == before


def test_a_callback_may_change_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other").mkdir()
    ours(SENTENCES, checkpoint="c", callbacks=[Watching(at_epoch_end=lambda _: os.chdir(tmp_path / "other"))])
    assert sorted(os.listdir(tmp_path)) == ["c", "other"]
    assert os.listdir(tmp_path / "other") == []
