from __future__ import annotations

import gzip
import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import gensim.models
import numpy as np
import pytest
from gensim.models import KeyedVectors

import torch_w2v
from tests.cli.running import FAST, Command, one_line
from tests.helpers import ROOT, heed_ctrl_c
from torch_w2v import formats


@pytest.mark.parametrize("suffix", list(formats.FORMATS))
def test_each_format_is_read_by_gensim_and_by_neighbours(
    suffix: str, corpus: Path, tmp_path: Path, command: Command
) -> None:
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"out{suffix}"
    code, out, _ = command("train", corpus, "-o", path, *FAST)
    assert code == 0
    assert f"{path}: " in out
    assert os.listdir(tmp_path) == [path.name]
    if suffix == ".kv":
        found = KeyedVectors.load(str(path))
    elif suffix == ".model":
        found = gensim.models.Word2Vec.load(str(path)).wv
    elif suffix in (".npz", ".safetensors"):
        found = formats.load_vectors(path)
    else:
        found = KeyedVectors.load_word2vec_format(path, binary=".bin" in suffix)
    model = torch_w2v.Word2Vec(corpus_file=corpus, vector_size=8, epochs=1, workers=1)
    assert found.index_to_key == model.wv.index_to_key
    np.testing.assert_allclose(found.vectors, model.wv.vectors, atol=1e-6)
    code, out, _ = command("neighbours", path, "australia", "--topn", "2")
    assert code == 0
    expected = [word for word, _ in found.most_similar("australia", topn=2)]
    assert re.findall(r"^ +\d  (\S+) +-?\d\.\d{3}$", out, flags=re.MULTILINE) == expected


def test_large_arrays_beside_the_file_move_with_it(corpus: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "big.kv"
    model = torch_w2v.Word2Vec(vector_size=11_000)
    model.wv.add_vectors([str(row) for row in range(1000)], np.ones((1000, 11_000), np.float32))
    formats.FORMATS[".kv"].save(model, str(path))
    assert sorted(os.listdir(tmp_path)) == ["big.kv", "big.kv.vectors.npy"]
    assert KeyedVectors.load(str(path), mmap="r").vectors.sum() == 11_000_000
    path.unlink()  # an array without its main file counts as existing, too
    code, _, err = command("train", corpus, "-o", path, *FAST)
    assert code == 2
    assert "big.kv.vectors.npy: exists; --overwrite replaces it" in one_line(err)


def test_a_compressed_corpus_gives_the_same(corpus: Path, tmp_path: Path, vectors: Path, command: Command) -> None:
    packed = tmp_path / "lee.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    assert command("train", packed, "-o", tmp_path / "x.kv", "--quiet", *FAST) == (0, "", "")
    ours, theirs = KeyedVectors.load(str(tmp_path / "x.kv")), KeyedVectors.load(str(vectors))
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert command("train", packed, "-o", tmp_path / "sg.kv", "--sg", "1", "--quiet", *FAST) == (0, "", "")


def test_progress_is_on_stderr(corpus: Path, tmp_path: Path, command: Command) -> None:
    _, out, err = command("train", corpus, "-o", tmp_path / "x.kv", *FAST)
    assert re.match(r"vocabulary: [\d,]+ words, which occur [\d,]+ times; min_count=5 leaves out [\d,]+ words, \d", err)
    assert re.search(r"^epoch 1 of 1: [\d,]+ words in \d+\.\d s, .* words/s, loss 0\.\d{4}, alpha 0\.\d{5}$", err, re.M)
    assert len(err.splitlines()) == 2
    assert len(out.splitlines()) == 1
    _, _, err = command("train", corpus, "-o", tmp_path / "y.kv", "--verbose", *FAST)
    assert "EPOCH 0: training on" in err
    assert "lifecycle event" not in err
    assert "epoch 1 of 1" not in err


def test_an_existing_file_is_kept_without_overwrite(corpus: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "x.txt"
    path.write_text("precious")
    code, _, err = command("train", corpus, "-o", path, *FAST)
    assert code == 2
    assert one_line(err) == f"torch-w2v: error: {path}: exists; --overwrite replaces it"
    assert path.read_text() == "precious"
    assert command("train", corpus, "-o", path, "--overwrite", "--quiet", *FAST)[0] == 0
    assert len(KeyedVectors.load_word2vec_format(path)) > 0


@pytest.mark.parametrize("suffix", [".kv", ".txt.gz", ".model"])
def test_a_failed_save_leaves_the_old_file(
    suffix: str, corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text("precious")

    def full(*args: object, **kwargs: object) -> None:
        if suffix == ".txt.gz":
            Path(str(args[1])).write_text("half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((KeyedVectors, "save_word2vec_format") if suffix == ".txt.gz" else (pickle, "dump")), full)
    code, _, err = command("train", corpus, "-o", path, "--overwrite", "--quiet", *FAST)
    assert code == 1
    assert "cannot be written" in one_line(err)
    assert "No space left on device" in err
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == [path.name]


def test_ctrl_c_leaves_nothing_behind(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.kv"
    path.write_text("precious")
    command = [sys.executable, "-m", "torch_w2v", "train", str(corpus), "-o", str(path), "--overwrite"]
    process = subprocess.Popen(
        [*command, "--epochs", "100000", "--workers", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "epoch 1 of" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "torch-w2v: error: interrupted"
    assert "Traceback" not in err
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x.kv"]
