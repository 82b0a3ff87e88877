"""Every benchmark can be started as its docstring and the Makefile say."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.benchmarks.programs import run
from tests.helpers import ROOT
from torch_w2v.engines import layouts

PROGRAMS = (
    "any_data",
    "calls",
    "dispatch",
    "engines",
    "fallback",
    "frontier",
    "gpu",
    "graphs",
    "quality",
    "reading",
    "roofline",
    "shapes",
    "skip_gram",
    "soak",
)
TARGETS = re.findall(r"\bbenchmarks\.(\w+)", (ROOT / "Makefile").read_text())


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_shows_how_to_start_it(name: str) -> None:
    assert f"\n    python -m benchmarks.{name} " in (importlib.import_module(f"benchmarks.{name}").__doc__ or "")


def test_the_makefile_starts_benchmarks_that_there_are() -> None:
    assert set(TARGETS) == set(PROGRAMS) - {"calls", "dispatch", "fallback", "frontier", "roofline"}


def test_help_is_printed() -> None:
    done = run("reading", "--help")
    assert done.returncode == 0, done.stderr
    assert "--parts" in done.stdout


def test_reading_has_a_row_per_figure(corpus) -> None:
    done = run("reading", corpus, "--parts", "scan", "lists", "gz", "--reps", "1", "--threads", "1")
    rows = [line for line in done.stdout.splitlines() if line.startswith("| count and encode")]
    assert len(rows) == 3, done.stderr
    assert done.returncode == any("missed" in row for row in rows)


def test_calls_has_a_row_per_size() -> None:
    done = run("calls", "--vocabulary", "20", "--sentences", "1", "30", "--calls", "1")
    assert [row.split(" | ")[0] for row in done.stdout.splitlines()[2:]] == ["| 1", "| 30"], done.stderr


@pytest.mark.slow
def test_frontier_has_a_row_and_a_point_per_layout(corpus, tmp_path) -> None:
    picture, default = tmp_path / "frontier.svg", layouts.one_block_per_step
    done = run("frontier", corpus, "--layouts", "16,4,6", "32,32,5", "--seeds", "2", "--plot", str(picture))
    assert [row.split(" | ")[0] for row in done.stdout.splitlines()[2:]] == ["| 16,4,6", "| 32,32,5"], done.stderr
    assert "<svg" in picture.read_text()
    assert layouts.one_block_per_step is default
