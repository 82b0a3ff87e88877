"""gensim's own training threads (for sg=1 and hs=1), made to end when the corpus, a worker or the user stops them."""

from __future__ import annotations

import math
import queue
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import gensim.models


@dataclass
class _Pass:
    """One pass over the corpus: its first failure, and which threads have ended (their number is all that counts)."""

    error: BaseException | None = None
    stopped: bool = False
    ended: list[None] = field(default_factory=list)

    def failed(self, error: BaseException) -> None:
        self.error = self.error or error
        self.stopped = True


class GensimThreads(gensim.models.Word2Vec):
    """gensim's Word2Vec; where one of its threads would die and leave the others waiting, `train()` raises instead.

    gensim's main thread counts one None from every worker, and a worker ends at a None from the thread that reads the
    corpus; so each thread that fails here still sends its own.
    """

    _pass: _Pass

    def _train_epoch(self, *args: Any, **kwargs: Any) -> tuple[int, int, int]:
        return self._guarded(super()._train_epoch, *args, **kwargs)

    def _train_epoch_corpusfile(self, *args: Any, **kwargs: Any) -> tuple[int, int, int]:
        return self._guarded(super()._train_epoch_corpusfile, *args, **kwargs)

    def _guarded(self, train_epoch: Any, *args: Any, **kwargs: Any) -> tuple[int, int, int]:
        self._pass = _Pass()
        try:
            result = train_epoch(*args, **kwargs)
            if self._pass.error is not None:
                raise self._pass.error
            return result
        finally:
            del self._pass

    def _job_producer(
        self, data_iterator: Any, job_queue: Any, cur_epoch: int = 0, total_examples: int | None = None,
        total_words: int | None = None,
    ) -> None:  # fmt: skip
        this = self._pass

        def until_stopped() -> Iterator[Any]:
            for sentence in data_iterator:
                if this.stopped:
                    return
                yield sentence

        try:
            # Without totals (a corpus_count of 0 after build_vocab_from_freq) alpha falls from pass to pass only.
            super()._job_producer(until_stopped(), job_queue, cur_epoch, total_examples, total_words or math.inf)
        except BaseException as e:  # carried to the main thread, which raises it
            this.failed(e)
            for _ in range(self.workers):
                job_queue.put(None)
        finally:
            this.ended.append(None)

    def _worker_loop(self, job_queue: Any, progress_queue: Any) -> None:
        this = self._pass
        try:
            super()._worker_loop(job_queue, progress_queue)
        except BaseException as e:  # carried to the main thread, which raises it
            this.failed(e)
            while job_queue.get() is not None:
                pass
            progress_queue.put(None)
        finally:
            this.ended.append(None)

    def _worker_loop_corpusfile(
        self, corpus_file: str, thread_id: int, offset: float, cython_vocab: Any, progress_queue: Any, **kwargs: Any
    ) -> None:
        this = self._pass
        try:
            super()._worker_loop_corpusfile(corpus_file, thread_id, offset, cython_vocab, progress_queue, **kwargs)
        except BaseException as e:  # carried to the main thread, which raises it
            this.failed(e)
            progress_queue.put(None)

    def _log_epoch_progress(
        self, progress_queue: Any = None, job_queue: Any = None, **kwargs: Any
    ) -> tuple[int, int, int]:
        try:
            return super()._log_epoch_progress(progress_queue, job_queue, **kwargs)
        except BaseException:  # an interrupt: empty the queues until nobody waits to put something there
            self._pass.stopped = True
            # With a corpus_file gensim's threads cannot be stopped before the end of the pass; they are daemons.
            while job_queue is not None and len(self._pass.ended) < self.workers + 1:
                with suppress(queue.Empty):
                    progress_queue.get(timeout=0.01)
            raise

    def _log_progress(
        self, job_queue: Any, progress_queue: Any, cur_epoch: int, example_count: int, total_examples: int | None,
        raw_word_count: int, total_words: int | None, trained_word_count: int, elapsed: float,
    ) -> None:  # fmt: skip
        if total_examples or total_words:  # a share of nothing cannot be told
            super()._log_progress(
                job_queue, progress_queue, cur_epoch, example_count, total_examples, raw_word_count, total_words,
                trained_word_count, elapsed,
            )  # fmt: skip
