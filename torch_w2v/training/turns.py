"""One `train()` call of a model at a time."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from torch_w2v import user_warnings
from torch_w2v.by_identity import ByIdentity
from torch_w2v.call_threads import Call, calls_here, working_for
from torch_w2v.training.model import TrainedModel
from torch_w2v.training.waits import Seen, awaited_by, running_futures

PATIENCE = 10.0  # seconds in code of the program after which a waiting call says what it waits for
_POLL = 0.1  # seconds between two looks at what the running call waits for
_TAKES_TURNS = "torch_w2v trains a model by one call at a time (gensim by all at once)."
_REMEDY = (
    "Call train() in the callback's own thread, which is allowed, or after the call that runs has ended, or train a "
    "copy.deepcopy(model)"
)
_IN_A_RING = (
    "train() was called while another train() of this model runs, which waits for this very thread (it reads the "
    f"corpus of that call, or a callback waits for it), so that neither could end. {_TAKES_TURNS} {_REMEDY}"
)

_making = threading.Lock()


class Turn(Call):
    """The right to train a model; a context manager that waits for it. A callback may have it once more.

    Raises:
        RuntimeError: the call that has it cannot end before this thread goes on: it waits for this thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._depth = threading.RLock(), 0
        self._working: Any = None

    def __enter__(self) -> Turn:
        if not self._lock.acquire(blocking=False):
            self._wait()
        elif self._depth and self.threads.get(threading.get_ident()) is not None:
            self._lock.release()
            raise RuntimeError(_IN_A_RING)
        self._depth += 1
        if self._depth == 1:
            self._working = working_for((self,))
            self._working.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._working.__exit__(*error)
        self._lock.release()

    def _wait(self) -> None:
        me, warned, seen = threading.get_ident(), False, Seen()
        try:
            while True:
                # As one step, so that of two calls that wait for each other one is refused.
                with _making:
                    _waiting[me] = self
                    if self._waits_for(me):
                        del _waiting[me]
                        raise RuntimeError(_IN_A_RING)
                if self._lock.acquire(timeout=_POLL):
                    return
                place = None if warned else seen.waiting_place(self, PATIENCE)
                if place:
                    warned = True
                    user_warnings.warn(
                        f"train() waits for another train() of this model, which has been in {place} for "
                        f"{PATIENCE:.0f} s. {_TAKES_TURNS} If that waits for this thread, both wait for ever. {_REMEDY}"
                    )
        finally:
            _waiting.pop(me, None)

    def _waits_for(self, me: int) -> bool:
        """Return whether the call that has this turn waits for a thread, through others as it may be."""
        mine, frames = calls_here(), sys._current_frames()
        futures = list(running_futures(frames[me]))
        threads, looked_at = list(self.threads), set[int]()
        while threads:
            thread = threads.pop()
            if thread == me:
                return True
            if thread in looked_at:
                continue
            looked_at.add(thread)
            turn = _waiting.get(thread)
            if turn is not None:
                if turn in mine:
                    return True
                threads.extend(list(turn.threads))
            for awaited in awaited_by(frames.get(thread)):
                if any(awaited is future for future in futures):
                    return True
                if isinstance(awaited, threading.Thread) and awaited.ident is not None:
                    threads.append(awaited.ident)
        return False


_turns: ByIdentity[Turn] = ByIdentity()
# thread -> what it waits for
_waiting: dict[int, Turn] = {}


def _forget() -> None:
    global _making  # noqa: PLW0603
    _making = threading.Lock()
    _turns.clear()
    _waiting.clear()


if hasattr(os, "register_at_fork"):
    # A child process has the locks of threads that it does not have.
    os.register_at_fork(after_in_child=_forget)


def turn_of(model: TrainedModel) -> Turn:
    """Return the turn of a `train()` call of a model: what another thread has begun ends first.

    gensim trains both at once, each thread on jobs of its own call; here a call keeps its corpus and its tables with
    the model. A callback may call `train()` within the call.
    """
    with _making:
        turn = _turns.get(model)
        if turn is None:
            turn = Turn()
            _turns.set(model, turn)
        return turn
