import threading
import time

import pytest

from torch_w2v.corpus.prefetch import Prefetch


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "torch_w2v-ahead"]


def test_items_come_in_order():
    assert list(Prefetch(range(100))) == list(range(100))
    assert list(Prefetch([])) == []
    assert list(Prefetch([None, (), (1,)])) == [None, (), (1,)]


def test_it_runs_ahead_but_not_far():
    made = []
    with Prefetch((made.append(i) or i for i in range(100)), depth=2) as ahead:
        items = iter(ahead)
        next(items)
        time.sleep(0.2)
        assert 2 <= len(made) <= 5
    assert not threads()


def test_an_exception_comes_out_with_its_own_traceback():
    def failing():
        yield 1
        raise KeyError("deep")

    items = iter(Prefetch(failing()))
    assert next(items) == 1
    with pytest.raises(KeyError, match="deep") as info:
        next(items)
    assert info.traceback[-1].name == "failing"


def test_closing_wakes_whoever_waits_and_cleans_up():
    cleaned, forever = threading.Event(), threading.Event()

    def slow():
        try:
            yield 1
            forever.wait(5)
            yield 2
        finally:
            cleaned.set()

    ahead, got = Prefetch(slow()), []
    reader = threading.Thread(target=lambda: got.extend(ahead))
    reader.start()
    time.sleep(0.1)
    start = time.monotonic()
    ahead.close()
    reader.join(1)
    assert not reader.is_alive()
    assert time.monotonic() - start < 1
    assert got == [1]
    assert ahead.closed
    forever.set()
    assert cleaned.wait(1)
