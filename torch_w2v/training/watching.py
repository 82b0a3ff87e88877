"""How far a `train()` call is, told to callbacks and to the line of progress while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from timeit import default_timer
from typing import Any

from torch_w2v.training.epoch import Totals
from torch_w2v.training_log import logger
from torch_w2v.user_warnings import warn_of_empty_epoch

# seconds between two reports
INTERVAL = 0.2


@dataclass(frozen=True)
class Progress:
    """How far a `train()` call is.

    Attributes:
        epoch: the epoch that runs, from 1.
        epochs: number of epochs.
        share: of the whole call that is done, from 0 to 1; nan where the size of the corpus is not known.
        words: words of the corpus that this call has read, all epochs together.
        words_per_second: since the report before, or the one before that where nothing was read since.
        seconds: since the call began.
        seconds_left: until the end of the call, if it goes on as it went; nan where that is not known.
        alpha: learning rate.
        loss: mean loss since the report before, in nats per pair of target and sample; nan for gensim's engine.
        ends_epoch: this is the end of an epoch. Then the three that follow are those of the whole epoch.
        epoch_words: words of the corpus that this epoch has read.
        epoch_seconds: since this epoch began.
        epoch_loss: mean loss of this epoch; nan where gensim's engine trains.
    """

    epoch: int
    epochs: int
    share: float
    words: int
    words_per_second: float
    seconds: float
    seconds_left: float
    alpha: float
    loss: float
    ends_epoch: bool
    epoch_words: int
    epoch_seconds: float
    epoch_loss: float


Watcher = Callable[[Progress], None]


def watchers_of(callbacks: Iterable[Any], model: Any) -> list[Watcher]:
    """Return the functions of the callbacks that have a method `on_progress(model, progress)`."""

    def watcher(callback: Any) -> Watcher:
        return lambda progress: callback.on_progress(model, progress)

    return [watcher(callback) for callback in callbacks if hasattr(callback, "on_progress")]


class Watch:
    """Reports on one `train()` call, at most every `INTERVAL` seconds and at the end of each epoch.

    Args:
        watchers: are called with each report, on the thread that has called `train()`.
    """

    def __init__(self, watchers: Sequence[Watcher] = ()) -> None:
        self._watchers = watchers
        self._start = self._last = self._epoch_start = default_timer()
        self._epoch = self._epochs = self._words_before = self._words_reported = 0
        self._expected = self._loss_reported = self._pairs_reported = 0.0
        self._loss, self._speed = math.nan, 0.0
        self._first_share, self._begun = 0.0, False

    def begin_epoch(
        self, epoch: int, epochs: int, expected_words: float | None, words_before: int | None = None
    ) -> None:
        """Begin an epoch.

        Args:
            epoch: number of the epoch, from 0.
            epochs: number of epochs of the call.
            expected_words: words per epoch; None or 0 where that is not known.
            words_before: of earlier epochs, also those before a checkpoint; None for those of this call.
        """
        self._epoch, self._epochs, self._expected = epoch, epochs, float(expected_words or 0)
        # What callbacks do between epochs is not training.
        self._epoch_start = self._last = default_timer()
        self._loss_reported = self._pairs_reported = 0.0
        if words_before is not None:
            self._words_before = words_before
        # A call that goes on from a checkpoint has done a part of its work before.
        self._first_share = self._first_share if self._begun else epoch / max(epochs, 1)
        self._words_reported = self._words_reported if self._begun else self._words_before
        self._begun = True

    def advance(self, words: int, alpha: float, loss: float = 0.0, pairs: float = 0.0) -> None:
        """Report, if it is time to.

        Args:
            words: that this epoch has read.
            alpha: learning rate.
            loss, pairs: sums of this epoch.
        """
        if self._watchers and default_timer() >= self._last + INTERVAL:
            self._report(words, alpha, loss, pairs, ends_epoch=False)

    def end_epoch(self, words: int, alpha: float, loss: float = 0.0, pairs: float = 0.0) -> None:
        """End an epoch; the arguments are those of `advance`."""
        if self._watchers:
            self._report(words, alpha, loss, pairs, ends_epoch=True)
        self._words_before += words

    def _report(self, words: int, alpha: float, loss: float, pairs: float, ends_epoch: bool) -> None:
        now = default_timer()
        read = self._words_before + words
        if pairs > self._pairs_reported:
            self._loss = (loss - self._loss_reported) / (pairs - self._pairs_reported)
        if read > self._words_reported:
            self._speed = (read - self._words_reported) / max(now - self._last, 1e-9)
        done = 1.0 if ends_epoch else min(words / self._expected, 1.0) if self._expected else math.nan
        share = (self._epoch + done) / max(self._epochs, 1)
        seconds, done_here = now - self._start, share - self._first_share
        progress = Progress(
            epoch=self._epoch + 1,
            epochs=self._epochs,
            share=share,
            words=read,
            words_per_second=self._speed,
            seconds=seconds,
            seconds_left=seconds / done_here * (1 - share) if done_here > 0 else math.nan,
            alpha=alpha,
            loss=self._loss,
            ends_epoch=ends_epoch,
            epoch_words=words,
            epoch_seconds=now - self._epoch_start,
            epoch_loss=loss / pairs if pairs else math.nan,
        )
        self._last, self._words_reported = now, read
        self._loss_reported, self._pairs_reported = loss, pairs
        for watcher in self._watchers:
            watcher(progress)


def warn_of_no_words(epoch: int, totals: Totals, is_new: bool, vocabulary: int, total_examples: int | None) -> None:
    """Warn where an epoch has trained on nothing: of a corpus that has no words by a RuntimeWarning too.

    Args:
        epoch: its number, from 0.
        totals: of the epoch.
        is_new: no call of `train()` has trained the model before.
        vocabulary: number of words.
        total_examples: as given to `train`.
    """
    warn_of_empty_epoch(totals.raw_words, total_examples)
    if totals.chunks == 0 and is_new:
        logger.warning(
            "train() called with an empty iterator (if not intended, "
            "be sure to provide a corpus that offers restartable iteration = an iterable)."
        )
    elif not totals.raw_words:
        logger.warning(
            "epoch %d has no words, but the vocabulary has %d: the corpus was empty, or can be read only once",
            epoch + 1,
            vocabulary,
        )
    elif not totals.trained_words:
        logger.warning(
            "epoch %d trained on none of its %d words: they are not in the vocabulary, or subsampling left none "
            "(sample=0 keeps all)",
            epoch + 1,
            totals.raw_words,
        )
