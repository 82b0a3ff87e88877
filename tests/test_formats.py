"""Files of vectors as a Python user meets them; tests/cli has the formats that `torch-w2v train` writes."""

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import ours, same, topics
from torch_w2v import Word2Vec, formats, load_vectors


@pytest.mark.parametrize("suffix", formats.FORMATS)
def test_vectors_come_back(suffix, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    model = ours(topics(20))
    model.save_vectors(tmp_path / f"x{suffix}")
    loaded = load_vectors(tmp_path / f"x{suffix}")
    assert type(loaded) is KeyedVectors
    assert loaded.index_to_key == model.wv.index_to_key
    np.testing.assert_allclose(loaded.vectors, model.wv.vectors, atol=1e-6)


@pytest.mark.parametrize("suffix", formats.FORMATS)
def test_a_new_file_may_be_read_by_whom_any_other_may(suffix, tmp_path):
    if suffix == ".safetensors":
        pytest.importorskip("safetensors")
    ours(topics(20)).save_vectors(tmp_path / f"x{suffix}")
    (tmp_path / "other").touch()
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {(tmp_path / "other").stat().st_mode}


@pytest.mark.parametrize("given", [None, 3, "x.kv", np.zeros((2, 2))], ids=str)
@pytest.mark.parametrize("suffix", [".npz", ".kv", ".model"])
def test_what_has_no_vectors_is_refused_by_its_type(given, suffix, tmp_path):
    message = f"^the model is a {type(given).__name__}: must be a Word2Vec model or KeyedVectors$"
    with pytest.raises(TypeError, match=message):
        formats.save_vectors(given, tmp_path / f"x{suffix}")


def test_a_model_comes_back(tmp_path):
    model = ours(topics(20))
    formats.save_vectors(model, tmp_path / "x.model")
    assert same(Word2Vec.load(str(tmp_path / "x.model")), model)


@pytest.mark.parametrize("path", ["x", "x.npy", ".kv", "folder/.txt", "x.kv.npy"])
def test_an_unknown_suffix_is_refused(path, tmp_path):
    with pytest.raises(ValueError, match=r"the suffix must be one of \.kv, \.txt"):
        formats.format_of(path)
    with pytest.raises(ValueError, match="the suffix must be one of"):
        formats.save_vectors(ours(), tmp_path / path)
    with pytest.raises(ValueError, match="the suffix must be one of"):
        formats.load_vectors(tmp_path / path)


def test_a_path_that_cannot_be_opened_raises_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.kv"):
        formats.load_vectors(tmp_path / "none.kv")
    with pytest.raises(FileNotFoundError):
        formats.save_vectors(ours(), tmp_path / "none" / "x.kv")
    (tmp_path / "folder.kv").mkdir()
    with pytest.raises(IsADirectoryError):
        formats.load_vectors(tmp_path / "folder.kv")


def test_another_content_is_refused(tmp_path):
    ours(topics(20)).wv.vectors.dump(tmp_path / "array.kv")
    with pytest.raises(ValueError, match=r"array\.kv: (holds a ndarray, not|is not) gensim's KeyedVectors"):
        formats.load_vectors(tmp_path / "array.kv")
    Path(tmp_path / "x.txt").write_text("no header\n")
    with pytest.raises(ValueError, match=r"x\.txt: is not word2vec's text format, or is damaged: ValueError"):
        formats.load_vectors(tmp_path / "x.txt")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ([1, "1"], ValueError, "the text '1' stands for two words"),
        ([(1, 2), 1], TypeError, r"the word \(1, 2\) is a tuple"),
        ([None, "c"], TypeError, "the word None is a NoneType"),
        ([b"a", "c"], TypeError, "the word b'a' is a bytes"),
    ],
    ids=str,
)
def test_words_that_word2vecs_formats_cannot_hold(words, error, message, tmp_path):
    model = ours([words] * 20)
    for suffix in (".txt", ".bin", ".txt.gz"):
        with pytest.raises(error, match=message):
            model.save_vectors(tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())
    model.save_vectors(tmp_path / "x.kv")
    assert set(load_vectors(tmp_path / "x.kv").index_to_key) == set(words)


def test_integers_become_digits(tmp_path):
    vectors = KeyedVectors(2, dtype=np.float32)
    vectors.add_vectors([5, np.int64(6), "a"], np.ones((3, 2), np.float32))
    assert formats.texts_of(vectors) == ["5", "6", "a"]
    formats.save_vectors(vectors, tmp_path / "x.txt")
    assert load_vectors(tmp_path / "x.txt").index_to_key == ["5", "6", "a"]
