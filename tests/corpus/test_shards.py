import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v import corpus
from torch_w2v.corpus import encoded_file, shards
from torch_w2v.corpus.shards import shard


def joined(lists):
    return list(itertools.chain.from_iterable(lists))


@given(
    files=st.lists(
        st.lists(
            st.sampled_from([b"a", b"b cd", b"", b" e ", b"\r", b"\xc3\xa4 f g h i", b"\xc3\xa4" * 9]), max_size=8
        ),
        max_size=4,
    ),
    ends_in_newline=st.booleans(),
    size=st.integers(1, 9),
    longest=st.sampled_from([4, 1 << 20]),
)
def test_parts_are_the_corpus_in_order(tmp_path_factory, files, ends_in_newline, size, longest):
    folder = tmp_path_factory.mktemp("files")
    for number, lines in enumerate([[b"first"], *files]):
        text = b"\n".join(lines) + b"\n" * ends_in_newline
        (folder / f"{number}.txt").write_bytes(text)
    whole = corpus.files(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_LONGEST_LINE", longest)
        parts = [shard(whole, rank, size) for rank in range(size)]
    sentences = [list(part) for part in parts]
    assert all([list(words) for words in part] == read for part, read in zip(parts, sentences, strict=True))
    if longest > 100:
        assert joined(sentences) == list(whole)
    else:  # long lines are cut at white space
        assert joined(joined(sentences)) == joined(whole)


def test_parts_have_about_as_many_bytes_and_a_long_line_is_cut_at_white_space(tmp_path):
    path = tmp_path / "one_line.txt"
    path.write_text("word " * 800_000)
    lengths = [sum(map(len, shard(corpus.files(path), rank, 3))) for rank in range(3)]
    assert sum(lengths) == 800_000
    assert max(lengths) - min(lengths) < 10


def test_native_reading_of_a_part_is_that_of_python(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"w{i} w{i % 7} x\n" for i in range(5000)))
    for rank in range(4):
        part = shard(corpus.files(path), rank, 4)
        cache = corpus.CorpusCache("memory", 2)
        scan = cache.scan(part, keep=True)
        assert scan.sentences == len(list(part))
        assert list(scan.words) == list(dict.fromkeys(word for sentence in part for word in sentence))


def test_a_compressed_file_is_read_by_one_rank(tmp_path):
    for name in "abc":
        with gzip.open(tmp_path / f"{name}.gz", "wt") as file:
            file.write(f"{name} one\n{name} two\n")
    parts = [list(shard(corpus.files(tmp_path), rank, 2)) for rank in range(2)]
    assert joined(parts) == list(corpus.files(tmp_path))
    assert all(parts)


def test_the_size_of_a_compressed_file_behind_a_uri_is_that_of_the_stored_one(tmp_path):
    path = tmp_path / "a.txt.gz"
    with gzip.open(path, "wt") as file:
        file.write("word " * 100_000)
    assert shards.extent(corpus.files(path.as_uri())) == ("text", path.stat().st_size, 0)


def test_sentences_of_an_encoded_corpus(tmp_path):
    lines = [["a"] * n for n in (1, 5, 0, 2, 9, 1, 1, 1)] + [["b", "c"]]
    text, path = tmp_path / "corpus.txt", tmp_path / "corpus.w2v"
    text.write_text("".join(" ".join(line) + "\n" for line in lines))
    encoded_file.write(corpus.files(text), path, 1)
    whole = corpus.files(path)
    for size in (1, 2, 3, 20):
        parts = [shard(whole, rank, size) for rank in range(size)]
        assert joined(parts) == list(whole)


def test_bytes_that_are_not_utf8_are_named_by_their_place_in_the_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"good line\n" * 50 + b"bad \xff line\n")
    part = shard(corpus.files(path), 1, 2)
    for read in (lambda: list(part), lambda: corpus.CorpusCache("memory", 1).scan(part)):
        with pytest.raises(UnicodeDecodeError, match="line 51, byte 504"):
            read()
