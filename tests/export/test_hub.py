"""The model card says what is known of the training, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import ours, topics
from torch_w2v import Word2Vec, export, load_vectors

pytest.importorskip("safetensors")


def card(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_card_has_the_facts_of_the_training(tmp_path: Path) -> None:
    model = ours(topics(200), window=3, negative=7, compute_loss=True)
    export.save_hub_folder(model, tmp_path, name="two topics", license="cc0-1.0", language=["en", "de"])
    text = card(tmp_path)
    assert text.startswith("---\nlibrary_name: model2vec\n")
    assert 'license: "cc0-1.0"\n' in text
    assert 'language: ["en", "de"]\n' in text
    assert "# two topics\n" in text
    assert "16 word vectors of 8 dimensions, trained with word2vec (CBOW with negative sampling) on 1,200 words" in text
    for row in ("| `window` | 3 |", "| `negative` | 7 |", "| words in the corpus | 1,200 |"):
        assert row in text
    losses = ", ".join(str(round(loss, 6)) for loss in model.training_losses)
    assert f"in nats per pair, estimated unless compute_loss | {losses} |" in text
    word = model.wv.index_to_key[4]
    near, cosine = model.wv.most_similar(word)[0]
    assert f"| {word} | {near} ({cosine:.2f})," in text


def test_the_card_of_skip_gram_says_so(tmp_path: Path) -> None:
    export.save_hub_folder(ours(topics(20), sg=1, hs=1, negative=0), tmp_path)
    assert "(skip-gram with hierarchical softmax)" in card(tmp_path)


def test_facts_come_along_in_files_of_vectors(model: Word2Vec, tmp_path: Path) -> None:
    model.save_vectors(tmp_path / "x.npz")
    export.save_hub_folder(load_vectors(tmp_path / "x.npz"), tmp_path / "from-vectors")
    export.save_hub_folder(model, tmp_path / "from-model", name="from-vectors")
    assert card(tmp_path / "from-vectors") == card(tmp_path / "from-model")


def test_vectors_alone_claim_nothing_of_their_training(tmp_path: Path) -> None:
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(["a|b", "<script>"], np.eye(2, dtype=np.float32))
    export.save_hub_folder(vectors, tmp_path / "x_y")
    text = card(tmp_path / "x_y")
    assert "how they were trained is not known" in text
    assert "trained with" not in text
    assert "license" not in text
    assert "# x\\_y\n" in text
    assert r"| a\|b | \<script\> (0.00) |" in text


@pytest.mark.parametrize(
    ("language", "line"), [("en", '["en"]'), (("en", "de"), '["en", "de"]'), ([], None), (None, None)]
)
def test_one_language_or_several(language: Any, line: str | None, model: Word2Vec, tmp_path: Path) -> None:
    export.save_hub_folder(model, tmp_path, language=language)
    assert (f"language: {line}\n" in card(tmp_path)) == (line is not None)
    assert ("language:" in card(tmp_path)) == (line is not None)


@pytest.mark.parametrize("language", [5, b"en", ["en", 5], [["en"]]])
def test_languages_are_str(language: Any, model: Word2Vec, tmp_path: Path) -> None:
    message = f"language={language!r}: must be a code such as 'en', or a list of codes"
    with pytest.raises(TypeError, match=re.escape(message)):
        export.save_hub_folder(model, tmp_path / "hub", language=language)
    assert not (tmp_path / "hub").exists()


def test_the_vectors_come_back_with_counts(model: Word2Vec, tmp_path: Path) -> None:
    export.save_hub_folder(model, tmp_path)
    loaded = load_vectors(tmp_path / "vectors.safetensors")
    assert loaded.index_to_key == model.wv.index_to_key
    np.testing.assert_array_equal(loaded.vectors, model.wv.vectors)
    np.testing.assert_array_equal(loaded.expandos["count"], model.wv.expandos["count"])


def test_words_that_are_no_texts_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"the word \(1, 2\) is a tuple"):
        export.save_hub_folder(ours([[(1, 2), "c"]] * 20), tmp_path / "hub")
    assert not (tmp_path / "hub").exists()
