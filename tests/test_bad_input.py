"""Bad input: gensim's own errors where gensim raises, clear ones where it would hang, crash or train nothing."""

import logging
import re

import gensim.models
import numpy as np
import pytest
import torch

import torch_w2v
from tests.helpers import CountingCorpus, both_classes, messages, on_workers, ours, trainable, words
from torch_w2v.system import cores

ALGORITHMS = [{}, {"sg": 1}, {"hs": 1, "negative": 0}]


def raised(act, cls, *arguments):
    with pytest.raises(Exception) as info:  # noqa: PT011 - the types are compared
        act(cls, *arguments)
    return type(info.value), str(info.value)


def built(cls, **options):
    model = ours(cls=cls, **options)
    model.build_vocab(words())
    return model


def generator():
    return (sentence for sentence in words())


AS_GENSIM = {
    "empty corpus": (
        lambda cls: ours([], cls=cls),
        RuntimeError, "you must first build vocabulary before training the model",
    ),
    "only empty sentences": (
        lambda cls: ours([[], []], cls=cls),
        RuntimeError, "you must first build vocabulary before training the model",
    ),
    "neither negatives nor a tree, and no vocabulary": (
        lambda cls: ours(cls=cls, hs=0, negative=0).train(words(), total_examples=300, epochs=1), ValueError,
        "You must set either 'hs' or 'negative' to be positive for proper training. When both 'hs=0' and 'negative=0', "
        "there will be no training.",
    ),
    "generator": (
        lambda cls: ours(generator(), cls=cls),
        TypeError, "Using a generator as corpus_iterable can't support 3 passes. Try a re-iterable sequence.",
    ),
    "generator in train": (
        lambda cls: built(cls).train(generator(), total_examples=300, epochs=2),
        TypeError, "Using a generator as corpus_iterable can't support 2 passes. Try a re-iterable sequence.",
    ),
    "neither hs nor negative": (
        lambda cls: ours(words(), cls=cls, hs=0, negative=0), ValueError,
        "You must set either 'hs' or 'negative' to be positive for proper training. "
        "When both 'hs=0' and 'negative=0', there will be no training.",
    ),
    "no totals": (
        lambda cls: built(cls).train(words(), epochs=1), ValueError,
        "You must specify either total_examples or total_words, for proper learning-rate and progress calculations. "
        "If you've just built the vocabulary using the same corpus, using the count cached in the model is "
        "sufficient: total_examples=model.corpus_count.",
    ),
    "no epochs": (
        lambda cls: built(cls).train(words(), total_examples=300), ValueError,
        "You must specify an explicit epochs count. The usual value is epochs=model.epochs.",
    ),
    "epochs=0": (
        lambda cls: built(cls).train(words(), total_examples=300, epochs=0), ValueError,
        "You must specify an explicit epochs count. The usual value is epochs=model.epochs.",
    ),
    "negative epochs": (
        lambda cls: built(cls).train(words(), total_examples=300, epochs=-1), ValueError,
        "You must specify an explicit epochs count. The usual value is epochs=model.epochs.",
    ),
    "both corpora": (
        lambda cls: ours(words(), cls=cls, corpus_file=__file__), TypeError,
        "Both corpus_file and corpus_iterable must not be provided at the same time",
    ),
    "both corpora in train": (
        lambda cls: built(cls).train(words(), __file__, total_examples=1, total_words=1, epochs=1), TypeError,
        "Both corpus_file and corpus_iterable must not be provided at the same time",
    ),
    "no corpus": (
        lambda cls: ours(cls=cls).build_vocab(), TypeError,
        "Either one of corpus_file or corpus_iterable value must be provided",
    ),
    "no corpus in train": (
        lambda cls: built(cls).train(total_examples=1, epochs=1), TypeError,
        "Either one of corpus_file or corpus_iterable value must be provided",
    ),
    "train before build_vocab": (
        lambda cls: ours(cls=cls).train(words(), total_examples=300, epochs=1),
        RuntimeError, "you must first build vocabulary before training the model",
    ),
    "update before build_vocab": (
        lambda cls: ours(cls=cls).build_vocab(words(), update=True), RuntimeError,
        "You cannot do an online vocabulary-update of a model which has no prior vocabulary. "
        "First build the vocabulary of your model with a corpus before doing an online update.",
    ),
    "a number for a corpus": (
        lambda cls: ours(5, cls=cls), TypeError,
        "The corpus_iterable must be an iterable of lists of strings, got 5 instead",
    ),
    "sentences that can be read once": (
        lambda cls: ours([map(str, "abc")] * 9, cls=cls), TypeError, None,
    ),
    "a number for a sentence": (
        lambda cls: ours([["a"], 5], cls=cls), TypeError, None,
    ),
    "an unhashable word": (
        lambda cls: ours([["a", ["b"]]], cls=cls), TypeError, None,
    ),
    "a missing file": (lambda cls: ours(None, cls=cls, corpus_file="/nowhere/at all"), TypeError, None),
    "no file's name": (
        lambda cls: ours(None, cls=cls, corpus_file=""), TypeError,
        "Parameter corpus_file must be a valid path to a file, got '' instead",
    ),
    "an empty path": (
        lambda cls: ours(None, cls=cls, corpus_file=""), TypeError,
        "Parameter corpus_file must be a valid path to a file, got '' instead",
    ),
    "a float for vector_size": (
        lambda cls: ours(words(), cls=cls, vector_size=8.0), TypeError, None,
    ),
    "text for a number": (
        lambda cls: ours(words(), cls=cls, window="wide"), ValueError, None,
    ),
    "an unknown argument": (lambda cls: cls(size=100), TypeError, None),
    "an unknown argument of train": (
        lambda cls: built(cls).train(words(), total_examples=300, epochs=1, alpha=0.1), TypeError, None,
    ),
    "queries before training": (
        lambda cls: ours(cls=cls).wv["a"], KeyError, "\"Key 'a' not present\"",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("act", "kind", "message"), AS_GENSIM.values(), ids=AS_GENSIM)
def test_as_gensim(act, kind, message):
    theirs, mine = raised(act, gensim.models.Word2Vec), raised(act, torch_w2v.Word2Vec)
    assert theirs[0] is mine[0] is kind
    if message is None:  # a message of Python's with the names of private functions, or one of ours that says more
        return
    assert mine[1] == theirs[1] == message


@both_classes
def test_strings_for_sentences_warn(cls, caplog):
    model = ours(["hello", "world"] * 5, cls=cls)
    assert set(model.wv.index_to_key) == set("helloworld")
    expected = (
        "Each 'sentences' item should be a list of words (usually unicode strings). "
        "First item here is instead plain <class 'str'>."
    )
    assert expected in messages(caplog, logging.WARNING, "gensim")


@both_classes
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"trim_rule": lambda *_: 0}, "trim_rule provided, if any, will be ignored."),
        ({"callbacks": [object()]}, "The callbacks provided in this initialization without triggering train will"),
    ],
    ids=["trim_rule", "callbacks"],
)
def test_arguments_that_need_a_corpus_warn(cls, options, expected, caplog):
    ours(cls=cls, **options)
    assert expected in caplog.text


# ---- clear errors where gensim hangs, crashes, or trains nothing ----

OUT_OF_RANGE = [
    ("window", 0, r"window=0: must be an integer of at least 1"),
    ("window", -3, r"window=-3: must be an integer of at least 1"),
    ("workers", 0, rf"workers=0: must be an integer of at least 1; workers={cores()} uses all cores of this machine"),
    ("workers", -1, rf"workers=-1: must be an integer of at least 1; workers={cores()} uses all cores of this machine"),
    ("negative", -1, r"negative=-1: must be an integer of at least 0"),
    ("vector_size", 0, r"vector_size=0: must be an integer of at least 1"),
    ("vector_size", -5, r"vector_size=-5: must be an integer of at least 1"),
    ("vector_size", 2**31, r"vector_size=2147483648: must be below 2\*\*31"),
    ("negative", 2**20, r"negative=1048576: must be below 2\*\*20"),
    ("negative", 2**64 + 5, r"negative=18446744073709551621: must be below 2\*\*20"),
    ("window", float("inf"), r"window=inf: must be an integer"),
    ("batch_words", -1, r"batch_words=-1: must be an integer of at least 0"),
    ("alpha", float("nan"), r"alpha=nan: must be a finite number"),
    ("alpha", float("inf"), r"alpha=inf: must be a finite number"),
    ("min_alpha", float("nan"), r"min_alpha=nan: must be a finite number"),
    ("alpha", -0.025, r"alpha=-0.025: must be at least 0"),
    ("min_alpha", -1.0, r"min_alpha=-1.0: must be at least 0"),
    ("ns_exponent", float("nan"), r"ns_exponent=nan: must be a finite number"),
    ("sample", -1e-3, r"sample=-0\.001: must be 0 \(no subsampling\), a share below 1 such as 1e-3, or a word count"),
    ("sample", float("nan"), r"sample=nan: must be 0"),
    ("cbow_gradient", "true", r"cbow_gradient='true': must be 'gensim' .* or 'exact'"),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize(("name", "value", "message"), OUT_OF_RANGE)
def test_argument_out_of_range(name, value, message, algorithm):
    with pytest.raises(ValueError, match=f"^{message}"):
        ours(words(), **{**algorithm, name: value})


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize(("name", "value", "message"), OUT_OF_RANGE)
def test_attribute_broken_after_construction(name, value, message, algorithm):
    model = ours(**algorithm)
    model.build_vocab(words())
    good = getattr(model, name)
    setattr(model, name, value)
    with pytest.raises(ValueError, match=f"^{message}"):
        model.train(words(), total_examples=300, epochs=1)
    setattr(model, name, good)
    model.train(words(), total_examples=300, epochs=1)
    assert np.isfinite(model.wv.vectors).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -0.025])
@pytest.mark.parametrize("name", ["start_alpha", "end_alpha"])
def test_rates_of_train(name, value):
    model = built(torch_w2v.Word2Vec)
    before = model.wv.vectors.copy()
    with pytest.raises(ValueError, match=r"alpha=-?(nan|inf|0\.025): must be (a finite number$|at least 0)"):
        model.train(words(), total_examples=300, epochs=1, **{name: value})
    np.testing.assert_array_equal(model.wv.vectors, before)
    assert (model.alpha, model.min_alpha) == (0.025, 0.0001)
    assert trainable(model, words())


@pytest.mark.parametrize("name", ["window", "negative"])
def test_floats_set_as_attributes(name):
    """Are cut off, as gensim does."""
    models = built(torch_w2v.Word2Vec), built(torch_w2v.Word2Vec)
    for model, value in zip(models, (2.5, 2), strict=True):
        setattr(model, name, np.float64(value))
        model.train(words(), total_examples=300, epochs=1)
    np.testing.assert_array_equal(models[0].wv.vectors, models[1].wv.vectors)


def test_unknown_engine():
    with pytest.raises(ValueError, match=r"^engine='gpu': must be one of 'auto', 'cpu', 'gensim', 'triton', 'torch_b"):
        ours(engine="gpu")
    model = built(torch_w2v.Word2Vec)
    model.engine = "gpu"
    with pytest.raises(ValueError, match=r"^engine='gpu': must be one of"):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("device", ["warp", "cuda:x", "", None, 3.5])
def test_unknown_device(device):
    with pytest.raises(ValueError, match=rf"^device={re.escape(repr(device))}: must be 'auto' or a torch device such"):
        torch_w2v.Word2Vec(device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_cuda():
    message = r"^device='cuda' cannot be used here \(.+\)\. Use device='cpu' or device='auto', or install a torch build"
    with pytest.raises(RuntimeError, match=message):
        torch_w2v.Word2Vec(device="cuda")
    model = built(torch_w2v.Word2Vec)
    model.device = "cuda"  # as after loading a model that was trained elsewhere
    with pytest.raises(RuntimeError, match=message):
        model.train(words(), total_examples=300, epochs=1)
    model.device = "cpu"
    assert trainable(model, words())


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("value", [b"corpus.txt", 12345, ["corpus.txt"], 0.5], ids=repr)
def test_values_that_are_no_path(value, algorithm):
    with pytest.raises(TypeError):
        ours(None, corpus_file=value, **algorithm)
    if not algorithm:
        with pytest.raises(TypeError, match=r"^Parameter corpus_file must be a valid path to a file, got "):
            ours(None, corpus_file=value)


def test_a_file_that_went_away(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("a b c\n" * 9)
    model = ours()
    model.build_vocab(corpus_file=path)
    path.unlink()
    with pytest.raises(TypeError, match=r"^Parameter corpus_file must be a valid path to a file, got '.*corpus\.txt'"):
        model.train(corpus_file=path, total_words=27, epochs=1)


def test_an_empty_file(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_bytes(b"\n\n")
    with pytest.raises(RuntimeError, match=r"^you must first build vocabulary before training the model$"):
        ours(None, corpus_file=path)


def test_a_file_that_is_not_compressed(tmp_path):
    path = tmp_path / "corpus.gz"
    path.write_text("plain text")
    with pytest.raises(OSError, match="Not a gzipped file"):
        ours(None, corpus_file=path)


class Changing(CountingCorpus):
    """A corpus whose sentence 150 is another one in every epoch, after the scan for the vocabulary."""

    def __init__(self, bad):
        super().__init__(words())
        self.bad = bad

    def __iter__(self):
        for i, sentence in enumerate(super().__iter__()):
            yield self.bad if i == 150 and self.iterations > 1 else sentence


@on_workers
@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (5, "'int' object is not iterable"),
        (None, "'NoneType' object is not iterable"),
        (["w1", ["w2"]], "unhashable type: 'list'"),
        ([np.zeros(2)], "unhashable type: 'numpy.ndarray'"),
    ],
    ids=repr,
)
def test_bad_sentence_in_a_later_epoch(bad, why, workers):
    message = rf"^sentence #150 must be a list of words \(hashable, usually str\): .*{re.escape(why)}$"
    with pytest.raises(TypeError, match=message):
        ours(Changing(bad), workers=workers)


def test_words_that_come_later_are_skipped():
    assert trainable(ours(Changing(["unseen", "w1", None, 7, ("a", "b")])), words())


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_vectors_alone_cannot_train(algorithm):
    """gensim's threads would end with an exception, or read past the end of an array."""
    model = ours(words(), **algorithm)
    more = gensim.models.KeyedVectors(8)
    more.add_vectors([f"v{i}" for i in range(500)], np.ones((500, 8), np.float32))
    good, model.wv = model.wv, more
    with pytest.raises(RuntimeError, match=r"^the vocabulary uses 500 rows, but .*: this model cannot train\. "):
        model.train(words(), total_examples=300, epochs=1)
    # As many vectors as the vocabulary had, and still no counts.
    model.wv = gensim.models.KeyedVectors(8)
    model.wv.add_vectors(good.index_to_key, good.vectors)
    with pytest.raises(RuntimeError, match=r"has 0 rows.*wv\.vectors_lockf is missing or empty.*call build_vocab\(\)"):
        model.train(words(), total_examples=300, epochs=1)
    model.wv = good
    assert trainable(model, words())


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("dimensions", [5, 12])
def test_vectors_of_another_size(dimensions, algorithm):
    model = ours(words(), **algorithm)
    model.wv.vectors = np.ones((len(model.wv), dimensions), np.float32)
    with pytest.raises(RuntimeError, match=rf"wv\.vectors has {dimensions} columns.*this model cannot train"):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_vectors_of_another_precision(dtype, algorithm):
    """gensim would take their bytes for float32."""
    model, plain = (ours(words(), **algorithm) for _ in range(2))
    model.wv.vectors = model.wv.vectors.astype(dtype)
    plain.wv.vectors = model.wv.vectors.astype(np.float32)
    for one in (model, plain):
        one.train(words(), total_examples=300, epochs=1)
    assert model.wv.vectors.dtype == np.float32
    np.testing.assert_array_equal(model.wv.vectors, plain.wv.vectors)


@pytest.mark.parametrize("lockf", [np.zeros(0, np.float32), []], ids=["array", "list"])
def test_no_lockf(lockf):
    model = ours(words())
    model.wv.vectors_lockf = lockf
    with pytest.raises(RuntimeError, match=r"wv\.vectors_lockf is missing or empty"):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("algorithm", [{"sg": 1, "hs": 1, "negative": 0}, {"hs": 1}], ids=str)
def test_algorithm_switched_on_too_late(algorithm):
    """gensim would wait for ever, because only build_vocab makes syn1."""
    model = ours(words())
    for name, value in algorithm.items():
        setattr(model, name, value)
    with pytest.raises(RuntimeError, match=r"syn1 has 0 rows.*this model cannot train"):
        model.train(words(), total_examples=300, epochs=1)
