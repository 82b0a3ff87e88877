"""End training when a value no longer gets better, and go back to the best vectors."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import system
from torch_w2v.callbacks.values import ANY, LOSS, LossOfEpoch, announced, begin_epoch, values_of
from torch_w2v.checks import check_at_least
from torch_w2v.hints import Self
from torch_w2v.training.divergence import StopTraining
from torch_w2v.user_warnings import warn

logger = logging.getLogger("torch_w2v.callbacks")


def stop_training(model: PlainWord2Vec) -> None:
    """End the `train()` call that runs after this epoch; for callbacks to call in `on_epoch_end`.

    The other callbacks see the end of the epoch and of the call, and the model is usable.

    Args:
        model: is being trained.

    Raises:
        StopTraining: for gensim's own class, which cannot end otherwise: put `train()` into `with EarlyStopping(...):`,
            or into `contextlib.suppress(StopTraining)`.
    """
    call = vars(model).get("_w2v_call")
    if call is None:
        raise StopTraining(
            "gensim's own class, or no train() at all, runs here: put the training into `with EarlyStopping(…):` or "
            "`with contextlib.suppress(StopTraining):`"
        )
    call.stops = True


class EarlyStopping(CallbackAny2Vec):
    """Ends training when a value has not become better for some epochs.

    alpha's schedule is that of all `epochs`: a call that ends early leaves it where it is, above `min_alpha`. To have
    the best number of epochs with a rate that falls to its end, train anew with `epochs=best_epoch`.

    With gensim's own class, put the training into a `with` block of this object:

        with EarlyStopping("pairs") as stopping:
            model.train(..., callbacks=[Evaluate(pairs="pairs.tsv"), stopping])

    Args:
        monitor: 'loss', or the name of a value of an `Evaluate` before it in the list of callbacks, or a function of
            the model that returns a number.
        patience: number of epochs without a better value after which training ends.
        min_delta: by how much a value must be better to count as better.
        restore_best: give the model, when training ends for whatever reason but an error, the tables that it had after
            its best epoch. They are kept in memory, or in temporary files where together they would take more than a
            quarter of what is free.
        mode: 'min' where small values are good, 'max' where large ones are; 'auto' for 'min' if 'loss' is in the name.

    Attributes:
        best: the best value; nan before there is one.
        best_epoch: the epoch that had it, from 1.
        stopped_epoch: the epoch after which training was ended; 0 if it was not.

    Raises:
        ValueError: an argument out of its range; or when training begins, a `monitor` that nobody measures.

    Warns:
        RuntimeWarning: no epoch had a loss. One whose words subsampling has dropped has none, and does not count.
    """

    def __init__(
        self,
        monitor: str | Callable[[Any], float] = LOSS,
        patience: int = 3,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        check_at_least(1, patience=patience)
        if isinstance(min_delta, str) or not min_delta >= 0:
            raise ValueError(f"min_delta={min_delta!r}: must be a number of at least 0")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode={mode!r}: must be 'min' (small values are good), 'max' or 'auto'")
        self.monitor, self.patience, self.min_delta, self.restore_best = monitor, patience, min_delta, restore_best
        name = monitor if isinstance(monitor, str) else getattr(monitor, "__name__", "")
        self._name = name or "the monitored value"
        self._sign = 1 if mode == "max" or (mode == "auto" and LOSS not in name) else -1
        self._loss, self._tables = LossOfEpoch(), _Tables()
        self._reset()

    def _reset(self) -> None:
        self.best, self.best_epoch, self.stopped_epoch = math.nan, 0, 0
        self._epoch = self._silent = 0
        self._tables.clear()

    @property
    def observes(self) -> bool:
        """Whether the tables are looked at between epochs."""
        return self.restore_best or callable(self.monitor)

    def on_train_begin(self, model: PlainWord2Vec) -> None:
        """Begin anew.

        Raises:
            ValueError: nobody will measure the value.
        """
        self._reset()
        names = announced(model)
        if isinstance(self.monitor, str) and self.monitor not in (LOSS, *names) and ANY not in names:
            raise self._not_measured(sorted(names))

    def on_epoch_begin(self, model: PlainWord2Vec) -> None:
        """Begin an epoch."""
        begin_epoch(model)
        self._epoch += 1
        self._loss.begin(model)

    def on_epoch_end(self, model: PlainWord2Vec) -> None:
        """Look at the value of this epoch, if there is one."""
        value = self._value(model)
        if value is None:
            return
        if not self.best_epoch or self._sign * (value - self.best) > self.min_delta:
            self.best, self.best_epoch, self._silent = value, self._epoch, 0
            if self.restore_best:
                self._tables.save(model)
        elif self._epoch - self.best_epoch - self._silent >= self.patience and self._epoch < model.epochs:
            self.stopped_epoch = self._epoch
            logger.info(
                "stopped after epoch %d of %d: %s has not become better than %.5g, that of epoch %d. alpha fell to "
                "%.4g; with epochs=%d it falls to %.4g",
                *(self._epoch, model.epochs, self._name, self.best, self.best_epoch, model.min_alpha_yet_reached),
                *(self.best_epoch, model.min_alpha),
            )
            if "_w2v_call" not in vars(model):
                # gensim's class does not come to the end of its train().
                self.on_train_end(model)
                model.train_count += 1
            stop_training(model)

    def on_train_end(self, model: PlainWord2Vec) -> None:
        """Give the model its best tables back.

        Warns:
            RuntimeWarning: no epoch had a loss.
        """
        if self.monitor == LOSS and self._epoch and not self.best_epoch and not getattr(model, "diverged", False):
            warn(
                "EarlyStopping: no epoch had a loss, so that training went on to the end: all words were dropped by "
                "subsampling (use a larger sample, or 0), are unknown, or are the only one of their sentence"
            )
        if self.restore_best and self.best_epoch and self._epoch > self.best_epoch and not self._tables.restore(model):
            logger.warning(
                "the tables of epoch %d, the best one, are not there any more (before a checkpoint, or of another "
                "vocabulary): those of the last epoch stay",
                self.best_epoch,
            )
        self._tables.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return isinstance(error, StopTraining)

    def _value(self, model: PlainWord2Vec) -> float | None:
        """Return the value of this epoch; None in an epoch that was not evaluated.

        Raises:
            ValueError: nobody measures it, or it is not a number.
        """
        if callable(self.monitor):
            value = float(self.monitor(model))
        elif self.monitor == LOSS:
            value = self._loss.end(model)
            if math.isnan(value) and getattr(model, "training_losses", None):
                self._silent += 1  # subsampling has kept no word, or training has diverged, which ends it
                return None
        else:
            values = values_of(model)
            if self.monitor not in values:
                if not values and self._epoch > 1:
                    return None
                raise self._not_measured(values)
            value = values[self.monitor]
        if math.isnan(value):
            hint = "; gensim's class needs compute_loss=True" if self.monitor == LOSS else ""
            raise ValueError(f"monitor={self._name!r} is not a number in epoch {self._epoch}{hint}")
        return value

    def _not_measured(self, names: Iterable[str]) -> ValueError:
        there = ", ".join(map(repr, [LOSS, *names]))
        return ValueError(f"monitor={self.monitor!r}: no callback before EarlyStopping measures it; there are {there}")

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: not the best tables."""
        best = None if math.isnan(self.best) else self.best
        return {"epoch": self._epoch, "best": best, "best_epoch": self.best_epoch, "silent": self._silent}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        self._epoch, self.best_epoch = state["epoch"], state["best_epoch"]
        self._silent = state.get("silent", 0)  # the first checkpoints have none
        self.best = math.nan if state["best"] is None else state["best"]


class _Tables:
    """A copy of a model's tables, made again and again in the same memory, or file."""

    def __init__(self) -> None:
        self._copies: dict[str, np.ndarray] = {}

    def save(self, model: PlainWord2Vec) -> None:
        tables = _tables_of(model)
        if {name: table.shape for name, table in tables.items()} != {n: t.shape for n, t in self._copies.items()}:
            self.clear()
            self._copies = _room_for(tables)
        for name, table in tables.items():
            np.copyto(self._copies[name], table)

    def restore(self, model: PlainWord2Vec) -> bool:
        """Write the copies into the model's tables; return False if there are none that fit."""
        tables = _tables_of(model)
        if {name: table.shape for name, table in tables.items()} != {n: t.shape for n, t in self._copies.items()}:
            return False
        for name, table in tables.items():
            np.copyto(table, self._copies[name])
        model.wv.norms = None
        return True

    def clear(self) -> None:
        self._copies = {}


def _tables_of(model: PlainWord2Vec) -> dict[str, np.ndarray]:
    tables = {"vectors": model.wv.vectors}
    tables.update({name: getattr(model, name) for name in ("syn1neg", "syn1") if hasattr(model, name)})
    return tables


def _room_for(tables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays like the tables: in memory, or in files where together they would take too much of it."""
    size = sum(table.nbytes for table in tables.values())
    new = np.empty_like if size <= system.available_memory() / 4 else _in_file_like
    return {name: new(table) for name, table in tables.items()}


def _in_file_like(table: np.ndarray) -> np.ndarray:
    with tempfile.TemporaryFile(prefix="torch_w2v-") as file:
        return np.memmap(file, table.dtype, "w+", shape=table.shape)
