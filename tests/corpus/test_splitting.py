"""The compiled library: its tables of words, its errors, and its use of memory."""

import struct
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.corpus.reading import SPACES, counting_ids, needs_library, read_file, sentences_of
from tests.helpers import COMPILER, ROOT
from tests.processes import python
from torch_w2v.corpus import bindings, lists, splitting, text
from torch_w2v.corpus.word_ids import GrowingVocabulary


@pytest.mark.parametrize("tokens", [[2], [-1], [0, 2**31 - 1]])
def test_tokens_without_a_word(tokens):
    with pytest.raises(ValueError, match="a token lies outside the 2 words of the corpus"):
        bindings.remap(np.array(tokens, np.int32), np.array([5, 6], np.int32))


def test_words_that_differ_in_one_byte(tmp_path, monkeypatch):
    """Words that end early, end in zeros, or differ anywhere, of sizes up to and beyond a slot of the table."""
    alike = ["x" * i + c + "x" * (n - i - 1) for n in range(1, 41) for i in range(n) for c in "xy\x00"]
    words = list(dict.fromkeys(alike))
    path = tmp_path / "corpus.txt"
    path.write_text(" ".join(alike), encoding="utf-8")
    assert read_file(path, monkeypatch, 1000) == ([alike], words)
    ids, word_ids = counting_ids()
    monkeypatch.setattr(lists, "SHORT", 0)
    alike = [word.replace("\x00", "\n") for word in alike]
    assert sentences_of(lists.parts_of([alike, ["", *alike]], word_ids), ids) == [alike, ["", *alike]]


@needs_library
@pytest.mark.parametrize(("workers", "expected"), [(1, 1), (2, 1), (4, 3), (5, 4), (100_000, 4)])
def test_any_number_of_workers_splits_on_one_thread_per_core_at_most(workers, expected, tmp_path, monkeypatch):
    made = []
    new = splitting.Splitter.__init__
    monkeypatch.setattr(splitting, "cores", lambda: 4)
    monkeypatch.setattr(
        splitting.Splitter, "__init__", lambda *args, **options: made.append(1) or new(*args, **options)
    )
    path = tmp_path / "corpus.txt"
    path.write_text("a b\n" * 9)
    ids, word_ids = counting_ids()
    assert sentences_of(text.Text([str(path)]).parts(word_ids, workers), ids) == [["a", "b"]] * 9
    assert len(made) == expected


@needs_library
def test_a_vocabulary_after_an_error(tmp_path):
    """The words that were split but not returned before the error keep their ids."""
    (tmp_path / "a").write_text("one two three\n")
    (tmp_path / "b").write_text("four two\n")
    vocabulary = GrowingVocabulary("\n")
    with pytest.raises(FileNotFoundError):
        list(text.Text([str(tmp_path / name) for name in ("a", "missing")]).parts(vocabulary, 1))
    assert sentences_of(text.Text([str(tmp_path / "b")]).parts(vocabulary, 1), vocabulary) == [["four", "two"]]


@needs_library
def test_the_process_may_end_while_a_thread_splits():
    """After a second Ctrl-C, for example: the table must not be freed before the thread is gone."""
    done = python("""
import threading, time
from torch_w2v.corpus.word_ids import GrowingVocabulary
words = b"".join(b"%d\\0" % i for i in range(300_000))
vocabulary = GrowingVocabulary("\\0")
threading.Thread(target=lambda: [vocabulary.ids_of(words, 300_000) for _ in range(100)], daemon=True).start()
time.sleep(0.1)
""")
    assert (done.returncode, done.stderr) == (0, "")


@needs_library
@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
def test_a_table_that_cannot_grow_is_an_error():
    done = python("""
import resource
import numpy as np
from torch_w2v.corpus.bindings import PAD, library
n, library = 1_000_000, library()
text, tokens = b"".join(b"%d\\0" % i for i in range(n)) + PAD, np.empty(n, np.int32)
table = library.w2v_words_new(0)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**23, -1))
print(library.w2v_words_split_joined(table, text, len(text) - len(PAD) - 1, tokens.ctypes.data))
""")
    assert (done.stdout, done.stderr) == ("1\n", "")


def colliding_words(key, n):
    """Return `n` words of eight letters whose hashes with a known key have the same last 12 bits."""
    rng = np.random.default_rng(0)
    words = rng.integers(ord("a"), ord("z") + 1, (n << 12, 8), np.uint8)
    a, b = words.view("<u8")[:, 0] ^ np.uint64(key[0]), (8 << 24) ^ key[1]
    low, high, half = np.uint64(b & 0xFFFFFFFF), np.uint64(b >> 32), np.uint64(32)
    a_low, a_high = a & np.uint64(0xFFFFFFFF), a >> half
    middle = a_low * high + (a_low * low >> half)
    upper = a_high * high + (middle >> half) + (((middle & np.uint64(0xFFFFFFFF)) + a_high * low) >> half)
    hashes = (a * np.uint64(b)) ^ upper
    return [word.tobytes() for word in words[hashes & np.uint64(0xFFF) == 0]]


@needs_library
def test_words_that_collide_for_one_key_do_not_for_another():
    """The table's key is random in every process, so nobody can make a text that takes long to split."""
    known = (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03)
    words = colliding_words(known, 700)
    assert len(words) > 500
    text = b"\0".join(words * 20)
    n = len(words) * 20

    def split(key):
        bindings.library().w2v_words_set_hash_key(*key)
        tokens, seconds = np.empty(n, np.int32), []
        try:
            for _ in range(3):
                table = bindings.library().w2v_words_new(0)
                start = time.perf_counter()
                bindings.library().w2v_words_split_joined(table, text + bindings.PAD, len(text), tokens.ctypes.data)
                seconds.append(time.perf_counter() - start)
                bindings.library().w2v_words_free(table)
        finally:
            bindings.library().w2v_words_set_hash_key(*bindings.HASH_KEY)
        return min(seconds), tokens

    slow, expected = split(known)
    fast, tokens = split(bindings.HASH_KEY)
    assert slow > 5 * fast
    np.testing.assert_array_equal(tokens, expected)
    assert python("from torch_w2v.corpus.bindings import HASH_KEY; print(HASH_KEY)").stdout != f"{bindings.HASH_KEY}\n"


@needs_library
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_sanitizers_find_nothing(tmp_path):
    """Random bytes and nasty texts, in buffers of exactly the promised sizes."""
    rng = np.random.default_rng(1)
    pieces = [c.encode() for c in (*SPACES, "a", "bcdefgh", "é", "字", "🙂", "\x00", "x" * 30)]
    pieces += [b"\xff", b"\xe2\x80", b"\xf0"]
    texts = [rng.bytes(n) for n in range(40)]
    texts += [b"".join(pieces[i] for i in rng.integers(0, len(pieces), n)) for n in range(300)]
    texts += [b"".join(str(i).encode() + b" " for i in range(20_000)), b"", b"\n" * 50, b"\0" * 50, b"a"]
    options = ["-std=c++17", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = [ROOT / "torch_w2v/corpus/splitting.cpp", ROOT / "tests/corpus/splitting_fuzz.cpp"]
    records = b"".join(struct.pack("q", len(data)) + data for data in texts)
    binary, outputs = tmp_path / "fuzz", set()
    for build in ([], ["-U__SSE2__"]):  # as on x86-64, and as elsewhere
        command = [COMPILER, *options, *build, *sources, "-o", binary]
        compiled = subprocess.run(command, capture_output=True, text=True, check=False)
        if "cannot find" in compiled.stderr:
            pytest.skip("the compiler has no sanitizers")
        assert compiled.returncode == 0, compiled.stderr
        done = subprocess.run([binary], input=records, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert outputs.pop().split()[0] == str(len(texts)).encode()
