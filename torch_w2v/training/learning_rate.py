"""The learning rate at a place of the corpus: gensim's, which falls in a line, or that of a user's subclass."""

from __future__ import annotations

from collections.abc import Callable

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.training.model import TrainedModel


def alpha_of_place(
    model: TrainedModel, epoch: int, epoch_words: float, total_examples: int | None, total_words: int | None
) -> Callable[[int, int], float]:
    """Return a function from the numbers of sentences and words before a place to the learning rate there.

    Args:
        model: whose `_get_next_alpha` is asked, which a subclass may override.
        epoch: number of the epoch, from 0.
        epoch_words: expected number of words per epoch.
        total_examples, total_words: as given to `train`. Without both (a `corpus_count` of 0 after
            `build_vocab_from_freq`) the learning rate falls from epoch to epoch only.
    """
    # gensim trains all of a batch with the rate at its beginning: on average that of half a batch before.
    before = min(model.batch_words / max(epoch_words, 1.0), 1.0) / 2
    # In later epochs that may be in the epoch before, on gensim's line; a user's own schedule may know no such place.
    from_zero = epoch == 0 or _is_overridden(model)

    def alpha(examples: int, words: int) -> float:
        if not (total_examples or total_words):
            return float(model._get_next_alpha(0.0, epoch))
        done = (examples / total_examples if total_examples else words / (total_words or 1)) - before
        return float(model._get_next_alpha(max(done, 0.0) if from_zero else done, epoch))

    return alpha


def alpha_of_share(model: TrainedModel, epoch: int, share: float) -> float:
    """Return the learning rate where a share of an epoch is done, by gensim's line."""
    return float(model.alpha - (model.alpha - model.min_alpha) * (epoch + share) / model.epochs)


def _is_overridden(model: TrainedModel) -> bool:
    return getattr(model._get_next_alpha, "__func__", None) is not PlainWord2Vec._get_next_alpha
