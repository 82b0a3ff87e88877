from __future__ import annotations

import io

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from torch_w2v import cli
from torch_w2v.cli import demo
from torch_w2v.cli.progress import Progress


@pytest.fixture(scope="module")
def sentences() -> list[list[str]]:
    return demo.demo_corpus()


def test_the_corpus_is_the_articles_of_gensims_wheel(sentences: list[list[str]]) -> None:
    assert sum(map(len, sentences)) == 450_170
    assert len(sentences) == 13_417
    assert sentences[0][:4] == ["anarchism", "is", "political", "philosophy"]
    assert min(map(len, sentences)) == 2
    assert max(map(len, sentences)) < 10_000  # gensim drops the rest of a longer sentence
    assert not any("redirect" in sentence[:1] for sentence in sentences)


def test_scores_come_with_the_number_of_known_pairs() -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["tiger", "Cat", "book", "paper", "old", "new"], np.random.default_rng(1).random((6, 2)))
    found = demo.scores(vectors)
    assert found["WordSim-353"][1:] == (3, 353)  # tiger cat, tiger tiger, book paper
    assert found["SimLex-999"][1:] == (1, 999)
    assert np.isnan(found["SimLex-999"].spearman)
    oov = vectors.evaluate_word_pairs(datapath("wordsim353.tsv"))[2]
    assert oov == pytest.approx(100 * (1 - 3 / 353))


def test_the_report_compares_both(sentences: list[list[str]]) -> None:
    out, err = io.StringIO(), io.StringIO()
    gensims, ours = demo.run_side_by_side(out, err, sentences[:3000], epochs=2, workers=1)
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


def test_progress_on_a_terminal_is_one_line_per_phase() -> None:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    progress = Progress(stream)
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
    assert err.startswith("torch-w2v: error: --engine warp: must be one of")
