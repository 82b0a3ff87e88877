"""What callbacks remember from epoch to epoch, so that a call that goes on from a checkpoint has it too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v.slots import set_attributes, slots_of
from torch_w2v.training_log import logger


def plain(value: Any) -> Any:
    """Return a value as JSON gives it back; numpy's scalars become numbers.

    Raises:
        TypeError, ValueError: JSON cannot hold it.
    """
    return json.loads(json.dumps(value, default=_number))


def _number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


class CallbackStates:
    """The states of the callbacks of one call.

    The state of a callback is what its `state_dict()` returns, which its `load_state_dict(state)` takes back. One that
    has no such methods keeps its attributes that training has changed, if JSON can hold them: numbers, texts, lists
    and dictionaries of these.

    Args:
        callbacks: in order.

    Attributes:
        callbacks: the same.
    """

    def __init__(self, callbacks: Iterable[CallbackAny2Vec]) -> None:
        self.callbacks = tuple(callbacks)
        self._before: list[dict[str, str]] = []

    def begin(self) -> None:
        """Note the attributes at the beginning of the call."""
        self._before = [{} if _has_state(callback) else _attributes(callback) for callback in self.callbacks]

    def changed(self) -> list[dict[str, Any]]:
        """Return the states as JSON can hold them.

        Raises:
            TypeError, ValueError: what a `state_dict` returns is not JSON.
        """
        states = []
        for callback, before in zip(self.callbacks, self._before, strict=True):
            if _has_state(callback):
                try:
                    state = {"state": plain(callback.state_dict())}
                except (TypeError, ValueError) as e:
                    raise type(e)(f"state_dict() of the callback {_name(callback)}: {e}") from e
            else:
                now = _attributes(callback).items()
                state = {"attributes": {name: json.loads(text) for name, text in now if before.get(name) != text}}
            states.append({"class": _name(callback), **state})
        return states

    def load(self, states: list[dict[str, Any]]) -> None:
        """Give the callbacks the states that `changed` has returned, each to the callback of the same class."""
        waiting = list(states)
        for callback in self.callbacks:
            state = next((state for state in waiting if state["class"] == _name(callback)), None)
            if state is None:
                continue
            waiting.remove(state)
            if "state" in state:
                callback.load_state_dict(state["state"])
            else:
                set_attributes(callback, state["attributes"])
        for state in waiting:
            logger.warning("the checkpoint has the state of a callback %s, which this call has not", state["class"])


def _has_state(callback: Any) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _name(callback: Any) -> str:
    return type(callback).__qualname__


def _attributes(callback: Any) -> dict[str, str]:
    """Return the attributes of an object that JSON gives back as they are, as JSON."""
    result = {}
    for name, value in {**getattr(callback, "__dict__", {}), **slots_of(callback)}.items():
        try:
            text = json.dumps(value, default=_number)
            if json.loads(text) == value:
                result[name] = text
        except (TypeError, ValueError):  # it stays as the new call makes it
            continue
    return result
