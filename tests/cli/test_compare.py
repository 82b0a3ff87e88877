from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from tests.cli.running import FAST
from tests.helpers import DEFAULT_ENGINE
from torch_w2v import cli
from torch_w2v.cli import errors


def test_compare_prints_a_verdict_per_measure(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "mine.tsv"
    pairs.write_text(
        "".join(
            f"{one}\tthe\t{i}\n"
            for i, one in enumerate(["of", "to", "in", "and", "on", "for", "said", "is", "at", "as"])
        )
    )
    contender = f"{DEFAULT_ENGINE}:1"
    options = ["--engines", contender, "--seeds", "2", "--pairs", str(pairs), "--report", str(tmp_path / "r")]
    assert cli.main(["compare", str(corpus), *FAST, *options]) in (0, errors.FAILED)
    out, err = capsys.readouterr()
    verdicts = [line for line in out.splitlines() if line.startswith(contender)][1:]
    assert {line.split()[1] for line in verdicts} >= {"held-out", "neighbours@10", "cosines", "mine"}
    assert f"seed 2 of 2: {contender} is measured" in err
    assert (tmp_path / "r" / "report.html").stat().st_size > 10_000
    assert cli.main(["compare", str(corpus), *FAST, *options]) == errors.BAD_INPUT  # the report is not replaced
    assert "report.html: exists" in capsys.readouterr().err


def test_compare_trains_skip_gram(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--engines", DEFAULT_ENGINE, "--seeds", "1", "--sg", "1", "--json"]
    assert cli.main(["compare", str(corpus), *FAST, *options]) in (0, errors.FAILED)
    found = json.loads(capsys.readouterr().out)
    assert found["arguments"]["sg"] == 1
    losses = [run["scores"]["held-out loss"] for run in found["runs"]]
    assert len(losses) == 2
    assert losses[0] == pytest.approx(losses[1], rel=0.1)


def test_compare_exits_with_1_where_a_measure_is_inferior(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--engines", DEFAULT_ENGINE, "--seeds", "2", "--vector-size", "8", "--workers", "1", "--epochs", "8"]
    assert cli.main(["compare", str(corpus), *options, "--alpha", "0.05", "--cbow-gradient", "exact", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert "inferior" in {verdict["verdict"] for verdict in found["verdicts"]}
    assert found["arguments"]["alpha"] == 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "fast"], "--engines fast: must be one of"),
        (["--engines", "gensim"], "at least one engine"),
        (["--seeds", "0"], "--seeds 0: must be at least 1"),
        (["--seed", "-1"], "--seed -1: with --seeds 3 it must be at least 0"),
        (["--max-final-vocab", "0"], "--max-final-vocab 0: must be at least 1"),
        (["--pairs", "missing.tsv"], "missing.tsv"),
        (["--held-out", "2"], "--held-out 2.0: must be a share"),
        (["--epochs", "0"], "--epochs 0: must be at least 1"),
        (["--min-count", "100000"], "no word occurs min_count=100000 times"),
        (["--negative", "0"], "--negative 0: gensim's own engine trains that, so there is nothing to compare"),
        (["--seed", "4294967295"], "--seed 4294967295: with --seeds 3 it must be at least 0"),
    ],
)
def test_compare_refuses_wrong_arguments(
    corpus: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", str(corpus), "--engines", "torch_batched", *options]) == errors.BAD_INPUT
    assert message in capsys.readouterr().err


def test_compare_says_why_nothing_could_be_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "c.txt"
    corpus.write_text("a b c\nb c d\n")
    options = ["--engines", DEFAULT_ENGINE, "--seeds", "1", "--min-count", "1", "--report", str(tmp_path / "r")]
    assert cli.main(["compare", str(corpus), *FAST, *options]) == errors.BAD_INPUT
    out, err = capsys.readouterr()
    assert "no measure could be judged" in out
    assert "verdict" not in out
    assert err.splitlines()[-1] == (
        f"torch-w2v: error: {corpus}: no measure could be judged: no scores of WordSim-353, SimLex-999, analogies; one "
        "seed: differences have no intervals, and neighbours@10 and cosines need two runs of gensim; give two seeds or "
        "more; held-out loss: left out, since held_out=0.02 takes one of 50 sentences, and the corpus has 2"
    )
    assert not list((tmp_path / "r").iterdir())


def test_only_what_was_given_is_wrong_input(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of this package keeps its traceback; a lack of memory is one line, as everywhere."""
    options = ("compare", str(corpus), "--engines", DEFAULT_ENGINE, "--seeds", "1", *FAST)
    for error in (ValueError("a fault"), TypeError("a fault"), RuntimeError("a fault")):

        def fail(*args: object, error: Exception = error, **options: object) -> None:
            raise error

        monkeypatch.setattr(PlainWord2Vec, "build_vocab", fail)
        with pytest.raises(type(error), match="a fault"):
            cli.main(options)
    error = MemoryError("none left")
    monkeypatch.setattr(PlainWord2Vec, "build_vocab", functools.partial(fail, error=error))
    assert cli.main(options) == errors.FAILED
    assert "none left" in capsys.readouterr().err
