import os
import subprocess
import sys

import pytest

from tests.benchmarks.programs import run
from tests.engines.triton_process import needs_triton
from tests.helpers import ROOT

PARTS = (
    "Ceilings",
    "Speed on the corpus",
    "Quality beside gensim",
    "From file to vectors",
    "How speed scales",
    "Memory check",
    "Blocks in flight against quality, skip-gram",
    "Blocks in flight against quality, CBOW",
)


@needs_triton
@pytest.mark.slow
def test_every_part_runs(corpus, tmp_path):
    """In a process of its own: whether Triton interprets is settled when it is imported."""
    path = tmp_path / "gpu.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", corpus, "--out", path, "--small", "--device", "cpu"],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = path.read_text()
    assert [line[3:] for line in report.splitlines() if line.startswith("## ")] == list(PARTS)
    assert "Not measured" not in report
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith(("| triton", "| torch_batched"))]
    assert len({tuple(row[:5]) for row in rows}) >= 25
    assert "Inferior to gensim: " in report


def test_another_device_is_refused(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with pytest.raises(RuntimeError, match="it needs an NVIDIA GPU"):
        run("gpu", corpus, "--out", tmp_path / "gpu.md", "--device", "cpu")
    assert not (tmp_path / "gpu.md").exists()
