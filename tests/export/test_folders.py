"""Folders are written as one, and words become text."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.faults import Fault
from torch_w2v import Word2Vec, export
from torch_w2v.export import embedding, hub, index, projector, sentence_model
from torch_w2v.export.folders import writing


def vectors_of(words: list[Any]) -> KeyedVectors:
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(words, np.ones((len(words), 2), np.float32))
    return vectors


@pytest.mark.parametrize(
    "files", [m.FILES for m in (embedding, index, projector, sentence_model)], ids=lambda files: files[0]
)
def test_the_main_file_has_the_shortest_name(files: tuple[str, ...]) -> None:
    """As `staging.recover` expects."""
    assert all(len(name) > len(files[0]) for name in files[1:])


@pytest.mark.parametrize("is_new", [True, False])
def test_a_failure_leaves_what_was_there(is_new: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    if not is_new:
        folder.mkdir()
        (folder / "a.txt").write_text("old")
    with pytest.raises(OSError, match="disk full"), writing(folder, ("a.txt", "more.txt")) as temporary:  # noqa: PT012
        Path(temporary, "a.txt").write_text("new")
        raise OSError("disk full")
    assert folder.exists() is not is_new
    if not is_new:
        assert {path.name: path.read_text() for path in folder.iterdir()} == {"a.txt": "old"}


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OSError(errno.ENOSPC, "No space left on device"), id="ENOSPC", marks=pytest.mark.slow),
        pytest.param(KeyboardInterrupt(), id="interrupt"),
    ],
)
def test_a_fault_at_any_call_never_mixes_two_exports(
    error: BaseException, model: Word2Vec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(name: str) -> int | None:
        path = folder / name
        return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else None

    monkeypatch.setattr(os, "fsync", lambda _: None)
    failures = 0
    for at in range(100):
        folder = tmp_path / str(at)
        export.save_projector(model, folder, limit=3)
        with monkeypatch.context() as patch:
            fault = Fault(patch, at, error, after=False)
            try:
                export.save_projector(model, folder, limit=5)
            except type(error):
                failures += 1
            if fault.left >= 0:
                break
        tensors, metadata = lines("tensors.tsv"), lines("metadata.tsv")
        assert (tensors, metadata) in [(3, 4), (5, 6)] or tensors is None
        export.save_projector(model, folder, limit=4)
        assert (lines("tensors.tsv"), lines("metadata.tsv")) == (4, 5)
        assert sorted(os.listdir(folder)) == sorted(projector.FILES)
    assert failures > 10
    assert (lines("tensors.tsv"), lines("metadata.tsv")) == (5, 6)


def test_a_second_export_replaces_the_first_and_leaves_other_files(model: Word2Vec, tmp_path: Path) -> None:
    export.save_projector(model, tmp_path, limit=3)
    (tmp_path / "mine.txt").write_text("precious")
    export.save_projector(model, tmp_path, limit=5)
    assert len((tmp_path / "tensors.tsv").read_text().splitlines()) == 5
    assert sorted(os.listdir(tmp_path)) == sorted([*projector.FILES, "mine.txt"])


@pytest.mark.parametrize(
    "save",
    [export.save_embedding, export.save_projector, export.save_static_embedding, export.save_hub_folder],
    ids=lambda save: save.__name__,
)
def test_words_that_are_no_text_are_refused(save: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    with pytest.raises(TypeError, match=r"\('a', 'b'\) is a tuple: words must be str or integers"):
        save(vectors_of([("a", "b")]), tmp_path / "out")
    with pytest.raises(ValueError, match="the text '1' stands for two words"):
        save(vectors_of(["a", 1, "1"]), tmp_path / "out")
    assert os.listdir(tmp_path) == []


def test_a_missing_parent_is_an_error_of_the_system(model: Word2Vec, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        export.save_embedding(model, tmp_path / "none" / "out")


def test_the_files_of_the_hub_are_all_that_is_written(model: Word2Vec, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    export.save_hub_folder(model, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == sorted(hub.FILES)
