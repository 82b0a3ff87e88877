"""Standard streams that are closed, full or broken."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests import processes
from tests.cli.running import FAST
from tests.helpers import ROOT
from torch_w2v import cli


def shell(line: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell, in which "$@" is the command with these arguments."""
    command = [sys.executable, "-m", "torch_w2v", *map(str, arguments)]
    return subprocess.run(
        ["sh", "-c", line, "sh", *command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


def command(*arguments: object, **streams: IO[bytes]) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, with files for some of its standard streams."""
    return processes.run("-m", "torch_w2v", *arguments, **streams)  # type: ignore[arg-type]


@pytest.fixture
def full() -> Iterator[IO[bytes]]:
    """A file on a full device."""
    with open("/dev/full", "wb", buffering=0) as file:
        yield file


def test_what_cannot_be_printed_is_an_error(vectors: Path) -> None:
    done = shell('"$@" >&-', "neighbours", vectors, "the")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "torch-w2v: error: cannot write to the standard output: Bad file descriptor\n"


@needs_full_device
def test_what_a_full_device_does_not_take_is_an_error(vectors: Path, full: IO[bytes]) -> None:
    done = command("neighbours", vectors, "the", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "torch-w2v: error: cannot write to the standard output: No space left on device\n"


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


@needs_full_device
@pytest.mark.parametrize("more", [[], ["--verbose"], ["--quiet", "--json"]], ids=" ".join)
def test_what_cannot_be_written_to_stderr_is_lost_and_nothing_else(
    more: list[str], corpus: Path, tmp_path: Path, full: IO[bytes]
) -> None:
    done = command("train", corpus, "-o", tmp_path / "x.txt", *FAST, *more, stderr=full)
    assert done.returncode == 0
    assert str(tmp_path / "x.txt") in done.stdout
    assert os.listdir(tmp_path) == ["x.txt"]


MISTAKES = [
    (("neighbours", "VECTORS", "the", "no-such-word"), 1),
    (("neighbours", "no-such-file.kv", "the"), 2),
    (("train", "--no-such-option"), 2),
]


@needs_full_device
def test_exit_codes_where_stderr_is_full(vectors: Path, full: IO[bytes]) -> None:
    for words, code in MISTAKES:
        assert command(*(vectors if word == "VECTORS" else word for word in words), stderr=full).returncode == code


@needs_full_device
def test_what_is_wrong_with_the_arguments_does_not_wait_in_a_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would try to write it when it ends, and return 120."""
    with open("/dev/full", "w", encoding="utf8") as stderr:  # closing it writes what is left
        monkeypatch.setattr(sys, "stderr", stderr)
        with pytest.raises(SystemExit, match="2"):
            cli.main(["train", "--no-such-option"])


@needs_full_device
@pytest.mark.slow
@pytest.mark.parametrize("line", ['"$@" 2>/dev/full', '"$@" 2>/dev/full >/dev/full', '"$@" 2>&-'])
def test_exit_codes_where_stderr_cannot_be_written(line: str, vectors: Path) -> None:
    for words, code in MISTAKES:
        assert shell(line, *(vectors if word == "VECTORS" else word for word in words)).returncode == code


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
