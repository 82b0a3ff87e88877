"""The life of one `train()` call: its corpus, its engine's memory, and its epochs."""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from timeit import default_timer
from types import TracebackType

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v import corpus, engines
from torch_w2v.corpus.chunks import Chunk
from torch_w2v.distributed.group import Group
from torch_w2v.engines.interface import Tables
from torch_w2v.engines.plan import EpochPlan, TrainingPlan
from torch_w2v.engines.streams import keep_mask
from torch_w2v.hints import Self
from torch_w2v.options import option, set_option
from torch_w2v.training import divergence, learning_rate, planning
from torch_w2v.training.call_arguments import seed_of
from torch_w2v.training.checkpoints import Checkpoints, KeptCheckpoints
from torch_w2v.training.chunk_plans import Looks, chunk_plans
from torch_w2v.training.divergence import Stopper, StopTraining
from torch_w2v.training.epoch import Hooks, Totals, train_epoch
from torch_w2v.training.epoch_call import EpochCall, Reading
from torch_w2v.training.frequencies import common_rows, first_rows, look_anew
from torch_w2v.training.jobs import Job, Place, jobs
from torch_w2v.training.manifest import END, TRAIN
from torch_w2v.training.measured import measure
from torch_w2v.training.model import TrainedModel
from torch_w2v.training.rank_checkpoint import RankCheckpoints
from torch_w2v.training.ranks import Alone, Together
from torch_w2v.training.tables import EngineMemory, explained
from torch_w2v.training.throttle import Throttle
from torch_w2v.training.watching import Watch, Watcher, warn_of_no_words


class TrainCall:
    """One `train()` call of a model; a context manager, so that everything is brought to its end however it ends.

    Args:
        model: the model that is trained.
        can_defer_write_back: no callback, no method of a subclass observes the model between epochs: tables may stay.
        checkpoint: path of the checkpoint; None for none.
        checkpoint_every: seconds between two checkpoints.
        totals: the `total_examples` and `total_words` of the call, which a checkpoint must have too.
        group: the processes that train the model together; None for one process.
        watchers: are told how far it is.
        one_epoch: the number of the only epoch, and how many of that number, or a higher one, were trained before by
            such calls; None for a call of `train()`. What calls for one epoch after another cannot be ended here.

    Attributes:
        watch: tells them.
        stops: whether the call ends after the epoch that runs; for callbacks to set.
    """

    def __init__(
        self,
        model: TrainedModel,
        can_defer_write_back: bool,
        checkpoint: str | None = None,
        checkpoint_every: float = 0.0,
        totals: dict[str, int | None] | None = None,
        group: Group | None = None,
        watchers: Sequence[Watcher] = (),
        one_epoch: tuple[int, int] | None = None,
    ) -> None:
        self._model, self._one_epoch = model, one_epoch
        self.stops = self._trained = False
        self._unobserved = can_defer_write_back
        self._memory = EngineMemory()
        self._plan: TrainingPlan | None = None
        self._looks, self._throttle = Looks(), Throttle()
        self._largest: float | None = None  # component before training
        self._ranks = ranks = Alone() if group is None else Together(group, model.workers)
        self._checkpoints = Checkpoints()
        if checkpoint is not None:
            arguments = model, checkpoint, checkpoint_every, totals or {}, self._memory.store
            self._checkpoints = (
                RankCheckpoints(ranks, *arguments) if isinstance(ranks, Together) else KeptCheckpoints(*arguments)
            )
        self.watch = Watch(watchers if self._ranks.is_first else ())
        self._progress = self._checkpoints.progress
        self._returned = Totals()
        self._start = default_timer() - 1e-5

    def __enter__(self) -> Self:
        attributes = self._model.__dict__
        # A callback of an outer train() may call train(): that gets a corpus of its own.
        self._outer = {name: attributes.get(name) for name in ("_w2v_call", "_w2v_corpus")}
        if self._outer["_w2v_call"] is not None or self._outer["_w2v_corpus"] is None:
            self._cache = corpus.CorpusCache(
                option(self._model, "corpus_cache"), self._model.workers, self._unobserved, self._model._w2v_part
            )
        else:
            self._cache = attributes["_w2v_corpus"]
        self._checkpoints.open()
        attributes.update(_w2v_call=self, _w2v_corpus=self._cache)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            try:
                self._memory.synchronize()
                if kind is not None:
                    self._checkpoints.save()
            finally:
                if self._trained:
                    self._publish_vectors()
            if self._trained and self._progress.call.raw_words >= len(self._model.wv.vectors):
                last = self._one_epoch[0] if self._one_epoch else max(self._model.epochs - 1, 0)
                divergence.check_all_rows(self._model, self._largest or 0.0, last)
        finally:
            for name, value in self._outer.items():
                if value is None:
                    delattr(self._model, name)
                else:
                    setattr(self._model, name, value)
            self._checkpoints.close()

    def events(self, callbacks: Iterable[CallbackAny2Vec]) -> Iterable[CallbackAny2Vec]:
        """Return the callbacks as gensim's `train` is to call them: on one rank only."""
        events = self._checkpoints.events(callbacks if self._ranks.is_first else ())
        return [*events, Stopper()] if events else events

    def run_epoch(self, epoch: EpochCall, callbacks: Iterable[CallbackAny2Vec]) -> tuple[int, int, int]:
        """Train on every sentence of the corpus once.

        An epoch that was trained before the checkpoint that the call goes on from is not trained again; what it
        returned then is added to what the first one returns that is.

        Args:
            epoch: what gensim asks for.
            callbacks: gensim's callbacks, for an epoch after which training stops.

        Returns:
            The numbers of words trained on, of words in the corpus, and of chunks.

        Raises:
            StopTraining: training diverged in this epoch; its callbacks have been called.
            ValueError: the corpus is not that of the checkpoint.
        """
        if self._checkpoints.is_over(epoch.number):
            return 0, 0, 0
        model = self._model
        self._ranks.begin_epoch(model)
        engine = self._ranks.engine(model)
        # Another rank may have callbacks that this one has not.
        deferred = self._ranks.agree(corpus.is_static(epoch.source) and self._unobserved, all)
        with engine.thread_limit(model.workers):
            ended, diverged = self._train_epoch(engine, epoch, deferred)
        if not deferred:
            self._publish_vectors()
        if not ended:
            with self._checkpoints.interrupts.held():
                self._finish_epoch(epoch)
                self._checkpoints.enter(END)
        if diverged:
            divergence.tell(model, epoch.number, is_stopped=self._one_epoch is None)
            if self._one_epoch is None:
                for callback in callbacks:
                    callback.on_epoch_end(model)
                raise StopTraining
        done, returned = self._progress.call, self._returned
        self._returned = dataclasses.replace(done)
        return (
            done.trained_words - returned.trained_words,
            done.raw_words - returned.raw_words,
            done.chunks - returned.chunks,
        )

    def _train_epoch(self, engine: engines.Engine, epoch: EpochCall, deferred: bool) -> tuple[bool, bool]:
        """Train on every sentence once; see `run_epoch`.

        Args:
            engine: trains.
            epoch: what gensim asks for.
            deferred: the tables stay with the engine until the next epoch.

        Returns:
            Whether the checkpoint that the call goes on from stands at this epoch's end; whether training diverged.
        """
        model, progress = self._model, self._progress
        stage = self._checkpoints.resume(epoch.number)
        planned = self._plan if deferred else None
        if planned is None:
            look_anew(model)
        reading = self._begin_reading(engine, epoch)
        if stage is not None:
            planned = planning.training_plan(model, engine, progress.measured, progress.seed)
            progress.expected_words = progress.expected_words or reading.expected_words(model)
        elif planned is None:
            planned = self._new_plan(engine, reading)
        self._plan = planned
        words = progress.expected_words
        useful = planning.threads_of(model, words) if engine.thread_safe else 1
        threads = useful if reading.ahead else 1
        if engine.thread_safe and epoch.number == 0:
            planning.log_idle_workers(model, threads, useful)
        self.watch.begin_epoch(epoch.number, model.epochs, words, progress.call.raw_words)
        place = epoch.number + (self._one_epoch[1] << 32 if self._one_epoch else 0)  # of the draws
        plan = planned.for_epoch(model.train_count, place)
        plan_of = None
        # What is less than a chunk becomes one, for which the plan was made; but several ranks may cut it.
        if words >= reading.size or self._ranks.cut_chunks:
            plan_of = chunk_plans(model, engine, planned, progress.measured, place, self._looks, reading.encoding)
        source_jobs = self._jobs(reading, plan, stage is not None)
        self._trained = True
        if stage not in (None, TRAIN):
            next(source_jobs, None)  # so that the corpus is kept for the next epoch
            self._cache.stop()
            return True, False
        return False, self._train_tables(engine, reading, source_jobs, plan, plan_of, threads, deferred)

    def _begin_reading(self, engine: engines.Engine, epoch: EpochCall) -> Reading:
        """Begin to read this rank's part of the corpus, once the ranks have agreed that they train the same."""
        model, ranks, cache, source = self._model, self._ranks, self._cache, epoch.source
        totals = {"total_examples": epoch.total_examples, "total_words": epoch.total_words}
        rows, vocabulary = common_rows(model), model.wv.key_to_index
        size = planning.chunk_words(model, epoch.total_words, engine.preferred_chunk_words)
        ranks.begin_call(
            model, totals, lambda: sum(len(run.tokens) for run in cache.runs(source, vocabulary, size, rows))
        )
        size = ranks.chunk_words(size)
        ahead = corpus.is_static(source) or ranks.cut_chunks or planning.reads_ahead(model, totals)
        runs = cache.runs(source, vocabulary, size, rows, ahead)
        # A callback may change the vocabulary, and then the same corpus has other token ids.
        keeps = corpus.is_static(source) and option(model, "corpus_cache") != "off"
        encoding = cache.vocabulary_version if keeps else None
        return Reading(epoch.of_part(ranks.expected), cache, runs, size, rows, ahead, encoding)

    def _new_plan(self, engine: engines.Engine, reading: Reading) -> TrainingPlan:
        """Return what the call trains with, by what the beginning of its corpus is like."""
        model, ranks, progress = self._model, self._ranks, self._progress
        beginning = reading.beginning  # whatever reading it raises is the corpus's
        with explained(engine, Tables(model.wv.vectors, model.syn1neg)):
            progress.measured = ranks.measured(model, measure(model, beginning))
            progress.expected_words = reading.expected_words(model)
            plan = planning.training_plan(model, engine, progress.measured, seed_of(model))
        progress.seed = ranks.agree(plan.seed, operator.itemgetter(0))
        return dataclasses.replace(plan, seed=progress.seed)

    def _jobs(self, reading: Reading, plan: EpochPlan, goes_on: bool) -> Iterator[Job]:
        """Return the chunks that this rank trains in an epoch, with their learning rates.

        Args:
            reading: of the corpus.
            plan: of the epoch.
            goes_on: the epoch goes on where the checkpoint ended.
        """
        model, ranks, epoch, size = self._model, self._ranks, reading.epoch, reading.size

        def kept(tokens: np.ndarray, position: int) -> np.ndarray:
            return keep_mask(tokens, position, plan.keep, plan.token_stream)

        runs = ranks.runs(reading.runs, epoch.number)
        chunks = (chunk for run in runs for chunk in corpus.cut_into_chunks(run, size, plan.objective.window, kept))
        words, batch = self._progress.expected_words, ranks.expected(max(int(model.batch_words), 1)) or 1
        totals = epoch.total_examples, epoch.total_words
        rates = learning_rate.rates_between(model, epoch.number, words, batch, size, *totals)
        found = jobs(chunks, rates, self._checkpoints.kept)
        if goes_on:
            found = self._checkpoints.skip(found, corpus.is_static(epoch.source))
        return ranks.jobs(found)

    def _train_tables(
        self,
        engine: engines.Engine,
        reading: Reading,
        source_jobs: Iterator[Job],
        plan: EpochPlan,
        plan_of: Callable[[Chunk], EpochPlan | None] | None,
        threads: int,
        deferred: bool,
    ) -> bool:
        """Train the model's tables on all chunks of an epoch, and return whether training diverged.

        Args:
            engine: trains.
            reading: of the corpus.
            source_jobs: the chunks.
            plan: of the epoch.
            plan_of: returns another plan for a chunk, or None; None if all chunks have the same.
            threads: number of threads.
            deferred: the tables stay with the engine until the next epoch.
        """
        model, ranks, progress, epoch = self._model, self._ranks, self._progress, reading.epoch
        words = progress.expected_words * (model.epochs - epoch.number if deferred else 1)
        inputs, outputs = first_rows(model.wv.vectors, reading.rows), first_rows(model.syn1neg, reading.rows)
        if self._largest is None:
            self._largest = ranks.agree(divergence.largest_before(words, inputs, outputs), max)
        sharing = planning.sharing(model, threads, progress.expected_words, epoch.number)
        hooks = self._hooks(epoch)
        copies = sharing.rows * sharing.threads if sharing else 0
        with self._memory.tables(engine, inputs, outputs, deferred, words, copies) as tables:
            self._checkpoints.enter(TRAIN)
            alpha_of_share = partial(learning_rate.alpha_of_share, model, epoch.number)
            ranks.open(model, engine, tables, alpha_of_share, deferred, progress.measured.context)
            train_epoch(
                engine,
                tables,
                plan,
                source_jobs,
                threads,
                hooks,
                progress.totals,
                load_chunk=lambda chunk: self._memory.load_chunk(engine, chunk, reading.encoding),
                plan_of=plan_of,
                interrupts=self._checkpoints.interrupts,
                throttle=self._throttle,
                sharing=sharing,
            )
            ranks.close()
            ranks.add_others(progress.totals)
            largest = divergence.largest_of_sample(progress.totals.raw_words, *map(engine.as_array, tables))
            return divergence.has_diverged(largest, self._largest)

    def _hooks(self, epoch: EpochCall) -> Hooks:
        """Return what is done beside training: reports, exchanges with other ranks, checkpoints."""
        model, ranks, checkpoints = self._model, self._ranks, self._checkpoints

        def watch(totals: Totals) -> None:
            self.watch.advance(totals.raw_words, model.min_alpha_yet_reached, totals.loss, totals.pairs)

        def pause() -> None:
            ranks.exchange()
            if checkpoints.due():
                checkpoints.save()

        return Hooks(
            report=lambda totals: epoch.log_progress(model, totals) if ranks.is_first else None,
            report_delay=epoch.report_delay,
            watch=watch,
            stop=self._cache.stop,
            due=lambda: ranks.due() or checkpoints.due(),
            pause=pause,
        )

    def _finish_epoch(self, epoch: EpochCall) -> None:
        model, totals = self._model, self._progress.totals
        total_examples, total_words = epoch.total_examples, epoch.total_words
        warn_of_no_words(epoch.number, totals, model.train_count == 0, len(model.wv), total_examples)
        end = Place(totals.examples, totals.raw_words)
        learning_rate.reach_the_end(model, epoch.number, end, total_examples, total_words)
        if model.compute_loss:
            model.running_training_loss += totals.loss
        loss = totals.loss / totals.pairs if totals.pairs else math.nan
        set_option(model, "training_losses", [*option(model, "training_losses"), loss])
        words = totals.raw_words, total_words, totals.trained_words
        model._log_epoch_end(epoch.number, totals.examples, total_examples, *words, totals.elapsed, epoch.file_mode)
        model.total_train_time += totals.elapsed
        self.count(totals.trained_words, totals.raw_words, totals.chunks)
        self.watch.end_epoch(totals.raw_words, model.min_alpha_yet_reached, totals.loss, totals.pairs)

    def count(self, trained_words: int, raw_words: int, chunks: int) -> tuple[int, int, int]:
        """Count an epoch, ours or one of gensim's engine, and return the arguments."""
        call = self._progress.call
        call.trained_words += trained_words
        call.raw_words += raw_words
        call.chunks += chunks
        return trained_words, raw_words, chunks

    def finish_early(self, callbacks: Iterable[CallbackAny2Vec]) -> tuple[int, int]:
        """Do what gensim's `train` does after its last epoch, for a call that `StopTraining` has ended.

        Args:
            callbacks: gensim's callbacks.

        Returns:
            The numbers of words trained on and of words in the corpus.
        """
        model, done = self._model, self._progress.call
        model._log_train_end(done.raw_words, done.trained_words, default_timer() - self._start, done.chunks)
        model.train_count += 1
        model._clear_post_train()
        for callback in callbacks:
            callback.on_train_end(model)
        self.end()
        return done.trained_words, done.raw_words

    def end(self) -> None:
        """End the call on all ranks, after the last callback of the first one."""
        self._ranks.end_call(self._model, not self._unobserved)

    def _publish_vectors(self) -> None:
        """Make the model right for whoever observes it now: callbacks, and the user."""
        model = self._model
        # Queries in on_epoch_end must see the new vectors (piskvorky/gensim#3429).
        model.wv.norms = None
