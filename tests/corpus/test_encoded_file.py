"""The .w2v file: what goes in comes out, and no other file is taken for one."""

import os
import stat
import struct
import tempfile
import zlib
from contextlib import closing

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.helpers import ENGINES, ours, same, words
from torch_w2v import corpus
from torch_w2v.corpus import encoded_file, file_array
from torch_w2v.corpus.encoded_file import EncodedFile

SENTENCES = [sentence for sentence in words(60) if sentence]
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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(LINES)
def test_what_goes_in_comes_out(tmp_path, sentences):
    source, path = tmp_path / "corpus.txt", str(tmp_path / "corpus.w2v")
    source.write_text("".join(" ".join(sentence) + "\n" for sentence in sentences), encoding="utf-8")
    if not any(sentences):
        with pytest.raises(ValueError, match="the corpus has no words"):
            encoded_file.write(corpus.files(source), path, 1)
        return
    found = encoded_file.write(corpus.files(source), path, 1)
    file = EncodedFile(path)
    assert list(file) == [sentence for sentence in sentences if sentence]
    assert file.words == list(found.words)
    np.testing.assert_array_equal(file.counts, np.bincount(file.tokens[:], minlength=len(file.words)))


def write_by_hand(path, tokens=(0, 1, 0), offsets=(0, 2, 3), counts=(2, 1), text=b"a\n\xc3\xa9\n", sizes=None):
    """Write a file with right checksums, whatever its contents."""
    payload = struct.pack(f"<{len(tokens)}i{-4 * len(tokens) % 8}x", *tokens)
    payload += struct.pack(f"<{len(offsets)}q{len(counts)}q", *offsets, *counts) + text
    sizes = sizes or (len(tokens), len(offsets) - 1, len(counts), len(text))
    fields = b"\x93W2V\r\n\x1a\n" + struct.pack("<IIQQQQ", 1, zlib.crc32(payload), *sizes)
    path.write_bytes((fields + struct.pack("<I", zlib.crc32(fields))).ljust(64, b"\0") + payload)


def test_the_format(encoded):
    """Written out by hand: files of this version must stay readable."""
    path = encoded.with_name("by-hand.w2v")
    write_by_hand(path)
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


HUGE = 2**62


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"tokens": (0, 2, 0)}, "a token is none of its words"),
        ({"tokens": (0, -1, 0)}, "a token is none of its words"),
        ({"tokens": (0, -(2**31), 0)}, "a token is none of its words"),
        ({"offsets": (0, 2, 4)}, "its offsets do not ascend"),
        ({"offsets": (1, 2, 3)}, "its offsets do not ascend"),
        ({"offsets": (0, -1, 3)}, "its offsets do not ascend"),
        ({"offsets": (0, HUGE, 3)}, "its offsets do not ascend"),
        ({"offsets": (0, 3, 2, 3)}, "its offsets do not ascend"),
        ({"offsets": (3, 0)}, "its offsets do not ascend"),
        ({"counts": (-2, 1)}, "its counts are not those of the tokens"),
        ({"counts": (HUGE, 1)}, "its counts are not those of the tokens"),
        ({"counts": (1, 1)}, "its counts are not those of the tokens"),
        ({"counts": (2, 1, 0), "text": b"a\nb\nc\n"}, "a word does not occur"),
        ({"text": b"a\nb\nc\n"}, "its number of words"),
        ({"text": b"a\n"}, "its number of words"),
        ({"text": b"a\nb"}, "its number of words"),
        ({"text": b""}, "its number of words"),
        ({"text": b"a\na\n"}, "a word is empty or occurs twice"),
        ({"text": b"a\n\n"}, "a word is empty or occurs twice"),
        ({"text": b"a\n\xff\n"}, "its words are not UTF-8"),
        ({"counts": (), "text": b""}, "a token is none of its words"),
        ({"sizes": (HUGE, 2, 2, 5)}, "is cut off or damaged"),
        ({"sizes": (3, 2**64 - 1, 2, 5)}, "is cut off or damaged"),
        ({"sizes": (3, 2, HUGE, 5)}, "is cut off or damaged"),
        ({"sizes": (3, 2, 2, HUGE)}, "is cut off or damaged"),
        ({"sizes": (3, 1, 3, 5)}, "is damaged"),  # the parts of the file, shifted
        ({"sizes": (5, 1, 2, 5)}, "is damaged"),
    ],
)
def test_wrong_contents_under_a_right_checksum(contents, message, tmp_path):
    path = tmp_path / "wrong.w2v"
    write_by_hand(path, **contents)
    with pytest.raises(ValueError, match=rf"wrong\.w2v .*{message}"):
        ours(None, corpus_file=path, min_count=1)


def test_no_tokens_at_all(tmp_path):
    write_by_hand(tmp_path / "empty.w2v", (), (0,), (), b"")
    assert list(EncodedFile(str(tmp_path / "empty.w2v"))) == []


numbers = st.one_of(st.integers(-2, 4), st.integers(-(2**31), 2**31 - 1))
long_numbers = st.one_of(st.integers(-2, 6), st.integers(-(2**63), 2**63 - 1))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(
    st.lists(numbers, max_size=5),
    st.lists(long_numbers, min_size=1, max_size=4),
    st.lists(long_numbers, max_size=3),
    st.binary(max_size=5) | st.sampled_from([b"a\n", b"a\nb\n", b"a\nb\nc\n"]),
)
def test_any_contents_are_refused_or_make_sense(tmp_path, tokens, offsets, counts, text):
    path = tmp_path / "any.w2v"
    write_by_hand(path, tokens, offsets, counts, text)
    try:
        file = EncodedFile(str(path))
    except ValueError:
        return
    sentences = list(file)
    assert [file.words.index(word) for sentence in sentences for word in sentence] == tokens
    assert [sum(word in sentence for sentence in sentences) > 0 for word in file.words] == [True] * len(counts)
    assert sum(counts) == len(tokens)


@pytest.mark.parametrize("change", ["cut off", "empty", "longer", "overwritten"])
def test_a_file_that_changes_while_a_model_trains(change, encoded):
    """Mapped into memory, a file that is cut off would end the process."""
    whole = encoded.read_bytes()

    class Changing(CallbackAny2Vec):
        def on_epoch_end(self, model):
            with open(encoded, "r+b") as file:
                if change == "overwritten":
                    file.write(b"\xff" * len(whole))
                else:
                    file.truncate({"cut off": 1000, "empty": 0, "longer": len(whole) + 8}[change])

    with pytest.raises(OSError, match=r"corpus\.w2v was changed while it was in use: encode the corpus again"):
        ours(None, corpus_file=encoded, callbacks=[Changing()], epochs=3)


def test_without_pread(encoded, text, monkeypatch):
    monkeypatch.setattr(file_array, "_pread", file_array._seek_and_read)
    assert same(ours(None, corpus_file=encoded), ours(None, corpus_file=text))


def test_a_file_that_is_replaced_while_a_model_trains(encoded, text):
    class Replacing(CallbackAny2Vec):
        def on_epoch_end(self, model):
            other = encoded.with_name("other")
            write_by_hand(other)
            other.replace(encoded)

    expected = ours(None, corpus_file=text, epochs=3)
    assert same(ours(None, corpus_file=encoded, callbacks=[Replacing()], epochs=3), expected)


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


def test_every_algorithm_trains_on_it(encoded, text):
    assert same(ours(None, corpus_file=encoded, sg=1), ours(None, corpus_file=text, sg=1))
    # gensim's engine reads text by threads of its own, whose draws are others
    model = ours(None, corpus_file=encoded, hs=1)
    assert model.wv.index_to_key == ours(None, corpus_file=text, hs=1).wv.index_to_key
    assert model.syn1.any()


def test_a_failed_write_leaves_the_old_file(encoded, text):
    before, mode = encoded.read_bytes(), stat.S_IMODE(os.stat(text).st_mode)
    assert stat.S_IMODE(os.stat(encoded).st_mode) == mode
    text.write_bytes(b"good\n" * 1000 + b"\xff\n")
    with pytest.raises(UnicodeDecodeError):
        encoded_file.write(corpus.files(text), str(encoded), 2)
    assert encoded.read_bytes() == before
    assert sorted(os.listdir(text.parent)) == ["corpus.txt", "corpus.w2v"]


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        (["b", "new\nyork"], r"the word 'new\\nyork' is empty or has a line end in it"),
        (["b", ""], "the word '' is empty"),
        ([1, "b", "1"], "the words 1 and '1' would be the same in a .w2v file"),
        (["b", ("a", 1)], r"the word \('a', 1\) is a tuple: a .w2v file holds texts and integers"),
        (["b", True], "the word True is a bool"),
        (["é", "\ud800"], r"the word '\\ud800' has half of a surrogate pair"),
    ],
    ids=["line end", "empty", "number and text", "tuple", "bool", "surrogate"],
)
def test_words_that_could_not_be_read_back_are_refused(sentence, message, encoded):
    before = encoded.read_bytes()
    with pytest.raises(encoded_file.WordError, match=message):
        encoded_file.write([["a"], sentence], encoded, 1)
    assert encoded.read_bytes() == before


@given(st.lists(st.one_of(st.text(max_size=2), st.integers(-2, 2)), unique=True, max_size=5))
@settings(deadline=None, max_examples=50)
def test_any_words_are_refused_or_read_back(words):
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "corpus.w2v"), "w+b") as file:
        with closing(encoded_file.EncodedWriter(file)) as writer:
            writer.add(np.arange(len(words)), np.array([len(words)]))
            try:
                writer.finish(words, np.ones(len(words)))
            except encoded_file.WordError:
                return
        file.flush()
        assert EncodedFile(file.name).words == list(map(str, words))


def test_integers_become_texts_and_the_log_says_so(tmp_path, caplog):
    rows = [[30, 7], [7], ["a", "new york"]]
    encoded_file.write(corpus.Column(rows, "the column", lambda: iter([rows]), False), tmp_path / "c.w2v", 1)
    assert list(corpus.EncodedFile(str(tmp_path / "c.w2v"))) == [["30", "7"], ["7"], ["a", "new york"]]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"words that are integers are texts in {tmp_path / 'c.w2v'}: '30' instead of 30, and so on"
    ]
