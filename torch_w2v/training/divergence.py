"""Training that diverges is noticed at the end of its epoch, told once, and stopped."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v import user_warnings
from torch_w2v.options import option, set_option
from torch_w2v.training.model import TrainedModel

# Largest component of a row that training may leave, unless it was there before. Those of gensim's models stay below
# 100 on every corpus that was tried; with rows as large as this the sigmoid has no slope left.
MAX_COMPONENT = 1000.0
# Of the most frequent words' rows all are looked at, up to so many; of the others one in so many.
_FREQUENT, _STEP = 1000, 16


class StopTraining(Exception):  # noqa: N818  not an error: it ends `train()` early, with the model usable
    """Raised at the end of an epoch to end the `train()` call that runs."""


class Stopper(CallbackAny2Vec):
    """Ends `train()` after the epoch in which a callback has set `TrainCall.stops`; the last of the callbacks."""

    def on_epoch_end(self, model: Any) -> None:
        """End the call if one of the callbacks before wants it."""
        if model._w2v_call.stops:
            raise StopTraining


def largest_of_sample(words: float, *tables: np.ndarray) -> float:
    """Return the absolute value of the largest component of a sample of the rows of tables (V, D); infinite for nan.

    The rows of frequent words are all looked at: they are updated most often, and diverge first.

    Args:
        words: number of words that were trained on; the sample is no larger than that by much.
        tables: the tables.
    """
    frequent = int(min(_FREQUENT, max(words, 1)))
    step = max(_STEP, int(len(tables[0]) / max(words, 1)))
    return max(largest(part) for table in tables for part in (table[:frequent], table[frequent::step]))


def largest_before(words: float, inputs: np.ndarray, outputs: np.ndarray) -> float:
    """Return what `has_diverged` is to know of tables (V, D) before training; all rows of vectors are looked at.

    Where there are more rows than `words`, which are to be trained on, a sample is.
    """
    sample = largest_of_sample(words, inputs, outputs)
    return max(sample, largest(inputs)) if words >= len(inputs) else sample


def largest(rows: np.ndarray) -> float:
    """Return the absolute value of the largest component; infinite where one is nan."""
    if not rows.size:
        return 0.0
    value = float(max(rows.max(), -rows.min()))
    return math.inf if math.isnan(value) else value


def has_diverged(after: float, before: float) -> bool:
    """Return whether training has diverged, by the largest component of the vectors before and after it.

    Vectors that are given to a model may be large themselves: then training may double them.
    """
    return not after < max(MAX_COMPONENT, 2 * before if math.isfinite(before) else 0.0)


def check_all_rows(model: TrainedModel, before: float, epoch: int) -> None:
    """Look at all rows at the end of a call, where after an epoch only a sample is; warn if training has diverged.

    Args:
        model: the model.
        before: its largest component before training.
        epoch: number of the last epoch, from 0.
    """
    if has_diverged(largest(model.wv.vectors), before):
        tell(model, epoch)


@contextmanager
def checking_gensims(model: TrainedModel) -> Iterator[None]:
    """Look at a sample of the rows before and after gensim's own engine trains; warn if training has diverged."""
    before = _largest_of_gensims(model)
    yield
    if has_diverged(_largest_of_gensims(model), before):
        tell(model)


def _largest_of_gensims(model: TrainedModel) -> float:
    # the outputs of hierarchical softmax, and of negative sampling
    outputs = (vars(model).get(name) for name in ("syn1", "syn1neg"))
    tables = [model.wv.vectors, *(table for table in outputs if table is not None)]
    return max(largest_of_sample(len(table), table) for table in tables)


def tell(model: TrainedModel, epoch: int | None = None, is_stopped: bool = False) -> None:
    """Set `diverged`, and warn that training diverged, with what to change; once per call of `train()`.

    Args:
        model: the model.
        epoch: number of the epoch, from 0; None if it is not known.
        is_stopped: training ends with this epoch because of that.
    """
    if option(model, "diverged"):
        return
    # Before the warning, which may be an error (python -W error).
    set_option(model, "diverged", True)
    where = "" if epoch is None else f" in epoch {epoch + 1}"
    stopped = "training was stopped, and " if is_stopped else ""
    mends = [f"an alpha below {model.alpha:g}"]
    if model.window > 10:
        mends.append(f"a smaller window than {model.window}")
    if not model.sample:
        mends.append("subsampling (sample=1e-3) where few items make up most of the corpus")
    user_warnings.warn(
        f"training diverged{where}: some vectors are not finite, or have components beyond {MAX_COMPONENT:g}; "
        f"{stopped}the vectors are useless. Use {', or '.join(mends)}",
        user_warnings.DivergenceWarning,
    )
