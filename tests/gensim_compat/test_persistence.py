"""Models on disk are gensim's: each side opens those of the other, and no file is ever half written."""

import importlib
import io
import logging
import operator
import os
import pickle
from pathlib import Path

import gensim.models
import numpy as np
import pytest

import torch_w2v
from tests.helpers import both_classes, messages, ours, same, trainable, weights, words
from tests.processes import python

Word2Vec = torch_w2v.Word2Vec


def files(folder):
    """Return the names and contents of the files in a folder, hidden ones included."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(params=[10 * 1024**2, 0], ids=["one file", "arrays apart"])
def sep_limit(request):
    return request.param


# A Python process that has gensim, and neither this package nor torch.
ELSEWHERE = """
import logging, pickle, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torch_w2v"):
            raise ModuleNotFoundError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import gensim.models
for path in sys.argv[1:]:
    if path.endswith(".wv"):
        wv = gensim.models.KeyedVectors.load(path)
    elif path.endswith(".pickle"):
        wv = pickle.load(open(path, "rb"))
    else:
        model = gensim.models.Word2Vec.load(path)
        assert type(model) is gensim.models.Word2Vec, type(model)
        before = model.wv.vectors.copy()
        sentences = [["w1", "w2", "w3", "w4"]] * 100
        model.train(sentences, total_examples=100, epochs=2)
        assert (model.wv.vectors != before).any()
        model.build_vocab([["new", "w1"]] * 9, update=True)
        model.train([["new", "w1"]] * 9, total_examples=9, epochs=2)
        wv = model.wv
        model.save(path)
    assert type(wv) is gensim.models.KeyedVectors
    print(path, wv.most_similar("w1")[0][0])
assert "torch" not in sys.modules
"""


def test_opens_and_trains_where_only_gensim_is(tmp_path):
    model = ours(words())
    paths = [tmp_path / name for name in ("one.model", "apart.model", "handle.model", "vectors.wv", "vectors.pickle")]
    model.save(paths[0])
    model.save(paths[1], sep_limit=0)
    with open(paths[2], "wb") as handle:
        model.save(handle)
    model.wv.save(str(paths[3]))
    paths[4].write_bytes(pickle.dumps(model.wv))
    done = python(ELSEWHERE, *paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == len(paths)
    for path in paths[:3]:  # and opens here again
        again = Word2Vec.load(path)
        assert "new" in again.wv
        assert (again.engine, again.device) == (model.engine, model.device)
        assert trainable(again, words())


def test_nothing_of_ours_in_the_file(tmp_path):
    model = ours(words(), "torch_batched")
    model.save(tmp_path / "m", sep_limit=0)
    model.wv.save(str(tmp_path / "kv"))
    for name, data in files(tmp_path).items():
        assert b"torch" not in data.replace(b"torch_batched", b""), name  # the name of an engine is only a string


def test_round_trip(sep_limit, tmp_path):
    model = ours(words(), compute_loss=True, cbow_gradient="exact", comment="kept")
    model.wv.vectors_lockf = np.linspace(0, 1, len(model.wv), dtype=np.float32)
    model.save(tmp_path / "m", sep_limit=sep_limit)
    again = Word2Vec.load(str(tmp_path / "m"))
    assert type(again) is Word2Vec
    assert same(again, model)
    np.testing.assert_array_equal(again.cum_table, model.cum_table)
    np.testing.assert_array_equal(again.wv.vectors_lockf, model.wv.vectors_lockf)
    changing = {"wv", "syn1neg", "cum_table", "random", "lifecycle_events", "load"}
    for name in vars(model).keys() - changing:
        assert getattr(again, name) == getattr(model, name), name
    for one in (model, again):
        one.train(words(1), total_examples=300, epochs=2)
    assert same(again, model)  # training continues as if nothing had been saved


def test_gensims_model_trains_on_here(sep_limit, tmp_path):
    theirs = ours(words(), cls=gensim.models.Word2Vec, sample=0)
    theirs.save(str(tmp_path / "m"), sep_limit=sep_limit)
    model = Word2Vec.load(tmp_path / "m")
    assert same(model, theirs)
    assert (model.device, model.engine, model.cbow_gradient) == ("auto", "auto", "gensim")
    assert list(model.training_losses) == []
    model.device = "cpu"
    assert trainable(model, words())
    model.build_vocab([["new", "w1"]] * 9, update=True)
    assert trainable(model, [["new", "w1"]] * 9)


@pytest.mark.parametrize("options", [{"sg": 1}, {"hs": 1}, {"hs": 1, "negative": 0}])
def test_other_algorithms_round_trip(options, sep_limit, tmp_path):
    model = ours(words(), **options)
    model.save(tmp_path / "m", sep_limit=sep_limit)
    again = Word2Vec.load(tmp_path / "m")
    assert same(again, model)
    assert trainable(again, words())


def test_loading_through_a_subclass(tmp_path):
    class Mine(Word2Vec):
        pass

    ours(words()).save(tmp_path / "m")
    assert type(Mine.load(tmp_path / "m")) is Mine


@both_classes
def test_load_is_not_for_instances(cls):
    with pytest.raises(AttributeError, match=r"^This method should be called on a class object\.$"):
        ours(words(), cls=cls).load("anything")


def test_mapped_weights_are_trained_as_a_copy(tmp_path, caplog):
    model = ours(words())
    model.save(tmp_path / "m", sep_limit=0)
    before = files(tmp_path)
    mapped = Word2Vec.load(tmp_path / "m", mmap="r")
    assert isinstance(mapped.wv.vectors, np.memmap)
    caplog.set_level("INFO", "torch_w2v")
    for one in (mapped, model):
        one.train(words(), total_examples=300, epochs=2)
    assert same(mapped, model)
    assert files(tmp_path) == before
    assert "vectors is read-only (loaded with mmap='r'?) or not float32: training on a copy" in caplog.text


@pytest.mark.parametrize("options", [{"hs": 1}, {"hs": 1, "sg": 1}])
def test_mapped_weights_with_gensims_engine(options, tmp_path):
    """gensim would write to a read-only page."""
    model = ours(words(), **options)
    model.save(tmp_path / "m", sep_limit=0)
    before = files(tmp_path)
    assert trainable(Word2Vec.load(tmp_path / "m", mmap="r"), words())
    assert files(tmp_path) == before


def test_saving_over_the_files_a_model_is_mapped_from(tmp_path):
    model = ours(words())
    model.save(tmp_path / "m", sep_limit=0)
    mapped = Word2Vec.load(tmp_path / "m", mmap="r")
    mapped.save(tmp_path / "m", sep_limit=0)
    assert same(mapped, model)
    assert same(Word2Vec.load(tmp_path / "m", mmap="r"), model)
    other = ours(words(), seed=9)
    other.save(tmp_path / "m", sep_limit=0)
    assert same(mapped, model)  # not changed by the other model
    assert same(Word2Vec.load(tmp_path / "m"), other)


class DiskFull:
    """A function that writes a file, until its call number `after` (from 0) raises with part of the file written."""

    def __init__(self, write, error, after=0):
        self.write, self.error, self.left = write, error, after

    def __call__(self, path, *args, **kwargs):
        if not self.left:
            Path(path if isinstance(path, str) else args[0]).write_bytes(b"cut off")
            raise self.error
        self.left -= 1
        return self.write(path, *args, **kwargs)


def test_failing_save_keeps_the_old_file_and_the_model(tmp_path, monkeypatch):
    old, new = ours(words()), ours(words(), seed=9)
    old.save(tmp_path / "m", sep_limit=0)
    before, weights_before = files(tmp_path), [w.copy() for w in weights(new)]
    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):
        for target, name in ((np, "save"), (gensim.utils, "pickle")):
            for after in range(3 if target is np else 1):
                with monkeypatch.context() as patch:
                    patch.setattr(target, name, DiskFull(getattr(target, name), error, after))
                    with pytest.raises(type(error)):
                        new.save(str(tmp_path / "m"), sep_limit=0)
                assert files(tmp_path) == before
                assert sorted(os.listdir(tmp_path)) == sorted(before)
                np.testing.assert_array_equal(new.wv.vectors, weights_before[0])
                np.testing.assert_array_equal(new.syn1neg, weights_before[1])
                assert new.cum_table is not None
    assert same(Word2Vec.load(tmp_path / "m"), old)
    assert trainable(new, words())


def test_saving_leaves_the_model_as_it_was(tmp_path):
    model = ours(words())
    before, inner = dict(vars(model)), dict(vars(model.wv))
    model.save(tmp_path / "m", sep_limit=0, ignore=["comment"])
    assert vars(model) == before
    assert vars(model.wv) == inner
    assert [event["event"] for event in model.lifecycle_events][-1] == "saving"


def test_saving_to_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        ours(words()).save(tmp_path / "missing" / "m")
    assert files(tmp_path) == {}


def test_relative_and_compressed_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = ours(words())
    for name in ("m", "./n", "o.gz", Path("p.bz2")):
        model.save(name, sep_limit=0)
        assert same(Word2Vec.load(name), model)
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_saving_to_something_that_is_no_file(tmp_path):
    """A pipe is written to, not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # the pipe itself holds 64 KiB, more than this model has
    try:
        model = ours(words())
        model.save(pipe)
        assert same(pickle.loads(os.read(reader, 2**16)), model)
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    with pytest.raises(IsADirectoryError):
        ours(words()).save(tmp_path)


def test_separately_and_ignore(tmp_path):
    model = ours(words(), comment="dropped")
    model.save(tmp_path / "m", separately=["syn1neg"], ignore=["comment"])
    assert {"m", "m.syn1neg.npy"} == set(files(tmp_path))
    again = Word2Vec.load(tmp_path / "m")
    assert again.comment is None
    assert same(again, model)


def test_handle_in_memory():
    stream = io.BytesIO()
    model = ours(words())
    model.save(stream)
    stream.seek(0)
    again = pickle.load(stream)
    assert type(again) is gensim.models.Word2Vec
    assert same(again, model)


@both_classes
def test_saving_inside_a_callback(cls, tmp_path):
    class Saving(gensim.models.callbacks.CallbackAny2Vec):
        def on_epoch_end(self, model):
            model.save(str(tmp_path / "m"))

    model = ours(words(), cls=cls, callbacks=[Saving()])
    again = Word2Vec.load(tmp_path / "m")
    assert same(again, model)
    assert again.train_count == 0
    assert trainable(again, words())


def test_word2vec_format(tmp_path):
    model = ours(words())
    model.wv.save_word2vec_format(str(tmp_path / "v.bin"), binary=True)
    vectors = gensim.models.KeyedVectors.load_word2vec_format(str(tmp_path / "v.bin"), binary=True)
    np.testing.assert_array_equal(vectors.vectors, model.wv.vectors)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gensim.models.FastText([["a", "b"]] * 9, vector_size=4, min_count=1, workers=1, bucket=10),
        lambda: gensim.models.Doc2Vec(
            [gensim.models.doc2vec.TaggedDocument(["a", "b"], [0])] * 9, vector_size=4, min_count=1, workers=1
        ),
        lambda: ours(words()).wv,
    ],
    ids=["FastText", "Doc2Vec", "KeyedVectors"],
)
def test_models_of_other_kinds_are_refused(make, tmp_path):
    model = make()
    model.save(str(tmp_path / "m"))
    with pytest.raises(AttributeError, match=rf"^Model of type <class '.*{type(model).__name__}'> can't be loaded by"):
        Word2Vec.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "reader"), [("x.kv", "torch_w2v.load_vectors"), ("x", "gensim.models.KeyedVectors.load")]
)
def test_vectors_alone_are_refused_with_what_reads_them(name, reader, tmp_path):
    vectors = ours(words()).wv
    vectors.save(str(tmp_path / name))
    message = rf"^Model of type .* can't be loaded by .*; it holds vectors only: {reader}\(path\) reads them$"
    with pytest.raises(AttributeError, match=message):
        Word2Vec.load(tmp_path / name)
    read = operator.attrgetter(reader.partition(".")[2])(importlib.import_module(reader.partition(".")[0]))
    assert read(str(tmp_path / name)).index_to_key == vectors.index_to_key


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("text", b"2 2\na 0.5 1\nb 1 0\n", pickle.UnpicklingError),
        ("cut off", pickle.dumps(["a pickle"])[:-9], pickle.UnpicklingError),
        ("empty", b"", EOFError),
    ],
)
def test_files_that_are_no_pickles_are_refused_with_what_reads_vectors(name, content, kind, tmp_path):
    (tmp_path / name).write_bytes(content)
    message = (
        rf"/{name}: is no model that save\(\) has written, .*; torch_w2v\.load_vectors\(path\) reads files of vectors$"
    )
    with pytest.raises(kind, match=message):
        Word2Vec.load(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Word2Vec.load(tmp_path / "missing")


@pytest.mark.parametrize("vectors", [False, True])
def test_the_log_has_the_paths_of_the_files(vectors, tmp_path, caplog):
    model = ours(words())
    with caplog.at_level(logging.INFO, "gensim"):
        if vectors:
            model.save_vectors(tmp_path / "x.kv")
        else:
            model.save(tmp_path / "x.kv", sep_limit=0, separately=["syn1neg"])
    assert f"saved {tmp_path}/x.kv" in messages(caplog, logging.INFO, "gensim")
    for name in os.listdir(tmp_path):
        assert f"{tmp_path}/{name}" in caplog.text
    assert ".torch_w2v-save" not in caplog.text


@pytest.mark.parametrize("suffix", [".kv", ".vec", ".bin", ".npz"])
def test_saved_vectors_keep_their_lifecycle_events(suffix, tmp_path):
    model, path = ours(words()), tmp_path / f"x{suffix}"
    model.wv.lifecycle_events = [{"event": "mine"}]
    model.save_vectors(path)
    mine, *saving = model.wv.lifecycle_events
    assert mine == {"event": "mine"}
    assert [event["fname_or_handle"] for event in saving] == ([str(path)] if suffix == ".kv" else [])
