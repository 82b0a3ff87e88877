"""The learning rate at a place of the corpus: gensim's, which falls in a line, or that of a user's subclass."""

from __future__ import annotations

import math
from collections.abc import Callable

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.engines.interface import Rates
from torch_w2v.training.jobs import Place
from torch_w2v.training.model import TrainedModel

# Sentences are of uneven lengths: a chunk of up to so many batches may be one.
_NEARLY_ONE = 1.25
# share of the given totals from which on they are too small: each rank's sentences are a little more or fewer
_BEYOND = 1.25


def rates_between(
    model: TrainedModel, epoch: int, epoch_words: float, total_examples: int | None, total_words: int | None
) -> Callable[[Place, Place], Rates]:
    """Return a function from the places where a chunk begins and ends to the learning rates there.

    gensim trains all of a batch with the rate at its beginning, on average that of half a batch before each of its
    words. So do we: the mean is gensim's, and the rate falls within a chunk. Where nothing lies before, in the first
    batch of all, the rate is the highest throughout, as gensim's.

    Args:
        model: whose `_get_next_alpha` is asked, which a subclass may override.
        epoch: number of the epoch, from 0.
        epoch_words: expected number of words per epoch.
        total_examples, total_words: as given to `train`. Without both (a `corpus_count` of 0 after
            `build_vocab_from_freq`) the learning rate falls from epoch to epoch only.
    """
    batch_words = max(model.batch_words, 1)

    def done(place: Place) -> float:
        return place.examples / total_examples if total_examples else place.words / (total_words or 1)

    def batch_before(end: Place) -> float:
        # As the given totals count, which may not be those of the corpus. A corpus that is less than a batch is one.
        share = done(end) / end.words if end.examples and end.words else 1 / max(epoch_words, 1.0)
        return min(batch_words, max(epoch_words, 1.0)) * share

    def alpha(share: float) -> float:
        return float(model._get_next_alpha(share, epoch))

    def rates(begin: Place, end: Place) -> Rates:
        if not (total_examples or total_words):
            first = last = 0.0
        elif _is_overridden(model):
            # A user's own schedule may know no place before an epoch, and is asked for what gensim asks for.
            first = done(begin)
            last = max(done(end) - batch_before(end), first)
        else:
            batch = batch_before(end)
            size, middle = done(end) - done(begin), (done(begin) + done(end)) / 2
            # gensim's last batch is what is left, where there is more than one.
            place = done(begin) / batch
            is_rest = (
                epoch_words > batch_words and size < batch and done(end) > 0.999 and abs(place - round(place)) < 0.05
            )
            before = (size if is_rest else batch) / 2
            first, last = done(begin) - before, done(end) - before
            if epoch == 0 and middle < batch and size < _NEARLY_ONE * batch:
                first = last = 0.0
            elif epoch == 0 and first < 0:
                first, last = 0.0, 2 * middle - batch
            if done(end) > _BEYOND:
                # The totals are too small: there the rate ends before the corpus does, and gensim's steps are large.
                first = last = done(begin)
        rate = alpha(first)
        return Rates(rate, rate if math.isclose(first, last, abs_tol=1e-9) else alpha(last))

    return rates


def alpha_of_share(model: TrainedModel, epoch: int, share: float) -> float:
    """Return the learning rate where a share of an epoch is done, by gensim's line."""
    return float(model.alpha - (model.alpha - model.min_alpha) * (epoch + share) / model.epochs)


def _is_overridden(model: TrainedModel) -> bool:
    return getattr(model._get_next_alpha, "__func__", None) is not PlainWord2Vec._get_next_alpha
