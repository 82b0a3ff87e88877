from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import KERNEL
from torch_w2v import cli
from torch_w2v.cli import demo

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench.py"


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    return demo.demo_corpus()


def test_the_corpus_is_the_articles_of_gensims_wheel(sentences: list[list[str]]) -> None:
    assert sum(map(len, sentences)) == 450_170
    assert len(sentences) == 13_417
    assert sentences[0][:4] == ["anarchism", "is", "political", "philosophy"]
    assert min(map(len, sentences)) == 2
    assert max(map(len, sentences)) < 10_000  # what gensim reads of a sentence
    assert not any("redirect" in sentence[:1] for sentence in sentences)


def test_scores_count_the_pairs_they_rest_on() -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["tiger", "Cat", "book", "paper", "old", "new"], np.random.default_rng(1).random((6, 2)))
    found = demo.scores(vectors)
    assert found["WordSim-353"][1:] == (3, 353)  # tiger cat, tiger tiger, book paper
    assert found["SimLex-999"][1:] == (1, 999)
    assert np.isnan(found["SimLex-999"].spearman)
    oov = vectors.evaluate_word_pairs(demo.datapath("wordsim353.tsv"))[2]
    assert oov == pytest.approx(100 * (1 - 3 / 353))


def test_the_report_compares_both(sentences: list[list[str]]) -> None:
    out, err = io.StringIO(), io.StringIO()
    gensims, ours = demo.run(out, err, sentences[:3000], epochs=2, workers=1)
    text = out.getvalue()
    assert "arguments  epochs=2, alpha=0.05, min_count=5, seed=1, workers=1" in text
    assert f"{gensims.training:12.2f}{ours.training:12.2f}" in text
    ratio = gensims.training / ours.training
    assert f"{ratio:12.2f}   (" in text
    for name, score in demo.scores(ours.vectors).items():
        assert f"(Spearman, {score.used} of {score.pairs} pairs)" in text
        assert f"{name:24}{demo.scores(gensims.vectors)[name].spearman:12.3f}{score.spearman:12.3f}" in text
    nearest = ", ".join(word for word, _ in ours.vectors.most_similar("war", topn=6))
    assert f"            torch_w2v  {nearest}\n" in text
    assert err.getvalue().splitlines() == ["gensim trains", "torch_w2v trains"]
    assert gensims.words == ours.words == 2 * sum(map(len, sentences[:3000]))


def test_progress_on_a_terminal_is_one_line_a_phase() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    progress = demo.Progress(stream)
    progress.phase("working")
    progress.step("1 of 2")
    progress.step("2 of 2")
    progress.end()
    assert stream.getvalue().replace("\r\033[K", "|") == "working|working: 1 of 2|working: 2 of 2|working\n"


def test_the_command(
    sentences: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "demo_corpus", lambda progress: sentences[:300])
    assert cli.main(["demo", "--epochs", "1", "--workers", "1", "--engine", "torch_batched"]) == 0
    assert "training, ratio" in capsys.readouterr().out
    assert cli.main(["demo", "--engine", "warp"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("torch-w2v: error: engine='warp': must be one of")


# --- the benchmark


def bench_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_bench_runs_each_contender_and_ends_with_the_plain_loop(tmp_path: Path, sentences: list[list[str]]) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences[:1000]), encoding="utf8")
    options = ["--engines", "torch_batched", "--reps", "1", "--workers", "1", "--plain-words", "500", "--quality"]
    done = subprocess.run(
        [sys.executable, BENCH, corpus, *options], env={**os.environ, "PYTHONPATH": str(BENCH.parents[1])},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == ("is slower than a plain autograd loop" in done.stderr), done.stderr
    runs = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("run ")]
    feeds = [f"run 1  {name} {mode}" for name in ("gensim", "torch_batched") for mode in ("list", "corpus_file")]
    assert runs == [*feeds, "run 1  plain loop"]
    assert done.stdout.splitlines()[-1].startswith("plain loop")


def test_bench_names_an_engine_that_is_slower_than_the_plain_loop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = bench_module(monkeypatch)
    speeds = {("gensim", "list"): 2.0, ("gensim", "corpus_file"): 1.0, ("quick", "list"): 8.0, ("slow", "list"): 0.1}
    contenders = [bench.Contender(name, mode, None, train=[v], later=[v]) for (name, mode), v in speeds.items()]
    assert bench.report(contenders, [0.2]) == ["slow (list) is slower than a plain autograd loop: 0.1000 M words/s"]
    lines = capsys.readouterr().out.splitlines()
    ratios = [
        line.split()[-1] for line in lines if line.startswith(("gensim  ", "quick  ", "slow  ")) and " list " in line
    ]
    assert ratios == ["1.00", "4.00", "0.05"]


@pytest.mark.skipif(not KERNEL, reason="times the fused kernel")
def test_the_table_has_a_row_for_each_shape(tmp_path: Path, sentences: list[list[str]]) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences[:1000]), encoding="utf8")
    options = ["--shapes", "short", "one", "--reps", "1", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, BENCH.with_name("table.py"), corpus, *options],
        env={**os.environ, "PYTHONPATH": str(BENCH.parents[1])}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == ["| sentences of 8 words", "| the same, 1 thread"], done.stderr
    missed = any(float(row[5]) < float(row[6].strip(" |")) for row in rows)
    assert done.returncode == missed
