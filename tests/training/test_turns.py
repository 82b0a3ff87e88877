"""Several threads, and child processes, that train one model."""

import contextlib
import os
import re
import signal
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.distributed.thread_group import ThreadGroup
from tests.helpers import ours, trainable, words
from torch_w2v.training import turns

WORDS = sum(map(len, words()))


@pytest.mark.parametrize("kind", ["cpu", "gensim", "distributed"])
def test_two_threads_take_turns(kind):
    model = ours(words(), hs=int(kind == "gensim"), epochs=1)
    if kind == "distributed":
        model.distributed = ThreadGroup(0, 1, [None], threading.Barrier(1))
    running, most, returned = set(), [], {}

    class Seen(CallbackAny2Vec):
        def on_train_begin(self, model):
            running.add(threading.get_ident())

        def on_epoch_begin(self, model):
            most.append(len(running))
            time.sleep(0.01)

        def on_train_end(self, model):
            running.clear()

    def train(times):
        sentences = words() * times
        returned[times] = model.train(sentences, total_examples=len(sentences), epochs=3, callbacks=[Seen()])

    threads = [threading.Thread(target=train, args=(times,)) for times in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {times: raw for times, (_, raw) in returned.items()} == {1: 3 * WORDS, 2: 6 * WORDS}
    assert most == [1] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_trains_a_model_that_a_thread_of_its_parent_trains():
    model = ours(words())
    arguments = {"total_examples": 300, "epochs": 1}
    at_work, done = threading.Event(), threading.Event()

    class Waits(CallbackAny2Vec):
        def on_epoch_begin(self, model):
            at_work.set()
            done.wait(10)

    thread = threading.Thread(target=model.train, args=(words(),), kwargs={**arguments, "callbacks": [Waits()]})
    thread.start()
    at_work.wait(10)
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(model.train(words(), **arguments)[1] != WORDS)
    status = os.waitpid(child, 0)[1]
    done.set()
    thread.join()
    assert status == 0


ONCE = {"total_examples": 300, "epochs": 1}
on_kinds = pytest.mark.parametrize("options", [{}, {"hs": 1, "negative": 0}], ids=["cpu", "gensim"])
REFUSED = r"^train\(\) was called while another train\(\) of this model runs, which waits for this very thread"


class AtEpochEnd(CallbackAny2Vec):
    """Does something once."""

    def __init__(self, do):
        self.do, self.result = do, None

    def on_epoch_end(self, model):
        do, self.do = self.do, None
        if do is not None:
            self.result = do(model)


class Corpus:
    """Sentences between which something is done once in an iteration."""

    def __init__(self, do):
        self.do = do

    def __iter__(self):
        for i, sentence in enumerate(words()):
            if i == 100:
                self.do()
            yield sentence


def in_a_thread(model, join=threading.Thread.join):
    """Train a model in another thread, wait for it by `join`, and return its errors."""
    errors = []

    def train():
        try:
            model.train(words(), **ONCE)
        except RuntimeError as e:
            errors.append(e)

    thread = threading.Thread(target=train)
    thread.start()
    join(thread)
    return thread, errors


@on_kinds
def test_the_thread_that_reads_the_corpus_cannot_train_the_model(options):
    model = ours(words(), **options)
    with pytest.raises(RuntimeError, match=REFUSED):
        model.train(Corpus(lambda: model.train(words(), **ONCE)), **ONCE)
    assert trainable(model, words())


@on_kinds
def test_another_reader_that_has_ended_does_not_hide_the_one_that_reads(options):
    model, other = ours(words(), **options), ours(words(), **options)

    def trains_both():
        other.train(Corpus(lambda: None), **ONCE)
        model.train(words(), **ONCE)

    with pytest.raises(RuntimeError, match=REFUSED):
        model.train(Corpus(trains_both), **ONCE)


@on_kinds
def test_a_thread_for_which_the_corpus_waits(options):
    model, seen = ours(words(), **options), []
    assert model.train(Corpus(lambda: seen.append(in_a_thread(model))), **ONCE)[1] == WORDS
    with pytest.raises(RuntimeError, match=REFUSED):
        raise seen[0][1][0]


@on_kinds
def test_a_thread_for_which_a_callback_waits(options):
    callback = AtEpochEnd(in_a_thread)
    model = ours(words(), callbacks=[callback], **options)
    with pytest.raises(RuntimeError, match=REFUSED):
        raise callback.result[1][0]
    assert trainable(model, words())


def executed(model):
    with ThreadPoolExecutor() as pool:
        return pool.submit(model.train, words(), **ONCE).result()


def left_to_the_executor(model):
    with ThreadPoolExecutor() as pool:
        future = pool.submit(model.train, words(), **ONCE)
    return future.result()


def mapped(model):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda corpus: model.train(corpus, **ONCE), [words()]))


@pytest.mark.parametrize("do", [executed, left_to_the_executor, mapped])
def test_an_executor_for_which_a_callback_waits(do):
    with pytest.raises(RuntimeError, match=REFUSED):
        ours(words(), callbacks=[AtEpochEnd(do)])


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("where", ["callback", "corpus"])
def test_calls_that_wait_for_one_another(where, n):
    """One is refused, and the others end."""
    models, together, errors = [ours(words()) for _ in range(n)], threading.Barrier(n), []

    def train(i):
        def the_next(_=None):
            together.wait(10)
            models[(i + 1) % n].train(words(), **ONCE)

        try:
            corpus = words() if where == "callback" else Corpus(the_next)
            models[i].train(corpus, **ONCE, callbacks=[AtEpochEnd(the_next)] if where == "callback" else [])
        except RuntimeError as e:
            errors.append(e)

    threads = [threading.Thread(target=train, args=(i,), daemon=True) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert len(errors) == 1
    with pytest.raises(RuntimeError, match=REFUSED):
        raise errors[0]


@pytest.mark.parametrize("join", [lambda thread: thread.join(0.3), lambda thread: None], ids=["for a time", "never"])
def test_a_thread_for_which_a_callback_does_not_wait_takes_its_turn(join):
    callback = AtEpochEnd(lambda model: in_a_thread(model, join))
    model = ours(words(), callbacks=[callback])
    thread, errors = callback.result
    thread.join(30)
    assert not thread.is_alive()
    assert not errors
    assert model.train_count == 2


@pytest.mark.parametrize(
    ("where", "place"), [("callback", r"on_epoch_end\(\) of a callback \(.*test_turns\.py"), ("corpus", "the iterator")]
)
@on_kinds
def test_a_wait_that_nothing_is_known_about_is_said_once(options, where, place, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.3)
    model, done = ours(words(), **options), threading.Event()

    def wait(_=None):
        threading.Thread(target=lambda: (in_a_thread(model), done.set())).start()
        done.wait(0.6)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if where == "corpus":
            model.train(Corpus(wait), **ONCE)
        else:
            model.train(words(), **ONCE, callbacks=[AtEpochEnd(wait)])
        assert done.wait(30)
    (warning,) = [each for each in warned if "another train()" in str(each.message)]
    assert re.search(rf"which has been in {place}.* If that waits for this thread", str(warning.message))


@pytest.mark.slow
@on_kinds
def test_ordinary_turns_are_no_matter_for_a_warning(options, monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.3)
    model = ours(words(), **options)

    class Pausing(CallbackAny2Vec):
        def on_epoch_end(self, model):
            time.sleep(0.05)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arguments = {"total_examples": 300, "epochs": 12, "callbacks": [Pausing()]}
        threads = [threading.Thread(target=model.train, args=(words(),), kwargs=arguments) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert model.train_count == 3


def test_an_interrupt_while_waiting(monkeypatch):
    model, begun, done = ours(words()), threading.Event(), threading.Event()
    callback = AtEpochEnd(lambda model: (begun.set(), done.wait(20)))
    other = threading.Thread(target=model.train, args=(words(),), kwargs={**ONCE, "callbacks": [callback]})
    other.start()
    assert begun.wait(10)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            model.train(words(), **ONCE)
            pytest.fail("was not interrupted")
    finally:
        signal.signal(signal.SIGINT, before)
        done.set()
        other.join()
    assert not turns._waiting
    assert trainable(model, words())
