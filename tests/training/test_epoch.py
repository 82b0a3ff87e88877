"""The epoch loop: learning rates, threads, reports, failures."""

import contextlib
import threading
import time
import traceback

import pytest

from tests.training.engines import PLAN, RecordingEngine, chunk
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.training import epoch as training
from torch_w2v.training import throttle
from torch_w2v.training.jobs import jobs


def train(engine, chunks, workers=1, report=lambda totals: None, sharing=None, **options):
    source = jobs(chunks, lambda begin, end: Rates(1 - begin.words / 100, 1 - end.words / 100))
    hooks = training.Hooks(report, report_delay=0.0, **options)
    return training.train_epoch(engine, Tables(None, None), PLAN, source, workers, hooks, sharing=sharing)


@pytest.mark.parametrize(("thread_safe", "workers"), [(False, 1), (False, 3), (True, 1), (True, 3)])
def test_totals_and_rates(thread_safe, workers):
    engine = RecordingEngine(thread_safe)
    totals = train(engine, [chunk(10, i, 10 * i) for i in range(10)], workers)
    assert (totals.chunks, totals.examples, totals.raw_words, totals.trained_words) == (10, 45, 100, 100)
    assert (totals.loss, totals.pairs) == (50, 200)
    assert sorted((position, begin, end) for position, begin, end, _ in engine.seen) == [
        (10 * i, pytest.approx(1 - i / 10), pytest.approx(0.9 - i / 10)) for i in range(10)
    ]
    main = threading.current_thread()
    assert all((thread is main) == (not thread_safe or workers == 1) for *_, thread in engine.seen)


def test_empty_chunks_are_counted_and_not_trained():
    engine = RecordingEngine()
    totals = train(engine, [chunk(0, 3), chunk(5, 1)])
    assert (totals.chunks, totals.examples, totals.raw_words, len(engine.seen)) == (2, 4, 5, 1)
    assert train(engine, []).chunks == 0


def test_workers_train_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)
    engine = RecordingEngine(True, lambda position: meeting.wait())
    train(engine, [chunk(1)] * 6, 3)
    assert len({thread for *_, thread in engine.seen}) == 3


@pytest.mark.parametrize("failing", [None, 150])
def test_threads_that_hinder_one_another_are_held_back(failing, monkeypatch):
    """All jobs are done, once each, and the threads that wait end with the others, also after a failure."""
    monkeypatch.setattr(throttle, "_PAUSE", 0.05)
    running, alone, before = [], [], set(threading.enumerate())

    def hinder(position):
        if position == failing:
            raise RuntimeError("broken")
        running.append(position)
        time.sleep(0.001 if len(running) == 1 else 0.03)
        alone.append(len(running) == 1)
        running.remove(position)

    engine = RecordingEngine(True, hinder)
    chunks = [chunk(1, position=i) for i in range(200)]
    if failing is None:
        assert train(engine, chunks, 3).chunks == 200
        assert sorted(position for position, *_ in engine.seen) == list(range(200))
    else:
        with pytest.raises(RuntimeError, match="broken"):
            train(engine, chunks, 3)
    assert sum(alone) > 60
    assert set(threading.enumerate()) == before


def test_no_thread_outlives_a_failure():
    """Also one in the middle of a chunk: when the exception is here, nothing writes to the tables any more."""
    before = set(threading.enumerate())
    meeting = threading.Barrier(3, timeout=10)

    def fail_at_first(position):
        meeting.wait()
        if position == 0:
            raise RuntimeError("broken")
        time.sleep(0.3)

    with pytest.raises(RuntimeError, match="broken"):
        train(RecordingEngine(True, fail_at_first), [chunk(1, position=i) for i in range(9)], 3)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("place", ["engine", "corpus", "report"])
@pytest.mark.parametrize(("thread_safe", "workers"), [(False, 1), (True, 1), (True, 3)])
def test_failures_are_raised_and_stop_the_threads(thread_safe, workers, place, error, monkeypatch, no_threads_left):

    def fail(*_):
        raise error

    engine = RecordingEngine(thread_safe, fail if place == "engine" else lambda position: time.sleep(1e-3))

    def chunks():
        for i in range(1000):
            if place == "corpus" and i == 5:
                fail()
            yield chunk(1)

    if place == "report":
        monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    with pytest.raises(type(error)) as raised:
        train(engine, chunks(), workers, fail)
    assert raised.value is error
    assert "fail" in [frame.name for frame in traceback.extract_tb(raised.tb)]
    assert len(engine.seen) < 1000
    assert no_threads_left()


@pytest.mark.parametrize(("thread_safe", "workers"), [(False, 1), (True, 3)])
@pytest.mark.parametrize("fails", [False, True])
def test_the_source_is_stopped_once_however_training_ends(thread_safe, workers, fails):
    calls = []

    def fail(position):
        if fails:
            raise RuntimeError("broken")

    def run():
        training.train_epoch(
            RecordingEngine(thread_safe, fail),
            Tables(None, None),
            PLAN,
            jobs([chunk(1)] * 5, lambda begin, end: Rates(1.0, 1.0)),
            workers,
            training.Hooks(stop=lambda: calls.append("stop")),
        )

    if fails:
        with pytest.raises(RuntimeError, match="broken"):
            run()
    else:
        run()
    assert calls == ["stop"]


def test_reports_come_at_their_times(monkeypatch):
    """The first after a second, as in gensim, then every `report_delay`."""
    now = [0.0]
    monkeypatch.setattr(training, "default_timer", lambda: now[0])

    def tick(position):
        now[0] += 0.25

    reports = []
    totals = training.Totals(start=0.0)
    monkeypatch.setattr(training, "Totals", lambda: totals)
    training.train_epoch(
        RecordingEngine(on_chunk=tick),
        Tables(None, None),
        PLAN,
        jobs([chunk(1)] * 20, lambda begin, end: Rates(1.0, 1.0)),
        1,
        training.Hooks(lambda totals: reports.append(totals.raw_words), 0.6),
    )
    assert reports == [4, 7, 10, 13, 16, 19]


@pytest.mark.parametrize("chunks", [0, 1, 2, 9])
def test_there_are_no_more_threads_than_chunks(chunks, monkeypatch):
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread) or start(thread))
    totals = train(RecordingEngine(True), [chunk(1, position=i) for i in range(chunks)], 4)
    assert totals.chunks == chunks
    assert min(chunks, 1) <= len(started) <= chunks


@pytest.mark.parametrize("failing", [0, 2])
def test_threads_end_when_another_cannot_start(failing, no_threads_left, threads_that_start):
    threads_that_start(failing)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        train(RecordingEngine(True, lambda position: time.sleep(0.1)), [chunk(1) for _ in range(9)], 4)
    assert no_threads_left()


def test_what_is_done_is_reported_while_the_source_waits():
    reported = threading.Event()

    def slow():
        yield chunk(1)
        yield chunk(1)
        assert reported.wait(10)
        yield chunk(1)

    engine = RecordingEngine(True, lambda position: time.sleep(1.1))
    assert train(engine, slow(), 2, report=lambda totals: reported.set()).chunks == 3


class ThreadsOwnTables(RecordingEngine):
    """Gives each thread tables of its own, and notes when they are given and taken back."""

    def __init__(self, on_chunk=lambda position: None):
        super().__init__(True, on_chunk)
        self.given, self.log = {}, []

    @contextlib.contextmanager
    def for_thread(self, tables, sharing, thread):
        assert (tables, sharing) == (Tables(None, None), "sharing")
        assert thread not in self.given.values()
        own = Tables(thread, object())
        self.given[own] = thread
        self.log.append(("given", thread))
        try:
            yield own
        finally:
            del self.given[own]
            self.log.append(("back", thread))

    def train(self, tables, chunk, rates, plan):
        assert self.given[tables] == tables.inputs
        self.log.append((tables.inputs, threading.get_ident()))
        return super().train(tables, chunk, rates, plan)


@pytest.mark.parametrize("failing", [None, 30])
def test_threads_have_tables_of_their_own(failing, monkeypatch):
    def fail(position):
        time.sleep(1e-3)
        if position == failing:
            raise RuntimeError("broken")

    engine = ThreadsOwnTables(fail)
    expected = pytest.raises(RuntimeError, match="broken") if failing else contextlib.nullcontext()
    # A busy machine makes threads slow, and who is held back gives its tables back before the end.
    monkeypatch.setattr(throttle.Throttle, "note", lambda *noted: None)
    with expected:
        train(engine, [chunk(1, position=i) for i in range(60)], 3, sharing="sharing")
    assert not engine.given
    number_of = {ident: number for number, ident in engine.log if not isinstance(number, str)}
    assert sorted(number_of.values()) == [0, 1, 2]
    assert all(number_of[ident] == number for number, ident in engine.log if not isinstance(number, str))
    assert sum(1 for what, _ in engine.log if what == "given") == 3


def test_threads_give_their_tables_back_before_they_are_held_back(monkeypatch):
    monkeypatch.setattr(throttle, "_PAUSE", 0.05)
    running = []

    def hinder(position):
        running.append(position)
        time.sleep(0.001 if len(running) == 1 else 0.03)
        running.remove(position)

    engine = ThreadsOwnTables(hinder)
    assert train(engine, [chunk(1, position=i) for i in range(200)], 3, sharing="sharing").chunks == 200
    assert sorted(position for position, *_ in engine.seen) == list(range(200))
    assert not engine.given
    backs = [i for i, (what, _) in enumerate(engine.log) if what == "back"]
    # Others went on when a thread gave its tables back.
    assert sum(1 for what, _ in engine.log[backs[0] :] if not isinstance(what, str)) > 20
