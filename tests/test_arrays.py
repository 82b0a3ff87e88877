"""Files of arrays (.npz, .safetensors): words and counts come back, nothing is unpickled, damage is one clear error."""

import io
import json
import pickle
import random
import zipfile

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import ours, topics
from tests.processes import python
from torch_w2v import extras, formats
from torch_w2v.arrays import load_npz

safetensors = pytest.importorskip("safetensors")
SUFFIXES = (".npz", ".safetensors")
on_both = pytest.mark.parametrize("suffix", SUFFIXES)


def vectors_with(words, dimensions=3, dtype=np.float32):
    vectors = KeyedVectors(dimensions, dtype=dtype)
    vectors.add_vectors(words, np.random.default_rng(1).normal(size=(len(words), dimensions)).astype(dtype))
    return vectors


@on_both
@pytest.mark.parametrize(
    "words",
    [["a", "ä\n b", "", "\0", "\ud800", "日本"], [5, -1, 2**62], [np.int64(7), 8], []],
    ids=["str", "int", "numpy's int", "none"],
)
def test_words_of_any_text_and_integers_come_back(suffix, words, tmp_path):
    vectors = vectors_with(words) if words else KeyedVectors(3, dtype=np.float32)
    formats.save_vectors(vectors, tmp_path / f"x{suffix}")
    loaded = formats.load_vectors(tmp_path / f"x{suffix}")
    assert loaded.index_to_key == words
    assert loaded.key_to_index == {word: row for row, word in enumerate(words)}
    np.testing.assert_array_equal(loaded.vectors, vectors.vectors)
    assert loaded.vectors.flags.writeable
    if words:
        loaded.add_vector("new", np.ones(3))
        assert loaded.most_similar(words[0], topn=1)
        assert loaded["new"].sum() == 3


@on_both
def test_counts_and_facts_come_back(suffix, tmp_path):
    model = ours(topics(20), compute_loss=True, comment="for tests")
    formats.save_vectors(model, tmp_path / f"x{suffix}")
    loaded = formats.load_vectors(tmp_path / f"x{suffix}")
    assert [loaded.get_vecattr(w, "count") for w in loaded.index_to_key] == list(model.wv.expandos["count"])
    assert loaded.facts["arguments"]["comment"] == "for tests"
    assert loaded.facts["corpus_words"] == 120
    assert len(loaded.facts["losses"]) == 2
    again = tmp_path / f"again{suffix}"
    formats.save_vectors(loaded, again)
    assert formats.load_vectors(again).facts == loaded.facts


@on_both
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_keep_their_dtype(suffix, dtype, tmp_path):
    formats.save_vectors(vectors_with(["a", "b"], dtype=dtype), tmp_path / f"x{suffix}")
    assert formats.load_vectors(tmp_path / f"x{suffix}").vectors.dtype == dtype


@on_both
@pytest.mark.parametrize("word", [("a", "b"), 1.5, True, None, 2**70])
def test_words_of_other_types_are_refused_and_the_old_file_stays(suffix, word, tmp_path):
    path = tmp_path / f"x{suffix}"
    path.write_text("old")
    with pytest.raises(TypeError, match=r"hold words that are all str, or all integers|does not fit into 64 bits"):
        formats.save_vectors(vectors_with([word]), path)
    assert path.read_text() == "old"
    with pytest.raises(TypeError, match="all integers"):
        formats.save_vectors(vectors_with(["a", 1]), path)


@pytest.mark.parametrize("suffix", [".txt", ".vec", ".bin", ".txt.gz"])
@pytest.mark.parametrize("word", ["", "new york", "a\tb", "\u3000"])
def test_words_that_word2vecs_formats_cannot_separate_are_refused(suffix, word, tmp_path):
    with pytest.raises(ValueError, match=r"cannot hold: replace it .* or choose \.kv, \.npz or \.safetensors"):
        formats.save_vectors(vectors_with(["a", word]), tmp_path / f"x{suffix}")
    assert not (tmp_path / f"x{suffix}").exists()


def test_vec_is_what_gensim_reads_as_word2vecs_text(tmp_path):
    formats.save_vectors(vectors_with(["a", "b"]), tmp_path / "x.vec")
    assert KeyedVectors.load_word2vec_format(tmp_path / "x.vec").index_to_key == ["a", "b"]


def test_vectors_alone_are_no_model(tmp_path):
    with pytest.raises(ValueError, match=r"x\.model: a \.model file holds a whole model"):
        formats.save_vectors(vectors_with(["a"]), tmp_path / "x.model")


def test_other_programs_open_the_files(tmp_path):
    from safetensors.numpy import load_file  # noqa: PLC0415

    model = ours(topics(20))
    formats.save_vectors(model, tmp_path / "x.npz")
    formats.save_vectors(model, tmp_path / "x.safetensors")
    with safetensors.safe_open(tmp_path / "x.safetensors", "numpy") as file:
        assert file.metadata()["format"] == "pt"
    for arrays in (np.load(tmp_path / "x.npz"), load_file(tmp_path / "x.safetensors")):
        np.testing.assert_array_equal(arrays["vectors"], model.wv.vectors)
        text, ends = arrays["words"].tobytes(), arrays["word_offsets"]
        assert text[ends[0] : ends[1]].decode() == model.wv.index_to_key[0]
        assert arrays["counts"].sum() == 120


class Harm:
    def __reduce__(self):
        return print, ("harm",)


def npz_with_a_pickle(path, name):
    member = io.BytesIO()
    np.lib.format.write_array(member, np.array([Harm()], object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(f"{name}.npy", member.getvalue())


AUDIT = """
import sys
from torch_w2v.formats import load_vectors
found = []
sys.addaudithook(lambda event, arguments: event == "pickle.find_class" and found.append(arguments))
for path in sys.argv[1:]:
    try:
        load_vectors(path)
    except ValueError as e:
        print(path, e)
    if not path.endswith(".kv"):
        print("safe", len(found))
print("kv", len(found))
"""


def test_only_kv_and_model_are_unpickled(tmp_path):
    """The same hook sees the pickle of a .kv file, and none in other files, not even in those made to hold one."""
    model = ours(topics(20))
    others = [tmp_path / f"x{suffix}" for suffix in formats.FORMATS if suffix not in (".kv", ".model")]
    for path in (*others, tmp_path / "x.kv"):
        formats.save_vectors(model, path)
    for name in ("counts", "more"):
        others.append(tmp_path / f"{name}.npz")
        np.savez(others[-1], facts=np.zeros(1, np.uint8))
        npz_with_a_pickle(others[-1], name)
    for suffix in (".npz", ".txt", ".bin", ".safetensors"):
        others.append(tmp_path / f"pickle{suffix}")
        others[-1].write_bytes(pickle.dumps(Harm()))
    done = python(AUDIT, *others, tmp_path / "x.kv")
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("safe")] == ["safe 0"] * len(others)
    assert int(last.removeprefix("kv ")) > 0
    assert sum("it has an array of Python objects, which is not unpickled" in line for line in lines) == 2
    assert "allow_pickle" not in done.stdout, "numpy's advice to unpickle it all the same"
    assert "harm" not in lines


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_npz(str(tmp_path / "missing.npz"))


@on_both
def test_every_damaged_file_is_one_clear_error(suffix, tmp_path):
    """Bits flipped and files cut: a ValueError with the path, or, where no content is hit, the same vectors."""
    good, path = tmp_path / f"good{suffix}", tmp_path / f"x{suffix}"
    formats.save_vectors(ours(topics(20), vector_size=3), good)
    content, same = good.read_bytes(), formats.load_vectors(good)
    draw = random.Random(0)
    cut = [content[: draw.randrange(len(content))] for _ in range(60)]
    flipped = []
    for _ in range(400):
        damaged = bytearray(content)
        damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        flipped.append(bytes(damaged))
    refused = 0
    for damaged in cut + flipped:
        path.write_bytes(damaged)
        try:
            loaded = formats.load_vectors(path)
        except ValueError as e:
            assert str(e).startswith(f"{path}: is not ")  # noqa: PT017
            assert len(str(e)) < 1000  # noqa: PT017
            refused += 1
        else:
            assert damaged not in cut
            assert loaded.index_to_key == same.index_to_key
            np.testing.assert_array_equal(loaded.vectors, same.vectors)
            np.testing.assert_array_equal(loaded.expandos["count"], same.expandos["count"])
    assert refused > 300


def arrays_and_facts(**changed):
    arrays = {
        "vectors": np.ones((2, 3), np.float32),
        "words": np.frombuffer(b"abc", np.uint8),
        "word_offsets": np.array([0, 1, 3]),
        "counts": np.array([2, 1]),
        "facts": np.frombuffer(json.dumps({"format": "torch_w2v.vectors", "version": 1}).encode(), np.uint8),
    } | changed
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"facts": None}, "of another program"),
        ({"vectors": None}, "it has no array 'vectors'"),
        ({"words": None}, "it has no array 'words'"),
        ({"vectors": np.ones(6, np.float32)}, r"array 'vectors' is float32 of shape \(6,\)"),
        ({"vectors": np.ones((2, 3), np.int64)}, "array 'vectors' is int64"),
        ({"vectors": np.ones((3, 2), np.float32)}, "2 words, but 3 vectors"),
        ({"word_offsets": np.array([0, 1, 4])}, "word_offsets do not ascend"),
        ({"word_offsets": np.array([1, 2, 3])}, "word_offsets do not ascend"),
        ({"word_offsets": np.array([0, 9, 3])}, "word_offsets do not ascend"),
        ({"word_offsets": np.zeros(0, np.int64)}, "word_offsets do not ascend"),
        ({"word_offsets": None}, "array 'words' is uint8"),
        ({"words": np.frombuffer(b"\xffbc", np.uint8)}, "decode byte"),
        ({"words": np.frombuffer(b"aa", np.uint8), "word_offsets": np.arange(3)}, "it has a word twice"),
        ({"counts": np.array([1])}, "counts are not one per word"),
        ({"counts": np.array([1, -1])}, "counts are not one per word"),
        ({"counts": np.array([1.0, 2.0])}, "array 'counts' is float64"),
        ({"facts": np.frombuffer(b"{}", np.uint8)}, "do not name the format"),
        ({"facts": np.frombuffer(b"[", np.uint8)}, "JSONDecodeError"),
        (
            {"facts": np.frombuffer(b'{"format": "torch_w2v.vectors", "version": 2}', np.uint8)},
            "version 2 of the format; this torch_w2v reads version 1",
        ),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changed, message, tmp_path):
    np.savez(tmp_path / "good.npz", **arrays_and_facts())
    assert formats.load_vectors(tmp_path / "good.npz").index_to_key == ["a", "bc"]
    np.savez(tmp_path / "x.npz", **arrays_and_facts(**changed))
    with pytest.raises(ValueError, match=rf"x\.npz: is not numpy's arrays, or is damaged: .*{message}"):
        formats.load_vectors(tmp_path / "x.npz")


def test_safetensors_of_others_are_refused(tmp_path):
    from safetensors.numpy import save_file  # noqa: PLC0415

    save_file({"weight": np.ones((2, 2), np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"x\.safetensors: .* of another program"):
        formats.load_vectors(tmp_path / "x.safetensors")


def test_without_safetensors_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    really = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: None if name == "safetensors" else really(name)
    )
    for use in (lambda p: formats.save_vectors(ours(topics(20)), p), formats.load_vectors):
        with pytest.raises(ImportError, match=r"a \.safetensors file needs .*pip install 'torch_w2v\[safetensors\]'"):
            use(tmp_path / "x.safetensors")
    assert list(tmp_path.iterdir()) == []
