"""gensim's own training threads (for hs=1), which end when the corpus, a worker or the user stops them."""

from __future__ import annotations

import math
import queue
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gensim.models.word2vec import MAX_WORDS_IN_BATCH
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.call_threads import Call, calls_here, noted, working_for
from torch_w2v.user_warnings import warn_of_empty_epoch


@dataclass
class _EpochState:
    """What the threads of one epoch tell each other.

    Attributes:
        error: the first failure.
        stopped: the thread that reads the corpus must end.
        ended: one entry per thread that has ended; only their number counts.
        jobs: the queue from which workers wait for jobs.
        calls: those for which the threads work.
    """

    error: BaseException | None = None
    stopped: bool = False
    ended: list[None] = field(default_factory=list)
    jobs: Any = None
    calls: tuple[Call, ...] = field(default_factory=calls_here)

    def failed(self, error: BaseException) -> None:
        self.error = self.error or error
        self.stopped = True


def _in_parts(sentences: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """Return lists of sentences with at most `most` words each; longer sentences are cut."""
    part: list[Any] = []
    room = most
    for sentence in sentences:
        for start in range(0, len(sentence), most):
            piece = sentence if len(sentence) <= most else list(sentence)[start : start + most]
            if len(piece) > room:
                yield part
                part, room = [], most
            part.append(piece)
            room -= len(piece)
    if part:
        yield part


class GensimThreads(PlainWord2Vec):
    """gensim's Word2Vec; where one of its threads would end and leave the others waiting, `train()` raises instead.

    gensim's main thread counts one None from every worker, and a worker ends at a None from the thread that reads the
    corpus; so each thread that fails here still sends its own. In a subclass that runs the epoch itself, without
    gensim's `_train_epoch`, the threads are gensim's as they are.
    """

    _w2v_epoch: _EpochState | None = None

    def _train_epoch(self, *args: Any, **kwargs: Any) -> tuple[int, int, int]:
        return self._w2v_guarded(super()._train_epoch, *args, **kwargs)

    def _train_epoch_corpusfile(self, *args: Any, **kwargs: Any) -> tuple[int, int, int]:
        return self._w2v_guarded(super()._train_epoch_corpusfile, *args, **kwargs)

    def _w2v_guarded(
        self,
        train_epoch: Any,
        source: Any,
        cur_epoch: int = 0,
        total_examples: int | None = None,
        total_words: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[int, int, int]:
        call = self._w2v_watched_call()
        if call is not None:
            call.watch.begin_epoch(cur_epoch, self.epochs, total_words or self.corpus_total_words)
        state = self._w2v_epoch = _EpochState()
        try:
            result: tuple[int, int, int] = train_epoch(source, cur_epoch, total_examples, total_words, *args, **kwargs)
            if state.error is not None:
                raise state.error
        except BaseException:
            # If a thread could not be started, the others wait for jobs that nothing will send. The state stays, for
            # those of them that have not looked at it yet.
            state.stopped = True
            if state.jobs is not None:
                with suppress(queue.Full):
                    for _ in range(self.workers):
                        state.jobs.put_nowait(None)
            raise
        del self._w2v_epoch
        warn_of_empty_epoch(result[1], total_examples)
        if call is not None:
            call.count(*result)
        return result

    def _job_producer(
        self,
        data_iterator: Any,
        job_queue: Any,
        cur_epoch: int = 0,
        total_examples: int | None = None,
        total_words: int | None = None,
    ) -> None:
        state = self._w2v_epoch
        if state is None:
            super()._job_producer(data_iterator, job_queue, cur_epoch, total_examples, total_words)
            return

        # An iterable may yield one list again and again, with other words each time, and gensim collects sentences.
        copies = not isinstance(data_iterator, (list, tuple))

        def until_stopped() -> Iterator[Any]:
            for sentence in noted(data_iterator):
                if state.stopped:
                    return
                yield sentence[:] if copies and type(sentence) is list else sentence

        try:
            # Without totals (a corpus_count of 0 after build_vocab_from_freq) alpha falls from epoch to epoch only.
            with working_for(state.calls):
                super()._job_producer(until_stopped(), job_queue, cur_epoch, total_examples, total_words or math.inf)
        except BaseException as e:  # carried to the main thread, which raises it
            state.failed(e)
            for _ in range(self.workers):
                job_queue.put(None)
        finally:
            state.ended.append(None)

    def _do_train_job(self, sentences: Any, alpha: float, inits: Any) -> tuple[int, int]:
        """Train on a batch; gensim would drop all but its first `MAX_WORDS_IN_BATCH` words."""
        if sum(map(len, sentences)) <= MAX_WORDS_IN_BATCH:
            result: tuple[int, int] = super()._do_train_job(sentences, alpha, inits)
            return result
        trained = words = 0
        for part in _in_parts(sentences, MAX_WORDS_IN_BATCH):
            of_part = super()._do_train_job(part, alpha, inits)
            trained, words = trained + of_part[0], words + of_part[1]
        return trained, words

    def _worker_loop(self, job_queue: Any, progress_queue: Any) -> None:
        state = self._w2v_epoch
        if state is None:
            super()._worker_loop(job_queue, progress_queue)
            return
        state.jobs = job_queue
        try:
            if state.stopped:
                return
            super()._worker_loop(job_queue, progress_queue)
        except BaseException as e:  # carried to the main thread, which raises it
            state.failed(e)
            while job_queue.get() is not None:
                pass
            progress_queue.put(None)
        finally:
            state.ended.append(None)

    def _worker_loop_corpusfile(
        self, corpus_file: str, thread_id: int, offset: float, cython_vocab: Any, progress_queue: Any, **kwargs: Any
    ) -> None:
        state = self._w2v_epoch
        if state is None:
            super()._worker_loop_corpusfile(corpus_file, thread_id, offset, cython_vocab, progress_queue, **kwargs)
            return
        try:
            super()._worker_loop_corpusfile(corpus_file, thread_id, offset, cython_vocab, progress_queue, **kwargs)
        except BaseException as e:  # carried to the main thread, which raises it
            state.failed(e)
            progress_queue.put(None)

    def _log_epoch_progress(
        self, progress_queue: Any = None, job_queue: Any = None, **kwargs: Any
    ) -> tuple[int, int, int]:
        state = self._w2v_epoch
        if state is None:
            result: tuple[int, int, int] = super()._log_epoch_progress(progress_queue, job_queue, **kwargs)
            return result
        try:
            return super()._log_epoch_progress(progress_queue, job_queue, **kwargs)
        except BaseException:
            # An interrupt: empty the queues until no thread waits to put something there.
            state.stopped = True
            # With a corpus_file gensim's threads cannot be stopped before the end of the epoch; they are daemons.
            while job_queue is not None and len(state.ended) < self.workers + 1:
                with suppress(queue.Empty):
                    progress_queue.get(timeout=0.01)
            raise

    def _log_progress(
        self,
        job_queue: Any,
        progress_queue: Any,
        cur_epoch: int,
        example_count: int,
        total_examples: int | None,
        raw_word_count: int,
        total_words: int | None,
        trained_word_count: int,
        elapsed: float,
    ) -> None:
        if (call := self._w2v_watched_call()) is not None:
            call.watch.advance(raw_word_count, self.min_alpha_yet_reached)
        # Without a total there is no share to log.
        if total_examples or total_words:
            super()._log_progress(
                job_queue,
                progress_queue,
                cur_epoch,
                example_count,
                total_examples,
                raw_word_count,
                total_words,
                trained_word_count,
                elapsed,
            )

    def _log_epoch_end(
        self, cur_epoch: int, example_count: int, total_examples: int | None, raw_word_count: int, *args: Any
    ) -> None:
        super()._log_epoch_end(cur_epoch, example_count, total_examples, raw_word_count, *args)
        if (call := self._w2v_watched_call()) is not None:
            call.watch.end_epoch(raw_word_count, self.min_alpha_yet_reached)

    def _w2v_watched_call(self) -> Any:
        """Return the `train()` call to report on while gensim's engine trains; None otherwise."""
        return None
