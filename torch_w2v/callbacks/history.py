"""What each epoch was like: loss, learning rate, speed, evaluations; as rows, a CSV file, a plot or a page."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping
from timeit import default_timer
from typing import TYPE_CHECKING, Any

from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import extras
from torch_w2v.callbacks.values import LossOfEpoch, begin_epoch, values_of
from torch_w2v.files import replacing
from torch_w2v.json_values import json_value
from torch_w2v.training.watching import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Points of the curve that are kept at most.
MOST_POINTS = 2_000
COLUMNS = ("epoch", "loss", "alpha", "words_per_second", "seconds")


class History(CallbackAny2Vec):
    """Keeps what each epoch was like.

    Attributes:
        curve: points within the epochs (torch_w2v's engines only): dictionaries of 'epochs', the epochs done, with
            fractions; 'loss', the mean since the point before; 'alpha'; and 'words_per_second'.
    """

    # Training need not bring the tables up to date between epochs for this.
    observes = False

    def __init__(self) -> None:
        self._loss = LossOfEpoch()
        self._reset()

    def _reset(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._values: list[dict[str, float]] = []
        self.curve: list[dict[str, float]] = []
        self._every = self._since = 1
        self._start = default_timer()
        self._last: Progress | None = None

    @property
    def rows(self) -> list[dict[str, float]]:
        """A dictionary per epoch: 'epoch' (from 1), 'loss' (mean per pair; gensim's sum where
        gensim's class trains with `compute_loss=True`; nan if unknown), 'alpha' at its end, 'words_per_second',
        'seconds', and the values of an `Evaluate`.
        """
        return [{**row, **values} for row, values in zip(self._rows, self._values, strict=True)]

    def on_train_begin(self, model: PlainWord2Vec) -> None:
        """Begin anew."""
        self._reset()

    def on_epoch_begin(self, model: PlainWord2Vec) -> None:
        """Begin an epoch."""
        begin_epoch(model)
        self._loss.begin(model)
        self._last, self._start = None, default_timer()

    def on_progress(self, model: PlainWord2Vec, progress: Progress) -> None:
        """Add a point to the curve."""
        self._last = progress
        self._since += 1
        # The end of an epoch is a point of its own only where the epoch has no other: a short while has a poor mean.
        in_epoch = bool(self.curve) and self.curve[-1]["epochs"] > progress.epoch - 1
        if self._since < self._every or math.isnan(progress.share) or (progress.ends_epoch and in_epoch):
            return
        self._since = 0
        self.curve.append(
            {
                "epochs": progress.share * progress.epochs,
                "loss": progress.loss,
                "alpha": progress.alpha,
                "words_per_second": progress.words_per_second,
            }
        )
        if len(self.curve) > MOST_POINTS:
            del self.curve[::2]
            self._every *= 2

    def on_epoch_end(self, model: PlainWord2Vec) -> None:
        """Add a row."""
        last = self._last
        ours = last is not None and last.ends_epoch
        seconds = last.epoch_seconds if last is not None and ours else default_timer() - self._start
        words = last.epoch_words if last is not None and ours else model.corpus_total_words or math.nan
        self._rows.append(
            {
                "epoch": len(self._rows) + 1,
                "loss": self._loss.end(model),
                "alpha": float(model.min_alpha_yet_reached),
                "words_per_second": words / max(seconds, 1e-9),
                "seconds": seconds,
            }
        )
        # Callbacks behind this one may still add to it.
        self._values.append(values_of(model))

    def columns(self) -> list[str]:
        """Return the names in the rows, in order."""
        return list(dict.fromkeys([*COLUMNS, *(name for values in self._values for name in values)]))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as a CSV file with a line of names; what is not known is left empty.

        Args:
            path: of the file, which is replaced.

        Raises:
            OSError: it cannot be written.
        """
        with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf8") as file:
            writer = csv.DictWriter(file, self.columns())
            writer.writeheader()
            writer.writerows({k: v for k, v in row.items() if not math.isnan(v)} for row in self.rows)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write a page with the plot and the rows, which needs no other file.

        Args:
            path: of the file, which is replaced.

        Raises:
            ImportError: matplotlib is not installed; the message has the command that installs it.
            OSError: it cannot be written.
        """
        from torch_w2v.report.training import history_page  # noqa: PLC0415  needs matplotlib

        extras.check("matplotlib", "report", "History.to_html()")
        text = "".join(history_page(self))
        with replacing(path) as temporary, open(temporary, "w", encoding="utf8") as file:
            file.write(text)

    def plot(self) -> Figure:
        """Return a figure of matplotlib: loss, learning rate and evaluations over the epochs.

        Raises:
            ImportError: matplotlib is not installed; the message has the command that installs it.
        """
        extras.check("matplotlib", "report", "History.plot()")
        from torch_w2v.report.training_plots import course  # noqa: PLC0415

        return course(self.rows, self.curve)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; nan is kept as None."""
        return {"rows": json_value(self._rows), "values": json_value(self._values), "curve": json_value(self.curve)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        self._rows, self._values, self.curve = (
            [{k: math.nan if v is None else v for k, v in row.items()} for row in state[name]]
            for name in ("rows", "values", "curve")
        )
