from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.common import Shape
from tests.benchmarks.programs import run
from tests.helpers import KERNEL


@pytest.mark.skipif(not KERNEL, reason="times the fused kernel")
def test_the_table_has_a_row_for_each_shape(corpus: Path) -> None:
    done = run("shapes", corpus, "--shapes", "short", "one", "--reps", "1", "--threads", "1")
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == ["| sentences of 8 words", "| the same, 1 thread"], done.stderr
    missed = any(float(row[5]) < float(row[6].strip(" |")) for row in rows)
    assert done.returncode == missed


def test_a_shape_cuts_the_corpus() -> None:
    sentences = [["a", "b", "c"], ["d"], ["e", "f"]]
    assert Shape().cut(sentences) == sentences
    assert Shape(most_words=5).cut(sentences) == sentences[:2]
    assert Shape(sentence_words=4).cut(sentences) == [["a", "b", "c", "d"], ["e", "f"]]
    assert Shape(sentence_words=2, most_words=3).cut(sentences) == [["a", "b"], ["c"]]
