from tests.benchmarks.programs import run
from tests.engines.triton_process import needs_triton

PARTS = (
    "Ceilings",
    "Speed on the corpus",
    "Quality beside gensim",
    "From file to vectors",
    "How speed scales",
    "Memory check",
    "Blocks in flight against quality",
)


@needs_triton
def test_every_part_runs(corpus, tmp_path):
    path = tmp_path / "gpu.md"
    done = run("gpu", corpus, "--out", path, "--small", "--device", "cpu", TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr
    report = path.read_text()
    assert [line[3:] for line in report.splitlines() if line.startswith("## ")] == list(PARTS)
    assert "Not measured" not in report
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith(("| triton", "| torch_batched"))]
    assert len({tuple(row[:5]) for row in rows}) >= 15
    assert "Inferior to gensim: " in report


def test_another_device_is_refused(corpus, tmp_path):
    done = run("gpu", corpus, "--out", tmp_path / "gpu.md", "--device", "cpu", TRITON_INTERPRET="0")
    assert "it needs an NVIDIA GPU" in done.stderr
    assert not (tmp_path / "gpu.md").exists()
