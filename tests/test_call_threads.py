"""Threads know which calls they work for, and calls what their threads wait for."""

import threading

import pytest

from torch_w2v.call_threads import Call, calls_here, inherited, noted, working_for


def test_a_thread_that_a_working_thread_starts_works_for_the_same_calls():
    outer, inner, seen = Call(), Call(), []

    def work(name):
        seen.extend([name, calls_here(), set(outer.threads), set(inner.threads)])

    with working_for((outer,)), working_for((outer, inner)):
        thread = threading.Thread(target=inherited(work), args=("name",))
    thread.start()
    thread.join()
    assert seen == ["name", (outer, inner), {thread.ident}, {thread.ident}]
    assert calls_here() == ()
    assert not outer.threads
    assert not inner.threads


def test_a_call_knows_since_when_a_thread_has_waited_for_an_item():
    call, me, seen = Call(), threading.get_ident(), []

    def items():
        seen.append(call.threads[me])
        yield 1
        raise ValueError

    with working_for((call,)):
        iterator = noted(items())
        assert next(iterator) == 1
        assert call.threads[me] is None
        with pytest.raises(ValueError, match=r"^$"):
            next(iterator)
        assert call.threads[me] is None
        assert list(noted([2, 3])) == [2, 3]
    assert isinstance(seen[0], float)
