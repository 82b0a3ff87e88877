"""Standard streams that are closed, full or broken."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import FAST
from tests.helpers import ROOT
from torch_w2v import cli


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell, in which "$@" is the command with these arguments."""
    command = [sys.executable, "-m", "torch_w2v", *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", line, "sh", *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param('"$@" >&-', "Bad file descriptor", id="closed"),
        pytest.param(
            '"$@" >/dev/full',
            "No space left on device",
            id="full",
            marks=pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full"),
        ),
    ],
)
def test_what_cannot_be_printed_is_an_error(line: str, reason: str, vectors: Path) -> None:
    done = shell(line, "neighbours", vectors, "the")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"torch-w2v: error: cannot write to the standard output: {reason}\n"


def test_a_closed_stdout_is_not_needed_to_train(corpus: Path, tmp_path: Path) -> None:
    """The file must not get the place of the closed stream."""
    done = shell('"$@" >&-', "train", corpus, "-o", tmp_path / "x.txt", "--quiet", *FAST)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(tmp_path) == ["x.txt"]


def test_a_closed_stderr_does_not_reach_stdout(vectors: Path) -> None:
    done = shell('"$@" 2>&-', "neighbours", vectors, "the", "no-such-word")
    assert done.returncode == 1
    assert done.stdout.startswith("the\n")
    assert "error" not in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("more", [[], ["--verbose"], ["--quiet", "--json"]], ids=" ".join)
def test_what_cannot_be_written_to_stderr_is_lost_and_nothing_else(
    more: list[str], corpus: Path, tmp_path: Path
) -> None:
    done = shell('"$@" 2>/dev/full', "train", corpus, "-o", tmp_path / "x.txt", *FAST, *more)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / "x.txt") in done.stdout
    assert os.listdir(tmp_path) == ["x.txt"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize(
    "line",
    [
        '"$@" 2>/dev/full',
        pytest.param('"$@" 2>/dev/full >/dev/full', marks=pytest.mark.slow),
        pytest.param('"$@" 2>&-', marks=pytest.mark.slow),
    ],
)
def test_exit_codes_where_stderr_cannot_be_written(line: str, vectors: Path) -> None:
    assert shell(line, "neighbours", vectors, "the", "no-such-word").returncode == 1
    assert shell(line, "neighbours", "no-such-file.kv", "the").returncode == 2
    assert shell(line, "train", "--no-such-option").returncode == 2


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_words_that_the_output_has_no_letters_for(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe of Windows has an encoding of 256 letters."""
    text, vectors = tmp_path / "corpus.txt", tmp_path / "v.kv"
    text.write_text("\u6771 \U0001f600 cat\n" * 5, encoding="utf8")
    assert cli.main(["train", str(text), "-o", str(vectors), "--min-count", "1", "--quiet", *FAST]) == 0

    def printed(*options: str) -> str:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
        assert cli.main(["neighbours", str(vectors), "cat", *options]) == 0
        return written.getvalue().decode(encoding)

    assert {line.split()[1] for line in printed().splitlines()[1:]} == {"\\u6771", "\\U0001f600"}
    (answer,) = json.loads(printed("--json"))
    assert {neighbour["word"] for neighbour in answer["neighbours"]} == {"\u6771", "\U0001f600"}


@pytest.mark.parametrize("line", ["train - -o x.kv", "encode - -o x.w2v", "compare -"])
def test_a_standard_input_that_is_closed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it after `<&-`
    assert cli.main(line.split()) == 2
    assert "-: the standard input is closed; give it text" in capsys.readouterr().err
    assert not os.listdir()
