"""No output of a command may be what it reads, or lie where the next run would read it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.running import FAST, Command, one_line
from torch_w2v import cli
from torch_w2v.cli import checks

MODEL = ("--min-count", "1", "--sample", "0", *FAST, "--quiet")
READ, NEXT = "is what the command reads: choose another path", "so the next run would read it, too: choose a path"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: texts in d, pairs and vectors in used, out; soft and hard are links to d/a.txt."""
    for name in ("d/a.txt", "d/b.txt", "used/pairs.csv", "used/report.html", "used/v.txt", "used/vocabulary.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("a b c\n" * 5 if name.startswith("d") else "a\tb\t1\n" * 20)
    (tmp_path / "out").mkdir()
    (tmp_path / "soft.txt").symlink_to("d/a.txt")
    os.link(tmp_path / "d" / "a.txt", tmp_path / "hard.txt")
    os.link(tmp_path / "used" / "v.txt", tmp_path / "vectors.txt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checks, "resolve_corpus", lambda *_: pytest.fail("it was read"))
    monkeypatch.setattr(checks, "load", lambda *_: pytest.fail("it was loaded"))
    return tmp_path


def files() -> dict[str, str]:
    return {str(path): path.read_text() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train d -o d/a.txt", READ),
        ("train d -o hard.txt", READ),
        ("train d/* -o soft.txt", READ),
        ("train d/[ab].txt -o d/b.txt", READ),
        ("train soft.txt -o d/a.txt", READ),
        ("train d -o d/v.kv", NEXT),
        ("train d/ -o ./out/../d/v.kv", NEXT),
        ("train . -o v.kv", NEXT),
        ("train d/* -o d/v.vec", NEXT),
        ("train d -o out/v.kv --history d/h.csv", NEXT),
        ("train d -o out/v.kv --history used/pairs.csv --evaluate used/pairs.csv", READ),
        ("train d -o out/v.kv --report d", NEXT),
        ("train d/** -o out/v.kv --report d/new", NEXT),
        ("train d -o out/v.kv --checkpoint d/c", NEXT),
        ("train d -o out/v.kv --checkpoint d/a.txt", "is a file of the corpus: choose another path"),
        ("train d/*.previous -o out/v.kv --checkpoint d/c", "the one before it"),
        ("train d -o out/v.kv --evaluate used/pairs.csv --checkpoint used/pairs.csv", "is also an input or another"),
        ("train d -o out/v.kv --history out/h.csv --checkpoint out/h.csv", "is also an input or another output"),
        ("train d -o out/v.kv --report out --checkpoint out/report.html", "is also an input or another output"),
        ("train d -o out/v.kv --report out --history out/report.html", "is also the page of --report"),
        ("encode d -o d/c.w2v", NEXT),
        ("encode d/* -o d/c.w2v", NEXT),
        ("compare d --report d", NEXT),
        ("compare d/* --report d", NEXT),
        ("compare d/a.txt --pairs used/report.html --report used", READ),
        ("export used/v.txt --to txt -o vectors.txt", READ),
        ("export used/vocabulary.json --to embedding -o used", READ),
    ],
)
def test_outputs_that_are_refused(line: str, message: str, folder: Path, command: Command) -> None:
    before = files()
    overwrite = [] if line.startswith("compare") else ["--overwrite"]
    code, out, err = command(*line.split(), *overwrite)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert files() == before


def test_the_standard_input_may_be_the_output(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("hard.txt") as text:
        monkeypatch.setattr(sys, "stdin", text)
        code, _, err = command("train", "-", "-o", "d/a.txt", "--overwrite")
    assert (code, READ in one_line(err)) == (2, True)


@pytest.mark.parametrize("source", ["./d/a.txt", "d", "d/*.txt"])
def test_outputs_beside_the_corpus(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    place = "." if source == "d" else "d"
    options = ("--history", f"{place}/h.csv", "--checkpoint", f"{place}/c", "--overwrite")
    for _ in range(2):
        assert cli.main(["train", source, "-o", f"{place}/v.kv", *options, *MODEL]) == 0


def test_an_older_checkpoint_in_the_corpus(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch_w2v.training.checkpoint_file.remove", lambda _: None)
        assert command("train", "d", "-o", "v.kv", "--checkpoint", "c", *MODEL)[0] == 0
    os.rename("c", "d/z")
    code, _, err = command("train", "d", "-o", "w.kv", *MODEL)
    assert code == 2
    assert "d/z is a checkpoint of torch_w2v, and no text: move it out of the corpus" in one_line(err)
