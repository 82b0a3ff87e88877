"""Threads that take work, also where Python's own executors refuse it."""

import gc
import threading

import pytest

from tests.processes import python
from torch_w2v.pool import ThreadPool

LATE = """
import atexit, sys, threading
from torch_w2v import Word2Vec

class Corpus:
    def __iter__(self):
        threading.main_thread().join()
        return iter([["a", "b", "c"]] * 50)

def train(corpus):
    print(Word2Vec(corpus, min_count=1, vector_size=4, epochs=2))

if sys.argv[1] == "thread":
    threading.Thread(target=train, args=(Corpus(),)).start()
else:
    atexit.register(train, [["a", "b", "c"]] * 50)
"""


@pytest.mark.parametrize("when", ["thread", "atexit"])
def test_training_goes_on_after_the_main_thread(when):
    done = python(LATE, when)
    assert (done.stdout, done.stderr) == ("Word2Vec<vocab=3, vector_size=4, alpha=0.025>\n", "")
    assert done.returncode == 0


def test_results_and_errors_come_where_they_are_asked_for():
    with ThreadPool(2, "pool") as pool:
        assert list(pool.map(pow, range(9), [2] * 9)) == [n * n for n in range(9)]
        names = {pool.submit(lambda: threading.current_thread().name).result() for _ in range(50)}
        failed = pool.submit(int, "x")
    assert names <= {"pool_0", "pool_1"}
    with pytest.raises(ValueError, match="'x'"):
        failed.result()
    assert not [thread for thread in threading.enumerate() if thread.name in names]


def test_an_interrupt_while_a_thread_starts_leaves_none(monkeypatch):
    start = threading.Thread.start

    def interrupted(self):
        start(self)
        raise KeyboardInterrupt

    pool = ThreadPool(2, "interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.submit(pow, 2, 2)
    pool.shutdown()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("interrupted")]
    with pytest.raises(RuntimeError, match="told to end"):
        pool.submit(pow, 2, 2)


def test_threads_of_a_pool_that_is_forgotten_end():
    pool = ThreadPool(1, "forgotten")
    assert pool.submit(pow, 2, 3).result() == 8
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "forgotten_0")
    del pool
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


def test_fewer_threads_than_asked_for_do(monkeypatch):
    start = threading.Thread.start

    def only_one(self):
        if self.name != "few_0":
            raise RuntimeError("can't start new thread")
        start(self)

    monkeypatch.setattr(threading.Thread, "start", only_one)
    with ThreadPool(3, "few") as pool:
        assert list(pool.map(pow, range(5), [2] * 5)) == [0, 1, 4, 9, 16]
    monkeypatch.setattr(threading.Thread, "start", lambda self: only_one(threading.Thread(name="other")))
    with ThreadPool(3, "none") as pool, pytest.raises(RuntimeError, match="can't start"):
        pool.submit(pow, 2, 2)


def test_the_end_waits_for_what_was_submitted():
    go_on, done = threading.Event(), []
    pool = ThreadPool(1, "pool")
    pool.submit(go_on.wait)
    pool.submit(done.append, 1)
    cancelled = pool.submit(done.append, 2)
    assert cancelled.cancel()
    go_on.set()
    pool.shutdown()
    assert done == [1]


def test_the_end_may_cancel_what_no_thread_has_begun():
    begun, go_on = threading.Event(), threading.Event()
    pool = ThreadPool(1, "pool")
    first = pool.submit(lambda: begun.set() or go_on.wait(5))
    second = pool.submit(pow, 2, 2)
    assert begun.wait(5)
    pool.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert (first.result(5), second.cancelled()) == (True, True)
