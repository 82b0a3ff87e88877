"""Interrupts and corpora that fail: nothing is lost, no thread is left, and the model stays usable."""

import signal
import subprocess
import sys
import threading
import time
import traceback

import gensim.models
import pytest
import torch

from tests.gensim_compat.test_threads import no_threads_left
from tests.helpers import ENGINES, ROOT, Failing, Passes, heed_ctrl_c, ours, same, topics, trainable, words
from torch_w2v import engines
from torch_w2v.engines.reference import ReferenceEngine

on_each_engine = pytest.mark.parametrize("engine", ENGINES)
on_workers = pytest.mark.parametrize("workers", [1, 3])


def nothing_left_of_training(model):
    """Whether a model has no attribute that belongs to one call of `train()`."""
    return not {"_train_call", "_corpus"} & set(vars(model))


@on_workers
@on_each_engine
@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt()], ids=repr)
def test_corpus_that_raises(error, engine, workers):
    before = set(threading.enumerate())
    model = ours(engine=engine, workers=workers, batch_words=100)
    model.build_vocab(words())
    with pytest.raises(type(error)) as raised:
        model.train(Failing(words(), error, when=1), total_examples=300, epochs=3)
    assert raised.value is error
    assert "__iter__" in [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert no_threads_left(before)
    assert nothing_left_of_training(model)
    assert trainable(model, words())


@on_each_engine
@pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"])
def test_interrupt_in_a_callback(moment, engine):
    class Interrupting(gensim.models.callbacks.CallbackAny2Vec):
        pass

    def interrupt(self, model):
        raise KeyboardInterrupt

    setattr(Interrupting, moment, interrupt)
    model = ours(engine=engine)
    model.build_vocab(words())
    with pytest.raises(KeyboardInterrupt):
        model.train(words(), total_examples=300, epochs=2, callbacks=[Interrupting()])
    assert nothing_left_of_training(model)
    assert trainable(model, words())


def test_torch_keeps_its_threads():
    before = torch.get_num_threads()
    model = ours(workers=1)
    model.build_vocab(words())
    seen = []

    class Watching(Passes):
        def __iter__(self):
            seen.append(torch.get_num_threads())
            return super().__iter__()

    with pytest.raises(OSError, match="gone"):
        model.train(Failing(words(), OSError("gone"), when=0), total_examples=300, epochs=1)
    assert torch.get_num_threads() == before
    model.train(Watching(words()), total_examples=300, epochs=1)
    assert seen == [1]
    assert torch.get_num_threads() == before


def child(code, *arguments):
    """A process that runs `code` and can be interrupted."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )


SIGNAL = """
import threading, time
import numpy as np
from tests.helpers import ENGINES, ours, words

sentences = words(20_000)

class Endless:
    def __iter__(self):
        print("epoch", flush=True)
        yield from sentences
        while True:
            yield from sentences

for engine, workers in [*((engine, 1) for engine in ENGINES), (ENGINES[-1], 3), ("sg", 2)]:
    options = {"sg": 1} if engine == "sg" else {"engine": engine}
    model = ours(workers=workers, **options)
    model.build_vocab(sentences[:2000])
    # This imports what is imported late.
    model.train(sentences[:2000], total_examples=2000, epochs=1)
    try:
        model.train(Endless(), total_examples=20_000, epochs=1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert np.isfinite(model.wv.vectors).all()
    model.wv.most_similar("w1")
    model.train(sentences[:500], total_examples=500, epochs=1)
    end = time.monotonic() + 1
    while threading.active_count() > 1 and time.monotonic() < end:
        time.sleep(0.01)
    print(engine, workers, threading.active_count(), flush=True)
print("done", flush=True)
"""


def test_ctrl_c():
    with child(SIGNAL) as process:
        try:
            while (line := process.stdout.readline().strip()) == "epoch":
                time.sleep(0.3)
                start = time.monotonic()
                process.send_signal(signal.SIGINT)
                assert process.stdout.readline().strip() == "interrupted"
                assert time.monotonic() - start < 2
                # No thread but the main one lives.
                assert process.stdout.readline().split()[2] == "1"
            assert line == "done", process.stderr.read()
            assert process.wait(10) == 0
        finally:
            process.kill()


STUCK = """
import sys, time
from tests.helpers import ours, words

class Stuck:
    def __iter__(self):
        yield from words()
        print("waiting", flush=True)
        time.sleep(60)

model = ours(engine="torch_batched", workers=int(sys.argv[1]))
model.build_vocab(words())
try:
    model.train(Stuck(), total_examples=300, epochs=1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
model.wv.most_similar("w1")
print("usable", flush=True)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_while_the_corpus_waits_for_something(workers):
    with child(STUCK, str(workers)) as process:
        try:
            assert process.stdout.readline().strip() == "waiting"
            time.sleep(0.2)
            start = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline().strip() == "interrupted"
            assert time.monotonic() - start < 2
            assert process.stdout.readline().strip() == "usable"
            assert process.wait(10) == 0
        finally:
            process.kill()


class InterruptedOnce(ReferenceEngine):
    """The reference with rows of its own; the first call of `store_table` is interrupted."""

    stores = 0

    def load_table(self, table, previous=None):
        return torch.from_numpy(table.copy())

    def store_table(self, table, rows):
        self.stores += 1
        if self.stores == 1:
            raise KeyboardInterrupt
        super().store_table(table, rows)


def test_an_interrupt_while_the_vectors_are_written_back(monkeypatch):
    """Nothing is lost, and the next call starts afresh."""
    calm = ours(topics(), engine="reference")
    model = ours(engine="reference")
    model.build_vocab(topics())
    engine = InterruptedOnce("cpu")
    with monkeypatch.context() as patch:
        patch.setattr(engines, "choose", lambda *_: engine)
        with pytest.raises(KeyboardInterrupt):
            model.train(topics(), total_examples=600, epochs=2)
    assert engine.stores == 3
    assert same(model, calm)
    assert nothing_left_of_training(model)
