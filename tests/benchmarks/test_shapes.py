from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from benchmarks import shapes
from benchmarks.common import Shape, settings_of
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


def test_skip_gram_has_shapes_of_its_own(corpus: Path) -> None:
    done = run("shapes", corpus, "--sg", "1", "--shapes", "short", "w500")
    assert done.returncode == 2
    assert "--sg 1 has no shapes w500, but default, one, d300, n15, w10, short, graph, million" in done.stderr
    assert all(row.shape.settings["sg"] == 1 for row in shapes.SKIP_GRAM.values())


def test_walks_stay_within_groups_more_than_chance() -> None:
    corpus = shapes.walks(160_000, "unused")
    assert corpus.words == 160_000
    assert {len(sentence) for sentence in corpus.sentences} == {80}
    assert len(corpus.counts) == shapes.NODES
    steps = [(int(a) // 100, int(b) // 100) for walk in corpus.sentences for a, b in itertools.pairwise(walk)]
    assert 0.3 < sum(a == b for a, b in steps) / len(steps) < 0.4


def test_sessions_repeat_their_items() -> None:
    corpus = shapes.sessions(1_000)(20_000, "unused")
    assert 20_000 <= corpus.words < 21_000
    assert 500 < len(corpus.counts) <= 1_000
    pairs = [a == b for session in corpus.sentences for a, b in itertools.pairwise(session)]
    assert sum(pairs) / len(pairs) == pytest.approx(0.9, abs=0.03)


def test_settings_of_the_command_line() -> None:
    assert settings_of(["window=10", "sample=0", "alpha=1e-3", "seed=-1"]) == {
        "window": 10,
        "sample": 0,
        "alpha": 0.001,
        "seed": -1,
    }
