"""gensim's Word2Vec with the training by negative sampling replaced: the class that users see.

It delegates and computes nothing: `training` trains, `corpus` reads, `gensim_compat` matches gensim.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import MAX_WORDS_IN_BATCH

from torch_w2v import corpus, engines, formats
from torch_w2v.gensim_compat import arguments, hooks, persistence
from torch_w2v.gensim_compat.epochs import EpochTraining
from torch_w2v.gensim_compat.reading import CorpusReading, TrimRule
from torch_w2v.hints import Self, TorchDevice
from torch_w2v.options import State, default, option, set_option, set_state, state_of
from torch_w2v.training import call_arguments
from torch_w2v.training.call_arguments import DEFAULT_INTERVAL
from torch_w2v.training.divergence import StopTraining
from torch_w2v.training.turns import turn_of


class Word2Vec(EpochTraining):
    """gensim's Word2Vec; CBOW and skip-gram with negative sampling (`hs=0, negative>0`) train on torch_w2v's engines.

    Arguments, defaults, methods and attributes are those of gensim 4.4
    (https://radimrehurek.com/gensim/models/word2vec.html); `hs=1` trains with gensim's own engine.
    `model.wv` is a `gensim.models.KeyedVectors` with float32 vectors of shape (V, vector_size).
    docs/guide/from-gensim.md lists what differs.

    Args:
        sentences: iterable of sentences, each a list of hashable words, to train on at once; None to train later. It
            may also be a column of pandas, polars, pyarrow or Hugging Face's datasets, whose rows are lists of words.
        corpus_file: path of a text file with one sentence per line, instead of `sentences`. It may also be a
            `pathlib.Path`, compressed (.gz, .bz2, .xz, .zst), .parquet, a folder, a pattern ('texts/*.gz'), a URI
            that smart_open reads, a list of these, or a file that `torch-w2v encode` wrote.
        vector_size: dimensions of a vector.
        alpha: learning rate at the beginning.
        window: largest distance between a word and its context.
        min_count: ignore words that occur less often than this.
        max_vocab_size: prune rare words while counting when there are more words than this; None for no limit.
        sample: threshold of subsampling frequent words, as a share of the corpus; 0 keeps all words.
        seed: seed of the initial vectors and of all draws; from Python also a list of integers.
        workers: number of threads.
        min_alpha: learning rate at the end.
        sg: 1 for skip-gram, 0 for CBOW.
        hs: 1 for hierarchical softmax, which gensim's own engine trains.
        negative: number of negative samples per word.
        ns_exponent: negatives are drawn in proportion to count**ns_exponent.
        cbow_mean: 1 for the mean of the context vectors, 0 for their sum; without effect on skip-gram.
        hashfxn: kept for gensim's signature; gensim does not use it either.
        epochs: number of times that the corpus is trained on.
        null_word: 1 to add gensim's null word.
        trim_rule: function of (word, count, min_count) that says whether a word stays, as in gensim.
        sorted_vocab: 1 to sort the words by descending frequency.
        batch_words: words per batch; less than 10,000 count as 10,000. A thread trains on ten batches at a time, on
            fewer of a small corpus.
        compute_loss: compute the loss of every target, for half as much time again; otherwise of one block in 64.
        callbacks: gensim's callbacks, or those of `torch_w2v.callbacks`.
        comment: text that is kept in the saved model.
        max_final_vocab: keep at most this many words, the most frequent ones; None for no limit.
        shrink_windows: draw the window of each word uniformly from 1 to `window`.
        device: 'auto' (a CUDA device on which the engine works, with engine='auto' only one for 'triton', else the CPU)
            or a torch device such as 'cpu' or 'cuda:0'.
        engine: 'auto', 'cpu' (the fused kernel, the fastest on a CPU), 'gensim' (gensim's own, which 'auto' takes on a
            CPU where the kernel is not installed), 'triton' (the fused kernel for NVIDIA GPUs), 'torch_batched' (large
            synchronous steps, any torch device) or 'reference' (the specification: slow).
        cbow_gradient: 'gensim', or 'exact' for the derivative of the loss: with cbow_mean=1 gensim gives every context
            word the whole error, the derivative 1/C of it; with cbow_mean=0 the other way round. 'exact' wants a
            larger alpha (0.075 with cbow_mean=1; İrsoy et al. 2021, "Corrected CBOW Performs as well as Skip-gram").
        corpus_cache: where to cache the encoded corpus (4 bytes per word, 8 per sentence), so that a file, a list or
            one of gensim's readers is read once: 'memory', 'disk' (a temporary file in TMPDIR, which is gone when
            training ends, however it ends), 'auto' (memory up to a quarter of the machine's, then disk), or 'off'
            (read the corpus anew at every epoch).
        checkpoint: path of a file that keeps what was trained so far, written while training runs. The same call goes
            on from it, and ends as if it had not been interrupted; a checkpoint of another corpus or of other
            arguments is refused. docs/guide/checkpoints.md tells more.
        checkpoint_every: seconds between two checkpoints.
        column: name of the column of the .parquet files that `corpus_file` names, which has texts, split at white
            space, or lists of words; None if there is only one such column.
        distributed: train one model together with the other processes of a torch.distributed group, which torchrun,
            Slurm, Ray or Spark has started; all make the same calls. docs/guide/several-machines.md tells more.
        shard: with `distributed`, the part of the corpus that a process trains on: 'cut' (all name the same corpus,
            and each reads its part) or 'given' (each names a corpus of its own).
        progress: show on stderr how far reading and training are: in a terminal or a notebook one line that is written
            anew (a gauge, where tqdm is installed), elsewhere a line per epoch.

    gensim's own engine trains with `hs=1`, with `engine='gensim'`, in a subclass that overrides a method which only
    that engine calls, such as `_do_train_job`, and with 'auto' on a CPU where the kernel is not installed or
    `vector_size` is above 4,096. There `checkpoint` and `distributed` are errors, `corpus_cache` and `cbow_gradient`
    have no effect, and `training_losses` stays empty. 'exact' is an error with `engine='gensim'`; 'auto' takes
    'torch_batched' for it, with a warning.

    Raises:
        ValueError: an argument out of its range, with what is allowed.
        TypeError: an argument of a wrong type, with its name; others as gensim.
        RuntimeError: as gensim; a device that is not there.

    Attributes:
        training_losses: mean loss per epoch of the last `train()`, in nats per pair; estimated without `compute_loss`.
        diverged: whether the last `train()` was stopped because training diverged.
    """

    # Defaults for objects that never saw this constructor: from a pickle of gensim's, or of a subclass that calls
    # gensim's constructor by name.
    device: str = default()
    engine: str = default()
    cbow_gradient: str = default()
    training_losses: Sequence[float] = default()
    diverged: bool = default()

    def __init__(
        self,
        sentences: corpus.Corpus | None = None,
        corpus_file: corpus.CorpusFile | None = None,
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
        trim_rule: TrimRule | None = None,
        sorted_vocab: int = 1,
        batch_words: int = MAX_WORDS_IN_BATCH,
        compute_loss: bool = False,
        callbacks: Iterable[CallbackAny2Vec] = (),
        comment: str | None = None,
        max_final_vocab: int | None = None,
        shrink_windows: bool = True,
        *,
        device: str | TorchDevice = "auto",
        engine: str = "auto",
        cbow_gradient: str = "gensim",
        corpus_cache: str = "auto",
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = DEFAULT_INTERVAL,
        column: str | None = None,
        distributed: bool = False,
        shard: str = "cut",
        progress: bool = False,
    ) -> None:
        options = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        # An attribute of this process, which is neither saved nor copied.
        if options.pop("distributed"):
            set_option(self, "distributed", distributed)
        with self._w2v_together("Word2Vec()"):
            path, every = options.pop("checkpoint"), options.pop("checkpoint_every")
            path = call_arguments.check(path, every, self._w2v_group, sentences, corpus_file)
            if path is not None and sentences is None and corpus_file is None:
                raise ValueError(f"checkpoint={path!r}: without a corpus nothing is trained here; give it to train()")
            options = arguments.numbers(options)
            arguments.check(options)
            arguments.check_flags(progress=progress)
            engines.check(engine, device, cbow_gradient, ranked=self._w2v_group is not None)
            options["device"], options["progress"] = str(device), bool(progress)
            for name in ("device", "engine", "cbow_gradient", "corpus_cache", "column", "shard", "progress"):
                set_option(self, name, options.pop(name))
            if column is not None and sentences is not None:
                raise ValueError(f"column={column!r} is for a corpus_file of .parquet files, but sentences are given")
            arguments.check_gensims_engine(self._w2v_why_gensim(options), path, option(self, "distributed"))
            self._w2v_forget_results()
            # workers is an attribute only after gensim's constructor, which reads the corpus
            self.workers = int(workers)
            # gensim's constructor calls train()
            self._w2v_checkpoint = path, every
            try:
                # By name: a subclass that was written for gensim may have a `reading_once` of its own.
                with CorpusReading.reading_once(self):
                    super().__init__(**options)
            finally:
                self.__dict__.pop("_w2v_checkpoint", None)

    def _w2v_why_gensim(self, given: Mapping[str, Any] | None = None) -> str | None:
        return hooks.why_gensim(self, self._w2v_overrides, given)

    @property
    def _w2v_overrides(self) -> list[str]:
        return hooks.overridden(self, Word2Vec)

    @property
    def _w2v_ours(self) -> bool:
        """Whether this model trains on our engines."""
        return self._w2v_why_gensim() is None

    def train(
        self,
        corpus_iterable: corpus.Corpus | None = None,
        corpus_file: corpus.CorpusFile | None = None,
        total_examples: int | None = None,
        total_words: int | None = None,
        epochs: int | None = None,
        start_alpha: float | None = None,
        end_alpha: float | None = None,
        word_count: int = 0,
        queue_factor: int = 2,
        report_delay: float = 1.0,
        compute_loss: bool = False,
        callbacks: Iterable[CallbackAny2Vec] = (),
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = DEFAULT_INTERVAL,
        progress: bool | None = None,
        **kwargs: Any,
    ) -> tuple[int, int]:
        """Train the model; see gensim's `train` (https://radimrehurek.com/gensim/models/word2vec.html).

        An interrupted call leaves the model usable, with what was trained so far.

        Args:
            corpus_iterable: iterable of sentences, each a list of words.
            corpus_file: instead of it, as in the constructor.
            total_examples: number of sentences, for the learning rate and the progress.
            total_words: number of words, instead of `total_examples`; a must with `corpus_file`.
            epochs: number of times that the corpus is trained on; a must.
            start_alpha, end_alpha: learning rates at the beginning and at the end, instead of the model's.
            word_count: number of words trained on already, for gensim's engine.
            queue_factor: size of the queue of gensim's engine, per worker.
            report_delay: seconds between two lines of progress in the log.
            compute_loss: compute the loss of every target; otherwise it is estimated from a sample.
            callbacks: gensim's callbacks, or those of `torch_w2v.callbacks`.
            checkpoint, checkpoint_every: as in the constructor; each call of `train()` needs a file of its own.
            progress: show how far it is; None for the constructor's.
            kwargs: as gensim.

        Returns:
            The numbers of words trained on and of words in the corpus, over all epochs.

        Raises:
            ValueError: no epochs, no totals, or an attribute (`window`, `workers`, …) that was set out of its range;
                a checkpoint of another call.
            RuntimeError: no vocabulary, no output vectors, or a device that is not there.
            TypeError: an argument of a wrong type, or a corpus of no known form.
            Exception: whatever the corpus raises, at once.

        Warns:
            RuntimeWarning: training diverged; it was stopped at the end of that epoch (see `diverged`). Or a checkpoint
                was damaged, or could not be written.
        """
        # What one rank refuses outside of `_w2v_together` would leave the others waiting.
        with turn_of(self), self._w2v_together("train()"):
            if kwargs and corpus_file is None:  # gensim ignores others where it is given
                self._w2v_check_others(kwargs)
            path, every = self.__dict__.pop("_w2v_checkpoint", (None, checkpoint_every))
            path = path or call_arguments.check(checkpoint, every, self._w2v_group, corpus_iterable, corpus_file)
            totals = arguments.numbers({"total_examples": total_examples, "total_words": total_words})
            arguments.check_totals(totals)
            report_delay = arguments.numbers({"report_delay": report_delay})["report_delay"]
            arguments.check_callbacks(callbacks)
            given = arguments.numbers({"epochs": epochs, "start_alpha": start_alpha, "end_alpha": end_alpha})
            rates = {"alpha": given["start_alpha"] or self.alpha, "min_alpha": given["end_alpha"] or self.min_alpha}
            arguments.check(arguments.of_model(self) | arguments.numbers(rates))
            callbacks = list(callbacks)
            observed = any(getattr(callback, "observes", True) for callback in callbacks)
            unobserved = type(self) is Word2Vec and not observed
            with self._w2v_begin(callbacks, unobserved, progress, (path, every), totals) as call:
                callbacks = call.events(callbacks)
                try:
                    returned = super().train(
                        corpus_iterable,
                        corpus_file,
                        word_count=word_count,
                        queue_factor=queue_factor,
                        report_delay=report_delay,
                        compute_loss=compute_loss,
                        callbacks=callbacks,
                        **totals,
                        **given,
                        **kwargs,
                    )
                    call.end()
                    return returned
                except StopTraining:
                    return call.finish_early(callbacks)

    def __getstate__(self) -> State:
        return state_of(self)

    def __setstate__(self, state: State) -> None:
        set_state(self, state)

    def save(self, fname_or_handle: Any, *args: Any, **kwargs: Any) -> None:
        """Save the model as a plain gensim model, to a file (str or Path) or a handle; see gensim's `save`.

        A file is replaced only when the new one is complete.

        Args:
            fname_or_handle: path, URI, or file open for writing in binary mode.
            args, kwargs: as gensim's.

        Raises:
            OSError: the file cannot be written; the older one stays.
        """
        persistence.save(self, fname_or_handle, *args, **kwargs)

    def save_vectors(self, path: str | os.PathLike[str]) -> None:
        """Save the vectors alone, in the format that the suffix names; see `torch_w2v.formats.save_vectors`.

        Args:
            path: of a file that ends in .safetensors, .npz, .kv, .txt, .vec or .bin, …

        Raises:
            ValueError, TypeError, ImportError, OSError: as `torch_w2v.formats.save_vectors`.
        """
        formats.save_vectors(self, path)

    @classmethod
    def load(cls, fname: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Self:
        """Return a model that was saved here or by gensim, ready to train; see gensim's `load`.

        Args:
            fname: path or URI of a pickle: open only those you trust.
            args, kwargs: as gensim's; `mmap='r'` maps the arrays.

        Raises:
            AttributeError: not a Word2Vec model; vectors alone are for `torch_w2v.load_vectors`.
            pickle.UnpicklingError, EOFError: no pickle, such as vectors in another format, or a part of one.
            OSError: the file is not there, or cannot be read.
        """
        model: Self = persistence.load(cls, fname, *args, **kwargs)
        return model
