from __future__ import annotations

import errno
import io
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Command, one_line
from torch_w2v.cli import checks
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.encoded_file import EncodedWriter


def test_encode_and_train(corpus: Path, tmp_path: Path, command: Command) -> None:
    encoded = tmp_path / "lee.w2v"
    code, out, err = command("encode", corpus, "-o", encoded)
    assert code == 0, err
    assert re.fullmatch(
        rf"{re.escape(str(encoded))}: [\d,]+ words in 300 sentences, [\d,]+ different ones, 0\.\d MB, in \d+\.\d s",
        out.strip(),
    )
    for name, source in (("text", corpus), ("encoded", encoded)):
        options = ["--epochs", "1", "--vector-size", "8", "--workers", "1", "--quiet", "--engine", "torch_batched"]
        code, _, err = command("train", source, "-o", tmp_path / f"{name}.txt", *options)
        assert code == 0, err
    assert (tmp_path / "text.txt").read_text() == (tmp_path / "encoded.txt").read_text()
    before = encoded.read_bytes()
    for arguments, message in [
        ((corpus, "-o", encoded), "lee.w2v: exists; --overwrite replaces it"),
        ((corpus, "-o", tmp_path / "lee.bin"), "lee.bin: must end in .w2v"),
        ((encoded, "-o", tmp_path / "more.w2v"), "lee.w2v: is encoded already"),
        ((corpus, "-o", tmp_path / "more.w2v", "--workers", "0"), "--workers 0: must be at least 1"),
        ((tmp_path / "none", "-o", tmp_path / "more.w2v"), "none: No such file or directory"),
        ((corpus, "-o", tmp_path / "none" / "more.w2v"), "there is no folder"),
    ]:
        code, out, err = command("encode", *arguments)
        assert (code, out) == (2, "")
        assert message in one_line(err)
    assert encoded.read_bytes() == before
    encoded.write_bytes(before[:-1])
    code, _, err = command("train", encoded, "-o", tmp_path / "x.kv")
    assert code == 2
    assert "is cut off or damaged" in one_line(err)


def test_a_disk_that_is_full(corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EncodedWriter, "_write", full)
    code, out, err = command("encode", corpus, "-o", tmp_path / "x.w2v", "--quiet")
    assert (code, out) == (1, "")
    assert one_line(err) == f"torch-w2v: error: {tmp_path / 'x.w2v'}: cannot be written: No space left on device"
    assert not list(tmp_path.iterdir())


def test_no_space_for_temporary_files(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    code, _, err = command("encode", corpus, "-o", tmp_path / "x.w2v", "--quiet")
    assert code == 1
    assert one_line(err) == (
        "torch-w2v: error: no space for the places of the sentences (8 bytes per sentence) in "
        f"{tempfile.gettempdir()}: set TMPDIR to another folder"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["a", "new\nyork"]], r"cannot be encoded into .*: the word 'new\\nyork' is empty or has a line end in it"),
        ([[], []], r"cannot be encoded into .*: the corpus has no words"),
        ([["a"], None], r"cannot be encoded into .*: the column: row 1 is missing \(None\): drop such rows first"),
    ],
)
def test_words_and_rows_that_are_none(
    rows: list[Any], message: str, corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "resolve_corpus", lambda *_: Column(rows, "the column", lambda: iter([rows]), False))
    code, _, err = command("encode", corpus, "-o", tmp_path / "x.w2v", "--quiet")
    assert code == 2
    assert re.search(message, one_line(err))
    assert not list(tmp_path.iterdir())
    if None in rows:
        code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet")
        assert (code, "cannot be read: the column: row 1 is missing (None)" in one_line(err)) == (2, True)
