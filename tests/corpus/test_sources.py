"""The corpus in every form that gensim takes, and in ours, gives one and the same model."""

import bz2
import gzip
import importlib
import lzma
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from gensim import utils
from gensim.models.word2vec import LineSentence, PathLineSentences

from tests.corpus.forms import SENTENCES, TEXT, brown, line_sentence, path_line_sentences, text8
from tests.helpers import DEFAULT_ENGINE, ENGINES, CountingCorpus, ours, same
from torch_w2v import corpus
from torch_w2v.corpus import sources, text
from torch_w2v.corpus.encoded_file import EncodedFile, write

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


@pytest.mark.parametrize("engine", ENGINES)
def test_tuples_arrays_and_iterables(engine, from_list):
    expected = from_list[engine]
    assert same(ours(tuple(map(tuple, SENTENCES)), engine), expected)
    assert same(ours([np.array(sentence, object) for sentence in SENTENCES], engine), expected)
    iterable = CountingCorpus(SENTENCES)
    assert same(ours(iterable, engine), expected)
    assert iterable.iterations == 1 + expected.epochs
    assert iterable.yielded == len(SENTENCES) * iterable.iterations


@pytest.mark.parametrize("form", [str, Path])
@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        ("txt", bytes),
        ("gz", gzip.compress),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
        ("zst", zstd.compress),
    ],
)
def test_corpus_file(suffix, compress, form, from_list, tmp_path, opened):
    path = tmp_path / f"corpus.{suffix}"
    path.write_bytes(compress(TEXT.encode()))
    model = ours(None, corpus_file=form(path))
    assert same(model, from_list[DEFAULT_ENGINE])
    assert opened[path.name] == 1
    assert (model.corpus_count, model.corpus_total_words) == (len(SENTENCES), sum(map(len, SENTENCES)))


@pytest.mark.parametrize("engine", ENGINES)
def test_corpus_file_in_train(engine, from_list, tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    model = ours(engine=engine)
    model.build_vocab(corpus_file=path)
    with pytest.raises(ValueError, match=r"^total_words must be provided alongside corpus_file argument\.$"):
        model.train(corpus_file=path, total_examples=model.corpus_count, epochs=2)
    model.train(
        corpus_file=path, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=model.epochs
    )
    assert same(model, from_list[engine])
    by_words = ours(engine=engine)
    by_words.build_vocab(corpus_file=str(path))
    trained, raw = by_words.train(corpus_file=str(path), total_words=by_words.corpus_total_words, epochs=2)
    assert raw == 2 * by_words.corpus_total_words
    assert 0 < trained < raw


@pytest.fixture(scope="module")
def bucket():
    # Two packages that take a second to import, in every process that collects the tests.
    import boto3  # noqa: PLC0415
    from moto.server import ThreadedMotoServer  # noqa: PLC0415

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                patch.setenv(name, "testing")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            host, port = server.get_host_and_port()
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("NO_PROXY", "127.0.0.1")
            s3 = boto3.client("s3")
            s3.create_bucket(Bucket="texts")
            yield s3
    finally:
        server.stop()


def test_corpus_file_on_s3(bucket, from_list):
    bucket.put_object(Bucket="texts", Key="corpus.txt", Body=TEXT.encode())
    bucket.put_object(Bucket="texts", Key="corpus.txt.gz", Body=gzip.compress(TEXT.encode()))
    for key in ("corpus.txt", "corpus.txt.gz"):
        assert same(ours(None, corpus_file=f"s3://texts/{key}"), from_list[DEFAULT_ENGINE])


def test_missing_object_on_s3(bucket):
    with pytest.raises(OSError, match=r"s3://texts/missing\.txt|missing\.txt"):
        ours(None, corpus_file="s3://texts/missing.txt")


# ---- how text is split ----

ODD_TEXT = "\n".join(
    [
        "plain words\r",
        "",
        "   ",
        "\tindented\u00a0nbsp\u2003em\u3000ideographic \r",
        "naïve ひらがな 🙂 \ufeffbom\x0bvertical\x0cfeed\x1cfile\x85next\u2028line",
        "long " * 25_000,
        "last line without an end",
    ]
)


def test_text_is_split_as_by_line_sentence(tmp_path):
    path = tmp_path / "odd.txt"
    path.write_bytes(ODD_TEXT.encode())
    sentences = list(text.Text([str(path)]))
    assert sentences == list(LineSentence(str(path)))
    assert sentences[0] == ["plain", "words"]
    assert [len(sentence) for sentence in sentences[-4:]] == [10_000, 10_000, 5_000, 5]
    model = ours(None, corpus_file=path)
    assert model.corpus_count == len(sentences)
    assert set(model.wv.key_to_index) == {word for sentence in sentences for word in sentence}
    assert same(model, ours(sentences))


def test_sentences_given_by_the_user_are_not_cut():
    """gensim drops what comes after 10,000 words of a sentence (piskvorky/gensim#2880)."""
    sentences = [["a", "b"] * 6_000 + ["last", "c"] * 10]
    model = ours(sample=0)
    model.build_vocab(sentences)
    start = model.wv["last"].copy()
    assert model.train(sentences, total_examples=1, epochs=2) == (24_040, 24_040)
    assert (model.wv["last"] != start).any()


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b"fine\nalso fine\nbad \xff here\n", "line 3, byte 19"),
        (b"caf\xe9\n", "line 1, byte 3"),
        (b"fine\ncut off \xf0\x9f", "line 2, byte 13"),
        (b"fine\nnul \x00 is a character\nlone surrogate \xed\xa0\x80\n", "line 3, byte 41"),
    ],
)
def test_invalid_utf8(data, where, tmp_path):
    path = tmp_path / "broken.txt"
    path.write_bytes(data)
    where = rf"\({where} of {re.escape(str(path))}; a corpus_file must be UTF-8\)"
    with pytest.raises(UnicodeDecodeError, match=where):
        ours(None, corpus_file=path)
    with pytest.raises(UnicodeDecodeError):
        list(LineSentence(str(path)))


# ---- which files a corpus_file names ----


def test_folders_patterns_and_lists(tmp_path, from_list):
    expected, third = from_list[DEFAULT_ENGINE], len(SENTENCES) // 3
    folder = tmp_path / "texts"
    (folder / "inner").mkdir(parents=True)
    for i, name in enumerate(("a.txt", "b.txt.gz", "c.txt")):
        data = "".join(" ".join(s) + "\n" for s in SENTENCES[i * third : (i + 1) * third if i < 2 else None]).encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    names = sorted(path for path in folder.iterdir() if path.is_file())
    for form in (folder, str(folder), f"{folder}/*.txt*", names, [folder / "a.txt", f"{folder}/[bc]*"]):
        model = ours(None, corpus_file=form)
        assert same(model, expected), form
    assert corpus.paths_of("s3://texts/*.txt") == ["s3://texts/*.txt"]
    (tmp_path / "[odd] name*.txt").write_text("a b\n")
    assert corpus.paths_of(tmp_path / "[odd] name*.txt") == [str(tmp_path / "[odd] name*.txt")]


@pytest.mark.parametrize("wrong", ["none.txt", "none/*.txt", "", 5, None, [], [5], b"corpus.txt", ["none.txt"], {}])
def test_names_of_no_file(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for resolve in (corpus.paths_of, corpus.files, corpus.CorpusCache().open):
        with pytest.raises(TypeError, match=r"^Parameter corpus_file must be a valid path to a file, got "):
            resolve(wrong)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("no*.txt", ": the pattern 'no*.txt' matches no file"),
        (Path("no*.txt"), ": the pattern 'no*.txt' matches no file"),
        (["none.txt"], ": there is no such file or folder"),
        (os.devnull, ": it is neither a file nor a folder"),
        ("", ""),
    ],
)
def test_why_a_name_is_that_of_no_file(wrong, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = str(wrong[0] if isinstance(wrong, list) else wrong)
    message = f"Parameter corpus_file must be a valid path to a file, got {name!r} instead{reason}"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        ours(None, corpus_file=wrong)


def test_an_empty_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    with pytest.raises(TypeError, match=r"valid path to a file, got '.*', a folder without files$"):
        ours(None, corpus_file=tmp_path)


def test_a_resolved_corpus_is_a_corpus_file(tmp_path, from_list):
    path, encoded = tmp_path / "corpus.txt", tmp_path / "corpus.w2v"
    path.write_text(TEXT)
    source = corpus.files(path)
    write(source, encoded, 1)
    for resolved, name in ((source, path), (EncodedFile(str(encoded)), encoded)):
        assert corpus.files(resolved) is resolved
        assert corpus.paths_of(resolved) == [str(name)]
        assert same(ours(None, corpus_file=resolved), from_list[DEFAULT_ENGINE])


# ---- gensim's readers ----


@pytest.mark.parametrize("form", [line_sentence, path_line_sentences])
def test_gensims_readers_of_lines_are_read_by_the_library(form, tmp_path, monkeypatch):
    def never(_):
        raise AssertionError("read in Python")

    expected = ours(SENTENCES)
    for cls in (LineSentence, PathLineSentences):
        monkeypatch.setattr(cls, "__iter__", never)
    monkeypatch.setattr(sources, "_reads_as_gensim", lambda _: True)
    assert same(ours(form(tmp_path / "corpus")), expected)


@pytest.mark.parametrize("form", [line_sentence, path_line_sentences, text8, brown])
def test_readers_that_a_program_has_changed_are_read_as_it_says(form, tmp_path, monkeypatch):
    """In every epoch, as any iterable."""
    reader = form(tmp_path / "corpus")
    changed = CountingCorpus([["other", "words"]] * 9)
    monkeypatch.setattr(type(reader), "__iter__", lambda _: iter(changed))
    model = ours(reader)
    assert model.wv.index_to_key == ["words", "other"]
    assert changed.iterations == 1 + model.epochs


@pytest.mark.parametrize("name", ["open", "to_unicode", "any2unicode"])
def test_readers_whose_functions_a_program_has_changed_are_read_by_gensim(name, tmp_path, monkeypatch):
    reader, original = line_sentence(tmp_path / "corpus"), getattr(utils, name)
    called = []

    def changed(*args, **kwargs):
        called.append(args)
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(utils, name, changed)
        assert corpus.CorpusCache().part_of(reader) is reader
        assert not corpus.is_static(reader)
        assert list(reader) == SENTENCES
    assert bool(called) is (name != "any2unicode")  # whose other name gensim's readers use
    assert isinstance(corpus.CorpusCache().part_of(reader), corpus.Text)
    assert corpus.is_static(reader)


def test_readers_with_a_limit_or_a_handle_are_read_by_gensim(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    assert same(ours(LineSentence(str(path), limit=20)), ours(SENTENCES[:20]))
    with path.open("rb") as handle:
        assert same(ours(LineSentence(handle)), ours(SENTENCES))
    short = ours(LineSentence(str(path), max_sentence_length=3))
    assert same(short, ours(list(LineSentence(str(path), max_sentence_length=3))))


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize(
    "harm", [lambda data: data[:-9], lambda data: b"abc" + data[3:]], ids=["cut off", "overwritten"]
)
def test_a_file_that_cannot_be_decompressed_is_named(suffix, harm, tmp_path):
    compress = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd.compress}[suffix]
    (tmp_path / "fine.txt").write_text("a b\n")
    bad = tmp_path / f"bad.txt{suffix}"
    bad.write_bytes(harm(compress(b"a b c\n" * 10_000)))
    for source in (corpus.files([tmp_path / "fine.txt", bad]), corpus.files(bad)):
        with pytest.raises(OSError, match=r"bad\.txt\.\w+: damaged, or cut off: "):
            list(source)
