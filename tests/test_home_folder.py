"""`~` at the beginning of a path is the home folder, as where smart_open opens gensim's files."""

import os
from pathlib import Path

import gensim.models
import numpy as np
import pytest
from gensim.models.word2vec import LineSentence

import torch_w2v
from tests.helpers import both_classes, ours, topics
from torch_w2v import corpus, export
from torch_w2v.callbacks import Evaluate, History
from torch_w2v.cli import main
from torch_w2v.compare.gold import pairs_file
from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.text import Text
from torch_w2v.files import check_writable, path_of, read_whole, replacing

SENTENCES = topics(60)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home folder with a corpus; the working directory is another one, in which nothing may be written."""
    folder = tmp_path / "home"
    folder.mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(folder))
    (folder / "corpus.txt").write_text("".join(f"{' '.join(sentence)}\n" for sentence in SENTENCES))
    yield folder
    assert os.listdir() == []


def test_path_of(home):
    assert path_of("~/a") == path_of(Path("~/a")) == path_of(b"~/a") == os.path.expanduser("~/a")
    for path in ("a/~/b", "~nobody-has-this-name/a", "s3://~/a", "", "-", "/~"):
        assert path_of(path) == path


@both_classes
@pytest.mark.parametrize("form", [str, Path])
def test_models(cls, form, home):
    model = ours(SENTENCES, cls=cls)
    model.save(form("~/a.model") if cls is not gensim.models.Word2Vec else "~/a.model")
    assert (home / "a.model").exists()
    assert cls.load("~/a.model").wv.index_to_key == model.wv.index_to_key


def test_large_arrays(home):
    model = ours(SENTENCES)
    model.save("~/a.model", sep_limit=10)
    assert (home / "a.model.wv.vectors.npy").exists()
    assert np.array_equal(torch_w2v.Word2Vec.load(Path("~/a.model"), mmap="r").wv.vectors, model.wv.vectors)


@pytest.mark.parametrize("form", [str, Path])
@pytest.mark.parametrize("suffix", [".kv", ".txt", ".bin", ".npz", ".model"])
def test_vectors(suffix, form, home):
    model = ours(SENTENCES)
    model.save_vectors(form(f"~/a{suffix}"))
    assert (home / f"a{suffix}").exists()
    assert torch_w2v.load_vectors(form(f"~/a{suffix}")).index_to_key == model.wv.index_to_key


@both_classes
@pytest.mark.parametrize("limit", [None, 10])
def test_gensims_reader_of_lines(cls, limit, home):
    assert ours(LineSentence("~/corpus.txt", limit=limit), cls=cls).corpus_count == (limit or 60)


@pytest.mark.parametrize("name", ["~/corpus.txt", Path("~/corpus.txt"), ["~/corpus.txt"], "~/c*.txt", "~"])
def test_corpus_files(name, home):
    assert ours(corpus_file=name).corpus_count == 60


def test_gensims_own_engine_reads_a_corpus_file(home):
    assert ours(corpus_file="~/corpus.txt", hs=1, negative=0).corpus_count == 60


def test_encoded_corpora(home):
    corpus.encoded_file.write(Text(["~/corpus.txt"]), "~/c.w2v", threads=1)
    assert len(EncodedFile("~/c.w2v").offsets) == 61
    assert ours(corpus_file="~/c.w2v").corpus_count == 60


def test_checkpoints(home):
    model = ours(SENTENCES, checkpoint="~/checkpoint", checkpoint_every=0)
    assert (home / "checkpoint").exists()
    assert model.train_count == 1


def test_files_that_are_replaced(home):
    check_writable("~/a")
    with replacing("~/a") as temporary:
        Path(temporary).write_text("new")
    assert read_whole("~/a", (home / "a").read_text) == "new"


def test_folders_and_files_of_callbacks(home):
    (home / "pairs.tsv").write_text("a0\ta1\t1\n")
    history = History()
    model = ours(SENTENCES, callbacks=[history, Evaluate(pairs="~/pairs.tsv")])
    export.save_projector(model, "~/projector")
    history.to_csv(Path("~/history.csv"))
    assert pairs_file("~/pairs.tsv").known(model.wv) == (1, 1)
    assert {"projector", "history.csv"} < set(os.listdir(home))


def test_the_command_line(home, capsys):
    """A shell expands what begins with `~`, but not --output=~/a, nor what is in quotes."""
    output = ["--output=~/a.kv", "--checkpoint=~/k", "--history=~/h.csv"]
    assert main(["train", "~/c*.txt", "--min-count", "1", "--epochs", "1", "--quiet", *output]) == 0
    assert main(["encode", "~/corpus.txt", "-o", "~/c.w2v", "--quiet"]) == 0
    assert main(["info", "~/c.w2v"]) == main(["info", "~/a.kv"]) == 0
    assert main(["export", "~/a.kv", "--to", "projector", "-o", "~/p", "--quiet"]) == 0
    assert main(["neighbours", "~/a.kv", "a0"]) == 0
    assert {"a.kv", "h.csv", "c.w2v", "p"} < set(os.listdir(home))
    capsys.readouterr()
