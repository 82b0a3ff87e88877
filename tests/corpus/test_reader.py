"""The corpus in every form gensim takes gives one and the same model; the cut into chunks loses nothing."""

import bz2
import dataclasses
import gzip
import importlib
import itertools
import lzma
import re
import sys
from collections import Counter
from pathlib import Path

import boto3
import gensim.models.callbacks
import gensim.utils
import numpy as np
import pytest
import torch
from gensim.models.word2vec import BrownCorpus, LineSentence, PathLineSentences, Text8Corpus
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from tests.helpers import ENGINES, Passes, both_classes, ours, same, words
from torch_w2v import corpus, engines
from torch_w2v.corpus import text
from torch_w2v.corpus.encoding import encode, joined
from torch_w2v.engines import sampling, streams

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
SENTENCES = [sentence for sentence in words() if sentence]  # files have no empty sentences
TEXT = "".join(" ".join(sentence) + "\n" for sentence in SENTENCES)


@pytest.fixture(scope="module")
def from_list():
    return {engine: ours(SENTENCES, engine) for engine in ENGINES}


@pytest.fixture
def opened(monkeypatch):
    """Counts the files that are opened, by name."""
    count, ours, gensims = Counter(), text.opened, gensim.utils.open

    def counting(opener):
        def opened(uri, *args, **kwargs):
            count[Path(uri).name] += 1
            return opener(uri, *args, **kwargs)

        return opened

    monkeypatch.setattr(text, "opened", counting(ours))
    monkeypatch.setattr("gensim.utils.open", counting(gensims))
    return count


def text8(path):
    path.write_text(TEXT.replace("\n", " "))
    return Text8Corpus(str(path))


def brown(path):
    path.mkdir()
    (path / "ca01").write_text("".join(" ".join(f"{word}/nn" for word in s) + "\n" for s in SENTENCES))
    return BrownCorpus(str(path))


def line_sentence(path):
    path.write_text(TEXT)
    return LineSentence(str(path))


def path_line_sentences(path):
    path.mkdir()
    half = len(TEXT) // 2 + TEXT[len(TEXT) // 2 :].index("\n") + 1
    (path / "1.txt").write_text(TEXT[:half])
    (path / "2.txt.gz").write_bytes(gzip.compress(TEXT[half:].encode()))
    return PathLineSentences(str(path))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", [line_sentence, path_line_sentences, text8, brown])
def test_gensims_readers_are_read_once(form, engine, tmp_path, opened):
    """For the vocabulary and for all passes."""
    reader = form(tmp_path / "corpus")
    model = ours(reader, engine, epochs=3)
    assert set(opened.values()) == {1}, opened
    assert same(model, ours(list(reader), engine, epochs=3))


@pytest.mark.parametrize("engine", ENGINES)
def test_tuples_and_lazy_forms(engine, from_list):
    expected = from_list[engine]
    assert same(ours(tuple(map(tuple, SENTENCES)), engine), expected)
    assert same(ours([np.array(sentence, object) for sentence in SENTENCES], engine), expected)
    passes = Passes(SENTENCES)
    assert same(ours(passes, engine), expected)
    assert passes.passes == 1 + expected.epochs
    assert passes.given == len(SENTENCES) * passes.passes


def test_lists_are_read_once():
    class Counted(str):
        hashed = 0

        def __hash__(self):
            Counted.hashed += 1
            return super().__hash__()

    sentences, hashed = [[Counted("a"), 1, "c"]] * 50, []  # not all str: each word is looked up
    for epochs in (1, 7):
        before = Counted.hashed
        ours(sentences, epochs=epochs)
        hashed.append(Counted.hashed - before)
    assert hashed[0] == hashed[1]
    assert 50 <= hashed[0] < 100


@pytest.mark.parametrize("cls", [list, LineSentence])
def test_subclasses_of_static_inputs_are_read_every_pass(cls, tmp_path):
    class Shuffled(cls):
        passes = 0

        def __iter__(self):
            type(self).passes += 1
            return super().__iter__()

    path = tmp_path / "corpus"
    path.write_text(TEXT)
    ours(Shuffled(SENTENCES if cls is list else str(path)), epochs=4)
    assert Shuffled.passes == 5


@both_classes
def test_every_pass_sees_what_the_corpus_gives_then(cls):
    """Walks and shuffles rely on it: words that come in the second pass only are trained on."""

    class Walks(Passes):
        def __iter__(self):
            yield from super().__iter__()
            if self.passes == 2:
                yield from [["late", "w1", "w2"]] * 20

    model = ours(cls=cls, sample=0)
    model.build_vocab([*SENTENCES, ["late"]])
    start = model.wv["late"].copy()
    model.train(Walks(SENTENCES), total_examples=len(SENTENCES), epochs=1)
    np.testing.assert_array_equal(model.wv["late"], start)
    model.train(Walks(SENTENCES), total_examples=len(SENTENCES), epochs=2)
    assert (model.wv["late"] != start).any()


@pytest.mark.parametrize("engine", ENGINES)
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
def test_corpus_file(suffix, compress, form, engine, from_list, tmp_path, opened):
    path = tmp_path / f"corpus.{suffix}"
    path.write_bytes(compress(TEXT.encode()))
    model = ours(None, engine, corpus_file=form(path))
    assert same(model, from_list[engine])
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


@pytest.mark.parametrize("engine", ENGINES)
def test_corpus_file_on_s3(engine, bucket, from_list):
    bucket.put_object(Bucket="texts", Key="corpus.txt", Body=TEXT.encode())
    bucket.put_object(Bucket="texts", Key="corpus.txt.gz", Body=gzip.compress(TEXT.encode()))
    for key in ("corpus.txt", "corpus.txt.gz"):
        assert same(ours(None, engine, corpus_file=f"s3://texts/{key}"), from_list[engine])


def test_missing_object_on_s3(bucket):
    with pytest.raises(OSError, match=r"s3://texts/missing\.txt|missing\.txt"):
        ours(None, corpus_file="s3://texts/missing.txt")


ODD_TEXT = (
    "plain words\r\n\n   \n\tindented\u00a0nbsp\u2003em\u3000ideographic \r\n"
    "naïve ひらがな 🙂 \ufeffbom\x0bvertical\x0cfeed\x1cfile\x85next\u2028line\n"
    + "long " * 25_000 + "\nlast line without an end"
)  # fmt: skip


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


# ---- encoding and cutting: properties ----

VOCABULARY = {"a": 0, "b": 1, "c": 2, "d": 3}
lines = st.lists(st.lists(st.sampled_from("abcd?"), max_size=12), max_size=25)
sizes = st.integers(1, 15)


def expected(sentences):
    return [VOCABULARY.get(word, -1) for sentence in sentences for word in sentence]


@given(lines, sizes)
def test_encode_keeps_everything(sentences, size):
    runs = list(encode(sentences, VOCABULARY, size))
    position, lengths = 0, []
    for run in runs:
        assert run.position == position
        assert (run.tokens.dtype, run.offsets.dtype) == (np.int32, np.int64)
        assert run.offsets[0] == 0
        assert run.offsets[-1] == len(run.tokens)
        position += len(run.tokens)
        lengths += np.diff(run.offsets).tolist()
    assert np.concatenate([[], *(run.tokens for run in runs)]).tolist() == expected(sentences)
    assert lengths == [len(sentence) for sentence in sentences]
    for run in runs[:-1]:  # closed by the sentence that brings it to `size`
        assert len(run.tokens) >= size > run.offsets[-2]


@given(lines, sizes)
def test_static_and_streaming_are_cut_alike(sentences, size):
    streamed = list(encode(sentences, VOCABULARY, size))
    static = list(whole_of(streamed).runs(size))
    assert len(static) == len(streamed)
    for one, other in zip(static, streamed, strict=True):
        assert one.position == other.position
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_array_equal(one.offsets, other.offsets)


def whole_of(runs):
    return joined([(run.tokens, np.diff(run.offsets)) for run in runs])


def cut(sentences, size, window, keep):
    """The chunks of a corpus, and what subsampling keeps of it."""
    stream = streams.key(1, 0, 0, streams.TOKEN)

    def kept(tokens, position):
        return sampling.keep_mask(torch.from_numpy(tokens), position, keep, stream)[0].numpy()

    runs = encode(sentences, VOCABULARY, size)
    return [chunk for run in runs for chunk in corpus.cut_into_chunks(run, size, window, kept)], stream


KEEP = torch.from_numpy(np.array([2**32 - 1, 2**31, 2**30, 0], np.uint32).view(np.int32))  # 1, 1/2, 1/4, (almost) never
cases = given(
    st.lists(st.lists(st.sampled_from("aabbbbccd?"), max_size=60), max_size=6), st.integers(1, 9), st.integers(1, 6),
    st.booleans(),
)  # fmt: skip


def windows_of(tokens, offsets, begin, end, position, arguments):
    """Place of each trained token -> the token, its context to the left and to the right as places."""
    kept = sampling.kept_stream(
        torch.as_tensor(tokens), torch.as_tensor(offsets), position,
        *(arguments[name] for name in ("keep", "token_stream", "window", "shrink_windows")),
    )  # fmt: skip
    places = (kept.place + position).tolist()
    return {
        places[i]: (int(kept.ids[i]), places[low:i], places[i + 1 : high])
        for i, (low, high) in enumerate(zip(kept.low.tolist(), kept.high.tolist(), strict=True))
        if begin <= kept.place[i] < end
    }


@cases
def test_chunks_partition_the_corpus(sentences, size, window, shrink):
    chunks, _ = cut(sentences, size, window, KEEP)
    tokens, position = [], 0
    for chunk in chunks:
        assert chunk.position + chunk.begin == position
        assert 0 <= chunk.begin <= chunk.end <= len(chunk.tokens)
        assert chunk.end - chunk.begin <= 2 * size or np.diff(chunk.offsets).max() >= len(chunk.tokens) - size
        if len(chunk.offsets):
            assert chunk.offsets[0] == 0
            assert chunk.offsets[-1] == len(chunk.tokens)
            assert (np.diff(chunk.offsets) >= 0).all()
        position += chunk.end - chunk.begin
        tokens += chunk.tokens[chunk.begin : chunk.end].tolist()
    assert tokens == expected(sentences)
    assert sum(chunk.examples for chunk in chunks) == len(sentences)


@cases
def test_chunks_carry_whole_windows(sentences, size, window, shrink):
    """Windows over the chunks are the windows over the uncut corpus, word for word."""
    chunks, stream = cut(sentences, size, window, KEEP)

    def windows(chunk):
        arguments = {"keep": KEEP, "token_stream": stream, "window": window, "shrink_windows": shrink}
        return windows_of(chunk.tokens, chunk.offsets, chunk.begin, chunk.end, chunk.position, arguments)

    whole = whole_of(encode(sentences, VOCABULARY, 10**9))
    uncut = corpus.Chunk(whole.tokens, whole.offsets, 0, len(whole.tokens), 0, len(sentences))
    found = {}
    for chunk in chunks:
        if chunk.end > chunk.begin:
            found.update(windows(chunk))
    assert found == windows(uncut)


def test_long_sentences_are_cut():
    """And no more of them is carried along than windows need."""
    chunks, _ = cut([["a"] * 1050], 100, 5, KEEP)
    assert [chunk.end - chunk.begin for chunk in chunks] == [100] * 9 + [150]
    assert [len(chunk.tokens) for chunk in chunks] == [110] + [120] * 8 + [160]
    assert [chunk.examples for chunk in chunks] == [0] * 9 + [1]


def test_engines_get_whole_windows_in_every_pass(monkeypatch):
    """What the adapter hands to an engine for one long sentence, at two chunk sizes: the same windows."""
    long = [word for sentence in words() for word in sentence]

    def given(batch_words):
        model = ours(batch_words=batch_words)
        model.build_vocab([long])
        chosen, passes = engines.choose("torch_batched", "cpu", 8), []

        def train_chunk(inputs, outputs, tokens, offsets, begin, end, position, alpha_begin, alpha_end, **arguments):
            if position + begin == 0:
                passes.append({})
            passes[-1].update(windows_of(tokens, offsets, begin, end, position, arguments))
            return torch.zeros(3, dtype=torch.float64)

        with monkeypatch.context() as patch:
            patch.setattr(engines, "choose", lambda *_: dataclasses.replace(chosen, train_chunk=train_chunk))
            for _ in range(2):
                model.train([long], total_examples=1, epochs=2)
        return passes

    whole, cut = given(10_000), given(3)
    assert cut == whole
    assert len(cut) == 4
    assert all(one != other for one, other in itertools.combinations(cut, 2))  # fresh draws


@pytest.mark.parametrize("engine", ENGINES)
def test_one_long_sentence_trains_every_word_once(engine):
    long = [word for sentence in words() for word in sentence]
    model = ours([long], engine, batch_words=30, sample=0)
    assert model.corpus_count == 1
    assert model.train([long], total_examples=1, epochs=1) == (len(long), len(long))


def test_reader_encodes_a_static_corpus_once():
    source, reader = [["a", "b"], [], ["c"]], corpus.CorpusCache()
    first = [run.tokens.tolist() for run in reader.runs(source, VOCABULARY, 2)]
    source.clear()
    assert [run.tokens.tolist() for run in reader.runs(source, VOCABULARY, 2)] == first == [[0, 1], [2]]
    assert list(corpus.CorpusCache().runs(source, VOCABULARY, 2)) == []


def test_reader_starts_again_after_a_failed_pass():
    source, reader = [["a"], 5], corpus.CorpusCache()
    with pytest.raises(TypeError, match=r"^sentence #1 must be a list of words"):
        list(reader.runs(source, VOCABULARY, 1))
    source[1] = ["b"]
    assert [run.tokens.tolist() for run in reader.runs(source, VOCABULARY, 1)] == [[0], [1]]


# ---- which files a corpus_file names ----


def test_folders_patterns_and_lists(tmp_path, from_list):
    expected, third = from_list["reference"], len(SENTENCES) // 3
    folder = tmp_path / "texts"
    (folder / "inner").mkdir(parents=True)
    for i, name in enumerate(("a.txt", "b.txt.gz", "c.txt")):
        data = "".join(" ".join(s) + "\n" for s in SENTENCES[i * third : (i + 1) * third if i < 2 else None]).encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    names = sorted(path for path in folder.iterdir() if path.is_file())
    for form in (folder, str(folder), f"{folder}/*.txt*", names, [folder / "a.txt", f"{folder}/[bc]*"]):
        model = ours(None, "reference", corpus_file=form)
        assert same(model, expected), form
    assert corpus.paths_of("s3://texts/*.txt") == ["s3://texts/*.txt"]
    (tmp_path / "[odd] name*.txt").write_text("a b\n")
    assert corpus.paths_of(tmp_path / "[odd] name*.txt") == [str(tmp_path / "[odd] name*.txt")]


@pytest.mark.parametrize("wrong", ["none.txt", "none/*.txt", "", 5, None, [], [5], b"corpus.txt", ["none.txt"]])
def test_what_names_no_file(wrong, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TypeError, match=r"^Parameter corpus_file must be a valid path to a file, got "):
        corpus.paths_of(wrong)


def test_an_empty_folder(tmp_path):
    (tmp_path / "inner").mkdir()
    with pytest.raises(TypeError, match=r"valid path to a file, got '.*', a folder without files$"):
        ours(None, corpus_file=tmp_path)


@pytest.mark.parametrize("form", [line_sentence, path_line_sentences])
def test_gensims_readers_of_lines_are_read_by_the_library(form, tmp_path, monkeypatch):
    def never(_):
        raise AssertionError("read in Python")

    expected = ours(SENTENCES, "reference")
    for cls in (LineSentence, PathLineSentences):
        monkeypatch.setattr(cls, "__iter__", never)
    assert same(ours(form(tmp_path / "corpus"), "reference"), expected)


def test_readers_with_a_limit_or_a_handle_are_gensims(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    assert same(ours(LineSentence(str(path), limit=50), "reference"), ours(SENTENCES[:50], "reference"))
    with path.open("rb") as handle:
        assert same(ours(LineSentence(handle), "reference"), ours(SENTENCES, "reference"))
    short = ours(LineSentence(str(path), max_sentence_length=3), "reference")
    assert same(short, ours(list(LineSentence(str(path), max_sentence_length=3)), "reference"))


@pytest.mark.parametrize("cache", ["auto", "memory", "disk", "off"])
@pytest.mark.parametrize("kind", ["file", "list", "stream"])
def test_models_are_one_wherever_the_corpus_is_kept(kind, cache, tmp_path, from_list, opened):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    source = {"file": None, "list": SENTENCES, "stream": Passes(SENTENCES)}[kind]
    for engine in ENGINES:
        model = ours(source, engine, corpus_file=path if kind == "file" else None, corpus_cache=cache)
        assert same(model, from_list[engine])
    if kind == "file":
        assert opened[path.name] == len(ENGINES) * (1 + model.epochs if cache == "off" else 1)


def test_a_vocabulary_that_grows_while_training(tmp_path):
    """A callback extends the vocabulary: the corpus is read again, with the new words."""
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)

    class Extend(gensim.models.callbacks.CallbackAny2Vec):
        def on_epoch_end(self, model):
            if "late" not in model.wv:
                model.build_vocab([["late", "w1"]] * 5, update=True)

    models = [
        ours(source, "reference", corpus_file=file, callbacks=[Extend()], corpus_cache=cache)
        for source, file in ((None, path), (SENTENCES, None), (Passes(SENTENCES), None))
        for cache in ("auto", "disk", "off")
    ]
    assert all(same(model, models[0]) for model in models[1:])
    assert "late" in models[0].wv


def test_what_is_scanned_is_kept_for_the_constructors_training_only():
    """Lists may be changed between build_vocab() and train()."""
    sentences = [list(sentence) for sentence in SENTENCES]
    model = ours(engine="reference")
    model.build_vocab(sentences)
    del sentences[100:]
    assert model.train(sentences, total_examples=100, epochs=1)[1] == sum(map(len, sentences))
    assert not {"_cache", "_call"} & set(vars(model))


def test_another_corpus_in_a_callback_is_not_taken_for_the_scanned_one():
    class Nested(gensim.models.callbacks.CallbackAny2Vec):
        raw = 0

        def on_train_begin(self, model):
            if not self.raw:
                self.raw = 1
                self.raw = model.train([["w1", "w2"]] * 10, total_examples=10, epochs=1)[1]

    nested = Nested()
    model = ours(SENTENCES, "reference", epochs=1, callbacks=[nested])
    assert nested.raw == 20
    assert model.corpus_count == len(SENTENCES)
