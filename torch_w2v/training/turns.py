"""One `train()` call of a model at a time."""

from __future__ import annotations

import os
import threading

from torch_w2v.by_identity import ByIdentity
from torch_w2v.training.model import TrainedModel

_turns: ByIdentity[threading.RLock] = ByIdentity()
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
        turn = _turns.get(model)
        if turn is None:
            turn = threading.RLock()
            _turns.set(model, turn)
        return turn
