"""Tables for the Embedding Projector; tests/interop has TensorBoard read them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from torch_w2v import Word2Vec, export


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_rows_of_both_tables_belong_together(model: Word2Vec, tmp_path: Path) -> None:
    assert export.save_projector(model, tmp_path) == 16
    header, *words = table(tmp_path / "metadata.tsv")
    assert header == ["word", "count"]
    assert [word for word, _ in words] == model.wv.index_to_key
    assert [int(count) for _, count in words] == [model.wv.get_vecattr(word, "count") for word, _ in words]
    tensors = np.array(table(tmp_path / "tensors.tsv"), float)
    np.testing.assert_allclose(tensors, model.wv.vectors, rtol=1e-6)


def test_the_limit_keeps_the_most_frequent_words(model: Word2Vec, tmp_path: Path) -> None:
    assert export.save_projector(model, tmp_path, limit=3) == 3
    assert len(table(tmp_path / "tensors.tsv")) == 3
    assert [word for word, _ in table(tmp_path / "metadata.tsv")[1:]] == model.wv.index_to_key[:3]
    assert export.save_projector(model, tmp_path, limit=None) == 16
    with pytest.raises(ValueError, match="limit=0: must be at least 1"):
        export.save_projector(model, tmp_path, limit=0)


def test_words_without_counts_have_no_header_and_no_tabs_or_line_ends(tmp_path: Path) -> None:
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(["a\tb", "c\nd", '"e'], np.ones((3, 2), np.float32))
    export.save_projector(vectors, tmp_path)
    assert table(tmp_path / "metadata.tsv") == [["a b"], ["c d"], ['"e']]


def test_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are no words to export"):
        export.save_projector(KeyedVectors(2), tmp_path)
