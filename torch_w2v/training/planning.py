"""From gensim's attributes of a model to what an engine trains with."""

from __future__ import annotations

import operator
import secrets

import numpy as np

from torch_w2v.engines.interface import Engine
from torch_w2v.engines.plan import Objective, TrainingPlan, Workload
from torch_w2v.engines.row_scales import row_scales
from torch_w2v.engines.streams import alias_table
from torch_w2v.training.model import TrainedModel


def objective_of(model: TrainedModel) -> Objective:
    """Return the objective that a model's attributes ask for."""
    return Objective(
        window=operator.index(model.window),
        negative=operator.index(model.negative),
        cbow_mean=bool(model.cbow_mean),
        exact_gradient=model.cbow_gradient == "exact",
        shrink_windows=bool(model.shrink_windows),
        compute_loss=bool(model.compute_loss),
    )


def training_plan(model: TrainedModel, engine: Engine) -> TrainingPlan:
    """Return what `engine` is to train a model with."""
    objective = objective_of(model)
    count = model.wv.expandos["count"].astype(np.float64)
    keep = np.full(len(count), 2**32 - 1, np.uint32)
    if model.sample:
        keep = model.wv.expandos["sample_int"].astype(np.uint32)
    noise = np.diff(model.cum_table.astype(np.int64), prepend=0)
    kept = count * (keep / 2.0**32)
    context = objective.window + 1.0 if objective.shrink_windows else 2.0 * objective.window
    if model.corpus_count:
        # A sentence shorter than the window has fewer context words.
        context = min(context, max(kept.sum() / model.corpus_count, 1.0))
    workload = Workload(objective.negative, kept.sum(), context, objective.cbow_mean)
    layout = engine.layout(workload)
    input_scale, output_scale = row_scales(
        kept / max(kept.sum(), 1.0),
        noise / noise.sum(),
        layout,
        workload,
        lockf=model.wv.vectors_lockf,
        alpha=model.alpha,
        whole_sums=objective.exact_gradient and not objective.cbow_mean,
    )
    return TrainingPlan(
        objective=objective,
        layout=layout,
        keep=keep.view(np.int32),
        noise=alias_table(noise),
        input_scale=input_scale,
        output_scale=output_scale,
        seed=secrets.randbits(32) if model.seed is None else operator.index(model.seed),
    )


def chunk_words(model: TrainedModel, total_words: int | None, preferred: int | None) -> int:
    """Return the size of a chunk in words.

    It is ten of gensim's batches; on a small corpus less, down to one, so that an epoch has many chunks. An engine
    that prefers chunks of its own size gets them, if an epoch then has eight.

    Args:
        model: whose `batch_words` counts.
        total_words: words per epoch; the model's `corpus_total_words` if None or 0.
        preferred: the engine's `preferred_chunk_words`.
    """
    words = total_words or model.corpus_total_words
    batch = int(model.batch_words)
    chunks = 64 if preferred is None else 8
    most = preferred or 10 * batch
    return min(most, max(batch, words // chunks)) if words else most
