"""What is exported is read back by the library that it is for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from torch_w2v import Word2Vec, export

WHY = "install what `make test-interop` installs"
TEXTS = ("a1 a2 b3", "b4", "a5 unheard a6")


def mean(model: Word2Vec, text: str) -> np.ndarray:
    return np.mean([model.wv[word] for word in text.split() if word in model.wv], axis=0)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.fixture(scope="module")
def static(model: Word2Vec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("safetensors", reason=WHY)
    folder = tmp_path_factory.mktemp("static")
    export.save_hub_folder(model, folder, license="cc0-1.0", language=["en"])
    return folder


def test_model2vec(model: Word2Vec, static: Path) -> None:
    model2vec = pytest.importorskip("model2vec", reason=WHY)
    loaded = model2vec.StaticModel.from_pretrained(static)
    for text, vector in zip(TEXTS, loaded.encode(list(TEXTS)), strict=True):
        np.testing.assert_allclose(vector, mean(model, text), rtol=1e-5)
    assert not loaded.encode(["unheard"]).any()


def test_sentence_transformers(model: Word2Vec, static: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers", reason=WHY)
    loaded = sentence_transformers.SentenceTransformer(str(static), device="cpu")
    for text, vector in zip(TEXTS, loaded.encode(list(TEXTS)), strict=True):
        assert cosine(vector, mean(model, text)) == pytest.approx(1, abs=1e-6)
        known = [word for word in text.split() if word in model.wv]
        # an unknown word is a vector of zeros in the mean
        np.testing.assert_allclose(vector, mean(model, text) * len(known) / len(text.split()), rtol=1e-5)


def test_tokenizers_read_the_words_as_the_rows(model: Word2Vec, static: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason=WHY)
    tokenizer = tokenizers.Tokenizer.from_file(str(static / "tokenizer.json"))
    assert tokenizer.encode("a1\tb7\n nothing").ids == [model.wv.key_to_index["a1"], model.wv.key_to_index["b7"], 16]
    assert tokenizer.get_vocab_size() == 17


def test_text_is_split_and_changed_to_lower_case_as_asked_for(model: Word2Vec, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason=WHY)
    export.save_static_embedding(model, tmp_path, lowercase=True, split="punctuation")
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert tokenizer.encode("A1, b2.").tokens == ["a1", "[UNK]", "b2", "[UNK]"]
    with pytest.raises(ValueError, match="split='letters': must be one of 'whitespace', 'punctuation'"):
        export.save_static_embedding(model, tmp_path, split="letters")


def test_a_vocabulary_that_has_the_unknown_word_itself(tmp_path: Path) -> None:
    model2vec = pytest.importorskip("model2vec", reason=WHY)
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(["[UNK]", "a"], np.eye(2, dtype=np.float32))
    export.save_static_embedding(vectors, tmp_path)
    loaded = model2vec.StaticModel.from_pretrained(tmp_path)
    np.testing.assert_allclose(loaded.encode(["[UNK] other"])[0], [1, 0], atol=1e-6)


def test_the_hub_reads_the_card(static: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub", reason=WHY)
    card = huggingface_hub.ModelCard.load(static / "README.md")
    assert card.data.library_name == "model2vec"
    assert card.data.license == "cc0-1.0"
    assert card.data.language == ["en"]
    assert "word2vec" in card.data.tags


def test_tensorboard_reads_the_tables(model: Word2Vec, tmp_path: Path) -> None:
    plugin = pytest.importorskip("tensorboard.plugins.projector.projector_plugin", reason=WHY)
    config_format = pytest.importorskip("google.protobuf.text_format", reason=WHY)
    export.save_projector(model, tmp_path)
    tensor = plugin._read_tensor_tsv_file(str(tmp_path / "tensors.tsv"))
    np.testing.assert_allclose(tensor, model.wv.vectors, rtol=1e-6)
    config = plugin.ProjectorConfig()
    config_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config)
    assert config.embeddings[0].metadata_path == "metadata.tsv"


def test_usearch_finds_the_neighbours(model: Word2Vec, tmp_path: Path) -> None:
    usearch = pytest.importorskip("usearch.index", reason=WHY)
    report = export.save_index(model, tmp_path)
    assert (report.words, report.queries, report.recall) == (16, 16, 1.0)
    loaded = usearch.Index.restore(str(tmp_path / "index.usearch"))
    words = json.loads((tmp_path / "words.json").read_text(encoding="utf-8"))
    found = [words[key] for key in loaded.search(model.wv["a1"], 4).keys.tolist()]
    assert found == ["a1", *(word for word, _ in model.wv.most_similar("a1", topn=3))]


def test_the_recall_is_measured(tmp_path: Path) -> None:
    """A sloppy index finds less than a careful one, and both reports are right by a count of our own."""
    usearch = pytest.importorskip("usearch.index", reason=WHY)
    vectors = KeyedVectors(32, dtype=np.float32)
    table = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    vectors.add_vectors([str(i) for i in range(3000)], table)
    sloppy = export.save_index(vectors, tmp_path / "sloppy", connectivity=2, expansion_add=2, expansion_search=2)
    careful = export.save_index(vectors, tmp_path / "careful", expansion_add=256, expansion_search=512)
    assert sloppy.recall < 0.8
    assert careful.recall > 0.97
    index = usearch.Index.restore(str(tmp_path / "sloppy" / "index.usearch"))
    index.expansion_search = 2
    hits = 0
    for row in range(300):
        exact = {int(word) for word, _ in vectors.most_similar(str(row), topn=10)}
        hits += len(exact & set(index.search(table[row], 11).keys.tolist()))
    assert sloppy.recall == pytest.approx(hits / 3000, abs=0.1)
    assert sloppy.index_seconds > 0
    assert sloppy.exact_seconds > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [({"dtype": "f8"}, "dtype='f8': must be one of 'f32', 'f16', 'i8'"), ({"connectivity": 1}, "connectivity=1")],
)
def test_arguments_of_an_index_are_checked(options: dict[str, object], message: str, model: Word2Vec) -> None:
    with pytest.raises(ValueError, match=message):
        export.save_index(model, "nowhere", **options)  # type: ignore[arg-type]


def test_vectors_of_zeros_do_not_count_in_the_recall(tmp_path: Path) -> None:
    pytest.importorskip("usearch", reason=WHY)
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors(["a", "b"], np.zeros((2, 2), np.float32))
    assert export.save_index(vectors, tmp_path).queries == 0
