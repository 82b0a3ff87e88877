from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.cli.running import FAST, Command, one_line
from torch_w2v import cli, extras, formats
from torch_w2v.cli.export import FILES, FOLDERS


@pytest.mark.parametrize("form", FILES)
def test_each_file_has_the_vectors(form: str, vectors: Path, tmp_path: Path, command: Command) -> None:
    if form == "safetensors":
        pytest.importorskip("safetensors")
    path = tmp_path / f"out.{form}"
    code, out, err = command("export", vectors, "--to", form, "-o", path)
    assert (code, err) == (0, "")
    original = KeyedVectors.load(str(vectors))
    assert out == f"{path}: {len(original):,} words\n"
    loaded = formats.load_vectors(path)
    assert loaded.index_to_key == original.index_to_key
    np.testing.assert_allclose(loaded.vectors, original.vectors, atol=1e-6)


@pytest.mark.parametrize("form", FOLDERS)
def test_each_folder_has_its_files(form: str, vectors: Path, tmp_path: Path, command: Command) -> None:
    if form == "index":
        pytest.importorskip("usearch", reason="install what `make test-interop` installs")
    elif form not in ("embedding", "projector"):
        pytest.importorskip("safetensors")
    options = ["--limit", "7"] if form == "projector" else []
    code, out, err = command("export", vectors, "--to", form, "-o", tmp_path / "out", *options)
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'out'}: ")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(FOLDERS[form].files)
    if form == "projector":
        assert "7 of " in out
    if form == "index":
        assert "recall@10 " in out
    code, _, err = command("export", vectors, "--to", form, "-o", tmp_path / "out", *options)
    assert code == 2
    assert "exists; --overwrite replaces it" in one_line(err)
    assert command("export", vectors, "--to", form, "-o", tmp_path / "out", *options, "--overwrite", "--quiet") == (
        (0, "", "")
    )


def test_a_card_of_a_model_has_its_facts(corpus: Path, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("safetensors")
    path = tmp_path / "x.model"
    assert cli.main(["train", str(corpus), "-o", str(path), "--quiet", *FAST, "--window", "4"]) == 0
    options = ("--name", "Lee", "--license", "other", "--language", "en", "--lowercase")
    assert command("export", path, "--to", "hub", "-o", tmp_path / "out", *options)[0] == 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| `window` | 4 |" in card
    assert "# Lee\n" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--to", "txt", "-o", "x.bin"), "x.bin: --to txt writes a file that ends in .txt"),
        (("--to", "txt", "-o", ".txt"), ".txt: --to txt writes a file that ends in .txt"),
        (("--to", "model", "-o", "x.model"), "argument --to: invalid choice: 'model'"),
        (("--to", "projector", "-o", "x", "--limit", "0"), "--limit 0: must be at least 1"),
        (("--to", "embedding", "-o", "x", "--limit", "5"), "--limit is an option of projector, not of --to embedding"),
        (
            ("--to", "vec", "-o", "x.vec", "--lowercase"),
            "--lowercase is an option of sentence-transformers, model2vec, hub, not of --to vec",
        ),
        (("--to", "embedding", "-o", "none/x"), "none/x: there is no folder "),
        (("--to", "embedding", "-o", "file"), "file: exists, and is no folder"),
        (("--to", "vec"), "the following arguments are required: -o/--output"),
    ],
)
def test_mistakes_are_found_before_the_vectors_are_loaded(
    arguments: tuple[str, ...], message: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    code, out, err = command("export", "none.kv", *arguments)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert os.listdir() == ["file"]


def test_a_missing_package_is_named_with_its_command(
    corpus: Path, vectors: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    for form, extra in (("index", "index"), ("model2vec", "safetensors"), ("hub", "safetensors")):
        code, _, err = command("export", vectors, "--to", form, "-o", tmp_path / "x")
        assert code == 2
        assert f"pip install 'torch_w2v[{extra}]'" in one_line(err)
    for arguments in (("export", vectors, "--to", "safetensors"), ("train", corpus)):
        code, _, err = command(*arguments, "-o", tmp_path / "x.safetensors")
        assert code == 2
        assert "pip install 'torch_w2v[safetensors]'" in one_line(err)
    assert os.listdir(tmp_path) == []


def test_vectors_that_cannot_be_read_or_exported(tmp_path: Path, command: Command) -> None:
    code, _, err = command("export", tmp_path / "none.kv", "--to", "vec", "-o", tmp_path / "x.vec")
    assert (code, one_line(err)) == (2, f"torch-w2v: error: {tmp_path / 'none.kv'}: No such file or directory")
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(["new york"], np.ones((1, 2), np.float32))
    vectors.save(str(tmp_path / "x.kv"))
    code, _, err = command("export", tmp_path / "x.kv", "--to", "vec", "-o", tmp_path / "x.vec")
    assert code == 2
    assert "'new york' is empty or has white space" in one_line(err)
