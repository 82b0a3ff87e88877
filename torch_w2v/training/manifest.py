"""What the manifest of a checkpoint says: its parts are checked before anything is done by them.

A damaged file is noticed by its checksums. A manifest that fails here was written by something else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from torch_w2v.training.epoch import Totals
from torch_w2v.training.measured import LATER, Measured

# Attributes of a model that a call of `train()` or its callbacks may have changed.
STATE = (
    "alpha",
    "min_alpha",
    "min_alpha_yet_reached",
    "window",
    "sample",
    "negative",
    "cbow_mean",
    "batch_words",
    "compute_loss",
    "shrink_windows",
    "cbow_gradient",
    "running_training_loss",
    "training_losses",
    "total_train_time",
)
# The stages of an epoch, in order: its chunks; then `on_epoch_end` is called; then it is done. The call is finished.
TRAIN, END, DONE, FINISHED = "train", "end", "done", "finished"
# Arrays and their numbers of dimensions.
_ARRAYS = {"vectors": 2, "syn1neg": 2, "vectors_lockf": 1}
# Beside those where several ranks have stopped within an epoch.
_ARRAYS_OF_RANKS = {"curvatures": 2}
_FRACTIONS = ("loss", "pairs")
# Attributes and arguments that may be anything that is true or false.
_TRUTHS = ("compute_loss", "shrink_windows", "null_word", "sorted_vocab")


def as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments, or attributes of a model, as JSON gives them back.

    What is only asked whether it is true becomes a bool, and every number that JSON has no form of an int or a float:
    numpy's scalars and arrays of one number, fractions, decimals.

    Args:
        values: by name.

    Raises:
        TypeError, ValueError: the name of a value that JSON cannot hold.
    """
    result = {}
    for name, value in values.items():
        try:
            result[name] = json.loads(json.dumps(bool(value) if name in _TRUTHS else value, default=_number))
        except (TypeError, ValueError) as e:
            raise type(e)(f"{name}={value!r}: a checkpoint cannot hold it: it is no number") from e
    return result


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else float(value)


def check(manifest: Mapping[str, Any]) -> None:
    """Check that the manifest of a whole file is one of a checkpoint; before it is written, and when it is read.

    Raises:
        ValueError: the name of the part that cannot be so.
    """
    arguments = _part(manifest, "arguments", lambda value: isinstance(value, dict))
    _part(arguments, "vocabulary", lambda value: isinstance(value, dict) and _is_count(value.get("words")))
    _part(arguments, "epochs", _is_count)
    _part(manifest, "stage", lambda value: value in (TRAIN, END, DONE, FINISHED))
    progress = _part(manifest, "progress", lambda value: isinstance(value, dict))
    _part(progress, "epoch", lambda value: _is_count(value) and value < arguments["epochs"])
    _part(progress, "seed", _is_count)
    for name in (*Measured._fields, "expected_words", "elapsed"):
        if name in progress or name not in LATER:
            _part(progress, name, _is_number)
    for name in ("totals", "call"):
        _part(progress, name, _is_totals)
    attributes = _part(manifest, "attributes", lambda value: isinstance(value, dict) and set(value) == set(STATE))
    for name in attributes:
        if name == "training_losses":
            # The loss of an epoch that had no words is not a number.
            _part(attributes, name, lambda losses: isinstance(losses, list) and all(map(_is_float, losses)))
        elif name == "cbow_gradient":
            _part(attributes, name, ("gensim", "exact").__contains__)
        elif name == "sample":
            _part(attributes, name, lambda sample: sample is None or _is_float(sample))  # None means 0
        elif name not in _TRUTHS:
            _part(attributes, name, _is_float)
    _part(manifest, "callbacks", lambda value: isinstance(value, list) and all(map(_is_state, value)))
    arrays = _part(manifest, "arrays", lambda value: isinstance(value, dict))
    is_within = arguments.get("distributed") and manifest["stage"] == TRAIN
    for name, dimensions in {**_ARRAYS, **(_ARRAYS_OF_RANKS if is_within else {})}.items():
        shape = _part(arrays, name, _is_floats)["shape"]
        if len(shape) != dimensions or 0 in shape:
            _refuse(name)
    if arguments.get("distributed"):
        for name in ("exchange", "exchanges"):
            _part(manifest, name, _is_count)
        _part(manifest, "parts", lambda value: isinstance(value, list) and value and all(map(_is_totals, value)))


def _part(whole: Mapping[str, Any], name: str, is_right: Callable[[Any], object]) -> Any:
    if name not in whole or not is_right(whole[name]):
        _refuse(name)
    return whole[name]


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"its {name!r} cannot be that of a checkpoint")


def _is_float(value: Any) -> bool:
    return isinstance(value, (int, float))


def _is_number(value: Any) -> bool:
    return _is_float(value) and math.isfinite(value)


def _is_floats(value: Any) -> bool:
    """Return whether a value describes an array of floats."""
    return isinstance(value, dict) and str(value.get("dtype"))[1:2] == "f" and isinstance(value.get("shape"), list)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_totals(value: Any) -> bool:
    """Return whether a value can be what `Totals.as_dict` returns."""
    if not isinstance(value, dict) or value.keys() != Totals().as_dict().keys():
        return False
    if not all(map(_is_float, value.values())):
        return False
    # The last chunk is -1 before there is one.
    return all(_is_count(value[name] + (name == "last")) for name in value.keys() - set(_FRACTIONS))


def _is_state(value: Any) -> bool:
    """Return whether a value can be the state of a callback."""
    if not isinstance(value, dict) or not isinstance(value.get("class"), str):
        return False
    return "state" in value or isinstance(value.get("attributes"), dict)
