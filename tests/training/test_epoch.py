"""The epoch loop: learning rate, threads, progress, interrupts."""

import dataclasses
import logging
import re
import signal
import subprocess
import sys
import threading
import time
import traceback

import gensim.models
import numpy as np
import pytest
import torch

import torch_w2v
from tests.gensim_compat.test_threads import no_threads_left
from tests.helpers import (
    ENGINES,
    ROOT,
    Failing,
    Passes,
    both_classes,
    heed_ctrl_c,
    interrupted_at,
    messages,
    ours,
    python,
    same,
    topics,
    trainable,
    words,
)
from torch_w2v import corpus, engines
from torch_w2v.engines import Engine
from torch_w2v.engines.plan import Layout
from torch_w2v.training import epoch as training

on_each_engine = pytest.mark.parametrize("engine", ENGINES)
on_workers = pytest.mark.parametrize("workers", [1, 3])


def chunk(n, examples=1, position=0):
    return corpus.Chunk(np.zeros(n, np.int32), np.array([0, n]), 0, n, position, examples)


def recording(concurrent, each=lambda position: None):
    """An engine that notes what it is given and counts every token as kept, with a loss of 0.5 on 2 pairs."""
    seen = []

    def train_chunk(inputs, outputs, tokens, offsets, begin, end, position, alpha_begin, alpha_end, **arguments):
        each(position)
        seen.append((position, alpha_begin, alpha_end, threading.current_thread()))
        return len(tokens), 0.5 * len(tokens), 2 * len(tokens)

    return Engine("recording", "cpu", train_chunk, lambda *_: Layout(), concurrent=concurrent), seen


def epoch(engine, chunks, workers=1, report=lambda totals: None, alpha=lambda examples, words: 1 - words / 100):
    return training.train_epoch(engine, (None, None), {}, training.jobs(chunks, alpha), workers, report, 0.0)


@pytest.mark.parametrize(("concurrent", "workers"), [(False, 1), (False, 3), (True, 1), (True, 3)])
def test_totals_and_rates(concurrent, workers):
    engine, seen = recording(concurrent)
    totals = epoch(engine, [chunk(10, i, 10 * i) for i in range(10)], workers)
    assert (totals.chunks, totals.examples, totals.raw_words, totals.trained_words) == (10, 45, 100, 100)
    assert (totals.loss, totals.pairs) == (50, 200)
    assert sorted((p, a, b) for p, a, b, _ in seen) == [
        (10 * i, pytest.approx(1 - i / 10), pytest.approx(0.9 - i / 10)) for i in range(10)
    ]
    main = threading.current_thread()
    assert all((thread is main) == (not concurrent or workers == 1) for *_, thread in seen)


def test_empty_chunks_are_counted_and_not_trained():
    engine, seen = recording(False)
    totals = epoch(engine, [chunk(0, 3), chunk(5, 1)])
    assert (totals.chunks, totals.examples, totals.raw_words, len(seen)) == (2, 4, 5, 1)
    assert epoch(engine, []).chunks == 0


def test_side_by_side_is_side_by_side():
    meeting = threading.Barrier(3, timeout=10)
    engine, seen = recording(True, lambda position: meeting.wait())
    epoch(engine, [chunk(1)] * 6, 3)
    assert len({thread for *_, thread in seen}) == 3


def test_no_thread_outlives_a_failure():
    """Also one in the middle of a chunk: when the exception is here, nothing writes to the tables any more."""
    before = set(threading.enumerate())
    meeting = threading.Barrier(3, timeout=10)

    def each(position):
        meeting.wait()
        if position == 0:
            raise RuntimeError("broken")
        time.sleep(0.3)

    engine, _ = recording(True, each)
    with pytest.raises(RuntimeError, match="broken"):
        epoch(engine, [chunk(1, position=i) for i in range(9)], 3)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("where", ["engine", "corpus", "report"])
@pytest.mark.parametrize(("concurrent", "workers"), [(False, 1), (True, 1), (True, 3)])
def test_failures_come_out_and_stop_the_threads(concurrent, workers, where, error, monkeypatch):
    before = set(threading.enumerate())

    def fail(*_):
        raise error

    engine, seen = recording(concurrent, fail if where == "engine" else lambda position: time.sleep(1e-3))

    def chunks():
        for i in range(1000):
            if where == "corpus" and i == 5:
                fail()
            yield chunk(1)

    if where == "report":
        monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    with pytest.raises(type(error)) as raised:
        epoch(engine, chunks(), workers, fail)
    assert raised.value is error
    assert "fail" in [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert len(seen) < 1000
    assert no_threads_left(before)


def test_reports_come_at_their_times(monkeypatch):
    """The first after a second, as in gensim, then every `report_delay`."""
    now = [0.0]
    monkeypatch.setattr(training, "default_timer", lambda: now[0])

    def tick(position):
        now[0] += 0.25

    engine, _ = recording(False, tick)
    reports = []
    totals = training.Totals(start=0.0)
    monkeypatch.setattr(training, "Totals", lambda: totals)
    source = training.jobs([chunk(1)] * 20, lambda examples, words: 1.0)
    training.train_epoch(engine, (None, None), {}, source, 1, lambda totals: reports.append(totals.raw_words), 0.6)
    assert reports == [4, 7, 10, 13, 16, 19]


# ---- progress and logs ----

EPOCH_END = r"EPOCH (\d): training on (\d+) raw words \((\d+) effective words\) took \d+\.\ds, \d+ effective words/s"
PROGRESS = r"EPOCH 0 - PROGRESS: at \d+\.\d\d%% (%s), \d+ words/s, in_qsize %s, out_qsize \d"


@both_classes
def test_lines_at_the_end_of_a_pass(cls, caplog):
    caplog.set_level(logging.INFO)
    model = ours(cls=cls)
    model.build_vocab(words())
    trained, raw = model.train(words(), total_examples=300, epochs=2)
    lines = [re.fullmatch(EPOCH_END, line) for line in messages(caplog, logger="gensim") if line.startswith("EPOCH")]
    assert [line[1] for line in lines] == ["0", "1"]
    assert [int(line[2]) for line in lines] == [raw // 2] * 2
    assert sum(int(line[3]) for line in lines) == trained
    event = model.lifecycle_events[-1]
    assert re.match(rf"training on {raw} raw words \({trained} effective words\) took ", event["msg"])


class Slow(Passes):
    def __iter__(self):
        for sentence in super().__iter__():
            time.sleep(0.005)
            yield sentence


@both_classes
def test_progress_by_examples(cls, caplog):
    caplog.set_level(logging.INFO)
    model = ours(cls=cls, batch_words=10)
    model.build_vocab(words())
    model.train(Slow(words()), total_examples=300, epochs=1, report_delay=0.1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert len(lines) >= 2
    assert all(re.fullmatch(PROGRESS % ("examples", r"\d"), line) for line in lines), lines


def test_progress_by_words_and_without_totals(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    model = ours(batch_words=10)
    model.build_vocab(words())
    total = model.corpus_total_words
    model.train(words(), total_words=total, epochs=1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert lines
    assert all(re.fullmatch(PROGRESS % ("words", "0"), line) for line in lines), lines
    caplog.clear()
    model.train(words(), total_examples=0, epochs=1)
    assert "PROGRESS" not in caplog.text


def test_progress_in_file_mode(caplog, tmp_path, monkeypatch):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in words()))
    model = ours(batch_words=10)
    model.build_vocab(corpus_file=path)
    monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    caplog.set_level(logging.INFO)
    model.train(corpus_file=path, total_words=model.corpus_total_words, epochs=1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert lines
    assert all(re.fullmatch(PROGRESS % ("words", "-1"), line) for line in lines), lines


@both_classes
@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ({"total_examples": 299}, "EPOCH 0: supplied example count (300) did not equal expected count (299)"),
        ({"total_words": 7}, "EPOCH 0: supplied raw word count (2092) did not equal expected count (7)"),
        ({"total_examples": 300, "total_words": 2092}, None),
    ],
    ids=["examples", "words", "right"],
)
def test_warning_when_the_corpus_is_not_the_one_announced(cls, totals, expected, caplog):
    model = ours(cls=cls)
    model.build_vocab(words())
    caplog.clear()
    model.train(words(), epochs=1, **totals)
    assert messages(caplog, logging.WARNING, "gensim") == ([expected] if expected else [])


EMPTY = (
    "train() called with an empty iterator (if not intended, "
    "be sure to provide a corpus that offers restartable iteration = an iterable)."
)


@both_classes
def test_warning_for_an_empty_iterator(cls, caplog):
    model = ours(cls=cls, alpha=0.02, min_alpha=0.02)
    model.build_vocab(words())
    caplog.clear()
    assert model.train([], total_examples=0, epochs=1) == (0, 0)
    assert EMPTY in messages(caplog, logging.WARNING, model.__class__.__module__.split(".")[0])
    caplog.clear()
    assert model.train([], total_examples=0, epochs=1) == (0, 0)  # only before the first training
    assert EMPTY not in caplog.text


@both_classes
def test_an_iterator_ends_after_its_first_pass(cls, caplog):
    model = ours(cls=cls)
    model.build_vocab(words())
    caplog.clear()
    _, raw = model.train(iter(words()), total_examples=300, epochs=3)
    assert raw == model.corpus_total_words
    assert caplog.text.count(EMPTY) == 2


def test_generator_for_one_pass():
    model = ours(epochs=1)
    model.build_vocab(sentence for sentence in words())
    _, raw = model.train((sentence for sentence in words()), total_examples=300, epochs=1)
    assert raw == 2092


QUIET = """
import sys
from tests.helpers import ours, words
for options in ({"sg": 0}, {"sg": 1}, {"engine": "auto"}):
    model = ours(**options)
    model.build_vocab(words())
    model.train([], total_examples=5, epochs=1)
    model.train(words(), total_examples=3, epochs=1)
"""


def test_silent_unless_logging_is_configured():
    done = python(QUIET)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_time_is_added_up():
    model = ours(words())
    first = model.total_train_time
    assert first > 0
    model.train(words(), total_examples=300, epochs=1)
    assert model.total_train_time > first


# ---- interrupts and failing corpora ----


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
    assert "_call" not in vars(model)
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
    assert "_call" not in vars(model)
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


SIGNAL = """
import sys, threading, time
import numpy as np
from tests.helpers import ENGINES, ours, words

sentences = words(20_000)

class Endless:
    def __iter__(self):
        print("pass", flush=True)
        yield from sentences
        while True:
            yield from sentences

for engine, workers in [*((engine, 1) for engine in ENGINES), (ENGINES[-1], 3), ("sg", 2)]:
    options = {"sg": 1} if engine == "sg" else {"engine": engine}
    model = ours(workers=workers, **options)
    model.build_vocab(sentences[:2000])
    model.train(sentences[:2000], total_examples=2000, epochs=1)  # what is imported late is imported now
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
    with subprocess.Popen(
        [sys.executable, "-c", SIGNAL], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    ) as process:  # fmt: skip
        try:
            while (line := process.stdout.readline().strip()) == "pass":
                time.sleep(0.3)
                start = time.monotonic()
                process.send_signal(signal.SIGINT)
                assert process.stdout.readline().strip() == "interrupted"
                assert time.monotonic() - start < 2
                assert process.stdout.readline().split()[2] == "1"  # the main thread alone
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
    with subprocess.Popen(
        [sys.executable, "-c", STUCK, str(workers)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    ) as process:  # fmt: skip
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


def test_an_interrupt_while_the_vectors_come_back(monkeypatch):
    """Nothing is lost, and the next call starts afresh."""
    calm = ours(topics(), engine="reference")
    write_back, calls = interrupted_at(1)
    model = ours(engine="reference")
    model.build_vocab(topics())
    chosen = dataclasses.replace(
        engines.choose("reference", "cpu", 8), rows=lambda table, last: torch.from_numpy(table.copy()),
        write_back=write_back,
    )  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(engines, "choose", lambda *_: chosen)
        with pytest.raises(KeyboardInterrupt):
            model.train(topics(), total_examples=600, epochs=2)
    assert len(calls) == 3
    assert same(model, calm)
    assert "_call" not in vars(model)


def test_who_looks_between_passes_finds_what_was_trained():
    """A subclass and an iterator; a callback is in test_word2vec."""
    seen = []

    class Looking(torch_w2v.Word2Vec):
        def _log_epoch_end(self, *args, **kwargs):
            seen.append(self.wv.vectors.copy())
            super()._log_epoch_end(*args, **kwargs)

    class Sentences:
        def __iter__(self):
            seen.append(model.wv.vectors.copy())
            return iter(topics())

    model = ours(topics(), cls=Looking, epochs=3)
    assert len({array.tobytes() for array in seen}) == 3
    assert np.array_equal(seen[-1], model.wv.vectors)
    seen.clear()
    model = ours()
    model.build_vocab(topics())
    model.train(Sentences(), total_examples=600, epochs=3)
    assert len({array.tobytes() for array in seen}) == 3
