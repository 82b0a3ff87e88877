"""The rows that a vocabulary uses: missing ones are refused, those of vectors that were added by hand are made."""

import importlib.util

import gensim.models
import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import both_classes, on_each_engine, ours, words

torch = pytest.importorskip("torch") if importlib.util.find_spec("torch") else None
ALGORITHMS = [{}, {"sg": 1}, {"hs": 1, "negative": 0}]
on_algorithms = pytest.mark.parametrize("algorithm", [*ALGORITHMS, {"engine": "gensim"}], ids=str)


def built(**options):
    model = ours(**options)
    model.build_vocab(words())
    return model


def changes(model):
    """Return whether an epoch changes the model, and leaves it finite. gensim's queries need a key for every row."""
    before = model.wv.vectors.copy()
    model.train(words(), total_examples=300, epochs=1)
    return bool((model.wv.vectors != before).any() and np.isfinite(model.wv.vectors).all())


@on_each_engine
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_arrays_with_more_rows_than_the_vocabulary_train(engine, algorithm):
    """As after words were taken out of the vocabulary, or with rows in reserve."""
    model = ours(words(), engine=engine, **algorithm)
    for word in model.wv.index_to_key[-5:]:
        del model.wv.key_to_index[word]
    model.wv.index_to_key = model.wv.index_to_key[:-5]
    assert changes(model)
    model.wv.vectors = np.concatenate([model.wv.vectors, np.ones((3, 8), np.float32)])
    if hasattr(model, "syn1neg"):
        model.syn1neg = np.concatenate([model.syn1neg, np.ones((4, 8), np.float32)])
    model.wv.expandos["count"] = np.append(model.wv.expandos["count"], [1, 1])
    model.wv.expandos["sample_int"] = np.append(model.wv.expandos["sample_int"], np.uint32([7]))
    assert changes(model)
    assert (model.wv.vectors[-3:] == 1).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
@pytest.mark.parametrize(
    ("row", "message"),
    [(10**6, r"^the vocabulary uses 1000001 rows, but .*wv\.vectors has \d+ rows"), (-2, r"a word has the row -2:")],
)
def test_a_row_outside_the_arrays(row, message, algorithm):
    """gensim would write there."""
    model = built(**algorithm)
    model.wv.key_to_index["w1"] = row
    with pytest.raises(RuntimeError, match=message):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize("sentences", [words(), iter], ids=["list", "iterable"])
def test_a_row_that_changes_between_two_calls(sentences):
    model = ours(words())
    # the same dictionary of the same length
    model.wv.key_to_index["w1"] = 10**6
    corpus = sentences if sentences is not iter else type("Corpus", (), {"__iter__": lambda self: iter(words())})()
    with pytest.raises(RuntimeError, match=r"row 1000000"):
        model.train(corpus, total_examples=300, epochs=1)


@pytest.mark.parametrize("name", ["syn1neg", "cum_table"])
def test_an_array_that_is_too_short(name):
    model = built()
    setattr(model, name, getattr(model, name)[:-1])
    with pytest.raises(RuntimeError, match=rf"but {name} has {len(model.wv) - 1} rows: this model cannot train"):
        model.train(words(), total_examples=300, epochs=1)


def test_negatives_are_rows_too():
    model = built()
    model.cum_table = np.append(model.cum_table, model.cum_table[-1:] + np.uint32(5))
    with pytest.raises(RuntimeError, match=rf"but syn1neg has {len(model.wv)} rows"):
        model.train(words(), total_examples=300, epochs=1)


ADDED = np.full((2, 8), 0.5, np.float32)


def add_one_by_one(model):
    model.wv.add_vector("<pad>", ADDED[0])
    model.wv.add_vector("<unk>", ADDED[1])


def add_together(model):
    model.wv.add_vectors(["<pad>", "<unk>"], ADDED)


def set_items(model):
    model.wv["<pad>"] = ADDED[0]
    model.wv[["<unk>"]] = ADDED[1:]


ways = pytest.mark.parametrize("add", [add_one_by_one, add_together, set_items])
unwarned = pytest.mark.filterwarnings("ignore:Adding single vectors")


@unwarned
@both_classes
@ways
def test_vectors_that_were_added_by_hand_do_not_forbid_training(cls, add):
    """As a row for padding in another network's table; no sentence has these words."""
    model = ours(words(), cls=cls)
    add(model)
    assert changes(model)
    np.testing.assert_array_equal(model.wv[["<pad>", "<unk>"]], ADDED)


@unwarned
@ways
@on_algorithms
@pytest.mark.parametrize("sample", [0, 1e-3])
def test_words_without_counts_in_a_sentence(sample, algorithm, add):
    """Whatever gensim would do (their rows are past the end of its tables), it ends well."""
    model = ours(words(), sample=sample, **algorithm)
    add(model)
    model.train([["w1", "<pad>", "w2", "<unk>"]] * 50, total_examples=50, epochs=2)
    assert np.isfinite(model.wv.vectors).all()
    if sample:
        np.testing.assert_array_equal(model.wv[["<pad>", "<unk>"]], ADDED)


@unwarned
@ways
@on_algorithms
def test_new_words_after_those_that_were_added_by_hand(algorithm, add):
    """gensim's table of outputs is too short then, and it writes past the end."""
    model = ours(words(), sample=0, **algorithm)
    add(model)
    model.build_vocab([["new", "newer", "w1"]] * 50, update=True)
    if model.negative:
        assert len(model.syn1neg) == len(model.wv) == len(model.cum_table)
    before = model.wv["new"].copy()
    model.train([["new", "newer", "w1"]] * 50, total_examples=50, epochs=2)
    assert (model.wv["new"] != before).any()
    np.testing.assert_array_equal(model.wv[["<pad>", "<unk>"]], ADDED)


@unwarned
@on_each_engine
@ways
def test_vectors_that_a_callback_adds(add, engine):
    class Adding(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if "<pad>" not in model.wv:
                add(model)

    model = ours(words(), engine=engine, epochs=3, callbacks=[Adding()])
    np.testing.assert_array_equal(model.wv[["<pad>", "<unk>"]], ADDED)
    assert changes(model)


@unwarned
@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=str)
def test_words_that_were_counted_need_output_rows(algorithm):
    """The message has what mends it, and keeps what was trained."""
    model = ours(words(), cls=gensim.models.Word2Vec, **algorithm)
    add_one_by_one(model)
    model.build_vocab([["new", "newer", "w1"]] * 50, update=True)
    model.__class__ = torch_w2v.Word2Vec
    name = "syn1neg" if model.negative else "syn1"
    message = rf"but {name} has \d+ rows: this model cannot train\. It has counts of 'new.*, but no output rows"
    with pytest.raises(RuntimeError, match=message) as raised:
        model.train(words(), total_examples=300, epochs=1)
    remedy = str(raised.value).split("To keep what was trained: ")[1].partition(". build_vocab()")[0]
    before = getattr(model, name).copy()
    exec(remedy, {"model": model, "numpy": np})
    np.testing.assert_array_equal(getattr(model, name)[: len(before)], before)
    assert changes(model)


def test_a_count_that_was_set_by_hand_needs_an_output_row():
    model = built()
    model.wv.add_vectors(["new"], np.ones((1, 8), np.float32))
    model.wv.set_vecattr("new", "count", 3)
    with pytest.raises(RuntimeError, match=r"syn1neg has .*: this model cannot train"):
        model.train(words(), total_examples=300, epochs=1)


@ways
@unwarned
def test_a_model_with_vectors_that_were_added_by_hand_is_saved(add, tmp_path):
    """gensim's own save writes a file that it cannot load."""
    model = ours(words())
    add(model)
    before = {name: len(array) for name, array in model.wv.expandos.items()}
    model.save(str(tmp_path / "model"))
    assert {name: len(array) for name, array in model.wv.expandos.items()} == before
    for cls in (gensim.models.Word2Vec, torch_w2v.Word2Vec):
        loaded = cls.load(str(tmp_path / "model"))
        np.testing.assert_array_equal(loaded.wv.vectors, model.wv.vectors)
        assert changes(loaded)


@pytest.mark.parametrize("name", ["wv.vectors", "syn1neg", "wv.vectors_lockf", "cum_table"])
@pytest.mark.parametrize(
    ("make", "given"),
    [
        (lambda array: array.tolist(), "a list"),
        (lambda array: torch.from_numpy(array.astype(np.float32)), "a Tensor"),
        (lambda array: array.astype(object), r"an array of object and shape \(.*\)"),
        (lambda array: array[None], r"an array of \w+ and shape \(1, .*\)"),
    ],
)
def test_what_is_no_array_of_numbers(make, given, name):
    if given == "a Tensor" and torch is None:
        pytest.skip("torch is not installed")
    model = ours(words())
    owner = model.wv if name.startswith("wv.") else model
    array = getattr(owner, name.removeprefix("wv."))
    setattr(owner, name.removeprefix("wv."), make(array))
    with pytest.raises(TypeError, match=rf"^model\.{name} is {given}: must be a numpy array of numbers, \(words"):
        model.train(words(), total_examples=300, epochs=1)
    setattr(owner, name.removeprefix("wv."), array)
    assert changes(model)


def test_no_vectors():
    model = ours(words())
    model.wv.vectors = None
    with pytest.raises(TypeError, match=r"^model\.wv\.vectors is a NoneType: must be a numpy array"):
        model.train(words(), total_examples=300, epochs=1)


@pytest.mark.parametrize(
    ("options", "mend"),
    [
        ({"min_count": 10**6}, "1000000 times or more; give a smaller min_count"),
        ({"max_final_vocab": 0}, r"\d+ times or more; give a smaller min_count, or more than max_final_vocab=0"),
    ],
)
def test_no_word_of_the_corpus_stays(options, mend):
    gensims = "you must first build vocabulary before training the model"
    with pytest.raises(RuntimeError, match=rf"^{gensims}: it is empty, since no word of the corpus occurs {mend}$"):
        ours(words(), **options)
