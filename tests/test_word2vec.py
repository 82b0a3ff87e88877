"""The class has gensim's signatures, types and behaviour where no engine decides it."""

import copy
import inspect
import pickle

import gensim.models
import numpy as np
import pytest
from gensim import utils

import torch_w2v
from tests.helpers import DEFAULT_ENGINE, both_classes, ours, same, topics, trainable, words

CHECKPOINTS = [
    ("checkpoint", None, inspect.Parameter.KEYWORD_ONLY),
    ("checkpoint_every", 600.0, inspect.Parameter.KEYWORD_ONLY),
]


def parameters(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


def test_constructor_is_gensims_plus_keywords():
    theirs, mine = parameters(gensim.models.Word2Vec.__init__), parameters(torch_w2v.Word2Vec.__init__)
    assert [(name, default) for name, default, _ in mine[: len(theirs)]] == [(n, d) for n, d, _ in theirs]
    assert [kind for *_, kind in mine[: len(theirs)]] == [kind for *_, kind in theirs]
    keyword = inspect.Parameter.KEYWORD_ONLY
    assert mine[len(theirs) :] == [
        ("device", "auto", keyword),
        ("engine", "auto", keyword),
        ("cbow_gradient", "gensim", keyword),
        ("corpus_cache", "auto", keyword),
        *CHECKPOINTS,
        ("column", None, keyword),
        ("distributed", False, keyword),
        ("shard", "cut", keyword),
        ("progress", False, keyword),
    ]


@pytest.mark.parametrize(
    "method",
    [
        name
        for name, value in vars(gensim.models.Word2Vec).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ],
)
def test_methods_take_gensims_arguments(method):
    theirs = parameters(getattr(gensim.models.Word2Vec, method))
    mine = parameters(getattr(torch_w2v.Word2Vec, method))
    if method == "train":
        theirs[-1:-1] = [*CHECKPOINTS, ("progress", None, inspect.Parameter.KEYWORD_ONLY)]
    if method == "save":  # which takes *args there: they are those of SaveLoad
        theirs = parameters(utils.SaveLoad.save)[:2]
    assert mine[: len(theirs)] == theirs


def test_private_seams_take_gensims_arguments():
    for method in ("_train_epoch", "_train_epoch_corpusfile", "_check_corpus_sanity", "_log_progress", "_job_producer"):
        theirs, mine = (parameters(getattr(c, method)) for c in (gensim.models.Word2Vec, torch_w2v.Word2Vec))
        named = [p for p in theirs if p[0] != "kwargs"]
        if method.startswith("_train"):
            assert mine[: len(named)] == named, method
        else:
            assert [name for name, *_ in mine[: len(named)]] == [name for name, *_ in named], method


def test_is_a_gensim_model():
    model = ours(words())
    assert isinstance(model, gensim.models.Word2Vec)
    assert type(model.wv) is gensim.models.KeyedVectors
    assert type(model.wv.vectors) is np.ndarray
    assert (model.wv.vectors.dtype, model.wv.vectors.shape) == (np.float32, (len(model.wv), 8))
    assert (model.syn1neg.dtype, model.syn1neg.shape) == (np.float32, (len(model.wv), 8))
    assert not [name for name, value in vars(model).items() if type(value).__module__.startswith("torch")]


def test_numpy_numbers():
    plain = {"vector_size": 8, "window": 3, "negative": 4, "workers": 1, "min_count": 2, "epochs": 2, "seed": 5}
    plain |= {"batch_words": 100, "sg": 0, "hs": 0, "cbow_mean": 1}
    for integer in (np.int64, np.int32, np.uint16, np.uint64):
        model = ours(words(), **{name: integer(value) for name, value in plain.items()})
        assert same(model, ours(words(), **plain)), integer
        model.window, model.negative, model.workers = integer(2), integer(3), integer(1)
        assert trainable(model, words())
    assert trainable(ours(words(), alpha=np.float32(0.02), sample=np.float64(1e-3)), words())


@both_classes
def test_floats_for_integers(cls):
    """gensim truncates some, and refuses others."""
    assert same(ours(words(), cls=cls, window=2.9), ours(words(), cls=cls, window=2))
    assert same(ours(words(), cls=cls, negative=3.2, batch_words=1e4), ours(words(), cls=cls, negative=3))
    for option in ("vector_size", "epochs"):
        with pytest.raises(TypeError, match=r"'float' object cannot be interpreted as an integer|must be an integer"):
            ours(words(), cls=cls, **{option: 4.0})


def test_pickle_and_copies():
    model = ours(words())
    for clone in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert type(clone) is torch_w2v.Word2Vec
        assert (clone.engine, clone.device) == (model.engine, "cpu")
        assert same(clone, model)
        assert vars(clone).keys() == vars(model).keys()
    clone = copy.deepcopy(model)
    assert trainable(clone, words())
    assert not same(clone, model)
    assert trainable(model, words())
    assert same(clone, model)


def test_subclasses():
    class Mine(torch_w2v.Word2Vec):
        def _get_next_alpha(self, epoch_progress, cur_epoch):
            return 0.0

    model = ours(words(), cls=Mine)
    assert not model.syn1neg.any()


def test_wrappers_see_a_gensim_model():
    model = ours(topics(), epochs=5, alpha=0.05)
    assert model.wv.doesnt_match(["a0", "a1", "a2", "b1"]) in model.wv
    assert str(model) == f"Word2Vec<vocab={len(model.wv)}, vector_size=8, alpha=0.05>"
    assert [event["event"] for event in model.lifecycle_events][-2:] == ["train", "created"]


def test_predict_output_word_is_gensims():
    model = ours(topics())
    theirs = gensim.models.Word2Vec.predict_output_word(model, ["a0", "b1", 3])
    assert model.predict_output_word(["a0", "b1", 3]) == theirs
    assert model.predict_output_word(["missing"]) is None


def test_auto_chooses_an_engine():
    model = torch_w2v.Word2Vec(words(), vector_size=8, min_count=1)
    assert (model.engine, model.device) == ("auto", "auto")
    assert model.syn1neg.any()
    assert same(ours(words(), engine="auto"), ours(words(), engine=DEFAULT_ENGINE))
