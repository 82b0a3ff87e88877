from tests.engines.triton_process import needs_triton
from tests.helpers import ROOT, python

BENCH = ROOT / "benchmarks/gpu.py"
PARTS = ("Ceilings", "Speed on the corpus", "Quality beside gensim", "From file to vectors", "How speed scales",
         "Memory check", "Blocks in flight against quality")  # fmt: skip


def bench(tmp_path, *options, **environment):
    code = "import runpy, sys; sys.path[:0] = ['.', 'benchmarks']; runpy.run_path(sys.argv[0], run_name='__main__')"
    start = f"import sys; sys.argv = sys.argv[1:]; {code}"
    report = tmp_path / "gpu.md"
    done = python(start, BENCH, "--out", report, *options, timeout=300, OMP_NUM_THREADS="1", **environment)
    return done, report.read_text() if report.exists() else ""


@needs_triton
def test_every_part_runs(tmp_path):
    done, report = bench(tmp_path, "--small", "--device", "cpu", TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stderr
    assert [line[3:] for line in report.splitlines() if line.startswith("## ")] == list(PARTS)
    assert "Not measured" not in report
    rows = [line.split(" | ") for line in report.splitlines() if line.startswith(("| triton", "| torch_batched"))]
    assert len({tuple(row[:5]) for row in rows}) >= 15
    assert "Worse than gensim: " in report


def test_on_another_device_it_says_so(tmp_path):
    done, report = bench(tmp_path, "--device", "cpu", TRITON_INTERPRET="0")
    assert "it needs an NVIDIA GPU" in done.stderr
    assert not report
