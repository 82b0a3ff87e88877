"""The compiled library: its tables of words, its errors, and its use of memory."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from tests.corpus.reading import SPACES, counting_ids, needs_library, read_file, sentences_of
from tests.helpers import COMPILER, ROOT, python
from torch_w2v.corpus import bindings, lists, text
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
    alike = [word.replace("\x00", "\n") for word in alike]
    assert sentences_of(lists.parts_of([alike, ["", *alike]], word_ids), ids) == [alike, ["", *alike]]


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
words = b"".join(b"%d\\0" % i for i in range(2_000_000))
vocabulary = GrowingVocabulary("\\0")
threading.Thread(target=lambda: [vocabulary.ids_of(words, 2_000_000) for _ in range(100)], daemon=True).start()
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
n, library = 3_000_000, library()
text, tokens = b"".join(b"%d\\0" % i for i in range(n)) + PAD, np.empty(n, np.int32)
table = library.w2v_words_new(0)
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**25, -1))
print(library.w2v_words_split_joined(table, text, len(text) - len(PAD) - 1, tokens.ctypes.data))
""")
    assert (done.stdout, done.stderr) == ("1\n", "")


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
