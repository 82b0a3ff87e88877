"""One `train()` call of a model at a time."""

from __future__ import annotations

import os
import threading
from weakref import WeakKeyDictionary

from torch_w2v.training.model import TrainedModel

# Not an attribute of the model, which would be saved and copied with it.
_turns: WeakKeyDictionary[TrainedModel, threading.RLock] = WeakKeyDictionary()
_making = threading.Lock()


def _forget() -> None:
    global _making  # noqa: PLW0603
    _making = threading.Lock()
    _turns.clear()


if hasattr(os, "register_at_fork"):
    # A child process has the locks of threads that it does not have.
    os.register_at_fork(after_in_child=_forget)


def turn_of(model: TrainedModel) -> threading.RLock:
    """Return a lock for a `train()` call of a model: what another thread has begun ends first.

    gensim trains both at once, each thread on jobs of its own call; here a call keeps its corpus and its tables with
    the model. A callback may call `train()` within the call.
    """
    with _making:
        return _turns.setdefault(model, threading.RLock())
