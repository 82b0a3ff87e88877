"""hs=1 trains with gensim's own engine, and ends where gensim would wait for ever."""

import logging
import re
import time
import traceback

import gensim.models
import pytest

from tests.helpers import CountingCorpus, FailingCorpus, messages, on_workers, ours, same, trainable, words

OTHER_ALGORITHMS = [
    {"hs": 1}, {"hs": 1, "negative": 0}, {"sg": 1, "hs": 1}, {"sg": 1, "hs": 1, "negative": 0},
    {"sg": 1, "hs": 1, "compute_loss": True, "ns_exponent": 0.5},
]  # fmt: skip
on_other_algorithms = pytest.mark.parametrize("options", OTHER_ALGORITHMS, ids=str)


@on_other_algorithms
def test_gensims_engine_bit_for_bit(options):
    theirs, mine = ours(words(), cls=gensim.models.Word2Vec, **options), ours(words(), **options)
    assert same(mine, theirs)
    assert mine.get_latest_training_loss() == theirs.get_latest_training_loss()
    for model in (theirs, mine):
        model.train(words(1), total_examples=300, epochs=1)
    assert same(mine, theirs)


@pytest.mark.parametrize("options", OTHER_ALGORITHMS[:2], ids=str)
def test_gensims_engine_on_a_file(options, tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in words()))
    theirs = ours(None, cls=gensim.models.Word2Vec, corpus_file=str(path), **options)
    assert same(ours(None, corpus_file=path, **options), theirs)


@on_other_algorithms
def test_logged_once_per_train(options, caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    model = ours(engine="auto", epochs=3, **options)
    model.build_vocab(words())
    line = f"sg={model.sg}, hs={model.hs}, negative={model.negative}: training with gensim's own engine"
    for calls in (1, 2):
        model.train(words(), total_examples=300, epochs=3)
        assert messages(caplog) == [line] * calls


def test_switched_between_calls():
    """The algorithm is looked up at each call, as in gensim."""
    theirs, model = ours(words(), hs=1), ours(words(), hs=1)
    assert same(model, theirs)
    theirs.__class__ = gensim.models.Word2Vec
    for one in (theirs, model):
        one.sg = 1
        one.train(words(), total_examples=300, epochs=1)
    assert same(model, theirs)
    model.hs = 0
    assert trainable(model, words())


@on_workers
@on_other_algorithms
def test_corpus_that_raises(options, workers, no_threads_left):
    error = OSError("the disk is gone")
    model = ours(workers=workers, **options)
    model.build_vocab(words())
    with pytest.raises(OSError, match=r"^the disk is gone$") as raised:
        model.train(FailingCorpus(words(), error, good_iterations=0), total_examples=300, epochs=2)
    assert raised.value is error
    assert "__iter__" in [frame.name for frame in traceback.extract_tb(raised.tb)]  # where it was raised
    assert no_threads_left()
    assert trainable(model, words())


@on_workers
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), StopAsyncIteration()], ids=repr)
def test_corpus_that_raises_what_is_no_exception(error, workers):
    model = ours(hs=1, workers=workers)
    model.build_vocab(words())
    with pytest.raises(type(error)):
        model.train(FailingCorpus(words(), error, good_iterations=0), total_examples=300, epochs=2)
    assert trainable(model, words())


@on_workers
@pytest.mark.parametrize(
    ("bad", "message"),
    [(5, "object of type 'int' has no len()"), (["w1", ["w2"]], "unhashable type: 'list'"), (None, "object of type")],
    ids=str,
)
def test_bad_sentence(bad, message, workers, no_threads_left):
    corpus = words()
    model = ours(hs=1, workers=workers)
    model.build_vocab(corpus)
    with pytest.raises(TypeError, match=re.escape(message)):
        model.train([*corpus[:100], bad, *corpus[100:]] * 3, total_examples=903, epochs=2)
    assert no_threads_left()
    assert trainable(model, corpus)


def test_a_failing_worker_stops_the_reading():
    corpus = CountingCorpus([["w1", ["w2"]], *words(10_000)])
    model = ours(hs=1, batch_words=100)
    model.build_vocab(words())
    with pytest.raises(TypeError):
        model.train(corpus, total_examples=10_001, epochs=1)
    assert corpus.yielded < 1_000


@pytest.mark.parametrize("options", [{"hs": 1}, {"hs": 1, "negative": 0}], ids=str)
def test_no_totals(options):
    """gensim's threads would hang from the second batch on; here alpha falls from epoch to epoch instead."""
    model = ours(batch_words=100, **options)
    model.build_vocab_from_freq({f"w{i}": 50 - i for i in range(41)})
    _, raw = model.train(words(), total_examples=model.corpus_count, epochs=2)
    assert raw == 2 * sum(map(len, words()))
    assert model.min_alpha_yet_reached == pytest.approx((model.alpha + model.min_alpha) / 2)


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupt(workers, monkeypatch, no_threads_left):
    """An interrupt of the main thread, which waits for progress, ends all threads."""
    model = ours(hs=1, workers=workers, batch_words=100)
    model.build_vocab(words())

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("gensim.models.word2vec.Word2Vec._log_progress", interrupted)

    class Slow(CountingCorpus):
        def __iter__(self):
            for sentence in super().__iter__():
                if self.yielded > 150:
                    time.sleep(0.02)
                yield sentence

    sentences = Slow(words(100_000))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.train(sentences, total_examples=100_000, epochs=1)
    assert time.monotonic() - start < 3
    assert no_threads_left()
    monkeypatch.undo()
    assert trainable(model, words())


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_threads_end_when_another_cannot_start(failing, monkeypatch, no_threads_left, threads_that_start):
    model = ours(hs=1, workers=3)
    model.build_vocab(words())
    threads_that_start(failing)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        model.train(words(), total_examples=300, epochs=1)
    assert no_threads_left()
    monkeypatch.undo()
    assert trainable(model, words())
