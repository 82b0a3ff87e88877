"""What is measured of a corpus, which the layout of its training depends on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from torch_w2v.corpus.store import Run
from torch_w2v.engines.layouts import OTHER_STRIDE, STRIDE, stride_of
from torch_w2v.statistics.context import context_of
from torch_w2v.statistics.likeness import likeness, likeness_of_inputs, period
from torch_w2v.statistics.repetition import OTHER_SENTENCES, repetition
from torch_w2v.statistics.samples import PLACES, rows_at_places
from torch_w2v.training.frequencies import frequencies_of
from torch_w2v.training.model import TrainedModel

# A longer window changes nothing; times a draw of 32 bits this fits into an int64 many times.
MAX_WINDOW = 1_000_000
# Words are not those that were counted where less than the first of the negatives are in a sample of the corpus, and
# less than the second of what the counts let expect. Of text that is .8 to 1.
_LITTLE_MET, _LEAST_MET = 0.25, 0.5
# tokens that `_outputs` looks at in each place of a sample; fewer tell nothing
_TOKENS_PER_PLACE, _LEAST_TOKENS = 4_096, 100
# of `Measured`: what the first checkpoints do not have
LATER = ("likeness", "period", "reads")


class Measured(NamedTuple):
    """What is measured of a corpus, or of a part of it.

    Attributes:
        repetition: as `statistics.repetition` estimates it.
        context: as `measured_context` returns it, for skip-gram, whose rows would move too far in long sentences; 0 for
            what the model's counts say.
        busiest: `Workload.busiest_output`, for skip-gram too.
        unmet: `Workload.unmet`, for skip-gram too.
        likeness: as `statistics.likeness` estimates it, for CBOW and for skip-gram.
        period: as `statistics.likeness.period` estimates it of `STRIDE`, for skip-gram.
        reads: as `measured_context` returns it, for CBOW: what it takes to read windows by themselves.
    """

    repetition: float = 1.0
    context: float = 0.0
    busiest: float = 0.0
    unmet: float = 0.0
    likeness: float = 0.0
    period: float = 0.0
    reads: float = 0.0

    def most(self, other: Measured) -> Measured:
        """Return the larger values of both."""
        return Measured(*map(max, self, other))


def measure(model: TrainedModel, seen: Run) -> Measured:
    """Return what is measured of a model's corpus.

    Args:
        model: the model.
        seen: the encoded corpus, or its beginning.
    """
    found = measure_for_skip_gram(model, seen)._replace(repetition=repetition_of(model, seen))
    keep, window, _, kept_share, _ = reading_of(model)
    if model.sg:
        found = found._replace(period=period(seen, keep, kept_share, STRIDE, OTHER_STRIDE))
        stride = stride_of(found.period)
        return found._replace(likeness=likeness_of_inputs(seen, keep, window, kept_share, stride))
    return found._replace(likeness=likeness(seen, keep, window, kept_share), reads=measured_context(model, seen))


def measure_for_skip_gram(model: TrainedModel, seen: Run) -> Measured:
    """Return what is measured for skip-gram only: all but the repetition."""
    if not model.sg:
        return Measured()
    busiest, unmet = _outputs(model, seen)
    return Measured(context=measured_context(model, seen), busiest=busiest, unmet=unmet)


def _outputs(model: TrainedModel, seen: Run) -> tuple[float, float]:
    """Return `Measured.busiest` and `Measured.unmet` of a sample of a corpus, whose words may not be those counted."""
    n = len(seen.tokens)
    ids = rows_at_places(seen, _TOKENS_PER_PLACE if n > PLACES * _TOKENS_PER_PLACE else n)[1]
    rows, times = np.unique(ids[ids >= 0], return_counts=True)
    tokens = int(times.sum())
    if tokens < _LEAST_TOKENS:
        return 0.0, 0.0
    frequencies = frequencies_of(model)
    kept = times * (frequencies.keep.view(np.uint32)[rows] / 2.0**32)
    drawn = frequencies.noise_share[rows]
    busiest = float((kept / max(float(kept.sum()), 1e-9) + model.negative * drawn).max())
    met = float(drawn.sum())
    is_as_counted = met > _LITTLE_MET or met > _LEAST_MET * frequencies.expected_met(tokens)
    return busiest, 0.0 if is_as_counted else 1 - met


def measured_context(model: TrainedModel, seen: Run) -> float:
    """Return the number of context words per target, on average over sentences, each of which counts by its pairs.

    Where sentences are of uneven lengths that is more than the mean over the targets: most pairs are in the long ones.

    Args:
        model: the model.
        seen: the encoded corpus, its beginning, or a part of it.

    Returns:
        The number, at least 1; 0 where nothing is seen.
    """
    frequencies, lengths = frequencies_of(model), np.diff(seen.offsets)
    if not lengths.any():
        return 0.0
    window, kept = min(int(model.window), MAX_WINDOW), frequencies.kept_of_all
    return max(1.0, context_of(lengths, window, bool(model.shrink_windows), kept))


def repetition_of(model: TrainedModel, seen: Run) -> float:
    """Return the repetition of a model's corpus (`statistics.repetition`).

    Args:
        model: the model.
        seen: the encoded corpus, or its beginning.
    """
    return repetition(seen, *reading_of(model))


def reading_of(model: TrainedModel) -> tuple[np.ndarray, int, bool, float, float]:
    """Return what `statistics.repetition` takes besides the corpus, from the thresholds on."""
    frequencies = frequencies_of(model)
    return (
        frequencies.keep.view(np.uint32),
        int(model.window),
        bool(model.shrink_windows),
        frequencies.kept_words / max(model.corpus_total_words or 0, frequencies.words, 1.0),
        0.0 if model.sg else OTHER_SENTENCES,
    )
