"""Training in processes that are killed, again and again. It imports no torch, so that it starts fast.

    python -c "from tests.training import kills; kills.kill_and_go_on('/tmp/folder/run.checkpoint', 1000, 0)"

kills so many and prints what they have left.
"""

import hashlib
import os
import random
import signal
import time
import warnings
from collections import Counter

from tests.faults import CALLS
from torch_w2v import Word2Vec
from torch_w2v.training import checkpoint_file, manifest

_draw = random.Random(0)
SENTENCES = [[f"w{int(_draw.expovariate(0.1))}" for _ in range(8)] for _ in range(4_000)]


def train(**options):
    """Return the SHA-256 of the vectors of a training of some 12 chunks."""
    model = Word2Vec(SENTENCES, vector_size=8, min_count=1, workers=1, epochs=4, seed=3, device="cpu", **options)
    return hashlib.sha256(model.wv.vectors.tobytes() + model.syn1neg.tobytes()).hexdigest()


def deadly(function, calls, number):
    """Return a function that does the same, and sends this process a signal at a call.

    Args:
        function: the function.
        calls: a list of one integer, shared by several functions: calls that are left until then.
        number: of the signal.
    """

    def call(*args, **kwargs):
        calls[0] -= 1
        if calls[0] == 0:
            os.kill(os.getpid(), number)
        return function(*args, **kwargs)

    return call


def child(path, number, calls, whole):
    """Train with a checkpoint after every chunk, and end this process: with 0 if the vectors are the right ones.

    Args:
        path: of the checkpoint.
        number: of the signal.
        calls: system calls of checkpoints until the process sends itself that; 0 for never.
        whole: what `train` returns for an undisturbed call.
    """
    # A shell lets its background jobs ignore it, and a test run may be one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if calls:
        left = [calls]
        for name in CALLS:
            setattr(os, name, deadly(getattr(os, name), left, number))
    try:
        os._exit(0 if train(checkpoint=path, checkpoint_every=0) == whole else 1)
    except KeyboardInterrupt:
        os._exit(130)
    except SystemExit as e:
        os._exit(e.code)


def left_by(path):
    """Return what a kill has left: "whole" or "previous" for the checkpoint to go on from, or "none"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = checkpoint_file.newest(path, manifest.check)
    if found is None:
        return "none"
    with found:
        return "whole" if found.path == path else "previous"


def kill_and_go_on(path, kills, seed):
    """Kill so many trainings, half of them within a checkpoint; each goes on from what the one before it has left.

    One that ends must have the vectors of an undisturbed call; the next one then begins anew.

    Args:
        path: of the checkpoint.
        kills: number of processes to kill.
        seed: of signals and moments.
    """
    draw = random.Random(seed)
    os.fsync = lambda _: None  # a kill leaves what was written
    begin = time.monotonic()
    whole = train()
    duration = time.monotonic() - begin
    counts, has_one = Counter(), False
    while counts["killed"] < kills:
        number = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT))
        calls = draw.randrange(1, 300) if draw.random() < 0.5 else 0
        pid = os.fork()
        if not pid:
            child(path, number, calls, whole)
        if not calls:
            time.sleep(draw.random() * 3 * duration)
            os.kill(pid, number)
        status = os.waitpid(pid, 0)[1]
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) in (0, 1):
            assert os.WEXITSTATUS(status) == 0, "other vectors"
            counts["ended"] += 1
            has_one = False
            for file in (path, f"{path}.previous"):
                if os.path.exists(file):
                    os.remove(file)
        else:
            # Before train() begins, SIGTERM and SIGHUP end the process at once.
            code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            assert code == 128 + number, (code, number)
            counts["killed"] += 1
            counts[signal.Signals(number).name] += 1
            counts["in a checkpoint" if calls else "anywhere"] += 1
            left = left_by(path)
            assert left != "none" or not has_one, "there was a checkpoint, and now there is none"
            has_one = left != "none"
            counts[left] += 1
    assert train(checkpoint=path) == whole
    left = [name for name in os.listdir(os.path.dirname(path)) if name.startswith(".")]
    assert not left, left
    print(counts["killed"], *(f"{name}: {count}" for name, count in counts.items()), sep=", ")
