"""What starts ranks: the examples of the guide, in their local modes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.helpers import topics
from torch_w2v import Word2Vec

pytestmark = pytest.mark.slow
GUIDE = ROOT / "docs" / "guide" / "several-machines.md"
# Starts as many processes as Slurm has tasks, and waits for them; it knows one option of `srun`.
SRUN = """#!/bin/bash
[ "$1" = --kill-on-bad-exit=1 ] && shift
for SLURM_PROCID in $(seq 0 $((SLURM_NTASKS - 1))); do SLURM_PROCID=$SLURM_PROCID "$@" & done
for job in $(jobs -p); do wait $job || exit 1; done
"""


def example(word: str) -> str:
    """Return the block of the guide that has a word."""
    (text,) = (block.text for block in blocks(GUIDE) if word in block.text)
    return text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a corpus, where the examples run."""
    lines = (" ".join(sentence) for sentence in topics(2000))
    (tmp_path / "corpus.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def run(folder: Path, command: list[str], **environment: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment}
    finished = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


@pytest.mark.parametrize(("library", "word"), [("ray", "TorchTrainer"), ("pyspark", "TorchDistributor(num")])
def test_libraries_that_start_processes(folder: Path, library: str, word: str) -> None:
    pytest.importorskip(library)
    (folder / "example.py").write_text(example(word))
    run(folder, [sys.executable, "example.py"], PYSPARK_PYTHON=sys.executable)
    model = Word2Vec.load(str(folder / "corpus.model"))
    alone = Word2Vec(corpus_file=folder / "corpus.txt", workers=1)
    assert model.wv.index_to_key == alone.wv.index_to_key
    assert model.wv.most_similar("a0", topn=1)[0][0][0] == "a"


def test_the_script_for_slurm(folder: Path) -> None:
    """Stand-ins for Slurm's programs do what the script expects of them: Slurm itself is not needed."""
    programs = {
        "srun": SRUN,
        "scontrol": "#!/bin/bash\necho 127.0.0.1\necho other-host\n",
        "torch-w2v": f'#!/bin/bash\nexec {sys.executable} -m torch_w2v "$@"\n',
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "job.sh").write_text(example("#SBATCH"))
    output = run(folder, ["bash", "job.sh"], PATH=f"{folder}:{os.environ['PATH']}", SLURM_NTASKS="2")
    assert (folder / "vectors.kv").exists()
    # Processes that train apart would each write the file, and say so.
    assert output.count("vectors.kv: ") == 1
