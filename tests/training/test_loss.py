"""The loss that `compute_loss` asks for."""

import numpy as np

from tests.helpers import on_each_engine, ours, same, topics, words
from tests.training.watching import Watching


@on_each_engine
def test_loss(engine):
    watching = Watching(lambda model: model.get_latest_training_loss())
    model = ours(topics(300), engine, epochs=5, alpha=0.05, sample=0, compute_loss=True, callbacks=[watching])
    losses = model.training_losses
    assert len(losses) == 5
    assert all(type(loss) is float for loss in losses)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0] < losses[0] <= np.log(2) + 1e-3  # before training every pair costs log 2
    assert watching.results == sorted(watching.results)
    assert model.get_latest_training_loss() == watching.results[-1] == model.running_training_loss
    increments = np.diff([0, *watching.results])
    assert increments[-1] < increments[0]
    # Every target has one positive pair and at most five negatives; pairs of a target with itself are left out.
    targets = model.corpus_total_words
    assert 5 * targets < increments[0] / losses[0] <= 6 * targets


def test_the_loss_of_a_sample_is_always_there():
    sentences = topics(20_000)
    exact = ours(sentences, compute_loss=True, sample=0).training_losses
    sampled = ours(sentences, sample=0)
    np.testing.assert_allclose(sampled.training_losses, exact, rtol=0.02)
    assert sampled.training_losses != exact
    assert sampled.get_latest_training_loss() == 0


def test_gensims_running_loss_is_not_computed_unless_asked_for():
    model = ours(words(), compute_loss=True)
    assert model.get_latest_training_loss() > 0
    model.train(words(), total_examples=300, epochs=1)
    assert len(model.training_losses) == 1
    assert model.get_latest_training_loss() == 0


def test_no_words_have_no_loss():
    model = ours(words(), epochs=1)
    model.train([["unknown"]], total_examples=1, epochs=1)
    assert np.isnan(model.training_losses).all()


@on_each_engine
def test_loss_does_not_change_training(engine):
    assert same(ours(words(), engine, compute_loss=True), ours(words(), engine))


def test_loss_zeroed_in_a_callback():
    def per_epoch(model):
        loss, model.running_training_loss = model.running_training_loss, 0.0
        return loss

    watching = Watching(per_epoch)
    model = ours(topics(), epochs=4, alpha=0.05, sample=0, compute_loss=True, callbacks=[watching])
    assert watching.results == sorted(watching.results, reverse=True)
    assert model.get_latest_training_loss() == 0
