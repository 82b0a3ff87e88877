"""How an epoch is trained: by which engine, and in which call."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v import corpus
from torch_w2v.gensim_compat import arguments, rows
from torch_w2v.gensim_compat.reading import CorpusReading, gensim_reads, path_of
from torch_w2v.options import option, set_option
from torch_w2v.progress import progress_line
from torch_w2v.training import divergence
from torch_w2v.training.epoch_call import EpochCall
from torch_w2v.training.session import TrainCall
from torch_w2v.training.turns import turn_of
from torch_w2v.training.watching import watchers_of
from torch_w2v.training_log import logger


class EpochTraining(CorpusReading):
    """gensim's Word2Vec; an epoch trains on torch_w2v's engines where these can, whoever calls for it.

    That is gensim's `train`, which `torch_w2v.Word2Vec.train` calls within a `TrainCall`. But a program may call
    gensim's by the name of its class (`gensim.models.Word2Vec.train(model, …)`), and the `train()` of a subclass may be
    a loop over `_train_epoch`: then each epoch is a call.
    """

    def _w2v_why_gensim(self, given: Mapping[str, Any] | None = None) -> str | None:
        """Return why gensim's own engine trains this model; None if one of ours does."""
        raise NotImplementedError

    def _w2v_forget_results(self) -> None:
        set_option(self, "training_losses", [])
        set_option(self, "diverged", False)

    def _w2v_check_others(self, others: Mapping[str, Any]) -> None:
        """Check the arguments of `train()` that it does not have itself, and passes on to `_train_epoch`.

        Raises:
            TypeError: nothing takes one of them.
        """
        try:
            inspect.signature(self._train_epoch).bind_partial(None, 0, **others)  # the corpus and `cur_epoch`
        except TypeError as e:
            constructor = inspect.signature(type(self)).parameters
            misplaced = next((f"; Word2Vec() takes {name}" for name in others if name in constructor), "")
            raise TypeError(f"train() {e}{misplaced}") from e

    @contextmanager
    def _w2v_begin(
        self,
        callbacks: Iterable[CallbackAny2Vec],
        unobserved: bool = False,
        shows: bool | None = None,
        checkpoint: tuple[str | None, float] = (None, 0.0),
        totals: dict[str, int | None] | None = None,
        one_epoch: tuple[int, int] | None = None,
    ) -> Iterator[TrainCall]:
        """Begin a call, all of whose arguments were checked.

        Args:
            callbacks: of the call.
            unobserved: nothing observes the model between epochs.
            shows: whether to show how far it is; None for the constructor's.
            checkpoint: its path, or None, and the seconds between two.
            totals: as given to `train()`.
            one_epoch: see `TrainCall`; None for a call of `train()`.
        """
        rows.make_writable(self)
        if one_epoch is None or not one_epoch[0]:
            self._w2v_forget_results()
        reason = self._w2v_why_gensim()
        arguments.check_gensims_engine(reason, checkpoint[0], option(self, "distributed"))
        if reason:
            logger.info("%s: training with gensim's own engine", reason)
        line = progress_line(option(self, "progress") if shows is None else shows)
        watchers = [*watchers_of(callbacks, self), *([line.train] if line else [])]
        call = TrainCall(self, unobserved, *checkpoint, totals, self._w2v_group, watchers, one_epoch)
        with line or nullcontext(), call, divergence.checking_gensims(self) if reason else nullcontext():
            yield call

    @contextmanager
    def _w2v_within_call(self, epoch: int, callbacks: Iterable[CallbackAny2Vec]) -> Iterator[None]:
        """Train an epoch in the call that runs, or where there is none, in one of its own.

        Args:
            epoch: its number, from 0.
            callbacks: as given to it.

        Raises:
            ValueError: an option that only `torch_w2v.Word2Vec.train` has.
        """
        with turn_of(self):
            if "_w2v_call" in vars(self):
                yield
                return
            with self._w2v_together("train()"):
                arguments.check_own_loop(
                    type(self), vars(self).get("_w2v_checkpoint", (None,))[0], option(self, "distributed")
                )
                arguments.check(arguments.of_model(self))
                # Epochs of one number, as of a loop that does not count them, are not to have the same draws.
                last, repeats = vars(self).get("_w2v_draws", ((-1, -1), 0))
                place = self.train_count, epoch
                repeats += place <= last
                self._w2v_draws = place, repeats
                with self._w2v_begin(callbacks, one_epoch=(epoch, repeats)):
                    yield

    def _check_training_sanity(self, *args: Any, **kwargs: Any) -> None:
        try:
            super()._check_training_sanity(*args, **kwargs)
        except RuntimeError:
            rows.check_vocabulary(self)  # says why there is none
            raise

    def _train_epoch(
        self,
        data_iterable: corpus.Corpus,
        cur_epoch: int = 0,
        total_examples: int | None = None,
        total_words: int | None = None,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        callbacks: Iterable[CallbackAny2Vec] = (),
    ) -> tuple[int, int, int]:
        with self._w2v_within_call(cur_epoch, callbacks):
            ours = self._w2v_ours
            rows.check_trainable(self, anew=not ours)
            sentences = corpus.column_of(data_iterable)
            if ours:
                part = self._w2v_corpus.part_of(sentences)
                epoch = EpochCall(part, cur_epoch, total_examples, total_words, report_delay, file_mode=False)
                return self._w2v_call.run_epoch(epoch, callbacks)
            return super()._train_epoch(
                sentences, cur_epoch, total_examples, total_words, queue_factor, report_delay, callbacks
            )

    def _train_epoch_corpusfile(
        self,
        corpus_file: corpus.CorpusFile,
        cur_epoch: int = 0,
        total_examples: int | None = None,
        total_words: int | None = None,
        callbacks: Iterable[CallbackAny2Vec] = (),
        report_delay: float = 1.0,
        **kwargs: Any,
    ) -> tuple[int, int, int]:
        with self._w2v_within_call(cur_epoch, callbacks):
            rows.check_trainable(self, anew=not self._w2v_ours)
            if not total_words:
                raise ValueError("total_words must be provided alongside corpus_file argument.")
            of_epoch = cur_epoch, total_examples, total_words
            if self._w2v_overrides:
                return super()._train_epoch_corpusfile(path_of(corpus_file), *of_epoch, callbacks, **kwargs)
            source = self._w2v_open(corpus_file)
            if gensim_reads(source) and not self._w2v_ours:
                return super()._train_epoch_corpusfile(source.paths[0], *of_epoch, callbacks, **kwargs)
            if not self._w2v_ours:
                return super()._train_epoch(source, *of_epoch, report_delay=report_delay, callbacks=callbacks)
            part = self._w2v_corpus.part_of(source)
            return self._w2v_call.run_epoch(EpochCall(part, *of_epoch, report_delay, file_mode=True), callbacks)

    def _w2v_watched_call(self) -> TrainCall | None:
        return None if self._w2v_ours else vars(self).get("_w2v_call")
