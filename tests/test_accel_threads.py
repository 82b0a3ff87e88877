"""`torch_w2v.accel` while other threads train, and switched by several of them."""

import pickle
import threading
from contextlib import contextmanager

import gensim.models
import pytest
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import same, trainable, words
from torch_w2v import accel

Plain = gensim.models.Word2Vec
SMALL = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 3, "seed": 3}


def makes_ours(cls=Plain):
    return isinstance(cls(), torch_w2v.Word2Vec)


class Meeting(CallbackAny2Vec):
    """Lets another thread do something during the first epoch."""

    def __init__(self):
        self.begun, self.done = threading.Event(), threading.Event()

    def on_epoch_begin(self, model):
        if not self.begun.is_set():
            self.begun.set()
            assert self.done.wait(30)


@contextmanager
def in_training(cls):
    """Train a model of a class in another thread while a block runs; yield a list that is to have the model."""
    meeting, found = Meeting(), []

    def train():
        found.append(cls(words(), callbacks=[meeting], **SMALL))

    thread = threading.Thread(target=train)
    thread.start()
    assert meeting.begun.wait(30)
    try:
        yield found
    finally:
        meeting.done.set()
        thread.join()


@pytest.mark.parametrize("begins", [True, False], ids=["within", "across"])
@pytest.mark.parametrize("switch", [accel.paused, accel.uninstall])
def test_switching_off_leaves_training_alone(switch, begins):
    class OfUser(Plain):
        pass

    class Derived(OfUser):
        pass

    with accel.installed():
        with in_training(Derived) as found:
            if switch is accel.uninstall:
                accel.uninstall()
                assert not makes_ours()
            else:
                with accel.paused():
                    assert not makes_ours()
                    if begins:
                        assert issubclass(OfUser, torch_w2v.Word2Vec)
        (model,) = found
        assert same(model, torch_w2v.Word2Vec(words(), **SMALL))
        # When no model trains any more, the next one that is made has what was asked for.
        assert makes_ours(OfUser) is (switch is accel.paused)
        assert issubclass(OfUser, torch_w2v.Word2Vec) is (switch is accel.paused)
    assert not makes_ours(OfUser)
    assert trainable(Derived(words(), **SMALL), words())


def test_switching_off_in_a_callback():
    class OfUser(Plain):
        pass

    class Baseline(CallbackAny2Vec):
        def on_epoch_end(self, model):
            with accel.paused():
                kinds.append(type(Plain(words(), **SMALL)))

    kinds = []
    with accel.installed():
        model = OfUser(words(), callbacks=[Baseline()], **SMALL)
    assert kinds == [Plain] * 3
    assert same(model, torch_w2v.Word2Vec(words(), **SMALL))


def test_switching_on_leaves_training_alone():
    class OfUser(Plain):
        pass

    with accel.installed():
        pass  # gensim's class tells of new models from now on
    with in_training(OfUser) as found, accel.installed():
        assert makes_ours()
        assert not issubclass(OfUser, torch_w2v.Word2Vec)
    (model,) = found
    assert model.train_count == 1
    with accel.installed():
        assert makes_ours(OfUser)
        assert trainable(OfUser(words(), **SMALL), words())


def test_blocks_of_threads_that_overlap():
    """The block that began last decides, and the end of another one changes nothing."""
    steps = [threading.Event() for _ in range(4)]
    seen = {}

    def first():
        with accel.installed():
            steps[0].set()
            assert steps[1].wait(30)
        seen["one ended"] = makes_ours()
        steps[2].set()

    def second():
        assert steps[0].wait(30)
        with accel.installed():
            steps[1].set()
            assert steps[2].wait(30)
            seen["other runs"] = makes_ours()
        seen["both ended"] = makes_ours()

    threads = [threading.Thread(target=run) for run in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"one ended": True, "other runs": True, "both ended": False}


def test_what_is_said_in_a_block_ends_with_it():
    with accel.installed():
        accel.uninstall()
        assert not makes_ours()
        with accel.paused():
            accel.install()
            assert makes_ours()
        assert not makes_ours()
        accel.install()
        assert makes_ours()
    assert not makes_ours()


def test_install_in_one_thread_while_another_pauses():
    with accel.paused():
        thread = threading.Thread(target=accel.install)
        thread.start()
        thread.join()
        assert not makes_ours()
    try:
        assert makes_ours()
    finally:
        accel.uninstall()
    assert not makes_ours()


def test_many_switches_in_many_threads():
    class OfUser(Plain):
        pass

    errors = []

    def work(block):
        try:
            for _ in range(15):
                with block():
                    pickle.dumps(OfUser(words(20), **SMALL).wv)
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(block,)) for block in (accel.installed, accel.paused) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert not makes_ours()
