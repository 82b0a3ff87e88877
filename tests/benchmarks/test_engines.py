from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common import Contender, median, spread
from benchmarks.engines import report
from tests.benchmarks.programs import run
from tests.helpers import DEFAULT_ENGINE


def test_each_contender_runs_and_then_the_plain_loop(corpus: Path) -> None:
    options = ["--engines", DEFAULT_ENGINE, "--reps", "1", "--workers", "1", "--plain-words", "500", "--quality"]
    done = run("engines", corpus, *options)
    assert done.returncode == ("is slower than a plain autograd loop" in done.stderr), done.stderr
    runs = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("run ")]
    feeds = [f"run 1  {name} {mode}" for name in ("gensim", DEFAULT_ENGINE) for mode in ("list", "corpus_file")]
    assert runs == [*feeds, "run 1  plain loop"]
    assert done.stdout.splitlines()[-1].startswith("plain loop")


def test_an_engine_slower_than_the_plain_loop_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    speeds = {("gensim", "list"): 2.0, ("gensim", "corpus_file"): 1.0, ("quick", "list"): 8.0, ("slow", "list"): 0.1}
    contenders = [Contender(name, mode, None, train=[v], later=[v]) for (name, mode), v in speeds.items()]
    assert report(contenders, [0.2]) == ["slow (list) is slower than a plain autograd loop: 0.1000 M words/s"]
    lines = capsys.readouterr().out.splitlines()
    ratios = [
        line.split()[-1] for line in lines if line.startswith(("gensim  ", "quick  ", "slow  ")) and " list " in line
    ]
    assert ratios == ["1.00", "4.00", "0.05"]


def test_figures_as_text() -> None:
    assert spread([1.0, 3.0, 2.0]) == "2.00 (1.00-3.00)"
    assert spread([0.01, 0.02]) == "0.0150 (0.0100-0.0200)"
    assert spread([]) == "-"
    assert median([]) != median([])  # nan
