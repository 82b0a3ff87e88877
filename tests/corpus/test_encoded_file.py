"""The .w2v file: what goes in comes out, and no other file is taken for one."""

import os
import stat
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import ENGINES, ours, same, words
from torch_w2v import corpus
from torch_w2v.corpus import encoded_file
from torch_w2v.corpus.encoded_file import EncodedFile

SENTENCES = [sentence for sentence in words() if sentence]
LINES = st.lists(st.lists(st.sampled_from(["a", "bc", "é", "字字", "🙂", "x" * 40]), max_size=6), max_size=12)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))
    return path


@pytest.fixture
def encoded(text):
    path = text.with_suffix(".w2v")
    encoded_file.write(corpus.files(text), str(path), 2)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(LINES)
def test_what_goes_in_comes_out(tmp_path, sentences):
    source, path = tmp_path / "corpus.txt", str(tmp_path / "corpus.w2v")
    source.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    found = encoded_file.write(corpus.files(source), path, 1)
    file = EncodedFile(path)
    assert list(file) == [sentence for sentence in sentences if sentence]
    assert file.words == list(found.words)
    np.testing.assert_array_equal(file.counts, np.bincount(file.tokens, minlength=len(file.words)))


def test_the_format(encoded):
    """Written out by hand: files of this version must stay readable."""
    path = encoded.with_name("by-hand.w2v")
    tokens, offsets, counts = struct.pack("<3i4x", 0, 1, 0), struct.pack("<3q", 0, 2, 3), struct.pack("<2q", 2, 1)
    payload = tokens + offsets + counts + "a\né\n".encode()
    fields = b"\x93W2V\r\n\x1a\n" + struct.pack("<IIQQQQ", 1, zlib.crc32(payload), 3, 2, 2, 5)
    path.write_bytes((fields + struct.pack("<I", zlib.crc32(fields))).ljust(64, b"\0") + payload)
    assert list(EncodedFile(str(path))) == [["a", "é"], ["a"]]
    again = encoded.with_name("again.txt")
    again.write_text("a é\na\n", encoding="utf-8")
    encoded_file.write(corpus.files(again), str(encoded), 1)
    assert encoded.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("policy", ["auto", "disk", "off"])
@pytest.mark.parametrize("engine", ENGINES)
def test_models_are_those_of_the_text(engine, policy, text, encoded):
    expected = ours(None, engine, corpus_file=text)
    assert same(ours(None, engine, corpus_file=encoded, corpus_cache=policy), expected)
    model = ours(engine=engine)
    model.build_vocab(corpus_file=encoded)
    assert (model.corpus_count, model.corpus_total_words) == (expected.corpus_count, expected.corpus_total_words)
    model.train(corpus_file=str(encoded), total_words=model.corpus_total_words, epochs=model.epochs)
    assert same(model, expected)
    assert same(ours(None, engine, corpus_file=encoded, max_vocab_size=10**6), expected)


def test_a_model_with_a_vocabulary_of_its_own(text, encoded):
    """The file's words are looked up in the model that trains on it, also when its vocabulary grows."""
    model = ours([["w1", "w2", "w3"]] * 9, min_count=1)
    rest = ours([["w1", "w2", "w3"]] * 9, min_count=1)
    for one, file in ((model, encoded), (rest, text)):
        one.train(corpus_file=file, total_words=100, epochs=2)
        one.build_vocab(corpus_file=file, update=True)
        one.train(corpus_file=file, total_words=100, epochs=2)
    assert same(model, rest)


def test_damage_anywhere_is_found(encoded):
    whole = encoded.read_bytes()
    rng = np.random.default_rng(0)
    for at in {*range(60), 64, len(whole) - 1, *rng.integers(64, len(whole), 30).tolist()}:
        encoded.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ValueError, match=r"corpus\.w2v (is damaged|is cut off|has version|is not an encoded)"):
            ours(None, corpus_file=encoded)
    for size in {0, 1, 8, 63, 64, len(whole) - 1, *rng.integers(0, len(whole), 30).tolist()}:
        encoded.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"corpus\.w2v (is cut off|is not an encoded)"):
            ours(None, corpus_file=encoded)
    encoded.write_bytes(whole + b"\n")
    with pytest.raises(ValueError, match="is cut off or damaged"):
        ours(None, corpus_file=encoded)


def test_other_versions_and_other_files(encoded, text):
    data = bytearray(encoded.read_bytes())
    data[8] = 2
    encoded.write_bytes(data)
    with pytest.raises(
        ValueError, match="has version 2 of the format, but this torch_w2v reads version 1: encode the corpus again"
    ):
        EncodedFile(str(encoded))
    encoded.write_text("plain text under this name\n" * 10)
    with pytest.raises(ValueError, match="is not an encoded corpus, as `torch-w2v encode` writes it"):
        ours(None, corpus_file=encoded)


def test_a_remote_file():
    with pytest.raises(ValueError, match=r"s3://texts/corpus\.w2v: .* must be a local file"):
        ours(None, corpus_file="s3://texts/corpus.w2v")


def test_under_another_name_and_among_others(encoded, text):
    other = encoded.rename(encoded.with_suffix(".bin"))
    assert same(ours(None, corpus_file=other), ours(None, corpus_file=text))
    with pytest.raises(
        ValueError, match=r"corpus\.bin is an encoded corpus: it must be the only file, but there are 2"
    ):
        ours(None, corpus_file=[other, text])


def test_skip_gram_wants_text(encoded):
    with pytest.raises((TypeError, ValueError), match="encoded corpus"):
        ours(None, corpus_file=encoded, sg=1)


def test_a_failed_write_leaves_the_old_file(encoded, text):
    before, mode = encoded.read_bytes(), stat.S_IMODE(os.stat(text).st_mode)
    assert stat.S_IMODE(os.stat(encoded).st_mode) == mode
    text.write_bytes(b"good\n" * 1000 + b"\xff\n")
    with pytest.raises(UnicodeDecodeError):
        encoded_file.write(corpus.files(text), str(encoded), 2)
    assert encoded.read_bytes() == before
    assert sorted(os.listdir(text.parent)) == ["corpus.txt", "corpus.w2v"]
