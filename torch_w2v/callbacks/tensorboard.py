"""Write what training is like for TensorBoard, by torch's own writer."""

from __future__ import annotations

import math
import os
from typing import Any

from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import extras
from torch_w2v.callbacks.values import LossOfEpoch, begin_epoch, values_of
from torch_w2v.files import path_of
from torch_w2v.training.watching import Progress


class TensorBoard(CallbackAny2Vec):
    """Writes loss, learning rate and speed over the words that were read, and per epoch the loss and evaluations.

    An `Evaluate` in the same list comes before it.

    Args:
        folder: for the event files; `tensorboard --logdir FOLDER` shows them.

    Raises:
        ImportError: the package tensorboard is not installed; the message has the command that installs it.
    """

    observes = False

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        extras.check("tensorboard", "tensorboard", "TensorBoard")
        self._folder = path_of(folder)
        self._loss = LossOfEpoch()
        self._epoch = 0
        self._writer: Any = None

    def on_train_begin(self, model: PlainWord2Vec) -> None:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  takes seconds

        self._writer, self._epoch = SummaryWriter(self._folder), 0

    def on_epoch_begin(self, model: PlainWord2Vec) -> None:
        """Begin an epoch."""
        begin_epoch(model)
        self._loss.begin(model)
        self._epoch += 1

    def on_progress(self, model: PlainWord2Vec, progress: Progress) -> None:
        """Write a point."""
        for name in ("loss", "alpha", "words_per_second"):
            self._write(f"training/{name}", getattr(progress, name), progress.words)

    def on_epoch_end(self, model: PlainWord2Vec) -> None:
        """Write the values of the epoch."""
        self._write("epoch/loss", self._loss.end(model), self._epoch)
        self._write("epoch/alpha", float(model.min_alpha_yet_reached), self._epoch)
        for name, value in values_of(model).items():
            self._write(f"evaluation/{name}", value, self._epoch)
        self._writer.flush()

    def on_train_end(self, model: PlainWord2Vec) -> None:
        """Close the event file."""
        self._writer.close()

    def _write(self, name: str, value: float, step: int) -> None:
        if not math.isnan(value):
            self._writer.add_scalar(name.replace(" ", "_"), value, step)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"epoch": self._epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        self._epoch = state["epoch"]
