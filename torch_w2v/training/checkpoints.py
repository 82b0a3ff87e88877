"""Checkpoints of a `train()` call: what they hold, when they are written, and how the same call goes on from one."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v import user_warnings
from torch_w2v.options import option
from torch_w2v.training import call_arguments, checkpoint_file, manifest
from torch_w2v.training.callback_states import CallbackStates, plain
from torch_w2v.training.epoch import CallState, Job, Totals
from torch_w2v.training.interrupts import Interrupts
from torch_w2v.training.manifest import DONE, FINISHED, STATE, TRAIN
from torch_w2v.training.model import TrainedModel
from torch_w2v.training_log import logger

# The share of the time that writing may take at the default interval; on a slow disk the interval is longer for that.
_SHARE = 0.02


class Checkpoints:
    """No checkpoints: what a call of `train()` without them does. `KeptCheckpoints` is the other kind.

    Attributes:
        progress: of the call, which updates it.
        interrupts: hold signals back while there is something that is not in a checkpoint.
        kept: whether checkpoints are written.
    """

    kept = False

    def __init__(self) -> None:
        self.progress = CallState()
        self.interrupts = Interrupts()

    def events(self, callbacks: Iterable[CallbackAny2Vec]) -> Iterable[CallbackAny2Vec]:
        """Return the callbacks as they are to be called."""
        return callbacks

    def is_over(self, epoch: int) -> bool:
        """Return whether an epoch was trained before the checkpoint that the call goes on from."""
        return False

    def resume(self, epoch: int) -> str | None:
        """Begin an epoch; return the stage of the checkpoint that the call goes on from, if it stands in this one.

        The model's attributes and `progress` are then those of the checkpoint; its tables not yet. In any other epoch
        `progress` is that of its beginning.
        """
        self.progress.epoch, self.progress.totals = epoch, Totals()
        return None

    def skip(self, jobs: Iterator[Job], static: bool) -> Iterator[Job]:
        """Skip the jobs that are done already, load the tables, and return the other jobs."""
        return jobs

    def enter(self, stage: str) -> None:
        """Note that the epoch has reached a stage."""

    def due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return False

    def save(self) -> None:
        """Write a checkpoint of the last place where the call can go on."""

    def open(self) -> None:
        """Begin the call."""

    def close(self) -> None:
        """End the call."""


class KeptCheckpoints(Checkpoints):
    """The checkpoints of a call of `train()`.

    A checkpoint stands between two chunks, or before or after a callback is called for an epoch. Draws are a function
    of the place in the corpus, so the tables, the place and some numbers are all that the rest of the call depends on.

    Args:
        model: is trained.
        path: of the file.
        every: seconds between two checkpoints.
        totals: the `total_examples` and `total_words` of the call.
        store: writes what was trained so far into the model's tables.
    """

    kept = True
    _distributed = False

    def __init__(
        self, model: TrainedModel, path: str, every: float, totals: dict[str, int | None], store: Callable[[], None]
    ) -> None:
        super().__init__()
        self._model, self._path, self._every, self._store = model, path, every, store
        self._totals = totals
        self._next = time.monotonic() + every
        self._callbacks = CallbackStates(())
        self._arguments: dict[str, Any] = {}
        self._words = np.zeros(0, np.uint8)
        self._found: checkpoint_file.CheckpointFile | None = None
        self._manifest: dict[str, Any] = {}
        self._resumed: tuple[int, str] | None = None
        # What `resume` has replaced, until the tables of the checkpoint are loaded, too.
        self._before: tuple[dict[str, Any], np.ndarray] | None = None
        # An epoch's chunks are trained; otherwise, and before the first of them, what a checkpoint would hold.
        self._training = False
        self._snapshot: dict[str, Any] | None = None
        # the place of the last checkpoint
        self._written: tuple[object, ...] | None = None
        self._keep_older = True

    def open(self) -> None:
        """Begin the call: signals may be held back."""
        self.interrupts.__enter__()

    def close(self) -> None:
        """End the call; a signal that was held back takes its effect."""
        if self._before is not None:
            attributes, self._model.wv.vectors_lockf = self._before
            self._set(attributes)
        if self._found is not None:
            self._found.close()
            self._found = None
        self.interrupts.__exit__()

    def events(self, callbacks: Iterable[CallbackAny2Vec]) -> Iterable[CallbackAny2Vec]:
        """Return one callback in the place of all: it begins, resumes and ends the checkpoints too."""
        self._callbacks = CallbackStates(callbacks)
        return (_Events(self, self._callbacks.callbacks),)

    def begin(self) -> None:
        """Look for a checkpoint of this call, once gensim has set what the model is trained with.

        Raises:
            ValueError: the checkpoint is of another call; with what differs.
        """
        self._callbacks.begin()
        self._words = call_arguments.encoded_words(self._model)
        of_call = call_arguments.of_call(self._model, self._totals, self._words, self._distributed)
        self._arguments = {**of_call, "distributed": self._distributed}
        if found := self._find():
            self._manifest = found
            self._resumed = int(found["progress"]["epoch"]), str(found["stage"])

    def _find(self) -> dict[str, Any] | None:
        """Open the checkpoint, and return its manifest; None if there is none."""
        self._found = checkpoint_file.newest(self._path, manifest.check)
        if self._found is None:
            return None
        self._keep_older = self._found.path == self._path
        found = self._found.manifest
        # The first version that wrote checkpoints had none of several ranks, and did not say so.
        arguments = {"distributed": False, **found["arguments"]}
        if differences := list(call_arguments.differences(arguments, self._arguments)):
            raise ValueError(
                f"the checkpoint {self._found.path} is of another call of train(): {'; '.join(differences)}. Give what "
                "the checkpoint was given to go on from it; or another path, or delete it, to start anew"
            )
        progress = found["progress"]
        epoch, words = progress["epoch"] + 1, progress["totals"]["raw_words"]
        if found["stage"] == FINISHED:
            logger.info("the checkpoint %s is of a call that was finished: nothing is left to train", self._found.path)
        else:
            logger.info("going on from the checkpoint %s: epoch %d, after %d words", self._found.path, epoch, words)
        return found

    def is_over(self, epoch: int) -> bool:
        """Return whether an epoch was trained before the checkpoint that the call goes on from."""
        if self._resumed is None:
            return False
        at, stage = self._resumed
        return epoch < at or (epoch > at and stage == FINISHED)

    def skips(self, epoch: int, begins: bool) -> bool:
        """Return whether the callbacks of an epoch's begin or end have been called before the checkpoint."""
        if self._resumed is None:
            return False
        at, stage = self._resumed
        return stage == FINISHED or epoch < at or (epoch == at and (begins or stage == DONE))

    def resume(self, epoch: int) -> str | None:
        """Return the stage of the checkpoint that the call goes on from; see `Checkpoints.resume`."""
        if self._resumed is None or self._resumed[0] != epoch:
            return super().resume(epoch)
        factors = self._model.wv.vectors_lockf
        self._before = {name: getattr(self._model, name) for name in STATE}, factors
        self._set(self._manifest["attributes"])
        self.progress.load(self._manifest["progress"])
        self._model.wv.vectors_lockf = self._read_factors()
        return self._resumed[1]

    def _read_factors(self) -> np.ndarray:
        assert self._found is not None
        return self._found.array("vectors_lockf")

    def _set(self, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            setattr(self._model, name, value)

    def skip(self, jobs: Iterator[Job], static: bool) -> Iterator[Job]:
        """Skip the jobs that are done already, check that they are those, and load the tables and the callbacks.

        Where this raises, `close` gives the model back what `resume` has replaced.

        Args:
            jobs: of the epoch, from its first on.
            static: the corpus cannot have changed, so other jobs mean another corpus.

        Returns:
            The other jobs.

        Raises:
            ValueError: the corpus is another one.
        """
        assert self._resumed is not None
        jobs, same_sentences = self._skipped(jobs, static)
        if not same_sentences:
            logger.warning("the corpus has other sentences than the one of the checkpoint; going on at the same place")
        with self.interrupts.held():
            self._callbacks.load(self._manifest["callbacks"])
            self._load_tables()
            self._before = None
            self._snapshot = self._state(self._resumed[1])
            self._written = _place(self._snapshot)
            self._next = time.monotonic() + self._every
        return jobs

    def _skipped(self, jobs: Iterator[Job], static: bool) -> tuple[Iterator[Job], bool]:
        """Return the jobs that are not done, and whether those that are have the checkpoint's sentences."""
        totals, seen = self.progress.totals, Totals()
        for job in itertools.islice(jobs, totals.chunks):
            seen.skip(job)
        same = seen.checksum == totals.checksum
        if (seen.chunks, seen.examples, seen.raw_words) != (totals.chunks, totals.examples, totals.raw_words) or (
            static and not same
        ):
            self._refuse_corpus(totals.raw_words)
        return jobs, same

    def _refuse_corpus(self, words: int) -> NoReturn:
        raise ValueError(
            f"corpus: its first {words:,} words are not those of the checkpoint {self._path}, which is of another "
            "corpus. Give that one to go on from the checkpoint; or another path, or delete it, to start anew"
        )

    def _load_tables(self) -> None:
        assert self._found is not None
        for name, table in (("vectors", self._model.wv.vectors), ("syn1neg", self._model.syn1neg)):
            self._found.read_into(name, table)
        # Windows moves no file onto one that is open.
        self._found.close()
        self._found = None

    def enter(self, stage: str) -> None:
        """Note that the epoch has reached a stage: its next chunk is trained, or its last one was.

        After that a checkpoint holds what is so now: a callback that is interrupted is called again.
        """
        self._training = stage == TRAIN
        if not self._training:
            self._snapshot = self._state(stage)

    def due(self) -> bool:
        """Return whether it is time for a checkpoint."""
        return time.monotonic() >= self._next

    def _state(self, stage: str) -> dict[str, Any]:
        return {
            "stage": stage,
            "progress": plain(self.progress.as_dict()),
            "attributes": manifest.as_json({name: getattr(self._model, name) for name in STATE}),
            "callbacks": self._callbacks.changed(),
        }

    def save(self) -> None:
        """Write a checkpoint of the last place where the call can go on, unless that has one or there is none yet.

        Where it cannot be written a warning says so, and training goes on: the older one is still there.
        """
        state, totals = self._snapshot, self.progress.totals
        if self._training and totals.last >= 0:
            state = self._state(TRAIN) if totals.is_a_beginning else None
        self._save(state)

    def _save(self, state: dict[str, Any] | None) -> None:
        with self.interrupts.held():
            if state is None or self._written == _place(state):
                return
            begin = time.monotonic()
            try:
                self._write(state)
            except (OSError, MemoryError, ValueError) as e:
                user_warnings.warn(
                    f"no checkpoint was written to {self._path}: {e}. Training goes on; an older one, if any, stays"
                )
            finally:
                now, pause = time.monotonic(), self._every
                if pause == call_arguments.DEFAULT_INTERVAL and now - begin > _SHARE * pause:
                    pause = (now - begin) / _SHARE
                    logger.info("writing took %.0f s: the next checkpoint is written in %.0f s", now - begin, pause)
                self._next = now + pause

    def _write(self, state: dict[str, Any]) -> None:
        begin = time.monotonic()
        self._store()
        wv = self._model.wv
        if len(wv.index_to_key) != self._arguments["vocabulary"]["words"]:
            raise ValueError("the vocabulary has changed since train() began")
        arrays = {
            "vectors": wv.vectors,
            "syn1neg": self._model.syn1neg,
            "vectors_lockf": wv.vectors_lockf,
            "counts": wv.expandos["count"],
            "words": self._words,
            **self._more_arrays(state),
        }
        found = {"arguments": self._arguments, **state}
        checkpoint_file.write(self._path, found, arrays, self._keep_older, manifest.check)
        self._written, self._keep_older = _place(state), True
        logger.info(
            "wrote the checkpoint %s: %.0f MB in %.1f s",
            self._path,
            sum(array.nbytes for array in arrays.values()) / 1e6,
            time.monotonic() - begin,
        )

    def _more_arrays(self, state: dict[str, Any]) -> dict[str, np.ndarray]:
        """Return what else a checkpoint holds."""
        return {}


class _Events(CallbackAny2Vec):
    """The callbacks of a call as one; those of epochs that were trained before the checkpoint are not called again."""

    def __init__(self, checkpoints: KeptCheckpoints, callbacks: Iterable[CallbackAny2Vec]) -> None:
        self._checkpoints, self._callbacks = checkpoints, callbacks
        self._epoch = -1

    def on_train_begin(self, model: Any) -> None:
        self._checkpoints.begin()
        for callback in self._callbacks:
            callback.on_train_begin(model)

    def on_epoch_begin(self, model: Any) -> None:
        self._epoch += 1
        if not self._checkpoints.skips(self._epoch, begins=True):
            for callback in self._callbacks:
                callback.on_epoch_begin(model)

    def on_epoch_end(self, model: Any) -> None:
        if not self._checkpoints.skips(self._epoch, begins=False):
            for callback in self._callbacks:
                callback.on_epoch_end(model)
            self._checkpoints.enter(DONE)

    def on_train_end(self, model: Any) -> None:
        if not option(model, "diverged"):
            self._checkpoints.enter(FINISHED)
            self._checkpoints.save()
        for callback in self._callbacks:
            callback.on_train_end(model)


def _place(state: dict[str, Any]) -> tuple[object, ...]:
    """Return what tells two checkpoints of a call apart."""
    return state["stage"], state["progress"]["epoch"], state["progress"]["totals"]["chunks"], state.get("exchange")
