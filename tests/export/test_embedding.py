"""Vectors as PyTorch's embeddings."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.processes import python
from torch_w2v import Word2Vec, export


def test_rows_are_those_of_the_model(model: Word2Vec) -> None:
    for given in (model, model.wv):
        embedding = export.to_embedding(given)
        row = model.wv.key_to_index["a3"]
        np.testing.assert_array_equal(embedding(torch.tensor([row]))[0].numpy(), model.wv["a3"])
        assert not embedding.weight.requires_grad
    assert export.to_embedding(model, freeze=False).weight.requires_grad


def test_the_table_is_a_copy(model: Word2Vec) -> None:
    embedding = export.to_embedding(model, freeze=False)
    before = model.wv.vectors.copy()
    with torch.no_grad():
        embedding.weight.zero_()
    np.testing.assert_array_equal(model.wv.vectors, before)


def test_padding_is_a_last_row_of_zeros_that_is_not_trained(model: Word2Vec) -> None:
    embedding = export.to_embedding(model, freeze=False, padding=True)
    assert embedding.weight.shape == (17, 8)
    assert embedding.padding_idx == 16
    embedding(torch.tensor([0, 16])).sum().backward()
    assert embedding.weight.grad is not None
    assert embedding.weight.grad[16].abs().sum() == 0
    assert embedding.weight.grad[0].abs().sum() > 0


def test_a_bag_takes_the_mean_and_does_not_count_padding(model: Word2Vec) -> None:
    bag = export.to_embedding_bag(model, padding=True)
    rows = [model.wv.key_to_index[word] for word in ("a1", "b2")]
    mean = bag(torch.tensor([[*rows, 16]]))[0].numpy()
    np.testing.assert_allclose(mean, (model.wv["a1"] + model.wv["b2"]) / 2, rtol=1e-6)
    total = export.to_embedding_bag(model, mode="sum")(torch.tensor([rows]))[0].numpy()
    np.testing.assert_allclose(total, 2 * mean, rtol=1e-6)
    with pytest.raises(ValueError, match="mode='median': must be 'mean', 'sum' or 'max'"):
        export.to_embedding_bag(model, mode="median")


@pytest.mark.parametrize("padding", [False, True])
def test_the_folder_is_loaded_by_torch(model: Word2Vec, padding: bool, tmp_path: Path) -> None:
    export.save_embedding(model, tmp_path / "words", padding=padding)
    state = torch.load(tmp_path / "words" / "embedding.pt", weights_only=True)
    rows = json.loads((tmp_path / "words" / "vocabulary.json").read_text(encoding="utf-8"))
    for module in (nn.Embedding(16 + padding, 8), nn.EmbeddingBag(16 + padding, 8)):
        module.load_state_dict(state)
        np.testing.assert_array_equal(module.weight[rows["b5"]].detach().numpy(), model.wv["b5"])


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
def test_a_full_disk_is_an_oserror(tmp_path: Path) -> None:
    """torch's own error is a RuntimeError about a place in the file."""
    code = """
import resource, sys
from tests.helpers import ours, words
from torch_w2v.export import save_embedding
model = ours(words(), vector_size=2000)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_embedding(model, sys.argv[1])
except OSError as e:
    print("refused:", e.strerror)
"""
    done = python(code, tmp_path / "folder")
    assert done.stdout.startswith("refused: "), done.stderr
    assert not list(tmp_path.iterdir())
