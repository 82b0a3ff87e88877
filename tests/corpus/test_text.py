"""The library splits text as gensim's LineSentence does, whatever the bytes and wherever blocks are cut."""

import itertools
import struct
import subprocess
import sys
from collections import defaultdict

import numpy as np
import pytest
from gensim.models.word2vec import LineSentence
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engines.kernel_replay import COMPILER
from tests.helpers import KERNEL, ROOT, python
from torch_w2v import native
from torch_w2v.corpus import splitting, text

SPACES = [chr(c) for c in range(0x110000) if chr(c).isspace()]
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
HERE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
needs_library = pytest.mark.skipif(not KERNEL, reason="needs the compiled library")


def numbering():
    """Numbers in the order of first occurrence, and the function that gives them."""
    ids = defaultdict(itertools.count().__next__)
    return ids, lambda words: [ids[word] for word in words]


def sentences_of(parts, ids):
    """Parts as lists of words, once they are what parts must be."""
    parts = list(parts)
    words, found = list(ids), []
    for tokens, lengths in parts:
        assert (tokens.dtype, lengths.dtype) == (np.int32, np.int64)
        assert lengths.sum() == len(tokens)
        edges = [0, *np.cumsum(lengths).tolist()]
        found += [[words[token] for token in tokens[a:b]] for a, b in itertools.pairwise(edges)]
    return found


def split(path, monkeypatch, block, threads=2, most=10_000):
    """Sentences and words of a file, the same whoever gives the numbers."""
    monkeypatch.setattr(text, "BLOCK", block)
    ids, numbers = numbering()
    found = sentences_of(text.Text([str(path)], most).parts(numbers, threads), ids)
    table = splitting.Numbering("\n")
    assert sentences_of(text.Text([str(path)], most).parts(table, threads), table) == found
    assert list(table) == list(ids)
    return found, list(ids)


def outcome(call):
    """Its result, or what is known of a UnicodeDecodeError."""
    try:
        return call()
    except UnicodeDecodeError as e:
        return e.object, e.start, e.end, e.reason.split(" (")[0]


def check_file(tmp_path, monkeypatch, data, block, most):
    path = tmp_path / "corpus.txt"
    path.write_bytes(data)
    expected = outcome(lambda: list(LineSentence(str(path), most)))
    assert outcome(lambda: list(text.Text([str(path)], most))) == expected
    found = outcome(lambda: split(path, monkeypatch, block, most=most))
    if isinstance(expected, list):
        words = list(dict.fromkeys(itertools.chain.from_iterable(expected)))
        assert found == (expected, words)
    elif b"\n" in data or block > len(data):  # else the block begins within the line, and so does the error's object
        assert found == expected or found[0] in expected[0]


@HERE
@given(BYTES, BLOCKS, st.integers(1, 7))
def test_files_are_split_as_by_line_sentence(tmp_path, monkeypatch, data, block, most):
    check_file(tmp_path, monkeypatch, data, block, most)


@pytest.mark.slow
@settings(HERE, max_examples=10_000)
@given(BYTES, BLOCKS, st.integers(1, 7))
def test_files_are_split_as_by_line_sentence_10_000_times(tmp_path, monkeypatch, data, block, most):
    check_file(tmp_path, monkeypatch, data, block, most)


def test_every_character_is_white_space_where_python_says_so(tmp_path, monkeypatch):
    every = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and c != ord("\n")]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(f"a{c}b" for c in every), encoding="utf-8", newline="")
    sentences, _ = split(path, monkeypatch, 1 << 16)
    assert [c for c, sentence in zip(every, sentences, strict=True) if len(sentence) == 2] == [
        c for c in SPACES if c != "\n"
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " ", "\u2028"])
def test_long_lines_and_odd_ends(tmp_path, monkeypatch, end):
    path = tmp_path / "corpus.txt"
    data = "one\r\n" + "long " * 25_000 + "\n\n \n" + "x" * 5000 + end
    path.write_text(data, encoding="utf-8", newline="")
    for block in (100, 1000, 1 << 20):
        sentences, words = split(path, monkeypatch, block)
        assert [len(sentence) for sentence in sentences] == [1, 10_000, 10_000, 5_000, 1]
        assert words == ["one", "long", "x" * 5000]


def test_files_follow_one_another(tmp_path):
    """Lines end with their file, and errors count the lines of theirs."""
    for name, data in (("a", b"one two"), ("b", b"three\nfour"), ("c", b""), ("d", b"five\nbad \xff\n")):
        (tmp_path / name).write_bytes(data)
    ids, numbers = numbering()
    names = [str(tmp_path / name) for name in "abc"]
    assert sentences_of(text.Text(names).parts(numbers, 2), ids) == [["one", "two"], ["three"], ["four"]]
    with pytest.raises(UnicodeDecodeError, match=r"line 2, byte 9 of .*/d;"):
        list(text.Text([*names, str(tmp_path / "d")]).parts(numbers, 2))


@needs_library
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_many_words_keep_their_order(tmp_path, monkeypatch, threads):
    """The tables grow, words of all lengths; each thread numbers for itself."""
    rng = np.random.default_rng(0)
    words = [str(n) * int(k) for n, k in zip(rng.zipf(1.1, 300_000) % 10**6, rng.integers(1, 5, 300_000), strict=True)]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(words[i : i + 50]) for i in range(0, len(words), 50)))
    sentences, order = split(path, monkeypatch, 10_000, threads)
    assert list(itertools.chain.from_iterable(sentences)) == words
    assert order == list(dict.fromkeys(words))


def test_words_that_differ_in_one_byte(tmp_path, monkeypatch):
    """Words that end early, in zeros, or differ anywhere: of sizes up to and beyond what a slot of the table holds."""
    alike = ["x" * i + c + "x" * (n - i - 1) for n in range(1, 41) for i in range(n) for c in "xy\x00"]
    words = list(dict.fromkeys(alike))
    path = tmp_path / "corpus.txt"
    path.write_text(" ".join(alike), encoding="utf-8")
    assert split(path, monkeypatch, 1000) == ([alike], words)
    ids, numbers = numbering()
    alike = [word.replace("\x00", "\n") for word in alike]
    assert sentences_of(text.parts_of([alike, ["", *alike]], numbers), ids) == [alike, ["", *alike]]


TOKENS = st.one_of(
    st.text("ab\0 \n", max_size=12), st.text(max_size=3), st.sampled_from(["\ud800", "", "long" * 20, 0, 1, 1.0, True]),
    st.integers(), st.tuples(st.integers(0, 1)), st.binary(max_size=2),
)  # fmt: skip
LISTS = st.lists(st.lists(TOKENS, max_size=9), max_size=30)
STRINGS = st.lists(st.lists(st.text("ab\n ", max_size=9), max_size=9), max_size=30)


@HERE
@given(st.one_of(LISTS, STRINGS), st.sampled_from([list, tuple, iter]), st.integers(1, 12))
def test_lists_of_anything_hashable(monkeypatch, sentences, kind, batch):
    monkeypatch.setattr(text, "BATCH", batch)
    ids, numbers = numbering()
    assert sentences_of(text.parts_of(map(kind, sentences), numbers), ids) == sentences
    assert list(ids) == list(dict.fromkeys(itertools.chain.from_iterable(sentences)))
    table = splitting.Numbering("\0")
    assert sentences_of(text.parts_of(map(kind, sentences), table), table) == sentences
    assert list(table) == list(ids)


@HERE
@given(LISTS)
def test_without_the_library_nothing_changes(tmp_path, monkeypatch, sentences):
    expected = [list(map(list, zip(*part, strict=False))) for part in text.parts_of(sentences, numbering()[1])]
    path = tmp_path / "corpus.txt"
    path.write_text("a b\n\nc a\n")
    with monkeypatch.context() as patch:
        patch.setattr(native, "available", lambda: False)
        found = [list(map(list, zip(*part, strict=False))) for part in text.parts_of(sentences, numbering()[1])]
        assert split(path, patch, 5) == ([["a", "b"], ["c", "a"]], ["a", "b", "c"])
        tokens, counts = np.array([1, 0, 1], np.int32), np.zeros(3, np.int64)
        splitting.count(tokens, counts)
        assert counts.tolist() == [1, 2, 0]
        assert splitting.remap(tokens, np.array([7, -1], np.int32)).tolist() == [-1, 7, -1]
        with pytest.raises(ValueError, match="a token lies outside the 1 words"):
            splitting.remap(tokens, np.array([7], np.int32))
    assert found == expected


@pytest.mark.parametrize("wrong", [[2], [-1], [0, 2**31 - 1]])
def test_numbers_without_a_word(wrong):
    with pytest.raises(ValueError, match="a token lies outside the 2 words of the corpus"):
        splitting.remap(np.array(wrong, np.int32), np.array([5, 6], np.int32))


def test_what_a_compression_needs_is_said(tmp_path, monkeypatch):
    def without(*_):
        raise ImportError("no zstandard")

    monkeypatch.setattr(text, "smart_open", without)
    with pytest.raises(ImportError, match=r"x\.zst: .* pip install 'smart_open\[zst\]'"):
        text.opened("x.zst")


def test_lists_that_are_false(monkeypatch):
    class Sentence(list):
        def __bool__(self):
            return False

    ids, numbers = numbering()
    assert sentences_of(text.parts_of([["a"], Sentence("bc"), []], numbers), ids) == [["a"], ["b", "c"], []]


@needs_library
def test_a_numbering_after_an_error(tmp_path):
    """What was split and not fetched before the error has its numbers, and keeps them."""
    (tmp_path / "a").write_text("one two three\n")
    (tmp_path / "b").write_text("four two\n")
    table = splitting.Numbering("\n")
    with pytest.raises(FileNotFoundError):
        list(text.Text([str(tmp_path / name) for name in ("a", "missing")]).parts(table, 1))
    assert sentences_of(text.Text([str(tmp_path / "b")]).parts(table, 1), table) == [["four", "two"]]


@needs_library
def test_the_process_may_end_while_a_thread_splits():
    """As after a second Ctrl-C: the table must not be freed before the thread is gone."""
    done = python("""
import threading, time
from torch_w2v.corpus import splitting
joined = b"".join(b"%d\\0" % i for i in range(2_000_000))
numbering = splitting.Numbering("\\0")
threading.Thread(target=lambda: [numbering.of(joined, 2_000_000) for _ in range(100)], daemon=True).start()
time.sleep(0.1)
""")
    assert (done.returncode, done.stderr) == (0, "")


@needs_library
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
def test_a_table_that_cannot_grow_is_an_error():
    done = python("""
import resource
import numpy as np
from torch_w2v.corpus import splitting
n, library = 3_000_000, splitting._library()
text, tokens = b"".join(b"%d\\0" % i for i in range(n)) + splitting.PAD, np.empty(n, np.int32)
table = library.w2v_words_new(0)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**25, -1))
print(library.w2v_words_split_joined(table, text, len(text) - len(splitting.PAD) - 1, tokens.ctypes.data))
""")
    assert (done.stdout, done.stderr) == ("1\n", "")


@needs_library
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_sanitizers_find_nothing(tmp_path):
    """Random bytes and nasty texts, in buffers of exactly the promised sizes."""
    rng = np.random.default_rng(1)
    pieces = [c.encode() for c in (*SPACES, "a", "bcdefgh", "é", "字", "🙂", "\x00", "x" * 30)] + [
        b"\xff",
        b"\xe2\x80",
        b"\xf0",
    ]
    texts = [rng.bytes(n) for n in range(40)]
    texts += [b"".join(pieces[i] for i in rng.integers(0, len(pieces), n)) for n in range(300)]
    texts += [b"".join(str(i).encode() + b" " for i in range(20_000)), b"", b"\n" * 50, b"\0" * 50, b"a"]
    options = ["-std=c++17", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    given = b"".join(struct.pack("q", len(data)) + data for data in texts)
    found = set()
    for build in ([], ["-U__SSE2__"]):  # as on x86-64, and as elsewhere
        binary, sources = (
            tmp_path / "fuzz",
            [ROOT / "torch_w2v/corpus/splitting.cpp", ROOT / "tests/corpus/splitting_fuzz.cpp"],
        )
        done = subprocess.run(
            [COMPILER, *options, *build, *sources, "-o", binary],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "cannot find" in done.stderr:
            pytest.skip("the compiler has no sanitizers")
        assert done.returncode == 0, done.stderr
        done = subprocess.run([binary], input=given, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        found.add(done.stdout)
    assert len(found) == 1
    assert found.pop().split()[0] == str(len(texts)).encode()
