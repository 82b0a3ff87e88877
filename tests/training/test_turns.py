"""Several threads, and child processes, that train one model."""

import os
import signal
import threading
import time

import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.distributed.thread_group import ThreadGroup
from tests.helpers import ours, words

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
