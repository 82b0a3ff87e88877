"""How a model reads its corpus: once, by `torch_w2v.corpus`, for its vocabulary and for all epochs."""

from __future__ import annotations

import inspect
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from smart_open.compression import get_supported_extensions

from torch_w2v import corpus, native
from torch_w2v.corpus.shards import extent
from torch_w2v.corpus.sources import as_text
from torch_w2v.distributed.counting import check_same, merged
from torch_w2v.distributed.group import Group, check_same_call
from torch_w2v.files import is_uri
from torch_w2v.gensim_compat import arguments, vocabulary
from torch_w2v.gensim_compat.rows import lengthen_outputs
from torch_w2v.gensim_compat.threads import GensimThreads
from torch_w2v.hints import Self
from torch_w2v.options import default, option
from torch_w2v.progress import progress_line

TrimRule: TypeAlias = Callable[[Hashable, int, int], int]


class CorpusReading(GensimThreads):
    """gensim's Word2Vec; its corpus is read, and its vocabulary made, by torch_w2v.

    Attributes:
        corpus_cache: where the encoded corpus is cached; see `torch_w2v.Word2Vec`.
        column: of .parquet files; see `torch_w2v.Word2Vec`.
        distributed, shard: whether several processes train together, and which part of the corpus is this one's; see
            there. `distributed` is an attribute of this process, which is neither saved nor copied.
        progress: whether to show how far it is; see there.
    """

    corpus_cache: str = default()
    column: str | None = default()
    shard: str = default()
    distributed: Any = default()
    progress: bool = default()

    @property
    def _w2v_ours(self) -> bool:
        """Whether this model trains on our engines."""
        raise NotImplementedError

    @property
    def _w2v_overrides(self) -> list[str]:
        """The methods of gensim's engine that a subclass overrides, which then trains by code of its own."""
        raise NotImplementedError

    @contextmanager
    def reading_once(self) -> Iterator[None]:
        """Read a static corpus once for all calls of `build_vocab()` and `train()` in this block.

        A static corpus is a file, a list or tuple, or one of gensim's readers; it must not change meanwhile. The
        constructor with a corpus does this by itself. Any other iterable is read anew each time.

            model = Word2Vec(min_count=10)
            with model.reading_once():
                model.build_vocab(corpus_file="corpus.txt")
                model.train(corpus_file="corpus.txt", total_words=model.corpus_total_words, epochs=model.epochs)
        """
        if "_w2v_corpus" in vars(self):
            yield
            return
        with self._w2v_together("reading_once()"):
            self._w2v_corpus = corpus.CorpusCache(option(self, "corpus_cache"), self.workers, part=self._w2v_part)
            try:
                yield
            finally:
                del self._w2v_corpus

    @property
    def _w2v_group(self) -> Group | None:
        """The processes that train this model together."""
        return vars(self).get("_w2v_ranks")

    @property
    def _w2v_part(self) -> tuple[int, int] | None:
        group = self._w2v_group
        return None if group is None or option(self, "shard") == "given" else (group.rank, group.size)

    @contextmanager
    def _w2v_together(self, call: str) -> Iterator[None]:
        """Do a block together with the other ranks, if there are any: if it fails on one, it fails on all.

        Args:
            call: what the block does, which must be the same on all ranks.

        Raises:
            RuntimeError: in a callback, which one rank alone calls.
            UnlikeRanksError: another rank makes another call.
        """
        if self._w2v_group is not None and "_w2v_call" in vars(self):
            raise RuntimeError(
                "a callback cannot call train() or build_vocab() of a model that several processes train: the first "
                "one alone calls it; do it after train()"
            )
        distributed = option(self, "distributed")
        if self._w2v_group is not None:
            check_same_call(self._w2v_group, call)
            yield
            return
        if not distributed:
            yield
            return
        joins = isinstance(distributed, (bool, np.bool_))
        if not (joins or hasattr(distributed, "together")):
            raise TypeError(f"distributed={distributed!r}: must be True or False")
        group = Group() if joins else distributed
        with group.together():
            self._w2v_ranks = group
            try:
                check_same_call(group, call)
                yield
            finally:
                del self._w2v_ranks

    def build_vocab(
        self,
        corpus_iterable: corpus.Corpus | None = None,
        corpus_file: corpus.CorpusFile | None = None,
        update: bool = False,
        progress_per: float = 10000,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        **kwargs: Any,
    ) -> None:
        """Make the vocabulary; see gensim's `build_vocab`. Several ranks count together.

        Args:
            corpus_iterable, corpus_file: as in the constructor.
            update: add new words to the vocabulary.
            progress_per: sentences between two lines of progress in the log.
            keep_raw_vocab: keep the counts of all words in `raw_vocab`.
            trim_rule: as in the constructor, for this call.
            kwargs: as gensim's.

        Raises:
            TypeError: no corpus, two of them, one of no known form, or an argument of a wrong type.
            ValueError: an argument out of its range; `max_vocab_size` with several ranks.
            Exception: whatever the corpus raises.
        """
        with self._w2v_together("build_vocab()"):
            # Before the corpus is read, which may take hours.
            try:
                inspect.signature(self.prepare_vocab).bind(update, keep_raw_vocab, trim_rule, **kwargs)
            except TypeError as e:
                raise TypeError(f"build_vocab() {e}") from e
            given = arguments.of_vocabulary(self, {"trim_rule": trim_rule, **kwargs})
            kwargs = {name: given[name] for name in kwargs}
            # A rule may keep rarer words, and the caller may want to see them.
            if trim_rule is None and not keep_raw_vocab:
                self._w2v_least_count = kwargs.get("min_count") or self.min_count
            self._w2v_replaces = not update
            try:
                super().build_vocab(
                    corpus_iterable, corpus_file, update, progress_per, keep_raw_vocab, trim_rule, **kwargs
                )
            finally:
                self.__dict__.pop("_w2v_least_count", None)
                self.__dict__.pop("_w2v_replaces", None)

    def build_vocab_from_freq(
        self,
        word_freq: Mapping[Hashable, int],
        keep_raw_vocab: bool = False,
        corpus_count: int | None = None,
        trim_rule: TrimRule | None = None,
        update: bool = False,
    ) -> None:
        """Make the vocabulary of words whose counts are known; see gensim's `build_vocab_from_freq`.

        Args:
            word_freq: how often each word occurs.
            keep_raw_vocab, trim_rule, update: as for `build_vocab`.
            corpus_count: number of sentences of the corpus.

        Raises:
            TypeError, ValueError: an argument of a wrong type, or out of its range.
        """
        arguments.check_frequencies(word_freq)
        given = arguments.of_vocabulary(self, {"corpus_count": corpus_count, "trim_rule": trim_rule})
        self._w2v_replaces = not update
        try:
            super().build_vocab_from_freq(word_freq, keep_raw_vocab, given["corpus_count"], trim_rule, update)
        finally:
            self.__dict__.pop("_w2v_replaces", None)

    @property
    def _w2v_shows(self) -> bool:
        """Whether to show how far reading is: on the first rank only."""
        return option(self, "progress") and (self._w2v_group is None or self._w2v_group.rank == 0)

    def _w2v_open(self, corpus_file: corpus.CorpusFile) -> corpus.Opened:
        open_files = self._w2v_corpus.open if "_w2v_corpus" in vars(self) else corpus.files
        return open_files(corpus_file, option(self, "column"))

    def _check_corpus_sanity(
        self,
        corpus_iterable: corpus.Corpus | None = None,
        corpus_file: corpus.CorpusFile | None = None,
        passes: int = 1,
    ) -> None:
        """Do gensim's checks; there are more kinds of `corpus_file` than gensim's."""
        if not self._w2v_overrides and corpus_file is not None and corpus_iterable is None:
            self._w2v_open(corpus_file)
        else:
            super()._check_corpus_sanity(corpus.column_of(corpus_iterable), path_of(corpus_file), passes)
            if corpus_file is not None and corpus.is_encoded(path_of(corpus_file)):
                raise ValueError(
                    f"{corpus_file} is an encoded corpus, but {type(self).__name__} overrides "
                    f"{', '.join(self._w2v_overrides)} and reads text itself"
                )
            if corpus_file is not None and not isinstance(self._w2v_open(corpus_file), corpus.Text):
                raise ValueError(
                    f"{corpus_file} is a table, but {type(self).__name__} overrides "
                    f"{', '.join(self._w2v_overrides)} and reads text itself; give it `sentences`"
                )

    def scan_vocab(
        self,
        corpus_iterable: corpus.Corpus | None = None,
        corpus_file: corpus.CorpusFile | None = None,
        progress_per: float = 10000,
        workers: int | None = None,
        trim_rule: TrimRule | None = None,
    ) -> tuple[int, int]:
        """Count the words into `raw_vocab`; see gensim's `scan_vocab`. `workers` is unused there too.

        Args:
            corpus_iterable, corpus_file, progress_per, trim_rule: as for `build_vocab`.

        Returns:
            The numbers of words and of sentences in the corpus.

        Raises:
            TypeError, ValueError, Exception: as `build_vocab`.
        """
        arguments.check_progress_per(progress_per)
        if corpus_file is None:
            corpus_iterable = corpus.column_of(corpus_iterable)
        else:
            corpus_iterable = self._w2v_open(corpus_file)
            if not (native.available() or self._w2v_ours) and gensim_reads(corpus_iterable):
                return super().scan_vocab(None, corpus_iterable.paths[0], progress_per, workers, trim_rule)
        return super().scan_vocab(corpus_iterable, None, progress_per, workers, trim_rule)

    def _scan_vocab(self, sentences: corpus.Corpus, progress_per: float, trim_rule: TrimRule) -> tuple[int, int]:
        if self.max_vocab_size and self._w2v_group is not None:
            raise ValueError(
                f"max_vocab_size={self.max_vocab_size}: words cannot be forgotten while several ranks count; "
                "use min_count, or max_final_vocab"
            )
        # gensim forgets words while it counts, and which ones depends on every step. Without the library gensim's own
        # counting is the faster one, unless what it reads is to be kept.
        if self.max_vocab_size or not (native.available() or self._w2v_ours):
            return super()._scan_vocab(sentences, progress_per, trim_rule)
        keep = "_w2v_corpus" in vars(self) and self._w2v_ours
        cache = self._w2v_corpus if keep else corpus.CorpusCache("off", self.workers, part=self._w2v_part)
        if self._w2v_group is not None and self._w2v_part is not None:
            check_same(self._w2v_group, extent(as_text(sentences)))
        source = cache.part_of(sentences)
        with progress_line(self._w2v_shows) or nullcontext() as line:
            scan = cache.scan(source, progress_per, keep, line.read if line else None)
        words = int(scan.counts.sum())
        if self._w2v_group is not None:
            # A .w2v file has the counts of all of it.
            whole = self._w2v_part is not None and isinstance(source, corpus.EncodedFile)
            scan, words = merged(self._w2v_group, scan, vars(self).get("_w2v_least_count", 0), whole)
        self.raw_vocab = defaultdict(int, zip(scan.words, scan.counts.tolist(), strict=True))
        return words, scan.sentences

    def prepare_vocab(
        self,
        update: bool = False,
        keep_raw_vocab: bool = False,
        trim_rule: TrimRule | None = None,
        min_count: int | None = None,
        sample: float | None = None,
        dry_run: bool = False,
    ) -> dict[str, int]:
        """Choose the words that stay; see gensim's `prepare_vocab`.

        Args:
            update, keep_raw_vocab, trim_rule: as for `build_vocab`.
            min_count, sample: instead of the model's.
            dry_run: change nothing.

        Returns:
            gensim's report: the numbers of words that stay and go, and of their occurrences.

        Raises:
            TypeError, ValueError: an argument of a wrong type, or out of its range.
        """
        numbers = {"min_count": min_count, "sample": sample}
        given = arguments.of_vocabulary(self, {"trim_rule": trim_rule, **numbers})
        min_count, sample = given["min_count"], given["sample"]
        if vars(self).get("_w2v_replaces") and not dry_run:
            vocabulary.forget(self)
        counts = None if update or trim_rule is not None else vocabulary.countable(self.raw_vocab)
        if counts is None:
            report = super().prepare_vocab(update, keep_raw_vocab, trim_rule, min_count, sample, dry_run)
        else:
            report = vocabulary.prepare(self, counts, keep_raw_vocab, min_count, sample, dry_run)
        line = progress_line(self._w2v_shows and not dry_run)
        if line is not None:
            line.say(vocabulary.summary(self, report))
        return report

    def update_weights(self) -> None:
        """Add rows for new words; see gensim's `update_weights`.

        Vectors that were added by hand have no output rows. Without these, those of the new words would be at the rows
        of others, and too few; gensim then writes past the end of the table.
        """
        super().update_weights()
        lengthen_outputs(self, len(self.wv.vectors))

    def make_cum_table(self, domain: int = 2**31 - 1) -> None:
        """Make gensim's table of negatives, right for integer tokens too: gensim takes a row for the token's name.

        Raises:
            vocabulary.ExponentError: `ns_exponent` makes frequencies that are all 0, or not finite.
        """
        power = vocabulary.cumulative_powers(self)
        self.cum_table = np.rint(power / power[-1:] * domain).astype(np.uint32)

    def reset_from(self, other_model: Self) -> None:
        """Take over another model's vocabulary; see gensim's `reset_from`.

        The model can be trained afterwards; gensim leaves it without `vectors_lockf`.

        Args:
            other_model: a model with a vocabulary.
        """
        super().reset_from(other_model)
        self.wv.vectors_lockf = np.ones(1, np.float32)
        self.corpus_total_words: int = other_model.corpus_total_words


def gensim_reads(source: Any) -> TypeGuard[corpus.Text]:
    """Return whether gensim's engine can read a source by threads of its own: one local file of plain text."""
    if not isinstance(source, corpus.Text) or len(source.paths) != 1:
        return False
    return not is_uri(source.paths[0]) and not source.paths[0].lower().endswith(tuple(get_supported_extensions()))


def path_of(corpus_file: Any) -> Any:
    """Return a path as gensim takes it; anything else as it is."""
    return os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
