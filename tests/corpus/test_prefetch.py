import threading
import time

import pytest

from torch_w2v.corpus.prefetch import Prefetch


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "torch_w2v-prefetch"]


def test_items_come_in_order():
    assert list(Prefetch(range(100))) == list(range(100))
    assert list(Prefetch([])) == []
    assert list(Prefetch([None, (), (1,)])) == [None, (), (1,)]


def test_it_runs_ahead_but_not_far():
    computed = []
    with Prefetch((computed.append(i) or i for i in range(100)), depth=2) as prefetch:
        items = iter(prefetch)
        next(items)
        time.sleep(0.2)
        assert 2 <= len(computed) <= 5
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


def test_closing_ends_a_waiting_consumer_and_closes_the_generator():
    closed, forever = threading.Event(), threading.Event()

    def slow():
        try:
            yield 1
            forever.wait(5)
            yield 2
        finally:
            closed.set()

    prefetch, seen = Prefetch(slow()), []
    consumer = threading.Thread(target=lambda: seen.extend(prefetch))
    consumer.start()
    time.sleep(0.1)
    start = time.monotonic()
    prefetch.close()
    consumer.join(1)
    assert not consumer.is_alive()
    assert time.monotonic() - start < 1
    assert seen == [1]
    assert prefetch.closed
    forever.set()
    assert closed.wait(1)


@pytest.mark.parametrize("fails", [False, True])
def test_an_iterator_that_cannot_be_closed_ends_with_that_error(fails):
    class Stuck:
        def __iter__(self):
            return self

        def __next__(self):
            raise KeyError("first") if fails else StopIteration

        def close(self):
            raise OSError("cannot be closed")

    with pytest.raises(KeyError if fails else OSError, match="first" if fails else "cannot be closed"):
        list(Prefetch(Stuck()))
