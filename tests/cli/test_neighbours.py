from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.cli.running import Command, one_line
from tests.helpers import ROOT
from torch_w2v import formats


def test_unknown_words_do_not_keep_the_others_from_an_answer(vectors: Path, command: Command) -> None:
    code, out, err = command("neighbours", vectors, "xyzzy", "the", "plugh", "of", "--topn", "3")
    assert code == 1
    assert re.fullmatch(r"torch-w2v: error: not among the [\d,]+ words of \S+vectors.kv: xyzzy, plugh", one_line(err))
    lines = out.splitlines()
    assert len(lines) == 8
    assert (lines[0], lines[4]) == ("the", "of")


@pytest.mark.parametrize("suffix", list(formats.FORMATS))
@pytest.mark.parametrize("content", [b"", b"hello world\n", b"\x80\x04N.", b"3 4\na 1 2 3 4\n"])
def test_damaged_vectors(suffix: str, content: bytes, tmp_path: Path, command: Command) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    code, out, err = command("neighbours", path, "word")
    assert (code, out) == (2, "")
    assert one_line(err).startswith(f"torch-w2v: error: {path}: ")


def test_neighbours_mistakes(vectors: Path, command: Command) -> None:
    for argv, message in [
        (["none.kv", "a"], "none.kv: No such file or directory"),
        (["none.npy", "a"], "none.npy: the suffix must be one of"),
        ([vectors, "a", "--topn", "0"], "--topn 0: must be at least 1"),
        ([vectors], "nothing to look up: give a WORD, or --positive and --negative words"),
    ]:
        code, out, err = command("neighbours", *argv)
        assert (code, out) == (2, "")
        assert message in one_line(err)


def test_json_has_null_for_what_is_not_finite(tmp_path: Path, command: Command) -> None:
    (tmp_path / "x.txt").write_text("2 3\na 1 2 3\nb 4 nan inf\n")
    code, out, _ = command("neighbours", tmp_path / "x.txt", "a", "--json")
    assert (code, json.loads(out)[0]["neighbours"]) == (0, [{"word": "b", "similarity": None}])
    assert "NaN" not in out


def test_a_reader_that_leaves_early_is_no_error(vectors: Path) -> None:
    script = f"{sys.executable} -m torch_w2v neighbours {vectors} the --topn 1000 | head -1"
    done = subprocess.run(script, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("the\n", "")


@pytest.mark.parametrize("argv", [("neighbours", "FILE", "a"), ("info", "FILE"), ("export", "FILE", "--to", "txt")])
def test_a_file_that_needs_another_package(
    argv: tuple[str, ...], tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    path = tmp_path / "x.safetensors"
    output = ["-o", tmp_path / "x.txt"] if argv[0] == "export" else []
    code, out, err = command(*(path if word == "FILE" else word for word in argv), *output)
    assert (code, out) == (2, "")
    assert "pip install 'torch_w2v[safetensors]'" in one_line(err)


def test_vectors_that_are_not_finite(tmp_path: Path, command: Command) -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["a", "b"], np.array([[1, 2], [np.nan, 0]], np.float32))
    formats.save_vectors(vectors, tmp_path / "x.npz")

    def fail(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    facts = json.loads(command("info", tmp_path / "x.npz", "--json")[1], parse_constant=fail)
    assert (facts["mean_length"], facts["finite"]) == (None, False)


def test_words_may_stand_behind_options(vectors: Path, command: Command) -> None:
    for argv in (["--topn", "2", "the", "of"], ["the", "--topn", "2", "of"], ["--topn", "2", "--", "the", "of"]):
        code, out, _ = command("neighbours", vectors, *argv)
        assert (code, [line for line in out.splitlines() if not line.startswith(" ")]) == (0, ["the", "of"])
    code, _, err = command("neighbours", vectors, "the", "--nonsense", "2")
    assert code == 2
    assert "error: unrecognized arguments: --nonsense 2" in one_line(err)
