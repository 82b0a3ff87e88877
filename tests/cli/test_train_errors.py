"""Mistakes end with one line on stderr, without a traceback, before any training."""

from __future__ import annotations

import errno
import gzip
import os
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import smart_open

from tests.cli.running import Command, one_line
from tests.helpers import KERNEL
from torch_w2v import Word2Vec
from torch_w2v.cli import spool
from torch_w2v.distributed.group import UnlikeRanksError
from torch_w2v.training import checkpoint_file, divergence


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "has no words"),
        ("\n \n", [], "has no words"),
        (
            "a a a b",
            [],
            "no word occurs 5 times or more, and the most frequent one occurs 3 times: give a smaller",
        ),
        ("a b " * 9, ["--max-final-vocab", "1"], "or a larger --max-final-vocab"),
        ("a b " * 9, ["--max-final-vocab", "0"], "--max-final-vocab 0: must be at least 1"),
        ("a b " * 9, ["--max-vocab-size", "-5"], "--max-vocab-size -5: must be at least 1"),
        (
            "a b " * 9,
            ["--ns-exponent", "1000"],
            "--ns-exponent 1000.0: the sum of count**ns_exponent over the vocabulary",
        ),
        ("a b " * 9, ["--seed", "9" * 20], f"--seed {'9' * 20}: must be at least 0 and below 2**32, or None"),
        ("a b " * 9, ["--vector-size", "9" * 20], f"--vector-size {'9' * 20}: must be below 2**31"),
        ("a " * 9, ["--hs", "1", "--negative", "0"], "--hs 1: a vocabulary of one word has no Huffman tree"),
        ("a " * 9, ["--window", "0"], "--window 0: must be an integer of at least 1"),
        ("a " * 9, ["--window", "x"], "argument --window: invalid int value: 'x'"),
        ("a " * 9, ["--epochs", "0"], "--epochs 0: must be at least 1"),
        ("a " * 9, ["--seed", "-1"], "--seed -1: must be at least 0"),
        ("a " * 9, ["--negative", "0"], "--negative 0 trains nothing without --hs 1"),
        ("a " * 9, ["--sg", "2"], "argument --sg: invalid choice"),
        ("a " * 9, ["--engine", "warp"], "--engine warp: must be one of 'auto'"),
        ("a " * 9, ["--device", "abacus"], "--device abacus: must be 'auto' or a torch device"),
        ("a " * 9, ["--vectors", "9"], "unrecognized arguments: --vectors 9"),
    ],
)
def test_bad_corpora_and_options(text: str, options: list[str], message: str, tmp_path: Path, command: Command) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text)
    code, out, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", *options)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert os.listdir(tmp_path) == ["corpus.txt"]


@pytest.mark.skipif(not KERNEL, reason="needs the C++ library")
def test_vectors_too_long_for_the_kernel(corpus: Path, tmp_path: Path, command: Command) -> None:
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--engine", "cpu", "--vector-size", "4097")
    assert code == 2
    assert "--vector-size 4097: the CPU kernel takes up to 4096; give --engine auto, --engine gensim" in one_line(err)


def test_several_processes_cannot_share_the_standard_input(tmp_path: Path, command: Command) -> None:
    code, _, err = command("train", "-", "-o", tmp_path / "x.kv", "--distributed")
    assert code == 2
    assert "several processes cannot share the standard input" in one_line(err)


def test_the_output_is_checked_before_the_standard_input_is_read(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "corpus_path", lambda path: pytest.fail("it was read"))
    code, _, err = command("train", "-", "-o", tmp_path / "none" / "x.kv")
    assert code == 2
    assert "there is no folder" in one_line(err)


def test_processes_that_would_join_different_phrases(corpus: Path, tmp_path: Path, command: Command) -> None:
    options = ("--phrases", "--distributed", "--shard", "given")
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", *options)
    assert code == 2
    assert "each process would join other phrases" in one_line(err)


def test_torchrun_does_not_overrule_an_option(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert command("train", corpus, "-o", tmp_path / "x.kv", "--no-distributed", "--min-count", 1)[0] == 0


def test_bad_paths(corpus: Path, tmp_path: Path, command: Command) -> None:
    good = tmp_path / "x.kv"
    folder = tmp_path / "folder.kv"
    folder.mkdir()
    for given, output, message in [
        (tmp_path / "none.txt", good, "none.txt: No such file or directory"),
        (tmp_path / "none*.txt", good, f"error: the pattern '{tmp_path}/none*.txt' matches no file"),
        (folder, good, "there is no file in this folder"),
        ("/dev/null", good, "must be a regular file"),
        (corpus, tmp_path / "x.npy", "x.npy: the suffix must be one of .kv, .txt, .txt.gz, .vec, .bin, .bin.gz, .npz"),
        (corpus, tmp_path / ".kv", "the suffix must be one of"),
        (corpus, tmp_path / "none" / "x.kv", "there is no folder"),
        (corpus, folder, "folder.kv: is a folder"),
        (corpus, corpus, "lee.txt: is what the command reads"),
    ]:
        code, out, err = command("train", given, "-o", output, "--overwrite")
        assert (code, out) == (2, "")
        assert message in one_line(err)
    assert os.listdir(tmp_path) == ["folder.kv"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_found_before_training(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    tmp_path.chmod(0o500)
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv")
    assert code == 2
    assert "x.kv: cannot be written: Permission denied" in one_line(err)


def test_the_folder_is_tried_before_training(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.mkdir", refuse)
    code, out, err = command("train", corpus, "-o", tmp_path / "x.kv")
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'x.kv'}: cannot be written: Permission denied" in one_line(err)


def test_what_cannot_be_written_is_found_before_training(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that may not be opened for writing: the output, and an array beside it."""
    really_open = os.open
    for name in ("x.kv", "x.kv.vectors.npy"):
        path = tmp_path / name
        path.write_text("old")

        def refuse(opened: str, flags: int, *args: Any, path: Path = path, **kwargs: Any) -> int:
            if opened == str(path) and flags & os.O_WRONLY:
                raise PermissionError(13, "Permission denied", opened)
            return really_open(opened, flags, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse)
            code, out, err = command("train", corpus, "-o", tmp_path / "x.kv", "--overwrite")
        assert (code, out) == (2, "")
        assert f"{path}: cannot be written: Permission denied" in one_line(err)
        assert path.read_text() == "old"
    long = tmp_path / ("x" * 253 + ".kv")
    code, out, err = command("train", corpus, "-o", long)
    assert (code, out) == (2, "")
    assert ".kv: cannot be written: File name too long" in one_line(err)


def test_a_full_disk_is_found_before_training(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: namedtuple("usage", "free")(1000))
    code, out, err = command("train", corpus, "-o", tmp_path / "x.model", "--quiet")
    assert (code, out) == (2, "")
    assert f"x.model: needs 1 MB, but the disk of {tmp_path} has only 0 MB free" in one_line(err)


def test_no_folder_for_temporary_files(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", "--corpus-cache", "disk")
    assert code == 1
    assert "No such file or directory: no temporary file for the encoded corpus (4 bytes per word, 8 per " in err
    assert f"in {tmp_path / 'missing'}: set TMPDIR to another folder" in one_line(err)


def test_text_that_is_not_utf8(tmp_path: Path, command: Command) -> None:
    corpus = tmp_path / "latin.txt"
    corpus.write_bytes(b"good line\nna\xefve line\n")
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet")
    assert code == 2
    assert "line 2, byte 12 of" in one_line(err)
    assert "must be UTF-8" in err


def test_a_truncated_gz_corpus(corpus: Path, tmp_path: Path, command: Command) -> None:
    packed = tmp_path / "lee.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes())[:-1000])
    code, _, err = command("train", packed, "-o", tmp_path / "x.kv", "--quiet")
    assert code == 2
    assert "lee.txt.gz: cannot be read: " in one_line(err)


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "not zstd"])
def test_a_damaged_zst_corpus(damage: str, corpus: Path, tmp_path: Path, command: Command) -> None:
    packed = tmp_path / "lee.txt.zst"
    with smart_open.open(packed, "wb") as file:
        file.write(corpus.read_bytes())
    whole = packed.read_bytes()
    packed.write_bytes({"cut off": whole[:-1000], "overwritten": whole[:-1000] + bytes(1000)}.get(damage, b"text"))
    for arguments in (("train", packed, "-o", tmp_path / "x.kv"), ("encode", packed, "-o", tmp_path / "x.w2v")):
        code, out, err = command(*arguments, "--quiet")
        assert (code, out) == (2, "")
        assert "lee.txt.zst: cannot be " in one_line(err)
    assert os.listdir(tmp_path) == ["lee.txt.zst"]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_warnings_are_shown_whatever_comes_later(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a checkpoint that cannot be written, before training diverges."""
    monkeypatch.setattr(divergence, "has_diverged", lambda *_: True)
    monkeypatch.setattr(checkpoint_file, "write", full)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("a b c\n" * 20)
    options = [
        "-o",
        tmp_path / "out.kv",
        "--checkpoint",
        tmp_path / "out.checkpoint",
        "--checkpoint-every",
        "1e-9",
        "--quiet",
    ]
    with pytest.warns(RuntimeWarning, match="no checkpoint was written"):
        code, out, err = command("train", corpus, *options)
    assert (code, out) == (1, "")
    assert one_line(err).startswith("torch-w2v: error: training diverged in epoch 1: ")


def test_training_that_diverges_leaves_the_old_file(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(divergence, "has_diverged", lambda *_: True)
    corpus, output = tmp_path / "corpus.txt", tmp_path / "out.kv"
    corpus.write_text("a b c\n" * 20)
    output.write_bytes(b"old")
    options = ["--alpha", "0.5", "--overwrite", "--quiet"]
    code, out, err = command("train", corpus, "-o", output, *options)
    assert (code, out) == (1, "")
    assert one_line(err).startswith("torch-w2v: error: training diverged in epoch 1: ")
    assert "Use an alpha below 0.5" in err
    assert err.endswith("Nothing was written\n")
    assert output.read_bytes() == b"old"


def test_what_ranks_do_not_have_in_common_is_one_line(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlike(*_: object, **__: object) -> None:
        raise UnlikeRanksError("the ranks name unlike corpora")

    monkeypatch.setattr(Word2Vec, "build_vocab", unlike)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("a b c\n")
    code, _, err = command("train", corpus, "-o", tmp_path / "out.kv")
    assert code == 2
    assert one_line(err) == "torch-w2v: error: the ranks name unlike corpora"
