"""One epoch as gensim asks for it, and the reading of its corpus."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Queue

from torch_w2v.corpus import Corpus, CorpusCache, is_static
from torch_w2v.corpus.store import Run
from torch_w2v.training import planning
from torch_w2v.training.epoch import Totals
from torch_w2v.training.model import TrainedModel


@dataclass(frozen=True)
class EpochCall:
    """The arguments of gensim's `_train_epoch`.

    Attributes:
        source: the corpus.
        number: of the epoch in the call of `train()`, from 0.
        total_examples: expected number of sentences, for the learning rate and the progress; None if unknown.
        total_words: expected number of words, the same.
        report_delay: seconds between two lines of progress.
        file_mode: progress is logged as gensim does for a `corpus_file`.
    """

    source: Corpus
    number: int
    total_examples: int | None
    total_words: int | None
    report_delay: float
    file_mode: bool

    def of_part(self, expected: Callable[[int | None], int | None]) -> EpochCall:
        """Return the call for a part of the corpus.

        Args:
            expected: returns the part's share of a number of sentences, or of words.
        """
        examples, words = expected(self.total_examples), expected(self.total_words)
        return replace(self, total_examples=examples, total_words=words)

    def log_progress(self, model: TrainedModel, totals: Totals) -> None:
        """Log how far the epoch is, as gensim does."""
        queue: Queue[None] = Queue()  # gensim's line has the lengths of its two queues
        model._log_progress(
            None if self.file_mode else queue,
            queue,
            self.number,
            totals.examples,
            self.total_examples,
            totals.raw_words,
            self.total_words,
            totals.trained_words,
            totals.elapsed,
        )


@dataclass
class Reading:
    """The corpus of an epoch, encoded while it is read.

    Attributes:
        epoch: what gensim asks for, of this rank's part of the corpus.
        cache: reads it.
        runs: the encoded corpus; iterate over them once.
        size: number of words of a chunk.
        rows: number of rows of the tables; words of later ones are not trained.
        ahead: it may be read before it is trained on.
        encoding: identifies the encoded corpus; None for one that another epoch may find changed.
    """

    epoch: EpochCall
    cache: CorpusCache
    runs: Iterator[Run]
    size: int
    rows: int
    ahead: bool
    encoding: Hashable
    _beginning: Run | None = field(init=False, default=None)

    @property
    def beginning(self) -> Run:
        """What can be seen of the corpus before the epoch: all of it if it is at hand, otherwise its first run."""
        # Not a `cached_property`: before Python 3.12 one that waits for its corpus makes those of all models wait.
        if self._beginning is None:
            self._beginning, self.runs = self.cache.peek(self.epoch.source, self.runs)
        return self._beginning

    def expected_words(self, model: TrainedModel) -> float:
        """Return how many words the epoch is expected to have."""
        source, examples = self.epoch.source, self.epoch.total_examples
        # A subclass may have an iteration of its own, which happens once per epoch.
        if isinstance(source, (list, tuple)) and is_static(source) and examples == len(source):
            # The model's totals are those of the vocabulary's corpus, which may be another one. A sentence may be any
            # iterable, also without a length.
            with suppress(TypeError):
                return sum(map(len, source))
        of_epoch = self.epoch.total_examples, self.epoch.total_words
        return planning.expected_words(model, self.beginning, self.size, *of_epoch)
