"""Files are split as gensim's LineSentence does, whatever their bytes and wherever blocks are cut."""

import gzip
import itertools
import os
import threading

import numpy as np
import pytest
from gensim.models.word2vec import LineSentence
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.reading import SPACES, counting_ids, needs_library, read_file, sentences_of, with_fixtures
from torch_w2v.corpus import text

# White space, what looks like it, what UTF-8 writes in one to four bytes, and what Python splits lines at elsewhere.
NASTY = st.sampled_from(
    ["\n", " ", *SPACES, "\x00", "\x08", "\x1b", "!", "~", "\x7f", "\x84", "\u200b", "\ufeff", "\U0010ffff", "é"]
)
TEXTS = st.lists(st.one_of(NASTY, st.characters(codec="utf-8"), st.text("abc", max_size=20)), max_size=60).map("".join)
BYTES = st.one_of(
    TEXTS.map(str.encode),
    st.lists(st.one_of(st.binary(max_size=6), TEXTS.map(str.encode)), max_size=8).map(b"".join),
)
BLOCKS = st.integers(1, 40)
MAX_LENGTHS = st.integers(1, 7)


def outcome(call):
    """The result of a call, or the content of its UnicodeDecodeError."""
    try:
        return call()
    except UnicodeDecodeError as e:
        return e.object, e.start, e.end, e.reason.split(" (")[0]


def check_file(tmp_path, monkeypatch, data, block, max_length):
    path = tmp_path / "corpus.txt"
    path.write_bytes(data)
    expected = outcome(lambda: list(LineSentence(str(path), max_length)))
    assert outcome(lambda: list(text.Text([str(path)], max_length))) == expected
    found = outcome(lambda: read_file(path, monkeypatch, block, max_length=max_length))
    if isinstance(expected, list):
        words = list(dict.fromkeys(itertools.chain.from_iterable(expected)))
        assert found == (expected, words)
    elif b"\n" in data or block > len(data):  # else the block begins within the line, and so does the error's object
        assert found == expected or found[0] in expected[0]


@with_fixtures
@given(BYTES, BLOCKS, MAX_LENGTHS)
def test_files_are_split_as_by_line_sentence(tmp_path, monkeypatch, data, block, max_length):
    check_file(tmp_path, monkeypatch, data, block, max_length)


@pytest.mark.slow
@settings(with_fixtures, max_examples=10_000)
@given(BYTES, BLOCKS, MAX_LENGTHS)
def test_files_are_split_as_by_line_sentence_10_000_times(tmp_path, monkeypatch, data, block, max_length):
    check_file(tmp_path, monkeypatch, data, block, max_length)


def test_every_character_is_white_space_where_python_says_so(tmp_path, monkeypatch):
    """Each character stands between two letters, where it shows whether it parts them."""
    every = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and c != ord("\n")]
    lines = ["a".join(["", *every[i : i + 256], ""]) for i in range(0, len(every), 256)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    sentences, _ = read_file(path, monkeypatch, 1 << 16)
    assert sentences == [line.split() for line in lines]
    assert sum(map(len, sentences)) == len(lines) + len(SPACES) - 1


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " ", "\u2028"])
def test_long_lines_and_odd_ends(tmp_path, monkeypatch, end):
    path = tmp_path / "corpus.txt"
    data = "one\r\n" + "long " * 25_000 + "\n\n \n" + "x" * 5000 + end
    path.write_text(data, encoding="utf-8", newline="")
    for block in (100, 1000, 1 << 20):
        sentences, words = read_file(path, monkeypatch, block)
        assert [len(sentence) for sentence in sentences] == [1, 10_000, 10_000, 5_000, 1]
        assert words == ["one", "long", "x" * 5000]


def test_files_follow_one_another(tmp_path):
    """A line ends with its file, and an error counts the lines of its own file."""
    for name, data in (("a", b"one two"), ("b", b"three\nfour"), ("c", b""), ("d", b"five\nbad \xff\n")):
        (tmp_path / name).write_bytes(data)
    ids, word_ids = counting_ids()
    names = [str(tmp_path / name) for name in "abc"]
    assert sentences_of(text.Text(names).parts(word_ids, 2), ids) == [["one", "two"], ["three"], ["four"]]
    with pytest.raises(UnicodeDecodeError, match=r"line 2, byte 9 of .*/d;"):
        list(text.Text([*names, str(tmp_path / "d")]).parts(word_ids, 2))


@needs_library
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_many_words_keep_their_order(tmp_path, monkeypatch, threads):
    """The tables of words grow, words have all lengths, and each thread has its own ids."""
    rng = np.random.default_rng(0)
    words = [str(n) * int(k) for n, k in zip(rng.zipf(1.1, 60_000) % 10**6, rng.integers(1, 5, 60_000), strict=True)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(words[i : i + 50]) for i in range(0, len(words), 50)))
    sentences, order = read_file(path, monkeypatch, 10_000, threads)
    assert list(itertools.chain.from_iterable(sentences)) == words
    assert order == list(dict.fromkeys(words))


def test_the_error_of_a_missing_package_says_what_to_install(monkeypatch):
    def without(*_, **options):
        raise ImportError("no zstandard")

    monkeypatch.setattr(text, "smart_open", without)
    for decompress in (True, False):
        with pytest.raises(ImportError, match=r"x\.zst: .* pip install 'smart_open\[zst\]'"):
            text.open_bytes("x.zst", decompress)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_that_is_not_utf8_is_not_opened_again(tmp_path):
    """Nothing would write to it any more."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"PK\x03\x04\xff\n",))
    writer.start()
    with pytest.raises(UnicodeDecodeError, match=r"byte 4 of .*pipe; a corpus_file must be UTF-8\)"):
        list(text.Text([str(pipe)]))
    writer.join()


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (gzip.compress(b"a b"), r", but this begins as a \.gz file does: give it that suffix\)"),
        ("a b".encode("utf-16"), r", but this begins as UTF-16 does: convert it \(iconv -f UTF-16 -t UTF-8\)\)"),
        (b"\xe9t\xe9", r"\)"),
    ],
    ids=["gzip", "utf-16", "latin-1"],
)
def test_what_is_no_utf8_is_named(content, hint, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnicodeDecodeError, match=rf"x; a corpus_file must be UTF-8{hint}$"):
        list(text.Text([str(tmp_path / "x")]))
