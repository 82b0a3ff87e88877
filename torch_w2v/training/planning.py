"""From gensim's attributes of a model to what an engine trains with."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gensim.models.word2vec import MAX_WORDS_IN_BATCH

from torch_w2v import system
from torch_w2v.corpus.store import Run
from torch_w2v.distributed.merge import Problem
from torch_w2v.engines.interface import Engine
from torch_w2v.engines.layouts import words_repeat
from torch_w2v.engines.plan import (
    BURSTY,
    BURSTY_BY_NEGATIVES,
    Layout,
    Objective,
    TrainingPlan,
    Workload,
)
from torch_w2v.engines.sharing import Sharing, sharing_of
from torch_w2v.options import option
from torch_w2v.statistics.repetition import STRETCH
from torch_w2v.training.frequencies import Frequencies, frequencies_of
from torch_w2v.training.measured import MAX_WINDOW, Measured
from torch_w2v.training.model import TrainedModel
from torch_w2v.training_log import logger

# A chunk has at least so many words, as a batch of gensim's: a smaller one costs more than its words.
SMALLEST_CHUNK = MAX_WORDS_IN_BATCH
# words per chunk below which an epoch has fewer chunks
_SMALL_CHUNK = 25_000
# number of chunks per epoch that is enough for any number of threads
_MANY_CHUNKS = 16_384
# The running loss is that of one block in so many of a chunk: 1,000 targets of 100,000 words on a CPU. It costs about
# 1 % of the time; the loss of all blocks half as much again as training.
SAMPLED_BLOCKS = 64

# words of a large vocabulary
_MANY_WORDS = 1_000_000
# what is measured counts where it is so many times what was expected
BEYOND = 1.3
# more words than any corpus has, and ten times as many are a number that numpy takes
_LARGEST_BATCH = 10**17

# Threads train without locks, and what one learns the others see late or overwrite. So a corpus has one thread per so
# many kept words of an epoch at most, and one alone with so many collisions (`Frequencies.collisions`): English has
# .004, a vocabulary of ten words .6. Found by experiment (docs/development/lab-notes.md).
WORDS_PER_THREAD, MOST_COLLISIONS = 100_000, 0.5


def objective_of(model: TrainedModel) -> Objective:
    """Return the objective that a model's attributes ask for."""
    return Objective(
        window=min(int(model.window), MAX_WINDOW),
        negative=int(model.negative),
        cbow_mean=bool(model.cbow_mean),
        exact_gradient=option(model, "cbow_gradient") == "exact",
        shrink_windows=bool(model.shrink_windows),
        loss_every=1 if model.compute_loss else SAMPLED_BLOCKS,
        skip_gram=bool(model.sg),
    )


def problem_of(model: TrainedModel, context: float = 0.0) -> Problem:
    """Return what the ranks of several machines need to know of a model to merge what they have learnt.

    Args:
        model: the model.
        context: of the corpus, as `Measured`.
    """
    objective, frequencies = objective_of(model), frequencies_of(model)
    return Problem(
        kept=frequencies.kept_share,
        drawn=frequencies.noise_share,
        negative=objective.negative,
        context=context or context_words(model),
        cbow_mean=objective.cbow_mean,
        exact_gradient=objective.exact_gradient,
        skip_gram=objective.skip_gram,
    )


def context_words(model: TrainedModel) -> float:
    """Return the expected number of context words per target."""
    objective = objective_of(model)
    context = objective.window + 1.0 if objective.shrink_windows else 2.0 * objective.window
    if model.corpus_count:
        # A sentence shorter than the window has fewer context words.
        context = min(context, max(frequencies_of(model).kept_words / model.corpus_count, 1.0))
    return context


def highest_alpha(model: TrainedModel) -> float:
    """Return the highest learning rate of a call of `train`, which may rise as well as fall."""
    return max(abs(float(model.alpha)), abs(float(model.min_alpha)))


def epochs_so_far(model: TrainedModel) -> int:
    """Return how many epochs a model will have trained at the end of its call, if earlier calls had as many.

    A program's own loop over `_train_epoch` may train more than the model's attribute says.
    """
    (calls, epoch), repeats = vars(model).get("_w2v_draws", ((-1, -1), 0))
    own = epoch + 1 + repeats if calls == model.train_count else 0
    return max(int(model.epochs), own) * (int(model.train_count) + 1)


def workload_of(model: TrainedModel, measured: Measured) -> Workload:
    """Return what the layout for a model depends on.

    Args:
        model: the model.
        measured: of the corpus.
    """
    objective, frequencies = objective_of(model), frequencies_of(model)
    return Workload(
        negative=objective.negative,
        kept_words=frequencies.kept_words,
        context_words=measured.context or context_words(model),
        cbow_mean=objective.cbow_mean,
        alpha=highest_alpha(model),
        last_alpha=float(model.min_alpha),
        repetition=measured.repetition,
        skip_gram=objective.skip_gram,
        vocabulary=len(frequencies.count),
        main_words=frequencies.main_words,
        busiest_output=_busiest_output(frequencies, objective, measured.busiest),
        unmet=measured.unmet,
        likeness=measured.likeness,
        period=measured.period,
        reads=measured.reads,
        collisions=0.0 if objective.skip_gram else frequencies.collisions(objective.negative),
        epochs=epochs_so_far(model),
    )


def _busiest_output(frequencies: Frequencies, objective: Objective, measured: float) -> float:
    if not objective.skip_gram:
        return 0.0
    counted = frequencies.busiest_output(objective.negative)
    # The counts know it better than a sample, if they are those of the corpus.
    return measured if measured > BEYOND * counted else counted


def training_plan(model: TrainedModel, engine: Engine, measured: Measured, seed: int | None = None) -> TrainingPlan:
    """Return what `engine` is to train a model with.

    Args:
        model: the model.
        engine: chooses the layout.
        measured: of the corpus.
        seed: of the draws; a random one if None.
    """
    objective, frequencies = objective_of(model), frequencies_of(model)
    workload = workload_of(model, measured)
    layout = engine.layout(workload)
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s", _explain(engine, layout, workload))
    whole_sums = objective.exact_gradient and not objective.cbow_mean
    input_scale, output_scale = frequencies.row_scales(layout, workload, model.wv.vectors_lockf, whole_sums)
    return TrainingPlan(
        objective=objective,
        layout=layout,
        keep=frequencies.keep,
        noise=frequencies.noise,
        input_scale=input_scale,
        output_scale=output_scale,
        seed=secrets.randbits(32) if seed is None else seed,
    )


def _explain(engine: Engine, layout: Layout, workload: Workload) -> str:
    """Return how an engine groups targets, and why."""
    if workload.bursty:
        gradients = f"{workload.repetition:.0f} gradients per row and {STRETCH} targets"
        rate = "alpha" if workload.rate == abs(workload.alpha) else "a multiple of min_alpha"
        moves = f"{workload.rate:.3g} ({rate}) * {gradients}"
        reason = f"words repeat: {moves} is above {BURSTY:g}"
        if workload.moves <= BURSTY:
            reason = f"words repeat: {moves} * {workload.negative} negatives is above {BURSTY_BY_NEGATIVES:g}"
    else:
        reason = (
            f"{workload.kept_words:.3g} kept words per epoch, {workload.context_words:.1f} context words per target, "
            f"{workload.repetition:.0f} gradients per row and {STRETCH} targets, {workload.epochs} epochs"
        )
    trained = "inputs" if workload.skip_gram else "targets"

    def matters(**changed: Any) -> bool:
        return engine.layout(replace(workload, **changed)) != layout

    if layout.by_set and not workload.bursty:
        reason += "; words repeat" if words_repeat(workload) else "; many epochs"
    elif workload.repetitive and not workload.bursty and matters(repetition=1.0):
        reason += "; words repeat"
    if matters(main_words=_MANY_WORDS, vocabulary=_MANY_WORDS):
        reason += f"; {workload.main_words:,} words make up most of the corpus"
    if matters(collisions=0.0):
        reason += "; a few words have most updates"
    if matters(likeness=0.0):
        much = "much" if workload.alike else "some"
        reason += f"; {trained} some places apart have {much} of their context in common"
    if workload.unmet:
        reason += f"; {workload.unmet:.0%} of the negatives are words that the corpus does not seem to have"
    if layout.stride > 1:
        trained += f", {layout.stride} words apart"
    at_once = "set by set" if layout.by_set else f"{layout.B} block{'s' * (layout.B > 1)} at once"
    return (
        f"engine '{engine.name}': blocks of {layout.T} {trained}, {layout.S} set{'s' * (layout.S > 1)} of {layout.N} "
        f"negatives, {at_once} ({reason})"
    )


def chunk_words(model: TrainedModel, total_words: int | None, preferred: int | None) -> int:
    """Return the size of a chunk in words.

    It is ten of gensim's batches, of 10,000 words at least, since a chunk costs some 50 µs besides its words; on a
    small corpus less, so that an epoch has 32 chunks, or 16 below 25,000 words per chunk; on a large one, on which
    hundreds of threads may work, up to five times as much, so that one interpreter can feed them all. An engine that
    prefers chunks of its own size gets them, if an epoch then has eight.

    Args:
        model: whose `batch_words` counts.
        total_words: words per epoch; the model's `corpus_total_words` if None or 0.
        preferred: the engine's `preferred_chunk_words`.
    """
    words = total_words or model.corpus_total_words
    batch = min(max(int(model.batch_words), SMALLEST_CHUNK), _LARGEST_BATCH)
    chunks = 32 if preferred is None else 8
    most = preferred or max(10 * batch, min(50 * SMALLEST_CHUNK, (words or 0) // _MANY_CHUNKS))
    if not words:
        return most
    few = min(_SMALL_CHUNK, words // 16) if preferred is None else 0
    return min(most, max(batch, few, words // chunks))


def threads_of(model: TrainedModel, words: float) -> int:
    """Return how many of a model's workers train at a time, at most: no more than there are cores.

    Args:
        model: the model.
        words: expected number of words of an epoch.
    """
    frequencies = frequencies_of(model)
    if frequencies.collisions(objective_of(model).negative) > MOST_COLLISIONS:
        return 1
    kept = words * frequencies.kept_of_all
    return min(int(model.workers), system.cores(), max(1, int(kept) // WORDS_PER_THREAD))


def log_idle_workers(model: TrainedModel, threads: int, useful: int) -> None:
    """Say in the log why some of a model's workers do not train, if that is so.

    Args:
        model: the model.
        threads: how many train.
        useful: as `threads_of` returns it; more than `threads` where the corpus is read by the thread that trains.
    """
    if threads < model.workers:
        reason = "use the same cores" if threads == system.cores() else "overwrite one another's updates"
        reason = reason if threads == useful else "wait for a corpus that its totals call short"
        logger.info("%d of %d workers train: more would %s", threads, model.workers, reason)


def sharing(model: TrainedModel, threads: int, words: float, epoch: int) -> Sharing | None:
    """Return how a model's threads share its tables; None where all is best shared.

    In skip-gram, whose output rows collect six times as much, copies made runs agree less with gensim's, and gained
    no time (docs/development/measurements/skip-gram.md).

    Args:
        model: the model.
        threads: number of threads.
        words: expected number of words of an epoch.
        epoch: number of the epoch in this call, from 0.
    """
    if threads < 2 or model.sg:
        return None
    frequencies, context = frequencies_of(model), context_words(model)
    of_negatives = model.negative * frequencies.noise_share
    kept = words * frequencies.kept_of_all
    return sharing_of(
        of_negatives, context, highest_alpha(model), threads, kept, model.vector_size, is_first=epoch == 0
    )


def expected_words(
    model: TrainedModel, seen: Run, size: int, total_examples: int | None, total_words: int | None
) -> float:
    """Return how many words an epoch is expected to have.

    Args:
        model: its corpus's totals count where others are not known.
        seen: the encoded corpus, or its first run.
        size: minimum number of tokens of a run; a corpus whose first run is shorter has no other.
        total_examples, total_words: as given to `train`.
    """
    n = len(seen.tokens)
    if n < size:
        return n
    if not total_words and total_examples and not model.corpus_total_words:
        # gensim 3.4 and older did not count the words of a corpus.
        total_words = int(n * total_examples / max(len(seen.offsets) - 1, 1))
    return max(n, _given_words(model, total_examples, total_words))


def _given_words(model: TrainedModel, total_examples: int | None, total_words: int | None) -> int:
    """Return how many words an epoch has by the totals that `train` was given, or the model's; 0 if unknown."""
    if not total_words and total_examples and model.corpus_total_words and model.corpus_count:
        return int(model.corpus_total_words * total_examples / model.corpus_count)
    return total_words or model.corpus_total_words or 0


def reads_ahead(model: TrainedModel, totals: Mapping[str, int | None]) -> bool:
    """Return whether a thread is to read an iterable ahead of its training, in all epochs of a call.

    It is not where an epoch has so few words that a thread costs more than it gains: these are read where they are
    trained, by a single thread, whatever the corpus has in truth. Another thread could not go on: an iterator may
    belong to the one that began it, as one of SQLite does.

    Args:
        model: its corpus's totals count where others are not known.
        totals: `total_examples` and `total_words`, as given to `train`.
    """
    words = _given_words(model, **totals)
    return not 0 < words <= SMALLEST_CHUNK
