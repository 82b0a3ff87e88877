"""A call of `train()` that ends anywhere goes on from its checkpoint, and ends as if it had never been interrupted."""

import errno
import os
import re
import signal

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.helpers import KERNEL, CountingCorpus, KilledError, messages, ours, same, topics, words
from tests.training.watching import Watching
from torch_w2v import Word2Vec, corpus
from torch_w2v.corpus import encoded_file
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.training import checkpoint_file, manifest

# 41 words; three chunks per epoch
SENTENCES = words(3_500)
CHUNKS = 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.checkpoint"


def forms(folder):
    """Return the same corpus in every form that can be read again, by name."""
    text = folder / "corpus.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))
    encoded = folder / "corpus.w2v"
    encoded_file.write(corpus.files(str(text)), encoded, 1)
    return {
        "file": {"corpus_file": str(text)},
        "list": {"sentences": SENTENCES},
        "w2v": {"corpus_file": str(encoded)},
        "iterable": {"sentences": CountingCorpus(SENTENCES)},
    }


def undisturbed_and_resumed(killed_after, path, kills, **options):
    """Train once without checkpoints, and once with a kill after each of these numbers of checkpoints."""
    whole = Word2Vec(**options)
    for n in kills:
        killed_after(n)
        with pytest.raises(KilledError):
            Word2Vec(**options, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    return whole, Word2Vec(**options, checkpoint=path, checkpoint_every=0)


OPTIONS = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 3, "seed": 3, "device": "cpu"}


@pytest.mark.parametrize(
    ("engine", "form"),
    [
        *((engine, form) for form in ("file", "list", "w2v", "iterable") for engine in KERNEL),
        *((f"{engine}, skip-gram", "list") for engine in KERNEL),
        pytest.param("torch_batched, skip-gram", "list", marks=pytest.mark.slow),
        *(pytest.param("torch_batched", form, marks=pytest.mark.slow) for form in ("file", "list", "w2v", "iterable")),
        *(pytest.param("reference", form, marks=pytest.mark.slow) for form in ("file", "iterable")),
    ],
)
def test_the_vectors_are_the_same_bit_for_bit(engine, form, tmp_path, path, killed_after):
    engine, _, sg = engine.partition(", ")
    given = {**OPTIONS, **forms(tmp_path)[form], "engine": engine, "sg": int(bool(sg)), "compute_loss": True}
    # Within an epoch, and after the last chunk of one.
    whole, resumed = undisturbed_and_resumed(killed_after, path, (2, 4), **given)
    assert same(whole, resumed)
    assert whole.training_losses == resumed.training_losses
    assert len(whole.training_losses) == 3
    assert whole.get_latest_training_loss() == resumed.get_latest_training_loss()
    assert whole.min_alpha_yet_reached == resumed.min_alpha_yet_reached
    assert whole.train_count == resumed.train_count == 1


class Scheduling(CallbackAny2Vec):
    """Sets the rates from a counter of its own, and notes and zeroes the loss, as users do."""

    def __init__(self, interrupted_in=None):
        self.epoch, self.losses, self.array = 0, [], np.zeros(3)
        self.interrupted_in = interrupted_in

    def on_epoch_begin(self, model):
        model.alpha *= 0.9

    def on_epoch_end(self, model):
        self.epoch += 1
        model.alpha = 0.02 / self.epoch
        self.losses.append(model.get_latest_training_loss())
        model.running_training_loss = 0.0
        if self.interrupted_in == self.epoch:
            raise KeyboardInterrupt


class Remembering(CallbackAny2Vec):
    """Has a state that JSON cannot hold, and says how to keep it."""

    def __init__(self):
        self.seen = set()

    def on_epoch_end(self, model):
        self.seen.add(len(self.seen))

    def state_dict(self):
        return {"seen": sorted(self.seen)}

    def load_state_dict(self, state):
        self.seen = set(state["seen"])


@pytest.mark.parametrize("kills", [(1,), (CHUNKS,), (CHUNKS + 1,), (2, 2, 2)])
def test_callbacks_go_on_too(kills, path, killed_after):
    """Those of epochs that are over are not called again; what they remember is restored."""
    given = {**OPTIONS, "sentences": SENTENCES, "compute_loss": True}

    def callbacks(ends):
        return [Scheduling(), Remembering(), Watching(at_epoch_end=lambda _: ends.append("end"))]

    ends = []
    once, last = callbacks([]), callbacks(ends)
    whole = Word2Vec(**given, callbacks=once)
    for n in kills:
        killed_after(n)
        with pytest.raises(KilledError):
            Word2Vec(**given, callbacks=callbacks([]), checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    resumed = Word2Vec(**given, callbacks=last, checkpoint=path, checkpoint_every=0)
    assert same(whole, resumed)
    assert (last[0].epoch, last[0].losses) == (3, once[0].losses)
    assert last[1].seen == {0, 1, 2}
    assert last[2].seen == once[2].seen
    assert len(ends) == 3 - (sum(kills) - 1) // CHUNKS


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_interrupt_in_a_callback(epoch, path):
    """The callback is called again, with the model and its own attributes as they were before the call."""
    given = {**OPTIONS, "sentences": SENTENCES, "compute_loss": True}
    once = Scheduling()
    whole = Word2Vec(**given, callbacks=[once])
    with pytest.raises(KeyboardInterrupt):
        Word2Vec(**given, callbacks=[Scheduling(epoch)], checkpoint=path)
    last = Scheduling()
    assert same(whole, Word2Vec(**given, callbacks=[last], checkpoint=path))
    assert (last.epoch, last.losses) == (3, once.losses)


def test_an_online_update(path, killed_after):
    more = topics(5000)

    def updated(**options):
        model = ours(SENTENCES, vector_size=16)
        model.build_vocab(more, update=True)
        counts = model.train(more, total_examples=len(more), epochs=3, **options)
        return model, counts

    for n in (2, 4):
        killed_after(n)
        with pytest.raises(KilledError):
            updated(checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    (whole, counts), (resumed, counts_of_resumed) = updated(), updated(checkpoint=path, checkpoint_every=0)
    assert same(whole, resumed)
    assert counts == counts_of_resumed
    assert whole.train_count == resumed.train_count == 2


def test_a_call_that_has_ended_trains_nothing(path):
    whole = ours(SENTENCES, checkpoint=path)
    before = path.read_bytes()
    again = ours(SENTENCES, checkpoint=path, callbacks=[watching := Watching()])
    assert same(whole, again)
    assert again.total_train_time == whole.total_train_time
    assert path.read_bytes() == before
    assert watching.seen == ["train begins", "train ends"]


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.skipif(not KERNEL, reason="one engine trains on several threads")
def test_threads_lose_no_chunk_and_train_none_twice(workers, path, killed_after, monkeypatch):
    """Also where the number of threads changes."""
    trained = []
    train = CpuEngine.train

    def recording(self, tables, chunk, rates, plan):
        result = train(self, tables, chunk, rates, plan)
        trained.append((plan.token_stream, chunk.position, *rates))
        return result

    monkeypatch.setattr(CpuEngine, "train", recording)
    ours(SENTENCES, workers=1)
    whole, trained[:] = sorted(trained), []
    for n in (1, 2):
        killed_after(n)
        with pytest.raises(KilledError):
            ours(SENTENCES, workers=workers, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    ours(SENTENCES, workers=5 - workers, checkpoint=path)
    assert sorted(trained) == whole


@pytest.mark.skipif(not KERNEL, reason="one engine trains on several threads")
def test_threads_that_are_interrupted_finish_their_chunks(path, monkeypatch):
    """A last checkpoint has them, wherever the interrupt comes."""
    trained = []
    train = CpuEngine.train

    def recording(self, tables, chunk, rates, plan):
        result = train(self, tables, chunk, rates, plan)
        trained.append((plan.token_stream, chunk.position))
        if len(trained) in (2, 5):
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(CpuEngine, "train", recording)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            ours(SENTENCES, workers=2, epochs=3, checkpoint=path)
    ours(SENTENCES, workers=2, epochs=3, checkpoint=path)
    assert len(trained) == len(set(trained)) == 3 * CHUNKS


OTHERS = {
    "vector_size": 9,
    "alpha": 0.05,
    "min_alpha": 0.001,
    "window": 6,
    "min_count": 2,
    "sample": 0,
    "seed": 4,
    "negative": 4,
    "ns_exponent": 0.5,
    "cbow_mean": 0,
    "epochs": 3,
    "batch_words": 20_000,
    "compute_loss": True,
    "shrink_windows": False,
    "cbow_gradient": "exact",
    "engine": "torch_batched",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the path of a checkpoint of `ours(SENTENCES)`."""
    path = tmp_path_factory.mktemp("finished") / "run.checkpoint"
    ours(SENTENCES, checkpoint=path)
    return path


@pytest.mark.parametrize("name", OTHERS)
def test_other_arguments_are_refused(name, finished):
    before = finished.read_bytes()
    with pytest.raises(ValueError, match=rf"is of another call of train\(\): .*\b{name}: .* in the checkpoint, "):
        ours(SENTENCES, checkpoint=finished, **{name: OTHERS[name]})
    assert finished.read_bytes() == before


def test_another_corpus_is_refused(finished):
    refused = {
        "sentences of the corpus: 3500 in the checkpoint, 3501": [*SENTENCES, ["w1"]],
        "vocabulary: 41 words in the checkpoint, 42 words": [*SENTENCES[:-1], ["new"]],
        "vocabulary: other words, or other counts": [[*SENTENCES[0], "w2"], *SENTENCES[1:-1], []],
        "corpus: its first": SENTENCES[::-1],
    }
    for message, sentences in refused.items():
        with pytest.raises(ValueError, match=message):
            ours(sentences, checkpoint=finished)


def test_another_call_of_the_same_model_is_refused(finished):
    model = ours(SENTENCES, checkpoint=finished)
    with pytest.raises(ValueError, match="train_count: 0 in the checkpoint, 1 in this call"):
        model.train(SENTENCES, total_examples=len(SENTENCES), epochs=2, checkpoint=finished)


def test_a_refused_call_leaves_the_model_as_it_was(path, killed_after):
    killed_after(4)
    given = {"total_examples": len(SENTENCES), "epochs": 3, "checkpoint": path, "checkpoint_every": 0}
    model = ours()
    model.build_vocab(SENTENCES)
    with pytest.raises(KilledError):
        model.train(SENTENCES, callbacks=[Scheduling()], **given)
    model = ours()
    model.build_vocab(SENTENCES)
    before, callback = model.wv.vectors.copy(), Scheduling()
    state, factors = {name: getattr(model, name) for name in manifest.STATE}, model.wv.vectors_lockf
    with pytest.raises(ValueError, match="corpus: its first"):
        model.train(SENTENCES[::-1], callbacks=[callback], **given)
    assert (model.wv.vectors == before).all()
    assert {name: getattr(model, name) for name in manifest.STATE} == state
    assert model.wv.vectors_lockf is factors
    assert (callback.epoch, callback.losses) == (0, [])


def test_an_iterable_may_have_other_sentences(path, killed_after, caplog):
    """As random walks are others each time; the number of words must be the same up to the place."""
    killed_after(2)
    with pytest.raises(KilledError):
        ours(CountingCorpus(SENTENCES), checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    others = [sentence[::-1] for sentence in SENTENCES]
    ours(CountingCorpus(others), checkpoint=path)
    assert "the corpus has other sentences" in "".join(messages(caplog))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_every": 5}, "checkpoint_every=5 needs a file to write to"),
        ({"checkpoint": "c", "checkpoint_every": -1}, "checkpoint_every=-1: must be a number of seconds"),
        ({"checkpoint": "c", "checkpoint_every": float("nan")}, "checkpoint_every=nan: must be"),
        ({"checkpoint": "c", "checkpoint_every": "5"}, "checkpoint_every='5': must be a number of seconds"),
        ({"checkpoint": 5}, "checkpoint=5: must be the path of a file, a str or a Path"),
        ({"checkpoint": b"c"}, "checkpoint=b'c': must be"),
        ({"checkpoint": "c/"}, "must be the path of a file"),
        ({"checkpoint": "s3://bucket/c"}, "must be the path of a file"),
        ({"checkpoint": "."}, "must be the path of a file"),
        (
            {"checkpoint": "c", "hs": 1},
            "sg=0, hs=1, negative=5, and gensim's own engine has no checkpoints; leave it out",
        ),
    ],
)
def test_wrong_arguments(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        ours(SENTENCES[:50], **options)
    with pytest.raises(FileNotFoundError):
        ours(SENTENCES[:50], checkpoint=tmp_path / "none" / "c")
    with pytest.raises(ValueError, match="without a corpus nothing is trained here; give it to train"):
        ours(checkpoint=tmp_path / "c")
    assert os.listdir(tmp_path) == []


def test_a_checkpoint_that_cannot_be_written_is_told_and_training_goes_on(path, monkeypatch):
    whole = ours(SENTENCES)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint_file, "write", full)
    with pytest.warns(RuntimeWarning, match="no checkpoint was written to .*No space left on device"):
        assert same(whole, ours(SENTENCES, checkpoint=path, checkpoint_every=0))


def test_signals_do_what_they_do_without_checkpoints(path):
    """A handler of the user's is called between two chunks; training goes on if it does not raise."""
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        callback = Watching(at_epoch_end=lambda _: signal.raise_signal(signal.SIGTERM))
        ours(SENTENCES, checkpoint=path, callbacks=[callback])
        assert received == [signal.SIGTERM] * 2
    finally:
        signal.signal(signal.SIGTERM, before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
