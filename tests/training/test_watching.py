"""What callbacks with `on_progress`, and the line of progress, are told."""

import math

import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.helpers import ours, same, words
from torch_w2v.training import watching


class Noting(CallbackAny2Vec):
    def __init__(self):
        self.seen = []

    def on_progress(self, model, progress):
        self.seen.append(progress)


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(watching, "INTERVAL", 0.0)


@pytest.mark.parametrize("options", [{}, {"workers": 3}, {"hs": 1, "negative": 0}], ids=str)
def test_progress_goes_from_the_first_epoch_to_the_end(options):
    noting = Noting()
    model = ours(words(), epochs=3, batch_words=100, callbacks=[noting], **options)
    seen = noting.seen
    ends = [progress for progress in seen if progress.ends_epoch]
    assert [progress.epoch for progress in ends] == [1, 2, 3]
    assert {progress.epochs for progress in seen} == {3}
    assert [progress.share for progress in seen] == sorted(progress.share for progress in seen)
    assert [progress.share for progress in ends] == pytest.approx([1 / 3, 2 / 3, 1])
    assert seen[-1].words == 3 * model.corpus_total_words
    assert {progress.epoch_words for progress in ends} == {model.corpus_total_words}
    assert ends[-1].seconds_left == 0
    assert all(progress.words_per_second > 0 for progress in ends)
    assert all(model.alpha >= progress.alpha >= model.min_alpha for progress in seen)
    if model.hs:
        assert math.isnan(seen[-1].loss)
    else:
        assert [progress.epoch_loss for progress in ends] == model.training_losses
        assert len(seen) > len(ends)


def test_a_corpus_of_unknown_size_has_no_share_within_an_epoch():
    noting = Noting()
    model = ours(epochs=2)
    model.build_vocab_from_freq({"w1": 100, "w2": 90, "w3": 5})
    model.train((sentence for sentence in words()), total_examples=0, epochs=1, callbacks=[noting])
    assert noting.seen[-1].share == 1


def test_watching_changes_nothing():
    assert same(ours(words(), callbacks=[Noting()]), ours(words()))
    assert same(ours(words(), progress=True), ours(words()))
