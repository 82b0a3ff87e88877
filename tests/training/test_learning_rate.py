"""Learning rates of chunks: on average over the words those of gensim's batches."""

import itertools

import gensim.models
import numpy as np
import pytest

from torch_w2v.training.jobs import Place
from torch_w2v.training.learning_rate import rates_between

WORDS_PER_SENTENCE = 10


class Batches:
    """Takes what gensim's producer of jobs puts into its queue: sentences and their rate."""

    def __init__(self):
        self.jobs = []

    def put(self, job):
        if job is not None:
            self.jobs.append(job)


def model_of(words, epochs=1, cls=gensim.models.Word2Vec, **options):
    model = cls(min_count=1, alpha=0.1, min_alpha=0.001, epochs=epochs, workers=1, **options)
    model.corpus_count, model.corpus_total_words = words // WORDS_PER_SENTENCE, words
    return model


def rates_of_gensim(model, words, epoch, **totals):
    """The rate of each word."""
    batches = Batches()
    sentences = itertools.repeat(["a"] * WORDS_PER_SENTENCE, words // WORDS_PER_SENTENCE)
    model._job_producer(sentences, batches, cur_epoch=epoch, **totals)
    return np.concatenate([np.full(len(job) * WORDS_PER_SENTENCE, rate) for job, rate in batches.jobs])


def rates_of_chunks(model, words, size, epoch, total_examples=None, total_words=None):
    """The rate of each word of a corpus of so many words, whatever the totals say of it."""
    rates = rates_between(model, epoch, words, model.batch_words, size, total_examples, total_words)
    found = []
    for begin in range(0, words, size):
        end = min(begin + size, words)
        rate = rates(*(Place(place // WORDS_PER_SENTENCE, place) for place in (begin, end)))
        assert rate.begin >= rate.end
        found.append(np.linspace(*rate, end - begin))
    return np.concatenate(found)


@pytest.mark.parametrize("ranks", [2, 4, 8])
@pytest.mark.parametrize(("words", "epochs"), [(40_000, 1), (40_000, 5), (200_000, 1)])
def test_it_does_not_depend_on_the_number_of_ranks(words, epochs, ranks):
    """Each has its part of the words and of a batch, and chunks of any size."""
    model = model_of(words, epochs=epochs)
    own = words // ranks
    for epoch in range(epochs):
        rates = rates_between(model, epoch, own, model.batch_words // ranks, 1_000, own // WORDS_PER_SENTENCE, None)
        places = [Place(place // WORDS_PER_SENTENCE, place) for place in range(0, own + 1, 1_000)]
        mean = np.mean([np.mean(rates(*ends)) for ends in itertools.pairwise(places)])
        totals = {"total_examples": words // WORDS_PER_SENTENCE, "total_words": None}
        assert mean == pytest.approx(rates_of_gensim(model, words, epoch, **totals).mean(), rel=0.02)


@pytest.mark.parametrize("by", ["examples", "words"])
@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize(
    ("words", "size"),
    [(3_000, 10_000), (9_500, 10_000), (14_000, 10_000), (30_000, 10_000), (200_000, 12_500), (300_000, 25_000)],
)
def test_the_mean_is_gensims(words, size, epoch, by):
    """Also in a single epoch of one batch, which gensim trains with the highest rate from begin to end."""
    model = model_of(words, epochs=3 if epoch else 1)
    totals = {"total_examples": words // WORDS_PER_SENTENCE} if by == "examples" else {"total_words": words}
    theirs = rates_of_gensim(model, words, epoch, **totals)
    ours = rates_of_chunks(model, words, size, epoch, **totals)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)
    if words > 20_000:  # in every fifth of the corpus, too
        for a, b in zip(np.array_split(ours, 5), np.array_split(theirs, 5), strict=True):
            assert a.mean() == pytest.approx(b.mean(), abs=0.1 * 10_000 / words / 3)


def test_small_chunks_of_the_first_batch_have_its_rate():
    """As those of several ranks."""
    model = model_of(20_000)
    ours = rates_of_chunks(model, 20_000, 1_000, 0, total_examples=2_000)
    theirs = rates_of_gensim(model, 20_000, 0, total_examples=2_000)
    assert (ours[:10_000] == theirs[:10_000]).all()
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.02)


def test_a_schedule_of_ones_own_is_asked_as_by_gensim():
    class Steps(gensim.models.Word2Vec):
        def _get_next_alpha(self, epoch_progress, cur_epoch):
            self.asked.append((epoch_progress, cur_epoch))
            return super()._get_next_alpha(epoch_progress, cur_epoch)

    asked = []
    for rates in (rates_of_gensim, lambda *args, **totals: rates_of_chunks(*args[:2], 10_000, args[2], **totals)):
        model = model_of(30_000, epochs=2, cls=Steps)
        model.asked = []
        rates(model, 30_000, 1, total_examples=3_000)
        asked.append(model.asked)
    assert asked[0] == [pytest.approx((share, 1)) for share in (0, 1 / 3, 2 / 3)] == asked[1]


def test_small_batches_are_a_line():
    """What a user asks for with `batch_words`."""
    model = model_of(10_000, batch_words=100)
    ours = rates_of_chunks(model, 10_000, 10_000, 0, total_examples=1_000)
    np.testing.assert_allclose(ours, rates_of_gensim(model, 10_000, 0, total_examples=1_000), atol=1.1e-3)


def test_without_totals_the_rate_falls_from_epoch_to_epoch_only():
    model = model_of(10_000, epochs=2)
    assert set(rates_of_chunks(model, 10_000, 2_000, 1)) == {model._get_next_alpha(0.0, 1)}


@pytest.mark.parametrize(
    ("words", "totals"),
    [
        (5_000, {"total_examples": 5_000}),
        (1_000, {"total_examples": 100_000}),
        (5_000, {"total_examples": 50}),
        (30_000, {"total_words": 10_000}),
        (30_000, {"total_examples": 500}),
        (30_000, {"total_examples": 9_000}),
    ],
    ids=str,
)
@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_totals_that_are_not_those_of_the_corpus(words, totals, epoch):
    """As of the whole corpus, in a call for a piece of it."""
    model = model_of(words, epochs=3)
    theirs = rates_of_gensim(model, words, epoch, **totals)
    ours = rates_of_chunks(model, words, 10_000, epoch, **totals)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.03, abs=2e-4)


def test_chunks_in_which_no_sentence_ends():
    rates = rates_between(model_of(100_000, epochs=2), 1, 100_000, 10_000, 10_000, 4, None)
    places = [Place(0, 0), Place(0, 10_000), Place(0, 20_000), Place(1, 25_000), Place(1, 35_000)]
    found = [rates(*pair) for pair in itertools.pairwise(places)]
    assert all(0.001 <= rate <= 0.1 for pair in found for rate in pair)
