"""The learning rate at a place of the corpus: gensim's, which falls in a line, or that of a user's subclass."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch_w2v.engines.interface import Rates
from torch_w2v.training.jobs import Place
from torch_w2v.training.model import TrainedModel

# share of a batch below which a chunk is smaller than one
_SMALLER = 0.75


def rates_between(
    model: TrainedModel, epoch: int, epoch_words: float, total_examples: int | None, total_words: int | None
) -> Callable[[Place, Place], Rates]:
    """Return a function from the places where a chunk begins and ends to the learning rates there.

    gensim trains all of a batch with the rate at its beginning. So a chunk begins with the rate of its first place and
    ends with that of its last batch: the mean is gensim's, and a chunk that is one batch has one rate. Several smaller
    chunks, as ranks have of a small corpus, have the rate of their batch.

    Args:
        model: whose `_get_next_alpha` is asked, which a subclass may override.
        epoch: number of the epoch, from 0.
        epoch_words: expected number of words per epoch.
        total_examples, total_words: as given to `train`. Without both (a `corpus_count` of 0 after
            `build_vocab_from_freq`) the learning rate falls from epoch to epoch only.
    """
    batch = min(model.batch_words / max(epoch_words, 1.0), 1.0)

    def done(place: Place) -> float:
        if not (total_examples or total_words):
            return 0.0
        return place.examples / total_examples if total_examples else place.words / (total_words or 1)

    def alpha(share: float) -> float:
        return float(model._get_next_alpha(share, epoch))

    def rates(begin: Place, end: Place) -> Rates:
        first, last = done(begin), done(end) - batch
        if done(end) - first < _SMALLER * batch:
            # Sentences are of uneven lengths: what is nearly a whole batch is one.
            first = last = math.floor(first / batch + 1e-6) * batch
        rate = alpha(first)
        return Rates(rate, alpha(last) if last > first else rate)

    return rates


def alpha_of_share(model: TrainedModel, epoch: int, share: float) -> float:
    """Return the learning rate where a share of an epoch is done, by gensim's line."""
    return float(model.alpha - (model.alpha - model.min_alpha) * (epoch + share) / model.epochs)
