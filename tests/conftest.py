"""Setup of all tests: one thread for numerical libraries, and the fixtures of several folders.

pytest-xdist runs one process per core, so more threads in each of them would only wait for each other.
"""

import os

# torch reads them once, when it is imported.
os.environ["OMP_NUM_THREADS"] = "1"
# Where a test asks for more threads, those that have nothing to do sleep: spinning would take the other tests' cores.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess

from tests import processes
from tests.helpers import KilledError
from torch_w2v.training import checkpoint_file, planning

# A shell ignores SIGINT in what it runs in the background, and nohup SIGHUP; an ignored signal stays so. Tests send
# them, to children too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A case takes long where other processes need the cores: that is no fault of the code.
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over all that was imported and collected, which stays and is large."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of some 60,000 words, one sentence per line."""
    path = tmp_path_factory.mktemp("corpus") / "lee.txt"
    with open(datapath("lee_background.cor"), encoding="utf8") as lines:
        path.write_text("".join(" ".join(simple_preprocess(line)) + "\n" for line in lines), encoding="utf8")
    return path


@pytest.fixture(scope="session", autouse=True)
def no_process_stays() -> Iterator[None]:
    """Processes that the tests have started end with them."""
    yield
    processes.close()


@pytest.fixture(autouse=True)
def all_workers_train() -> Iterator[None]:
    """Small corpora train on all threads that a test asks for; `planning.threads_of` would let one train alone."""
    # Not the fixture `monkeypatch`, which other fixtures would then outlive.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planning, "threads_of", lambda model, words: model.workers)
        yield


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


@pytest.fixture
def threads_that_start(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that lets so many threads start from now on; another one cannot."""
    start = threading.Thread.start

    def let_start(count: int) -> None:
        started = []

        def start_some(thread: threading.Thread) -> None:
            if len(started) == count:
                raise RuntimeError("can't start new thread")
            started.append(thread)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_some)

    return let_start


@pytest.fixture
def killed_after(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Return a function that makes training end right after its n-th checkpoint from now on."""
    write = checkpoint_file.write

    def kill_after(n: int) -> None:
        written = []

        def writing(*arguments: object) -> None:
            if len(written) >= n:
                raise KilledError
            write(*arguments)
            written.append(arguments)
            if len(written) == n:
                raise KilledError

        monkeypatch.setattr(checkpoint_file, "write", writing)

    yield kill_after
    monkeypatch.setattr(checkpoint_file, "write", write)
