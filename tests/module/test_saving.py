"""The vectors of `CBOWNegativeSampling` in gensim's classes and files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from tests.module.cases import V, make
from torch_w2v.module import CBOWNegativeSampling


def test_word2vec_format_round_trip(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(4, 6, init="uniform")
    keys = ["naïve", "東京", "a-b", "x" * 50]
    for name in ("vectors.txt", "vectors.txt.gz"):
        model.save_word2vec_format(tmp_path / name, keys)
        loaded = KeyedVectors.load_word2vec_format(tmp_path / name)
        assert loaded.index_to_key == keys
        np.testing.assert_array_equal(loaded.vectors, model.input.weight.detach())
    assert (tmp_path / "vectors.txt").read_text(encoding="utf8").startswith("4 6\nnaïve ")
    assert (tmp_path / "vectors.txt.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert sorted(os.listdir(tmp_path)) == ["vectors.txt", "vectors.txt.gz"]


def test_saving_with_counts_orders_by_frequency(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(3, 2)
    model.save_word2vec_format(str(tmp_path / "v.txt"), ["rare", "often", "mid"], counts=[1, 9, 5])
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    assert loaded.index_to_key == ["often", "mid", "rare"]
    np.testing.assert_array_equal(loaded["rare"], model.input.weight[0].detach())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.txt"
    path.write_text("precious")

    def breaks(_self: KeyedVectors, fname: str, **_options: Any) -> None:
        Path(fname).write_text("half a fi")
        raise OSError("disk full")

    def cannot_replace(*_paths: Any) -> None:
        raise OSError("disk full")

    for owner, name, broken in ((KeyedVectors, "save_word2vec_format", breaks), (os, "replace", cannot_replace)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            with pytest.raises(OSError, match="disk full"):
                CBOWNegativeSampling(1, 2).save_word2vec_format(path, ["a"])
        assert path.read_text() == "precious"
        assert os.listdir(tmp_path) == ["v.txt"]


@pytest.mark.parametrize("key", ["two words", "tab\t", "\n", "", "no\u00a0break"])
def test_saving_refuses_white_space_in_keys(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="white space"):
        CBOWNegativeSampling(2, 2).save_word2vec_format(tmp_path / "v.txt", ["a", key])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_to_keyed_vectors_is_a_float32_copy_with_counts(dtype: torch.dtype) -> None:
    model = make(dtype=dtype)
    keys = [f"w{i}" for i in range(V)]
    vectors = model.to_keyed_vectors(keys, counts=range(10, 10 + V))
    assert vectors.vectors.dtype == np.float32
    assert [vectors.get_vecattr(key, "count") for key in keys] == list(range(10, 10 + V))
    before = vectors.vectors.copy()
    np.testing.assert_allclose(before, model.input.weight.detach(), rtol=1e-6)
    with torch.no_grad():
        model.input.weight.zero_()
    np.testing.assert_array_equal(vectors.vectors, before)
    assert len(vectors.most_similar("w0", topn=3)) == 3


def test_key_errors(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(2, 2)
    with pytest.raises(ValueError, match="3 keys, but the table has 2 rows"):
        model.to_keyed_vectors(["a", "b", "c"])
    with pytest.raises(ValueError, match="'a' 2 times"):
        model.to_keyed_vectors(["a", "a"])
    with pytest.raises(ValueError, match=r"counts has shape \(3,\)"):
        model.to_keyed_vectors(["a", "b"], counts=[1, 2, 3])
    with pytest.raises(TypeError, match=r"use str\(key\)"):
        model.save_word2vec_format(tmp_path / "v.txt", [0, 1])
