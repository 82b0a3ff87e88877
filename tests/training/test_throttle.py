"""How many threads train at once."""

import threading

import pytest

from torch_w2v.training.throttle import _CHUNKS, _LONGEST_HELD_BACK, _PAUSE, Throttle


class Machine:
    """Threads that train chunks of 1,000 words; `threads2` is the seconds that a word takes one of two threads."""

    def __init__(self, workers, **cost):
        self.now, self.cost = 0.0, cost
        self.throttle = Throttle(lambda: self.now)
        self.woken = 0
        self.throttle.begin(workers, self.wake)
        self.limits = []

    def wake(self):
        self.woken += 1

    def train(self, seconds):
        end = self.now + seconds
        while self.now < end:
            limit = self.throttle.limit
            cost = self.cost[f"threads{limit}"]
            self.now += 1000 * cost
            for thread in range(limit):
                self.throttle.note(thread, 1000, 1000 * cost)
            self.limits.append(self.throttle.limit)


def test_threads_that_are_slower_together_are_held_back():
    machine = Machine(2, threads1=1e-6, threads2=2.5e-6)
    machine.train(_PAUSE / 2)
    assert machine.throttle.limit == 2
    machine.train(_PAUSE)
    assert machine.throttle.limit == 1


def test_threads_that_gain_from_each_other_train_but_for_a_few_chunks():
    machine = Machine(2, threads1=1e-6, threads2=1.2e-6)
    machine.train(60)
    assert machine.throttle.limit == 2
    assert 0 < machine.limits.count(1) <= 15 * (_CHUNKS + 2)


def test_the_best_of_many_threads_is_found():
    costs = {"threads16": 9e-6, "threads8": 3e-6, "threads4": 1.1e-6, "threads2": 1.05e-6, "threads1": 1e-6}
    machine = Machine(16, **costs)
    machine.train(10)
    assert machine.throttle.limit == 4


def test_all_train_again_when_they_are_faster_together_again():
    machine = Machine(2, threads1=1e-6, threads2=3e-6)
    machine.train(30)
    assert machine.throttle.limit == 1
    machine.cost["threads2"] = 1.1e-6
    machine.train(_LONGEST_HELD_BACK + 0.1)
    assert machine.throttle.limit == 2
    assert machine.woken


def test_a_sudden_loss_is_looked_into_at_once():
    machine = Machine(2, threads1=1e-6, threads2=1.1e-6)
    machine.train(30)
    machine.cost["threads2"] = 3e-6
    machine.train(0.1)
    assert machine.throttle.limit == 1


def test_another_epoch_goes_on_with_as_many():
    machine = Machine(2, threads1=1e-6, threads2=3e-6)
    machine.train(5)
    machine.throttle.end()
    machine.throttle.begin(2, machine.wake)
    assert machine.throttle.limit == 1
    machine.throttle.end()
    machine.throttle.begin(3, machine.wake)
    assert machine.throttle.limit == 3


@pytest.mark.parametrize("workers", [4, 5, 8, 16])
@pytest.mark.parametrize("chunks", [4, 6, 7])
def test_trials_go_on_in_the_next_epoch(workers, chunks):
    """Epochs that end within a trial; no thread hinders another."""
    now, words, held_back = 0.0, 100_000, 0
    throttle = Throttle(lambda: now)
    for _ in range(200):
        throttle.begin(workers, lambda: None)
        for chunk in range(chunks * workers):
            now += 0.02 / throttle.limit
            held_back += throttle.limit < workers
            throttle.note(chunk % throttle.limit, words, 0.02)
        throttle.end()
    assert 0 < held_back < 0.03 * 200 * chunks * workers


def test_short_parts_of_an_epoch_count_together():
    """As between the exchanges of several ranks, or between checkpoints: a chunk or two per thread."""
    now = 0.0
    throttle = Throttle(lambda: now)
    for _ in range(40):
        throttle.begin(8, lambda: None)
        for chunk in range(16):
            slow = throttle.limit > 4
            now += 10 / 8 if slow else 0.01
            throttle.note(chunk % throttle.limit, 100_000, 10 if slow else 0.01)
        throttle.end()
    assert throttle.limit == 4


def test_threads_wait_until_they_may_train_or_there_is_nothing_left():
    machine = Machine(2, threads1=1e-6, threads2=3e-6)
    machine.train(1)
    machine.throttle.wait(0)
    waiting = threading.Thread(target=machine.throttle.wait, args=(1,))
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    machine.throttle.end()
    waiting.join(5)
    assert not waiting.is_alive()
