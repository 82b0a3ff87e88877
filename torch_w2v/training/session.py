"""The life of one `train()` call: its corpus, its engine's memory, and its epochs."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from queue import Queue
from types import TracebackType
from typing import Any, Self

import numpy as np

from torch_w2v import corpus, engines
from torch_w2v.engines.plan import TrainingPlan
from torch_w2v.engines.streams import TOKEN, keep_mask, key
from torch_w2v.training.epoch import Totals, jobs, train_epoch
from torch_w2v.training.model import TrainedModel
from torch_w2v.training.planning import chunk_words, training_plan
from torch_w2v.training.tables import EngineMemory

logger = logging.getLogger("torch_w2v.word2vec")


class TrainCall:
    """One `train()` call of a model; a context manager, so that everything is brought to its end however it ends.

    Args:
        model: the model that is trained.
        can_defer_write_back: nothing outside can observe the model between epochs: no callbacks, no methods of a
            subclass. Then the tables stay with the engine from epoch to epoch.
    """

    def __init__(self, model: TrainedModel, can_defer_write_back: bool) -> None:
        self._model = model
        self._unobserved = can_defer_write_back
        self._memory = EngineMemory()
        self._plan: TrainingPlan | None = None
        self._trained = False
        self._diverged = False

    def __enter__(self) -> Self:
        attributes = self._model.__dict__
        # A callback of an outer train() may call train(): that gets a corpus of its own.
        self._outer = {name: attributes.get(name) for name in ("_train_call", "_corpus")}
        nested = self._outer["_train_call"] is not None
        if nested or self._outer["_corpus"] is None:
            self._cache = corpus.CorpusCache(self._model.corpus_cache, self._model.workers)
        else:
            self._cache = attributes["_corpus"]
        attributes.update(_train_call=self, _corpus=self._cache)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._memory.synchronize()
            if self._trained:
                self._publish_vectors()
        finally:
            for name, value in self._outer.items():
                if value is None:
                    delattr(self._model, name)
                else:
                    setattr(self._model, name, value)

    def run_epoch(
        self,
        source: Iterable[Any],
        epoch: int,
        total_examples: int | None,
        total_words: int | None,
        report_delay: float,
        file_mode: bool,
    ) -> tuple[int, int, int]:
        """Train on every sentence of the corpus once.

        Args:
            source: the corpus.
            epoch: number of the epoch in this call, from 0.
            total_examples: expected number of sentences, for the learning rate and the progress.
            total_words: expected number of words, the same.
            report_delay: seconds between two lines of progress.
            file_mode: progress is logged as gensim does for a `corpus_file`.

        Returns:
            The numbers of words trained on, of words in the corpus, and of chunks.
        """
        model = self._model
        engine = engines.choose(model.engine, model.device, model.vector_size)
        static = corpus.is_static(source)
        deferred = static and self._unobserved
        if not deferred or self._plan is None:
            self._plan = training_plan(model, engine)
        plan = self._plan
        size = chunk_words(model, total_words, engine.preferred_chunk_words)
        stream = key(plan.seed, model.train_count, epoch, TOKEN)

        def kept(tokens: np.ndarray, position: int) -> np.ndarray:
            return keep_mask(tokens, position, plan.keep, stream)

        def alpha(examples: int, words: int) -> float:
            # Without totals (a corpus_count of 0 after build_vocab_from_freq) alpha falls from epoch to epoch only.
            done = examples / total_examples if total_examples else words / (total_words or math.inf)
            return float(model._get_next_alpha(done, epoch))

        def report(totals: Totals) -> None:
            # gensim's line of progress has the lengths of its two queues.
            unused: Queue[None] = Queue()
            model._log_progress(
                None if file_mode else unused,
                unused,
                epoch,
                totals.examples,
                total_examples,
                totals.raw_words,
                total_words,
                totals.trained_words,
                totals.elapsed,
            )

        # A callback may extend the vocabulary, and then the same corpus has other token ids.
        encoding = len(model.wv.key_to_index) if static and model.corpus_cache != "off" else None
        runs = self._cache.runs(source, model.wv.key_to_index, size)
        chunks = (chunk for run in runs for chunk in corpus.cut_into_chunks(run, size, plan.objective.window, kept))
        self._trained = True
        with (
            engine.thread_limit(model.workers),
            self._memory.tables(engine, model.wv.vectors, model.syn1neg, deferred) as tables,
        ):
            totals = train_epoch(
                engine,
                tables,
                plan.for_epoch(model.train_count, epoch),
                jobs(chunks, alpha),
                model.workers,
                report,
                report_delay,
                stop=self._cache.stop,
                load_chunk=lambda chunk: self._memory.load_chunk(engine, chunk, encoding),
            )
        if not deferred:
            self._publish_vectors()
        return self._finish_epoch(totals, epoch, total_examples, total_words, file_mode)

    def _finish_epoch(
        self, totals: Totals, epoch: int, total_examples: int | None, total_words: int | None, file_mode: bool
    ) -> tuple[int, int, int]:
        model = self._model
        if totals.chunks == 0 and model.train_count == 0:
            logger.warning(
                "train() called with an empty iterator (if not intended, "
                "be sure to provide a corpus that offers restartable iteration = an iterable)."
            )
        if model.compute_loss:
            model.running_training_loss += totals.loss
            model.training_losses = [*model.training_losses, totals.loss / max(totals.pairs, 1.0)]
        elapsed = totals.elapsed
        model._log_epoch_end(
            epoch,
            totals.examples,
            total_examples,
            totals.raw_words,
            total_words,
            totals.trained_words,
            elapsed,
            file_mode,
        )
        model.total_train_time += elapsed
        return totals.trained_words, totals.raw_words, totals.chunks

    def _publish_vectors(self) -> None:
        """Make the model right for whoever observes it now: callbacks, and the user."""
        model = self._model
        # Queries in on_epoch_end must see the new vectors (piskvorky/gensim#3429).
        model.wv.norms = None
        if not self._diverged and not np.isfinite(model.wv.vectors.sum()):
            self._diverged = True
            logger.error("training diverged: some vectors are no longer finite; use an alpha below %g", model.alpha)
