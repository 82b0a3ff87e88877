"""Ranks that are processes are killed, or told to end, and go on from their checkpoint when they are started again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.distributed.test_processes import port, run  # noqa: F401  a fixture
from tests.distributed.thread_group import run_ranks
from tests.helpers import ROOT, topics
from torch_w2v import Word2Vec
from torch_w2v.distributed.exchange import Exchange

PROGRAM = """
import os, sys
import numpy as np
from tests.distributed import test_restarts
from torch_w2v import Word2Vec

folder, number, every, attempt, kills = sys.argv[1], *map(int, sys.argv[2:])
rank = os.environ["RANK"]
attempt = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", attempt))
if kills > 1 and attempt < kills:
    test_restarts.end_anywhere(int(rank), attempt)
elif rank == "1" and attempt == 0:
    test_restarts.end_at_exchange(8 + test_restarts.BEFORE, number)
checkpoint = f"{folder}/run.checkpoint"
model = Word2Vec(**test_restarts.OPTIONS, checkpoint=checkpoint, checkpoint_every=every, distributed=True)
np.savez(f"{folder}/{rank}.npz", model.wv.vectors, model.syn1neg)
"""
OPTIONS = {"sentences": topics(900), "vector_size": 16, "min_count": 1, "epochs": 3, "workers": 1, "seed": 5}
# The exchanges of the first two of three epochs.
BEFORE = 36 + 20


def end_at_exchange(number, signal_number):
    """Let this process send itself a signal when an exchange begins; 1 is the number of the first."""
    merge, left = Exchange.merge, [number]

    def merging(*arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal_number)
        return merge(*arguments)

    Exchange.merge = merging


def end_anywhere(rank, attempt):
    """Let a random rank of two be killed, at one of its first exchanges or a little later."""
    draw = random.Random(attempt)
    victim, number, is_late = draw.randrange(2), draw.randrange(1, 7), draw.random() < 0.5
    if rank != victim:
        return
    if not is_late:
        end_at_exchange(number, signal.SIGKILL)
        return
    merge, left = Exchange.merge, [number]

    def merging(*arguments):
        left[0] -= 1
        if left[0] == 0:
            threading.Timer(draw.random() * 0.03, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return merge(*arguments)

    Exchange.merge = merging


def place(path):
    """Return the epoch, the stage and the exchange of a checkpoint."""
    with np.load(path) as checkpoint:
        manifest = json.loads(checkpoint["manifest.json"])
    return manifest["progress"]["epoch"], manifest["stage"], manifest["exchange"]


def assert_same_as_undisturbed(folder):
    models = run_ranks(2, lambda group: Word2Vec(**OPTIONS, distributed=group))
    for rank, model in enumerate(models):
        with np.load(folder / f"{rank}.npz") as found:
            assert np.array_equal(found["arr_0"], model.wv.vectors)
            assert np.array_equal(found["arr_1"], model.syn1neg)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 20])
def test_torchrun_restarts_killed_ranks_from_the_checkpoint(kills, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    arguments = [str(program), str(tmp_path), str(int(signal.SIGKILL)), "0", "0", str(kills)]
    finished = subprocess.run(
        [*command, "--max-restarts", str(kills), *arguments],
        capture_output=True,
        text=True,
        timeout=120 + 60 * kills,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("exitcode: -9") == kills
    assert_same_as_undisturbed(tmp_path)


@pytest.mark.slow
def test_a_rank_that_is_told_to_end_does_so_where_all_agree(tmp_path, port):  # noqa: F811  the fixture
    """The ranks go on to the next exchange that has all rows, which is the one that begins, and write a checkpoint."""
    arguments = ["-c", PROGRAM, str(tmp_path), str(int(signal.SIGTERM)), "600"]
    (code, output), (other_code, _) = run(2, port, *arguments, "0", "1")
    assert other_code == 128 + signal.SIGTERM
    assert code == 1
    assert "rank 1 failed: Terminated: 143" in output
    assert place(tmp_path / "run.checkpoint") == (2, "train", 8)
    results = run(2, port, *arguments, "1", "1")
    assert [code for code, _ in results] == [0, 0], results
    assert_same_as_undisturbed(tmp_path)
