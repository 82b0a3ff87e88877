"""Another plan for a chunk that is unlike the rest of its corpus."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from threading import Lock

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.corpus.store import Encoded
from torch_w2v.engines.interface import Engine
from torch_w2v.engines.layouts import LITTLE_ALIKE, stride_of
from torch_w2v.engines.plan import EpochPlan, Layout, TrainingPlan, Workload
from torch_w2v.statistics.likeness import likeness_of_chunk
from torch_w2v.statistics.repetition import repetition_of_chunk
from torch_w2v.training.measured import Measured, measure_for_skip_gram, measured_context, reading_of
from torch_w2v.training.model import TrainedModel
from torch_w2v.training.planning import BEYOND, training_plan, workload_of

# The repetition from which on another layout is right is found in steps of a factor, up to one that no corpus has.
_STEP, _MOST_REPETITION = 1.3, 1e5


@dataclass
class Looks:
    """What `chunk_plans` has found in the epochs of a call.

    Attributes:
        enough: the repetition up to which the layout stays the corpus's, by the workload.
        chunks: what was measured of each chunk, by what it depends on; a repetition of 0 is not above `enough`.
    """

    enough: dict[Workload, float] = field(default_factory=dict)
    chunks: dict[tuple[Hashable, ...], Measured] = field(default_factory=dict)


def chunk_plans(
    model: TrainedModel,
    engine: Engine,
    plan: TrainingPlan,
    measured: Measured,
    epoch: int,
    looks: Looks,
    encoding: Hashable = None,
) -> Callable[[Chunk], EpochPlan | None]:
    """Return a function that says what a chunk is to be trained with where its words repeat more than the corpus's do.

    Also where its targets are more alike, and in skip-gram where they have more context words, or one of them is more
    of the chunk.

    Of a corpus that is read while it is trained on, only the beginning is known when the plan is made, and a part of a
    corpus may be unlike the rest of it.

    Args:
        model: the model.
        engine: chooses the layouts.
        plan: of the corpus.
        measured: of the corpus; `plan` was made with it.
        epoch: as `TrainingPlan.for_epoch` takes it.
        looks: what was found in earlier epochs, to which this one adds.
        encoding: identifies the encoded corpus; None for one that another epoch may find changed.

    Returns:
        A function of a chunk, in numpy arrays, that returns the plan of one epoch, or None for `plan`'s. Any thread may
        call it.
    """
    workload = workload_of(model, measured)
    plans: dict[Layout, EpochPlan | None] = {plan.layout: None}
    if workload not in looks.enough:
        looks.enough[workload] = _enough(engine, workload, plan.layout)
    enough = looks.enough[workload]
    may_be_alike = engine.layout(replace(workload, likeness=1.0)) != plan.layout
    stride = stride_of(workload.period) if workload.skip_gram else 0
    if enough > _MOST_REPETITION and not workload.skip_gram and not may_be_alike:
        return lambda chunk: None
    reading, one_at_a_time = reading_of(model), Lock()

    def look(chunk: Chunk) -> Measured:
        key = encoding, chunk.position, len(chunk.tokens), reading[1:], enough
        if encoding is None or key not in looks.chunks:
            part = Encoded(chunk.tokens, chunk.offsets)
            found, own, context = measure_for_skip_gram(model, part), 0.0, 0.0
            if enough <= _MOST_REPETITION:
                context = found.context or measured_context(model, part)
                own = repetition_of_chunk(chunk, *reading, max(context, workload.context_words), enough)
            found = found._replace(repetition=own, reads=0.0 if workload.skip_gram else context)
            if may_be_alike:
                keep, window, _, kept_share, _ = reading
                like = likeness_of_chunk(chunk, keep, window, kept_share, workload.most_likeness, stride)
                found = found._replace(likeness=like)
            if encoding is None:
                return found
            looks.chunks[key] = found
        return looks.chunks[key]

    def of(chunk: Chunk) -> EpochPlan | None:
        own = look(chunk)
        if (
            own.repetition <= measured.repetition
            and own.context <= BEYOND * workload.context_words
            and own.busiest <= BEYOND * workload.busiest_output
            and own.unmet <= measured.unmet
            and own.likeness <= (LITTLE_ALIKE if workload.skip_gram else workload.most_likeness)
        ):
            return None
        most = measured.most(own)
        layout = engine.layout(workload_of(model, most))
        with one_at_a_time:
            if layout not in plans:
                plans[layout] = training_plan(model, engine, most, plan.seed).for_epoch(model.train_count, epoch)
        return plans[layout]

    return of


def _enough(engine: Engine, workload: Workload, layout: Layout) -> float:
    """Return the repetition up to which an engine's layout for a workload stays `layout`, or a little less."""
    enough = workload.repetition
    while enough <= _MOST_REPETITION and engine.layout(replace(workload, repetition=_STEP * enough)) == layout:
        enough *= _STEP
    return enough
