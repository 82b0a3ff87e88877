"""Setup of all tests: one thread for numerical libraries, and a fixture that looks for threads left behind.

pytest-xdist runs one process per core, so more threads in each of them would only wait for each other.
"""

import os

# torch reads them once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
# Where a test asks for more threads, those that have nothing to do sleep: spinning would take the other tests' cores.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import threading
import time
from collections.abc import Callable

import hypothesis
import pytest

# A case takes long where other processes need the cores: that is no fault of the code.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture
def no_threads_left() -> Callable[[], bool]:
    """Return a function: whether no thread lives that the test has started.

    A thread that is ending gets a second for it.
    """
    before = set(threading.enumerate())

    def all_ended() -> bool:
        deadline = time.monotonic() + 1
        while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
            time.sleep(0.01)
        return not left

    return all_ended
