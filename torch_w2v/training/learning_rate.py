"""The learning rate at a place of the corpus: gensim's, which falls in a line, or that of a user's subclass."""

from __future__ import annotations

import math
from collections.abc import Callable

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.engines.interface import Rates
from torch_w2v.training.jobs import Place
from torch_w2v.training.model import TrainedModel

# share of the given totals from which on they are too small: each rank's sentences are a little more or fewer
_BEYOND = 1.25


def rates_between(
    model: TrainedModel,
    epoch: int,
    epoch_words: float,
    batch_words: int,
    chunk_words: int,
    total_examples: int | None,
    total_words: int | None,
) -> Callable[[Place, Place], Rates]:
    """Return a function from the places where a chunk begins and ends to the learning rates there.

    gensim trains all of a batch with the rate at its beginning, on average that of half a batch before each of its
    words. So do we: the mean is gensim's, and the rate falls within a chunk. Where nothing lies before, in the first
    batch of all, the rate is the highest throughout, as gensim's.

    Args:
        model: whose `_get_next_alpha` is asked, which a subclass may override.
        epoch: number of the epoch, from 0.
        epoch_words: expected number of words per epoch, of this rank.
        batch_words: the model's `batch_words`; of several ranks this one's part of them.
        chunk_words: number of words of all chunks but the last; several ranks may have chunks smaller than a batch.
        total_examples, total_words: as given to `train`. Without both (a `corpus_count` of 0 after
            `build_vocab_from_freq`) the learning rate falls from epoch to epoch only.
    """
    words = min(batch_words, max(epoch_words, 1.0))
    has_rest = chunk_words >= words and epoch_words > words

    def done(place: Place) -> float:
        if not (total_examples or total_words):
            return 0.0
        return place.examples / total_examples if total_examples else place.words / (total_words or 1)

    def alpha(share: float) -> float:
        return float(model._get_next_alpha(share, epoch))

    def rates(begin: Place, end: Place) -> Rates:
        first, last = done(begin), done(end)
        # As the given totals count, which may not be those of the corpus. No sentence with words may have ended yet.
        batch = words * (last / end.words if last and end.words else 1 / max(epoch_words, 1.0))
        if last == 0 or last > _BEYOND:
            # Of totals that are too small the rate ends before the corpus does, and gensim's steps are large.
            last = first
        elif _is_overridden(model):
            # A user's own schedule may know no place before an epoch, and is asked for what gensim asks for.
            last = max(last - batch, first)
        elif epoch == 0 and (first + last) / 2 < batch:
            first = last = 0.0
        else:
            # gensim's last batch is what is left. Chunks end elsewhere too, where several ranks exchange.
            is_rest = has_rest and last > 0.999
            share = min((end.words - begin.words) / words, 1.0) if is_rest else 1.0
            first, last = first - batch * share / 2, last - batch * share / 2
            first = max(first, 0.0) if epoch == 0 else first
        rate = alpha(first)
        return Rates(rate, rate if math.isclose(first, last, abs_tol=1e-9) else alpha(last))

    return rates


def reach_the_end(
    model: TrainedModel, epoch: int, end: Place, total_examples: int | None, total_words: int | None
) -> None:
    """Let `min_alpha_yet_reached` be the rate of gensim's last batch of an epoch, which programs go on from.

    Args:
        model: the model.
        epoch: number of the epoch that has ended, from 0.
        end: the numbers of sentences and words of the epoch.
        total_examples, total_words: as given to `train`.
    """
    if _is_overridden(model) or not end.words:
        return
    done = end.examples / total_examples if total_examples else end.words / total_words if total_words else 0.0
    batch = max(int(model.batch_words), 1)
    model._get_next_alpha(done * (math.ceil(end.words / batch) - 1) * batch / end.words, epoch)


def alpha_of_share(model: TrainedModel, epoch: int, share: float) -> float:
    """Return the learning rate where a share of an epoch is done, by gensim's line."""
    return float(model.alpha - (model.alpha - model.min_alpha) * (epoch + share) / model.epochs)


def _is_overridden(model: TrainedModel) -> bool:
    return getattr(model._get_next_alpha, "__func__", None) is not PlainWord2Vec._get_next_alpha
