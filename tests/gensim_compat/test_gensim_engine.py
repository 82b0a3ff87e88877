"""CBOW on gensim's own engine: `engine="gensim"`, and "auto" where the C++ library is missing."""

import gzip
import logging
import warnings
from functools import partial

import gensim.models
import pytest

import torch_w2v
from tests import helpers
from tests.helpers import messages, same, words
from torch_w2v import corpus, engines, native
from torch_w2v.engines.cpu.engine import CpuEngine

SENTENCES = words(200)
# gensim 4.3 sorts equally frequent words in another order than 4.4, which is the one here.
ours = partial(helpers.ours, sorted_vocab=0)


@pytest.fixture
def without_the_library(monkeypatch):
    """The package as it is where the C++ library was not installed."""

    def refuse():
        raise RuntimeError("not installed")

    monkeypatch.setattr(native, "available", lambda: False)
    monkeypatch.setattr(native, "library", refuse)
    engines._warn_once.cache_clear()
    yield
    engines._warn_once.cache_clear()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(map(" ".join, SENTENCES)))
    return path


@pytest.mark.parametrize("options", [{}, {"cbow_mean": 0, "compute_loss": True, "sample": 0}])
def test_it_trains_as_gensim_bit_for_bit(options, text, caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    plain = ours(SENTENCES, cls=gensim.models.Word2Vec, **options)
    model = ours(SENTENCES, engine="gensim", **options)
    assert same(plain, model)
    assert model.get_latest_training_loss() == plain.get_latest_training_loss()
    assert "engine='gensim': training with gensim's own engine" in messages(caplog)
    plain = ours(cls=gensim.models.Word2Vec, corpus_file=str(text), **options)
    for path in (text, str(text)):
        assert same(plain, ours(engine="gensim", corpus_file=path, **options))


def test_auto_without_the_library(without_the_library, text):
    with pytest.warns(RuntimeWarning, match="not installed: training with gensim's own engine.* pip install") as caught:
        models = [ours(SENTENCES, engine="auto", device="auto") for _ in range(2)]
    assert len([w for w in caught if "torch_w2v" in str(w.message)]) == 1
    assert all(same(ours(SENTENCES, cls=gensim.models.Word2Vec), model) for model in models)
    plain = ours(cls=gensim.models.Word2Vec, corpus_file=str(text))
    assert same(plain, ours(engine="auto", corpus_file=text))


def test_the_library_is_used_again_where_it_is_there(without_the_library, monkeypatch, tmp_path):
    """The choice is made where training happens, not where the model was made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        ours(SENTENCES, engine="auto").save(str(tmp_path / "m"))
    monkeypatch.undo()
    if not native.available():
        pytest.skip("no native library")
    trained = []
    train = CpuEngine.train
    monkeypatch.setattr(CpuEngine, "train", lambda *args: trained.append(1) or train(*args))
    torch_w2v.Word2Vec.load(tmp_path / "m").train(SENTENCES, total_examples=len(SENTENCES), epochs=1)
    assert trained


class Unread:
    """A corpus that must not be read."""

    def __iter__(self):
        raise AssertionError


def test_what_gensim_cannot_is_said_at_once(text, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"engine='gensim' with cbow_gradient='exact'.* use another engine"):
        ours(engine="gensim", cbow_gradient="exact")
    monkeypatch.setattr(engines, "check_device", str)
    with pytest.raises(ValueError, match="engine='gensim' with device='mps'"):
        torch_w2v.Word2Vec(engine="gensim", device="mps")
    with pytest.raises(ValueError, match=r"checkpoint=.*engine='gensim', and gensim's own engine has no checkpoints"):
        ours(Unread(), engine="gensim", checkpoint=tmp_path / "c")
    model = ours(engine="gensim")
    model.build_vocab(SENTENCES)
    model.cbow_gradient = "exact"
    with pytest.raises(ValueError, match="its own gradient only"):
        model.train(SENTENCES, total_examples=len(SENTENCES), epochs=1)


@pytest.mark.parametrize("options", [{"engine": "gensim"}, {"hs": 1, "negative": 0}], ids=["cbow", "hs"])
def test_every_kind_of_corpus_file(options, text, tmp_path):
    zipped, encoded, folder = tmp_path / "text.gz", tmp_path / "text.w2v", tmp_path / "folder"
    zipped.write_bytes(gzip.compress(text.read_bytes()))
    if native.available():
        corpus.encoded_file.write(corpus.files(str(text)), encoded, threads=1)
    folder.mkdir()
    lines = text.read_bytes().splitlines(keepends=True)
    (folder / "a").write_bytes(b"".join(lines[:50]))
    (folder / "b").write_bytes(b"".join(lines[50:]))
    plain = {name: value for name, value in options.items() if name != "engine"}
    expected = ours([sentence for sentence in SENTENCES if sentence], cls=gensim.models.Word2Vec, **plain)
    kinds = [zipped, folder, [folder / "a", str(folder / "b")], str(tmp_path / "te*.gz")]
    for kind in [*kinds, encoded] if native.available() else kinds:
        assert same(expected, ours(corpus_file=kind, **{"engine": "auto", **options})), kind


@pytest.mark.parametrize("options", [{"engine": "gensim"}, {"sg": 1}, {"hs": 1, "negative": 0}])
def test_long_sentences_and_large_batches_are_trained_whole(options):
    sentences = [["a", "b"] * 12_000, ["c"] * 3, ("d", "e") * 6_000, *[["f", "g"]] * 6_000]
    total = sum(map(len, sentences))
    for batch_words in (10_000, 50_000):
        model = ours(**{"engine": "auto", **options}, batch_words=batch_words, sample=0)
        model.build_vocab(sentences)
        before = model.wv.vectors.copy()
        trained, raw = model.train(sentences, total_examples=len(sentences), epochs=1)
        assert (trained, raw) == (total, total)
        assert (model.wv.vectors != before).any(axis=1).all()


@pytest.mark.parametrize("negative", [0, 5])
def test_hierarchical_softmax_of_one_word_is_refused(negative):
    """gensim hangs on it. The vocabulary may get more words before it is trained."""
    with pytest.raises(ValueError, match=r"hs=1: a vocabulary of one word has no Huffman tree, .*: give a corpus with"):
        ours([["a", "a"]] * 30, hs=1, negative=negative, sample=0)
    model = ours(hs=1, negative=negative, sample=0)
    model.build_vocab([["a", "a"]] * 30)
    model.build_vocab([["b", "a"]] * 30, update=True)
    assert model.train([["b", "a"]] * 30, total_examples=30, epochs=1) == (60, 60)
    ours([["a", "a"]] * 30, hs=1, negative=negative, sample=0, null_word=1)
