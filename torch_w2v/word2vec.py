"""Word2Vec: gensim's class with the training of CBOW with negative sampling replaced. The adapter: no arithmetic."""

from __future__ import annotations

import logging
import math
import operator
import os
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

import gensim.models
import numpy as np
from gensim.models.word2vec import MAX_WORDS_IN_BATCH

from torch_w2v import corpus, engines
from torch_w2v.engines import plan, row_scales
from torch_w2v.engines.streams import TOKEN, alias_table, key
from torch_w2v.gensim_compat import arguments, vocabulary
from torch_w2v.gensim_compat import persistence as checkpoint
from torch_w2v.gensim_compat.threads import GensimThreads
from torch_w2v.training import epoch as training
from torch_w2v.training.tables import Resident

logger = logging.getLogger(__name__)

_EXTRAS = {
    "device": "auto", "engine": "auto", "cbow_gradient": "gensim", "corpus_cache": "auto", "training_losses": (),
}  # fmt: skip
_PASSING = ("_call", "_pass", "_cache")  # attributes of a call that is running; never saved


@dataclass
class _Call:
    """What lives as long as one `train()` call: its corpus, what stays with its engine, what was said in the log."""

    cache: corpus.CorpusCache
    resident: Resident = field(default_factory=Resident)
    made: plan.TrainingPlan | None = None
    said: bool = False
    trained: bool = False
    diverged: bool = False


class Word2Vec(GensimThreads):
    """gensim's Word2Vec; CBOW with negative sampling (`sg=0, hs=0, negative>0`) trains on torch_w2v's engines.

    Every argument, default, method and attribute is gensim's (https://radimrehurek.com/gensim/models/word2vec.html);
    `sg=1` and `hs=1` train with gensim's own engine. `model.wv` is a `gensim.models.KeyedVectors` with float32 vectors
    of shape (V, vector_size). What differs is listed in docs/differences.md.

    Args:
        device: 'auto' (a CUDA device when there is one, else the CPU) or a torch device.
        engine: 'auto', 'cpu' (the fused kernel, the fastest on a CPU), 'triton' (the fused kernel for NVIDIA GPUs),
            'torch_batched' (large synchronous steps, any torch device) or 'reference' (the specification: slow, plain).
        cbow_gradient: 'gensim', or 'exact' for the derivative of the loss: with cbow_mean=1 gensim gives every context
            word the whole error, the derivative 1/C of it; with cbow_mean=0 the other way round. 'exact' wants a
            larger alpha (0.075 with cbow_mean=1; İrsoy et al. 2021, "Corrected CBOW Performs as well as Skip-gram").
        corpus_cache: where the corpus is kept in numbers (4 bytes a word, 8 a sentence) so that it is read once, if it
            is a file, a list or one of gensim's readers: 'memory', 'disk' (a temporary file in TMPDIR, gone when
            training ends, however it ends), 'auto' (memory up to a quarter of the machine's, then disk), or 'off' (read
            anew at every pass). gensim's own engine, for sg=1 and hs=1, knows none of these four arguments.
        (all others): gensim's. `corpus_file` may also be a `pathlib.Path`, compressed (.gz, .bz2, .xz, .zst), a folder,
            a pattern ('texts/*.gz'), anything else smart_open reads, a list of these, or what `torch-w2v encode` wrote.

    Raises:
        ValueError: an argument out of its range, with what is allowed.
        TypeError, RuntimeError: as gensim, and a device that is not there.

    Attributes:
        training_losses: with compute_loss, the mean loss of each pass of the last `train()`: float, nats per
            (target, sample) pair.
    """

    def __init__(
        self,
        sentences: Any = None,
        corpus_file: Any = None,
        vector_size: int = 100,
        alpha: float = 0.025,
        window: int = 5,
        min_count: int = 5,
        max_vocab_size: int | None = None,
        sample: float = 1e-3,
        seed: int = 1,
        workers: int = 3,
        min_alpha: float = 0.0001,
        sg: int = 0,
        hs: int = 0,
        negative: int = 5,
        ns_exponent: float = 0.75,
        cbow_mean: int = 1,
        hashfxn: Callable[..., int] = hash,
        epochs: int = 5,
        null_word: int = 0,
        trim_rule: Any = None,
        sorted_vocab: int = 1,
        batch_words: int = MAX_WORDS_IN_BATCH,
        compute_loss: bool = False,
        callbacks: Iterable[Any] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        device: str | Any = "auto",  # or a torch.device
        engine: str = "auto",
        cbow_gradient: str = "gensim",
        corpus_cache: str = "auto",
    ) -> None:
        arguments.check_arguments(
            vector_size=int(vector_size), window=int(window), negative=int(negative), workers=int(workers),
            alpha=alpha, min_alpha=min_alpha, sample=sample, ns_exponent=ns_exponent, batch_words=batch_words,
            cbow_gradient=cbow_gradient, corpus_cache=corpus_cache,
        )  # fmt: skip
        engines.check(engine, device)
        self.device = str(device)
        self.engine = engine
        self.cbow_gradient = cbow_gradient
        self.corpus_cache = corpus_cache
        self.training_losses: list[float] = []
        with self._one_reading(int(workers)):
            super().__init__(
                sentences=sentences, corpus_file=corpus_file, vector_size=vector_size, alpha=alpha, window=window,
                min_count=min_count, max_vocab_size=max_vocab_size, sample=sample, seed=seed, workers=workers,
                min_alpha=min_alpha, sg=sg, hs=hs, negative=negative, ns_exponent=ns_exponent, cbow_mean=cbow_mean,
                hashfxn=hashfxn, epochs=epochs, null_word=null_word, trim_rule=trim_rule, sorted_vocab=sorted_vocab,
                batch_words=batch_words, compute_loss=compute_loss, callbacks=callbacks, comment=comment,
                max_final_vocab=max_final_vocab, shrink_windows=shrink_windows,
            )  # fmt: skip

    @contextmanager
    def _one_reading(self, workers: int | None = None) -> Iterator[None]:
        """What is scanned in this block is what is trained on: a static corpus is kept from one to the other."""
        self._cache = corpus.CorpusCache(self.corpus_cache, self.workers if workers is None else workers)
        try:
            yield
        finally:
            del self._cache

    def _cache_or_new(self) -> corpus.CorpusCache:
        cache: corpus.CorpusCache | None = self.__dict__.get("_cache")
        return corpus.CorpusCache(self.corpus_cache, self.workers) if cache is None else cache

    @property
    def _ours(self) -> bool:
        """Whether this model trains on our engines; otherwise on gensim's."""
        return not self.sg and not self.hs and self.negative > 0

    def _check_corpus_sanity(self, corpus_iterable: Any = None, corpus_file: Any = None, passes: int = 1) -> None:
        """gensim's checks; our engines read more kinds of `corpus_file` than gensim's."""
        if self._ours and corpus_file is not None and corpus_iterable is None:
            corpus.paths_of(corpus_file)
        else:
            super()._check_corpus_sanity(corpus_iterable, _path(corpus_file), passes)
            if corpus_file is not None and corpus.is_encoded(_path(corpus_file)):
                raise ValueError(f"{corpus_file} is an encoded corpus: gensim's engine (sg=1, hs=1) needs the text")

    def scan_vocab(
        self, corpus_iterable: Any = None, corpus_file: Any = None, progress_per: int = 10000,
        workers: int | None = None, trim_rule: Any = None,
    ) -> tuple[int, int]:  # fmt: skip
        """As gensim's; gives (words, sentences). `workers` is unused there and here."""
        if corpus_file is not None:
            corpus_iterable = self._cache_or_new().open(corpus_file)
        return super().scan_vocab(corpus_iterable, None, progress_per, workers, trim_rule)

    def _scan_vocab(self, sentences: Any, progress_per: int, trim_rule: Any) -> tuple[int, int]:
        if self.max_vocab_size:  # gensim forgets words while it counts; which ones depends on every step
            return super()._scan_vocab(sentences, progress_per, trim_rule)
        found = self._cache_or_new().scan(sentences, progress_per, keep="_cache" in self.__dict__ and self._ours)
        self.raw_vocab = defaultdict(int, zip(found.words, found.counts.tolist(), strict=True))
        return int(found.counts.sum()), found.sentences

    def prepare_vocab(
        self, update: bool = False, keep_raw_vocab: bool = False, trim_rule: Any = None, min_count: int | None = None,
        sample: float | None = None, dry_run: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        """As gensim's."""
        counts = None if update or trim_rule is not None else vocabulary.countable(self.raw_vocab)
        if counts is None:
            return super().prepare_vocab(update, keep_raw_vocab, trim_rule, min_count, sample, dry_run)
        return vocabulary.prepare(self, counts, keep_raw_vocab, min_count, sample, dry_run)

    def make_cum_table(self, domain: int = 2**31 - 1) -> None:
        """As gensim's, and right for integer tokens: gensim takes a row's number for the token of that name."""
        counts = self.wv.expandos["count"] if self.wv.index_to_key else np.zeros(0)
        power = np.cumsum(counts ** float(self.ns_exponent))
        self.cum_table = np.rint(power / power[-1:] * domain).astype(np.uint32)

    def train(
        self, corpus_iterable: Any = None, corpus_file: Any = None, total_examples: int | None = None,
        total_words: int | None = None, epochs: int | None = None, start_alpha: float | None = None,
        end_alpha: float | None = None, word_count: int = 0, queue_factor: int = 2, report_delay: float = 1.0,
        compute_loss: bool = False, callbacks: Iterable[Any] = (), **kwargs: Any,
    ) -> tuple[int, int]:  # fmt: skip
        """As gensim's; gives (words trained on, words seen). An interrupted call leaves the model usable.

        Raises:
            ValueError: no epochs, no totals, or an attribute (`window`, `workers`, …) set out of its range.
            RuntimeError: no vocabulary, no output vectors, or a device that is not there.
            Exception: whatever the corpus raises, at once.
        """
        arguments.check_arguments(
            vector_size=self.vector_size, window=self.window, negative=self.negative, workers=self.workers,
            alpha=start_alpha or self.alpha, min_alpha=end_alpha or self.min_alpha, sample=self.sample,
            ns_exponent=self.ns_exponent, batch_words=self.batch_words, cbow_gradient=self.cbow_gradient,
            corpus_cache=self.corpus_cache,
        )  # fmt: skip
        self._make_writable()
        self.training_losses = []
        outer = self.__dict__.get("_call")  # of a train() whose callback calls train()
        self._call = _Call(self._cache_or_new())
        try:
            return super().train(
                corpus_iterable, corpus_file, total_examples, total_words, epochs, start_alpha, end_alpha,
                word_count, queue_factor, report_delay, compute_loss, callbacks, **kwargs,
            )  # fmt: skip
        finally:
            try:
                self._call.resident.finish()
                if self._call.trained:
                    self._have_new_vectors()
            finally:
                del self._call
                if outer is not None:
                    self._call = outer

    def _train_epoch(
        self, data_iterable: Any, cur_epoch: int = 0, total_examples: int | None = None,
        total_words: int | None = None, queue_factor: int = 2, report_delay: float = 1.0, callbacks: Any = (),
    ) -> tuple[int, int, int]:  # fmt: skip
        if self._ours:
            return self._train_pass(
                data_iterable, cur_epoch, total_examples, total_words, report_delay, callbacks, False
            )
        self._check_trainable()
        self._say_gensim_trains()
        return super()._train_epoch(
            data_iterable, cur_epoch, total_examples, total_words, queue_factor, report_delay, callbacks
        )

    def _train_epoch_corpusfile(
        self, corpus_file: str, cur_epoch: int = 0, total_examples: int | None = None,
        total_words: int | None = None, callbacks: Any = (), report_delay: float = 1.0, **kwargs: Any,
    ) -> tuple[int, int, int]:  # fmt: skip
        if not self._ours:
            self._check_trainable()
            self._say_gensim_trains()
            return super()._train_epoch_corpusfile(
                _path(corpus_file), cur_epoch, total_examples, total_words, callbacks, **kwargs
            )
        if not total_words:
            raise ValueError("total_words must be provided alongside corpus_file argument.")
        source = self._call.cache.open(corpus_file)
        return self._train_pass(source, cur_epoch, total_examples, total_words, report_delay, callbacks, True)

    def _train_pass(
        self, source: Any, epoch: int, total_examples: int | None, total_words: int | None, report_delay: float,
        callbacks: Any, file_mode: bool,
    ) -> tuple[int, int, int]:  # fmt: skip
        """One pass over the corpus; gives (words trained on, words seen, chunks)."""
        self._check_trainable()
        engine = engines.choose(self.engine, self.device, self.vector_size)
        static = corpus.is_static(source)
        # Nobody looks at the model between passes, or changes it: no callback, no method of a subclass, no iterator.
        alone = static and not callbacks and type(self) is Word2Vec
        if not alone or self._call.made is None:
            self._call.made = self._plan(engine)
        made = self._call.made
        size = self._chunk_tokens(total_words, engine.chunk_words)

        def kept(tokens: np.ndarray, position: int) -> np.ndarray:  # asked for sentences longer than two chunks only
            import torch  # noqa: PLC0415

            from torch_w2v.engines.sampling import keep_mask  # noqa: PLC0415

            stream = key(made.seed, self.train_count, epoch, TOKEN)
            return keep_mask(torch.from_numpy(tokens), position, torch.from_numpy(made.keep), stream)[0].numpy()

        def alpha(examples: int, words: int) -> float:
            # Without totals (a corpus_count of 0 after build_vocab_from_freq) alpha falls from pass to pass only.
            done = examples / total_examples if total_examples else words / (total_words or math.inf)
            return self._get_next_alpha(done, epoch)

        resident, V = self._call.resident, len(self.wv.key_to_index)
        # A callback may extend the vocabulary, and then the same corpus has other numbers.
        name = V if static and self.corpus_cache != "off" else None
        runs = self._call.cache.runs(source, self.wv.key_to_index, size)
        pieces = (chunk for run in runs for chunk in corpus.cut_into_chunks(run, size, made.window, kept))
        unused: Queue[None] = Queue()  # gensim's progress line prints the lengths of its two queues

        def report(totals: training.Totals) -> None:
            self._log_progress(
                None if file_mode else unused, unused, epoch, totals.examples, total_examples, totals.raw_words,
                total_words, totals.trained_words, totals.elapsed,
            )  # fmt: skip

        self._call.trained = True
        with (
            engine.session(self.workers),
            resident.tables(engine, self.wv.vectors, self.syn1neg, unseen=alone) as tables,
        ):
            totals = training.train_epoch(
                engine, tables, made.arguments(self.train_count, epoch), training.jobs(pieces, alpha), self.workers,
                report, report_delay, self._call.cache.stop, lambda chunk: resident.tokens(engine, chunk, name),
            )  # fmt: skip
        if not alone:
            self._have_new_vectors()
        if totals.chunks == 0 and self.train_count == 0:
            logger.warning(
                "train() called with an empty iterator (if not intended, "
                "be sure to provide a corpus that offers restartable iteration = an iterable)."
            )
        if self.compute_loss:
            self.running_training_loss += totals.loss
            self.training_losses = [*self.training_losses, totals.loss / max(totals.pairs, 1.0)]
        elapsed = totals.elapsed
        self._log_epoch_end(
            epoch, totals.examples, total_examples, totals.raw_words, total_words, totals.trained_words, elapsed,
            file_mode,
        )  # fmt: skip
        self.total_train_time += elapsed
        return totals.trained_words, totals.raw_words, totals.chunks

    def _have_new_vectors(self) -> None:
        """To be called before anybody looks at them."""
        self.wv.norms = None  # so that queries in on_epoch_end see the new vectors (piskvorky/gensim#3429)
        if not self._call.diverged and not np.isfinite(self.wv.vectors.sum()):
            self._call.diverged = True
            logger.error("training diverged: some vectors are no longer finite; use an alpha below %g", self.alpha)

    def _plan(self, engine: engines.Engine) -> plan.TrainingPlan:
        """What `engine` is to do, from gensim's attributes."""
        window, negative = operator.index(self.window), operator.index(self.negative)
        count = self.wv.expandos["count"].astype(np.float64)
        keep = np.full(len(count), 2**32 - 1, np.uint32)
        if self.sample:
            keep = self.wv.expandos["sample_int"].astype(np.uint32)
        noise = np.diff(self.cum_table.astype(np.int64), prepend=0)
        kept = count * (keep / 2.0**32)
        context = window + 1.0 if self.shrink_windows else 2.0 * window
        if self.corpus_count:  # a sentence shorter than the window gives fewer context words
            context = min(context, max(kept.sum() / self.corpus_count, 1.0))
        layout = engine.layout(negative, kept.sum(), context, bool(self.cbow_mean))
        input_scale, output_scale = row_scales.row_scales(
            kept / max(kept.sum(), 1.0), noise / noise.sum(), layout, negative, context, self.wv.vectors_lockf,
            self.alpha, self.cbow_gradient == "exact" and not self.cbow_mean,
        )  # fmt: skip
        return plan.TrainingPlan(
            window=window, negative=negative, cbow_mean=bool(self.cbow_mean),
            shrink_windows=bool(self.shrink_windows), compute_loss=bool(self.compute_loss),
            exact_gradient=self.cbow_gradient == "exact", layout=layout,
            keep=keep.view(np.int32), noise=alias_table(noise),
            input_scale=input_scale, output_scale=output_scale,
            seed=secrets.randbits(32) if self.seed is None else operator.index(self.seed),
        )  # fmt: skip

    def _chunk_tokens(self, total_words: int | None, most: int | None = None) -> int:
        """Ten of gensim's batches; on a small corpus less, down to one, so that a pass has many chunks.

        An engine that wants chunks of its own size (`most`) gets them, if a pass then has eight.
        """
        words = total_words or self.corpus_total_words
        batch = int(self.batch_words)
        share = 64 if most is None else 8
        most = most or 10 * batch
        return min(most, max(batch, words // share)) if words else most

    def _check_trainable(self) -> None:
        """Refuse what gensim's threads would die of: arrays that do not fit the vocabulary."""
        V, wv = len(self.wv.index_to_key), self.wv.expandos
        arrays = {"wv.vectors": self.wv.vectors, "wv.expandos['count']": wv.get("count", ())}
        if self.negative:
            arrays.update(syn1neg=getattr(self, "syn1neg", ()), cum_table=self.cum_table)
        if self.hs:
            arrays.update(syn1=getattr(self, "syn1", ()))
            arrays.update({f"wv.expandos[{name!r}]": wv.get(name, ()) for name in ("code", "point")})
        if self.sample:
            arrays["wv.expandos['sample_int']"] = wv.get("sample_int", ())
        rows = {name: 0 if array is None else len(array) for name, array in arrays.items()}
        wrong = [f"{name} has {n} rows" for name, n in rows.items() if n != V]
        for name in ("wv.vectors", "syn1neg", "syn1"):
            columns = np.shape(arrays.get(name, ()))[1:]
            if columns and columns != (self.vector_size,):
                wrong.append(f"{name} has {columns[0]} columns for a vector_size of {self.vector_size}")
        if not len(getattr(self.wv, "vectors_lockf", ())):
            wrong.append("wv.vectors_lockf is missing or empty")
        if wrong:
            raise RuntimeError(
                f"the vocabulary has {V} words, but {', '.join(wrong)}: this model cannot train. "
                "Vectors alone (KeyedVectors) are not enough: call build_vocab(), or load a full model"
            )

    def _make_writable(self) -> None:
        """Train on copies of weights that came from `load(mmap='r')`, or are not what gensim's weights are."""
        for owner, name in ((self.wv, "vectors"), (self.wv, "vectors_lockf"), (self, "syn1neg"), (self, "syn1")):
            weights = getattr(owner, name, None)
            if not isinstance(weights, np.ndarray):
                continue
            if weights.dtype != np.float32 or not (weights.flags.writeable and weights.flags.c_contiguous):
                logger.info("%s is read-only (loaded with mmap='r'?) or no float32: training on a copy", name)
                setattr(owner, name, np.array(weights, np.float32, order="C"))

    def _say_gensim_trains(self) -> None:
        if not self._call.said:
            logger.info("sg=%d, hs=%d, negative=%d: training with gensim's own engine", self.sg, self.hs, self.negative)
        self._call.said = True

    def reset_from(self, other_model: Any) -> None:
        """As gensim's; here the model can be trained afterwards (gensim leaves it without `vectors_lockf`)."""
        super().reset_from(other_model)
        self.wv.vectors_lockf = np.ones(1, np.float32)
        self.corpus_total_words = other_model.corpus_total_words

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _PASSING}

    def save(self, fname_or_handle: Any, *args: Any, **kwargs: Any) -> None:
        """As gensim's, to a file (str or Path) or a handle: what is written is a plain gensim model.

        A file is replaced only when the new one is complete.
        """
        checkpoint.save(self.__getstate__(), fname_or_handle, *args, **kwargs)

    @classmethod
    def load(cls, fname: Any, *args: Any, **kwargs: Any) -> Word2Vec:
        """As gensim's: a model saved here or by gensim, ready to train on. `fname` may be a Path.

        Raises:
            AttributeError: not a Word2Vec model.
        """
        model = checkpoint.load(os.fspath(fname), *args, **kwargs)
        if type(model) is not gensim.models.Word2Vec and not isinstance(model, cls):
            raise AttributeError(f"Model of type {type(model)} can't be loaded by {cls}; load it with its own class")
        model.__class__ = cls
        for name, value in _EXTRAS.items():
            model.__dict__.setdefault(name, value)
        if model.negative and hasattr(model.wv, "expandos"):
            model.make_cum_table()
        return model


def _path(corpus_file: Any) -> Any:
    return os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
