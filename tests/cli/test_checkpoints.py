"""`torch-w2v train --checkpoint`: interrupted by signals, and run again."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Command, one_line
from tests.helpers import KERNEL
from torch_w2v.engines.cpu.engine import CpuEngine

OPTIONS = ("--vector-size", 8, "--workers", 1, "--engine", "cpu", "--device", "cpu", "--quiet")

pytestmark = pytest.mark.skipif(not KERNEL, reason="the other engines are slow")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_writes_a_checkpoint_and_the_same_command_goes_on(
    name: str, code: int, corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(signal, name)
    path, checkpoint, other = tmp_path / "x.bin", tmp_path / "c", tmp_path / "y.bin"
    arguments = ("train", corpus, "-o", path, *OPTIONS, "--checkpoint", checkpoint)
    chunks = []
    train = CpuEngine.train

    def interrupted(self: CpuEngine, *args: Any) -> Any:
        chunks.append(None)
        if len(chunks) in (4, 9):
            signal.raise_signal(number)
        return train(self, *args)

    monkeypatch.setattr(CpuEngine, "train", interrupted)
    before = signal.getsignal(number)
    for _ in range(2):
        found, out, err = command(*arguments)
        assert (found, out) == (code, "")
        assert one_line(err) == (
            f"torch-w2v: error: interrupted; the same command goes on from the checkpoint {checkpoint}"
        )
        assert checkpoint.exists()
        assert not path.exists()
    assert command(*arguments) == (0, "", "")
    assert signal.getsignal(number) == before
    # The output has taken the checkpoint's place.
    assert os.listdir(tmp_path) == ["x.bin"]
    trained = len(chunks)
    assert command("train", corpus, "-o", other, *OPTIONS)[0] == 0
    assert len(chunks) == 2 * trained
    assert other.read_bytes() == path.read_bytes()


def test_what_is_wrong_is_said_at_once(corpus: Path, tmp_path: Path, command: Command) -> None:
    path, folder, foreign = tmp_path / "x.kv", tmp_path / "folder", tmp_path / "foreign"
    folder.mkdir()
    foreign.write_text("not a checkpoint")
    for given, message in [
        (("--checkpoint", folder), "must be the path of a file"),
        (("--checkpoint", tmp_path / "none" / "c"), "none/c: cannot be written: No such file or directory"),
        (("--checkpoint", path), "is also an input or another output"),
        (("--checkpoint", corpus), "is also an input or another output"),
        (("--checkpoint", foreign), "foreign: File is not a zip file. It cannot be gone on from"),
        (("--checkpoint", tmp_path / "c", "--checkpoint-every", "-1"), "--checkpoint-every -1.0: must be a number"),
        (("--checkpoint", tmp_path / "c", "--hs", "1"), "gensim's own engine has no checkpoints"),
        (("--checkpoint-every", "5"), "--checkpoint-every 5.0 needs a file to write to: give --checkpoint PATH, too"),
    ]:
        code, out, err = command("train", corpus, "-o", path, *OPTIONS, *given)
        assert (code, out) == (2, "")
        assert message in one_line(err)
    assert sorted(os.listdir(tmp_path)) == ["folder", "foreign"]
    assert foreign.read_text() == "not a checkpoint"


def test_another_training_is_refused(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("train", corpus, "-o", tmp_path / "x.kv", *OPTIONS, "--checkpoint", tmp_path / "c")
    with monkeypatch.context() as patch:
        patch.setattr(CpuEngine, "store_table", lambda *_: signal.raise_signal(signal.SIGINT))
        assert command(*arguments)[0] == 130
    code, _, err = command(*arguments, "--window", "3")
    assert code == 2
    assert "window: 5 in the checkpoint, 3 in this call" in one_line(err)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_leaves_no_copy_of_the_corpus(
    name: str, code: int, corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, seen = tmp_path / "temporary", []
    folder.mkdir()

    def interrupted(*_: Any) -> None:
        seen.extend(os.listdir(folder))
        signal.raise_signal(getattr(signal, name))

    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(CpuEngine, "train", interrupted)
    found = command("train", corpus, "-o", tmp_path / "x.kv", *OPTIONS, "--phrases")
    assert found == (code, "", "torch-w2v: error: interrupted\n")
    assert len(seen) == 1
    assert os.listdir(tmp_path) == ["temporary"]
    assert os.listdir(folder) == []
