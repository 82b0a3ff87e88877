"""Ranks that are processes, on torch.distributed with sockets: what `thread_group` stands for in the other tests."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import topics
from torch_w2v import Word2Vec

PROGRAM = """
import os, signal, sys, time
import numpy as np
from torch_w2v import Word2Vec

path, folder, what = sys.argv[1:]
rank = int(os.environ["RANK"])

class Corpus:
    passes = 0

    def __iter__(self):
        self.passes += 1
        for number, line in enumerate(open(path)):
            if rank == 1 and self.passes == 3 and number == 500 and what != "tensors full":
                if what.endswith("raise"):
                    raise OSError("disk on fire")
                os.kill(os.getpid(), signal.SIGKILL)
            yield line.split()

# Let the ranks exchange tensors, though they are on the CPU, as between GPUs by NCCL.
def exchange_tensors():
    from torch_w2v.distributed.tensor_group import TensorGroup
    from torch_w2v.training.ranks import Together

    Together.tensor_group = lambda self, engine: TensorGroup(self.group, "gloo")

options = dict(vector_size=16, min_count=1, epochs=2, workers=1, distributed=True)
try:
    if what == "train":
        model = Word2Vec(corpus_file=path, **options)
        exchange_tensors()
        tensors = Word2Vec(corpus_file=path, engine="torch_batched", **options)
        np.savez(f"{folder}/{rank}.npz", model.wv.vectors, model.syn1neg, tensors.wv.vectors, tensors.syn1neg)
    else:
        if what.startswith("tensors"):
            exchange_tensors()
            options["engine"] = "torch_batched"
        if what == "tensors full":
            from torch_w2v.distributed import tensor_merge

            pack, calls = tensor_merge.pack, []

            def full(*arguments):
                calls.append(1)
                if rank == 1 and len(calls) == 9:
                    raise MemoryError("disk on fire")
                pack(*arguments)

            tensor_merge.pack = full
        Word2Vec(Corpus(), shard="given", **options)
except Exception as e:
    print(f"rank {rank}: {type(e).__name__}: {e}", flush=True)
    print(f"at {time.monotonic():.1f}", flush=True)
    if what.startswith("lingering"):
        kept = e  # as a notebook does
        time.sleep(15)
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in topics(900)))
    return path


def run(ranks, port, *arguments):
    """Run a command once per rank, side by side, and return (exit code, output) of each."""
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "OMP_NUM_THREADS": "1",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(ranks)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    return [(process.returncode, output) for process, output in zip(processes, outputs, strict=True)]


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_processes_train_one_model(corpus, tmp_path, port):
    results = run(2, port, "-c", PROGRAM, str(corpus), str(tmp_path), "train")
    assert [code for code, _ in results] == [0, 0], results
    one, other = (np.load(tmp_path / f"{rank}.npz") for rank in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one.files)
    assert all(np.isfinite(one[name]).all() for name in one.files)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["raise", "kill", "tensors raise", "tensors kill", "tensors full"])
def test_a_rank_that_fails_ends_the_others_at_once(corpus, tmp_path, port, what):
    (code, output), (other_code, other) = run(2, port, "-c", PROGRAM, str(corpus), str(tmp_path), what)
    assert code == 3
    if not what.endswith("kill"):
        error = "MemoryError" if what == "tensors full" else "OSError"
        assert f"rank 0: RuntimeError: rank 1 failed: {error}: " in output
        assert f"rank 1: {error}: " in other
        assert "disk on fire" in other or what == "tensors full"
    else:
        assert "rank 0: RuntimeError: rank 0: another rank is gone" in output
        assert other_code == -9


@pytest.mark.slow
def test_a_failure_reaches_all_of_four_ranks_though_the_processes_that_have_noticed_it_live_on(corpus, tmp_path, port):
    """Only neighbours in a collective are connected: what one that has noticed leaves open, others wait at."""
    results = run(4, port, "-c", PROGRAM, str(corpus), str(tmp_path), "lingering raise")
    assert [code for code, _ in results] == [3] * 4
    for rank in (0, 2, 3):
        assert f"rank {rank}: RuntimeError: rank 1 failed: OSError: disk on fire" in results[rank][1]
    at = [float(output.rpartition("at ")[2]) for _, output in results]
    assert max(at) - min(at) < 10


@pytest.mark.slow
def test_the_command_line_under_torchrun(corpus, tmp_path):
    out = tmp_path / "vectors.kv"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = ["-m", "torch_w2v", "train", str(corpus), "-o", str(out), "--vector-size", "16", "--workers", "1"]
    finished = subprocess.run([*command, *train], capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "started by torchrun: 2 processes train one model" in finished.stderr
    assert finished.stdout.count("vectors.kv: ") == 1
    alone = Word2Vec(corpus_file=corpus, vector_size=16, workers=1)
    assert KeyedVectors.load(str(out)).index_to_key == alone.wv.index_to_key


@pytest.mark.slow
def test_what_is_wrong_with_the_first_ones_output_ends_all_commands_with_one_line(corpus, tmp_path, port):
    out = tmp_path / "vectors.kv"
    out.write_text("older")
    command = ["-m", "torch_w2v", "train", str(corpus), "-o", str(out), "--workers", "1", "--distributed"]
    (code, output), (other_code, other) = run(2, port, *command)
    assert (code, other_code) == (2, 1)
    assert "vectors.kv: exists; --overwrite replaces it" in output
    assert "error: rank 0 failed: CommandError: " in other
    assert "exists; --overwrite replaces it" in other
    assert "Traceback" not in output + other
    assert out.read_text() == "older"
