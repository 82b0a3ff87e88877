"""Corpora that fail, users who interrupt: the error is raised at once, no thread lives on, the model stays usable."""

import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from types import SimpleNamespace

import gensim.models
import pytest
import torch

from tests.helpers import (
    ROOT,
    CountingCorpus,
    FailingCorpus,
    heed_ctrl_c,
    on_each_engine,
    on_workers,
    ours,
    same,
    topics,
    trainable,
    words,
)
from torch_w2v import engines
from torch_w2v.engines.reference import ReferenceEngine
from torch_w2v.training import interrupts as interrupts_module
from torch_w2v.training.interrupts import PatientInterrupts, Terminated


def nothing_left_of_training(model):
    """Return whether a model has no attribute that belongs to one call of `train()`."""
    return not {"_w2v_call", "_w2v_corpus"} & set(vars(model))


@on_workers
@on_each_engine
@pytest.mark.parametrize("error", [OSError("the disk is gone"), KeyboardInterrupt()], ids=repr)
def test_corpus_that_raises(error, engine, workers, no_threads_left):
    model = ours(engine=engine, workers=workers, batch_words=100)
    model.build_vocab(words())
    with pytest.raises(type(error)) as raised:
        model.train(FailingCorpus(words(), error, good_iterations=1), total_examples=300, epochs=3)
    assert raised.value is error
    assert "__iter__" in [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert no_threads_left()
    assert nothing_left_of_training(model)
    assert trainable(model, words())


@pytest.mark.parametrize("moment", ["on_train_begin", "on_epoch_begin", "on_epoch_end", "on_train_end"])
def test_interrupt_in_a_callback(moment):
    class Interrupting(gensim.models.callbacks.CallbackAny2Vec):
        pass

    def interrupt(self, model):
        raise KeyboardInterrupt

    setattr(Interrupting, moment, interrupt)
    model = ours()
    model.build_vocab(words())
    with pytest.raises(KeyboardInterrupt):
        model.train(words(), total_examples=300, epochs=2, callbacks=[Interrupting()])
    assert nothing_left_of_training(model)
    assert trainable(model, words())


@pytest.fixture
def torch_threads():
    """Let torch have two threads, and return that number."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def test_torch_keeps_its_threads(torch_threads):
    model = ours(engine="torch_batched", workers=1)
    model.build_vocab(words())
    threads_in_training = []

    class Watched(CountingCorpus):
        def __iter__(self):
            threads_in_training.append(torch.get_num_threads())
            return super().__iter__()

    with pytest.raises(OSError, match="gone"):
        model.train(FailingCorpus(words(), OSError("gone"), good_iterations=0), total_examples=300, epochs=1)
    assert torch.get_num_threads() == torch_threads
    model.train(Watched(words()), total_examples=300, epochs=1)
    assert threads_in_training == [1]
    assert torch.get_num_threads() == torch_threads


@contextmanager
def child(code):
    """Run `code` in a Python process that takes SIGINT as from a terminal; end it when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def interrupt(process):
    """Press Ctrl-C and check that the child says within 2 seconds that it was interrupted."""
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline().strip() == "interrupted"
    assert time.monotonic() - start < 2


ENDLESS = """
import threading, time
import numpy as np
from tests.helpers import DEFAULT_ENGINE, ENGINES, ours, words

sentences = words(4_000)

class Endless:
    def __iter__(self):
        print("training", flush=True)
        while True:
            yield from sentences

for engine, workers in [*((engine, 1) for engine in ENGINES), (ENGINES[-1], 3), ("sg", 2), ("hs", 2)]:
    options = {engine: 1} if engine in ("sg", "hs") else {"engine": engine}
    model = ours(workers=workers, **options)
    model.build_vocab(sentences[:2000])
    # Everything that is imported late is imported now.
    model.train(sentences[:100], total_examples=100, epochs=1)
    try:
        model.train(Endless(), total_examples=20_000, epochs=1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert np.isfinite(model.wv.vectors).all()
    model.wv.most_similar("w1")
    model.train(sentences[:100], total_examples=100, epochs=1)
    deadline = time.monotonic() + 10  # others may need the cores
    while threading.active_count() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    print(threading.active_count(), flush=True)
"""


WAITING = """
class Waiting:
    def __iter__(self):
        yield from words()
        print("waiting", flush=True)
        time.sleep(60)

for engine, workers in ((DEFAULT_ENGINE, 1), (DEFAULT_ENGINE, 2), ("torch_batched", 1)):
    model = ours(engine=engine, workers=workers)
    model.build_vocab(words())
    try:
        model.train(Waiting(), total_examples=300, epochs=1)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    model.wv.most_similar("w1")
print("done", flush=True)
"""


def test_ctrl_c():
    """While training, and while the corpus waits for something."""
    with child(ENDLESS + WAITING) as process:
        while (line := process.stdout.readline().strip()) in ("training", "waiting"):
            time.sleep(0.2)
            interrupt(process)
            if line == "training":
                assert process.stdout.readline().strip() == "1"  # thread, the main one
        assert line == "done", process.stderr.read()
        assert process.wait(10) == 0


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
    """Nothing is lost, and the next call starts anew."""
    undisturbed = ours(topics(100), engine="reference")
    model = ours(engine="reference")
    model.build_vocab(topics(100))
    engine = InterruptedOnce("cpu")
    with monkeypatch.context() as patch:
        patch.setattr(engines, "choose", lambda *_: engine)
        with pytest.raises(KeyboardInterrupt):
            model.train(topics(100), total_examples=100, epochs=2)
    assert engine.stores == 3
    assert same(model, undisturbed)
    assert nothing_left_of_training(model)


@pytest.mark.parametrize("what", ["settled", "second", "second at once", "end"])
def test_patient_interrupts_wait(what, monkeypatch):
    """Until they are settled, or a second one comes some seconds later, or the block ends."""
    reached, now = [], [100.0]
    monkeypatch.setattr(interrupts_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def block():
        with PatientInterrupts() as interrupts:
            interrupts.wait()
            signal.raise_signal(signal.SIGTERM)
            with interrupts.held(), interrupts.released():
                interrupts.poll()
            reached.append(interrupts.pending)
            if what == "settled":
                interrupts.settle()
            if what.startswith("second"):
                now[0] += 3 if what == "second" else 1
                signal.raise_signal(signal.SIGTERM)
            reached.append("the end of the block")

    with pytest.raises(Terminated):
        block()
    assert reached == ([True] if what in ("settled", "second") else [True, "the end of the block"])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
