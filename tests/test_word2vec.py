"""The adapter keeps gensim's promises: arguments, vocabulary, callbacks, loss, attributes."""

import copy
import dataclasses
import inspect
import logging
import pickle
import sys

import gensim.models
import numpy as np
import pytest
from gensim import utils
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import ENGINES, both_classes, messages, ours, python, same, topics, trainable, weights, words
from torch_w2v import engines
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.row_scales import CAP, MOST_BLOCKS

on_each_engine = pytest.mark.parametrize("engine", ENGINES)


def parameters(function):
    return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]


def test_constructor_is_gensims_plus_keywords():
    theirs, mine = parameters(gensim.models.Word2Vec.__init__), parameters(torch_w2v.Word2Vec.__init__)
    assert [(name, default) for name, default, _ in mine[: len(theirs)]] == [(n, d) for n, d, _ in theirs]
    assert [kind for *_, kind in mine[: len(theirs)]] == [kind for *_, kind in theirs]
    keyword = inspect.Parameter.KEYWORD_ONLY
    assert mine[len(theirs) :] == [
        ("device", "auto", keyword), ("engine", "auto", keyword), ("cbow_gradient", "gensim", keyword),
            ("corpus_cache", "auto", keyword),
    ]  # fmt: skip


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
    if method == "save":  # *args there; what they are for is SaveLoad's
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


@on_each_engine
def test_is_a_gensim_model(engine):
    model = ours(words(), engine)
    assert isinstance(model, gensim.models.Word2Vec)
    assert type(model.wv) is gensim.models.KeyedVectors
    assert type(model.wv.vectors) is np.ndarray
    assert (model.wv.vectors.dtype, model.wv.vectors.shape) == (np.float32, (len(model.wv), 8))
    assert (model.syn1neg.dtype, model.syn1neg.shape) == (np.float32, (len(model.wv), 8))
    assert not [name for name, value in vars(model).items() if type(value).__module__.startswith("torch")]


@on_each_engine
@pytest.mark.parametrize(
    "options",
    [{}, {"cbow_mean": 0, "alpha": 0.025}, {"shrink_windows": False}, {"cbow_gradient": "exact", "alpha": 0.1}],
)
def test_learns_two_topics(engine, options):
    model = ours(topics(), engine, **{"epochs": 10, "alpha": 0.05, "sample": 0, **options})
    for word in model.wv.index_to_key:
        nearest = [other for other, _ in model.wv.most_similar(word, topn=7)]
        assert {other[0] for other in nearest} == {word[0]}, (word, nearest)
    likely = [word for word, _ in model.predict_output_word(["a0", "a1", "a2"], topn=5)]
    assert {word[0] for word in likely} == {"a"}


@pytest.mark.parametrize("mean", [0, 1])
@pytest.mark.parametrize("gradient", ["gensim", "exact"])
def test_updates_that_reach_further_have_a_lower_cap(mean, gradient):
    model = ours(engine="torch_batched", min_count=1, sample=0, cbow_mean=mean, cbow_gradient=gradient)
    model.build_vocab([list("abcd")] * 100)
    steps = dataclasses.replace(
        engines.choose("torch_batched", "cpu", 8), layout=lambda *_: Layout(T=64, S=4, N=16, B=640)
    )
    made = model._plan(steps)
    moves = model.alpha * 64 * 640 * min(model.window + 1, 4) / 4 * made.input_scale
    np.testing.assert_allclose(moves, CAP if (mean, gradient) == (0, "exact") else CAP * MOST_BLOCKS, rtol=1e-5)


@on_each_engine
def test_vocabulary_and_first_vectors_are_gensims(engine):
    for options in (
        {}, {"min_count": 20}, {"max_final_vocab": 7}, {"sorted_vocab": 0}, {"null_word": 1}, {"sample": 0},
        {"max_vocab_size": 15}, {"ns_exponent": -0.5}, {"ns_exponent": 0.0}, {"sample": 30},
        {"trim_rule": lambda word, *_: utils.RULE_KEEP if word in ("w1", "w2", "w40") else utils.RULE_DISCARD},
    ):  # fmt: skip
        trim_rule = options.pop("trim_rule", None)
        models = [ours(cls=gensim.models.Word2Vec, **options), ours(engine=engine, **options)]
        for model in models:
            model.build_vocab(words(), trim_rule=trim_rule)
        theirs, mine = models
        assert same(theirs, mine), options
        assert theirs.corpus_count == mine.corpus_count
        assert theirs.corpus_total_words == mine.corpus_total_words
        np.testing.assert_array_equal(theirs.cum_table, mine.cum_table)
        for name, values in theirs.wv.expandos.items():
            np.testing.assert_array_equal(values, mine.wv.expandos[name])
        assert theirs.estimate_memory() == mine.estimate_memory()
        mine.sample = 0
        assert trainable(mine, words()), options
    assert theirs.estimate_memory(1000) == mine.estimate_memory(1000)


@on_each_engine
def test_integer_tokens(engine):
    numbered = [[int(word[1:]) for word in sentence] for sentence in words()]
    by_number, by_name = ours(numbered, engine), ours(words(), engine)
    assert by_number.wv.index_to_key == [int(word[1:]) for word in by_name.wv.index_to_key]
    np.testing.assert_array_equal(by_number.wv.vectors, by_name.wv.vectors)
    arrays = [np.array(sentence, np.int64) for sentence in numbered]
    assert same(ours(arrays, engine), by_number)


@on_each_engine
def test_online_vocabulary(engine):
    model = ours(topics(), engine, sample=0)
    old, output = model.wv.vectors.copy(), model.syn1neg.copy()
    more = [["a0", "new", "a1"], ["new", "a2"]] * 20
    model.build_vocab(more, update=True)
    np.testing.assert_array_equal(model.wv.vectors[:-1], old)
    np.testing.assert_array_equal(model.syn1neg, np.vstack([output, np.zeros((1, 8), np.float32)]))
    first = model.wv["new"].copy()
    model.train(more, total_examples=model.corpus_count, epochs=3)
    assert (model.wv["new"] != first).any()
    assert model.syn1neg[model.wv.get_index("new")].any()
    assert (model.wv["a0"] != old[model.wv.get_index("a0")]).any()
    np.testing.assert_array_equal(model.wv["b0"], old[model.wv.get_index("b0")])


@on_each_engine
def test_vocabulary_from_frequencies(engine):
    counted = {}
    for sentence in words():
        for word in sentence:
            counted[word] = counted.get(word, 0) + 1
    scanned, given = ours(engine=engine), ours(engine=engine)
    scanned.build_vocab(words())
    given.build_vocab_from_freq(counted, corpus_count=len(words()))
    for model in (scanned, given):
        model.train(words(), total_examples=model.corpus_count, total_words=scanned.corpus_total_words, epochs=2)
    assert same(scanned, given)


@both_classes
def test_vocabulary_from_frequencies_without_a_corpus_count(cls):
    """Its corpus_count is 0, and that is what people hand to train()."""
    model = ours(cls=cls)
    model.build_vocab_from_freq({f"w{i}": 50 - i for i in range(41)})
    assert model.corpus_count == 0
    trained, raw = model.train(words(), total_examples=model.corpus_count, epochs=2)
    assert raw == 2 * sum(map(len, words()))
    assert 0 < trained <= raw
    assert model.min_alpha_yet_reached == pytest.approx((model.alpha + model.min_alpha) / 2)  # falls by epoch


@on_each_engine
def test_reset_from(engine):
    source = ours(words(), engine)
    model = ours(engine=engine)
    model.reset_from(source)
    assert model.wv.index_to_key == source.wv.index_to_key
    assert (model.corpus_count, model.corpus_total_words) == (source.corpus_count, source.corpus_total_words)
    trained = source.wv.vectors.copy()
    model.train(words(), total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=2)
    np.testing.assert_array_equal(source.wv.vectors, trained)
    assert same(model, source)  # the same draws from the same start


def test_predict_output_word_is_gensims():
    model = ours(topics())
    theirs = gensim.models.Word2Vec.predict_output_word(model, ["a0", "b1", 3])
    assert model.predict_output_word(["a0", "b1", 3]) == theirs
    assert model.predict_output_word(["missing"]) is None


class Watching(CallbackAny2Vec):
    """Notes what it sees at each of gensim's four moments."""

    def __init__(self, at_epoch_end=None, at_epoch_begin=None):
        self.seen, self.results = [], []
        self.at_epoch_end, self.at_epoch_begin = at_epoch_end, at_epoch_begin

    def on_train_begin(self, model):
        self.seen.append("train begins")

    def on_epoch_begin(self, model):
        self.seen.append("epoch begins")
        if self.at_epoch_begin:
            self.at_epoch_begin(model)

    def on_epoch_end(self, model):
        self.seen.append("epoch ends")
        if self.at_epoch_end:
            self.results.append(self.at_epoch_end(model))

    def on_train_end(self, model):
        self.seen.append("train ends")


@on_each_engine
@pytest.mark.parametrize("options", [{}, {"sg": 1}])
def test_callbacks_come_in_gensims_order(engine, options):
    watching = Watching(lambda model: model.train_count)
    model = ours(words(), engine, callbacks=[watching], **options)
    epoch = ["epoch begins", "epoch ends"]
    assert watching.seen == ["train begins", *epoch, *epoch, "train ends"]
    assert watching.results == [0, 0]
    assert model.train_count == 1


@on_each_engine
def test_queries_in_callbacks_are_fresh(engine):
    """piskvorky/gensim#3429: there the norms are those of before the training."""

    def similarities(model):
        asked = model.wv.similarity("a0", "a1"), dict(model.wv.most_similar("a0", topn=99))["a1"]
        x, y = model.wv["a0"], model.wv["a1"]
        return *asked, float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    watching = Watching(similarities, at_epoch_begin=lambda model: model.wv.most_similar("a0"))
    model = ours(topics(), engine, alpha=0.05, epochs=3, callbacks=[watching])
    for similarity, most_similar, computed in watching.results:
        assert similarity == pytest.approx(computed, abs=1e-5)
        assert most_similar == pytest.approx(computed, abs=1e-5)
    assert len(set(watching.results)) == model.epochs


@on_each_engine
def test_alpha_edited_in_a_callback(engine):
    def stop(model):
        model.alpha = model.min_alpha = 0.0
        return model.wv.vectors.copy()

    watching = Watching(stop)
    model = ours(words(), engine, epochs=3, callbacks=[watching])
    first, second, third = watching.results
    assert (first != ours(words(), engine, epochs=3, alpha=0.0, min_alpha=0.0).wv.vectors).any()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    assert model.min_alpha_yet_reached == 0


@on_each_engine
def test_arrays_replaced_in_a_callback(engine):
    """Each pass begins with the arrays that the model has then."""

    def replace(model):
        model.wv.vectors, model.syn1neg = model.wv.vectors.copy(), model.syn1neg.copy()

    assert same(ours(words(), engine, callbacks=[Watching(replace)]), ours(words(), engine))


@on_each_engine
def test_vocabulary_extended_in_a_callback(engine):
    sentences = [*words(), *([["late", "w1", "w2"]] * 20)]
    model = ours(engine=engine, sample=0)
    model.build_vocab(words())

    def extend(model):
        if "late" not in model.wv:
            model.build_vocab(sentences[-20:], update=True)
        return model.wv["late"].copy()

    watching = Watching(extend)
    model.train(sentences, total_examples=len(sentences), epochs=2, callbacks=[watching])
    assert (watching.results[0] != watching.results[1]).any()


@on_each_engine
def test_loss(engine):
    watching = Watching(lambda model: model.get_latest_training_loss())
    model = ours(topics(), engine, epochs=5, alpha=0.05, sample=0, compute_loss=True, callbacks=[watching])
    losses = model.training_losses
    assert len(losses) == 5
    assert all(type(loss) is float for loss in losses)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.9 * losses[0] < losses[0] <= np.log(2) + 1e-3  # untrained: every pair is even
    assert watching.results == sorted(watching.results)
    assert model.get_latest_training_loss() == watching.results[-1] == model.running_training_loss
    increments = np.diff([0, *watching.results])
    assert increments[-1] < increments[0]
    # Every target has one positive pair and at most five negatives; pairs of a target with itself are left out.
    targets = model.corpus_total_words
    assert 5 * targets < increments[0] / losses[0] <= 6 * targets


@on_each_engine
def test_loss_is_not_computed_unless_asked_for(engine):
    model = ours(words(), engine)
    assert model.training_losses == []
    assert model.get_latest_training_loss() == 0
    model.train(words(), total_examples=300, epochs=1, compute_loss=True)
    assert len(model.training_losses) == 1
    model.train(words(), total_examples=300, epochs=1)
    assert model.training_losses == []
    assert model.get_latest_training_loss() == 0


@on_each_engine
def test_loss_does_not_change_training(engine):
    assert same(ours(words(), engine, compute_loss=True), ours(words(), engine))


@on_each_engine
def test_loss_zeroed_in_a_callback(engine):
    def per_epoch(model):
        loss, model.running_training_loss = model.running_training_loss, 0.0
        return loss

    watching = Watching(per_epoch)
    model = ours(topics(), engine, epochs=4, alpha=0.05, sample=0, compute_loss=True, callbacks=[watching])
    assert watching.results == sorted(watching.results, reverse=True)
    assert model.get_latest_training_loss() == 0


@on_each_engine
def test_lockf(engine):
    free = ours(engine=engine)
    free.build_vocab(words())
    start = free.wv.vectors.copy()

    def trained(lockf):
        model = ours(engine=engine)
        model.build_vocab(words())
        model.wv.vectors_lockf = lockf
        model.train(words(), total_examples=300, epochs=2)
        assert model.syn1neg.any()
        return model

    moved = (trained(np.ones(1, np.float32)).wv.vectors != start).any(1)
    assert moved.all()
    frozen = trained(np.zeros(1, np.float32))
    np.testing.assert_array_equal(frozen.wv.vectors, start)
    lockf = np.ones(len(start), np.float32)
    lockf[[1, 5]] = 0
    assert np.flatnonzero((trained(lockf).wv.vectors == start).all(1)).tolist() == [1, 5]
    lockf = np.array([0, 1, 1], np.float32)  # cyclic: w % 3
    still = np.flatnonzero((trained(lockf).wv.vectors == start).all(1))
    assert still.tolist() == list(range(0, len(start), 3))


@on_each_engine
def test_lockf_scales_the_update(engine):
    """A tiny rate makes training linear in the factor."""

    def step(lockf):
        model = ours(engine=engine, alpha=1e-4, min_alpha=1e-4)
        model.build_vocab(words())
        model.syn1neg[:] = np.linspace(-1, 1, model.syn1neg.size).reshape(model.syn1neg.shape)
        start = model.wv.vectors.astype(np.float64)
        model.wv.vectors_lockf = np.array([lockf], np.float32)
        model.train(words(), total_examples=300, epochs=1)
        return model.wv.vectors - start

    np.testing.assert_allclose(step(0.5), 0.5 * step(1.0), rtol=0.02, atol=1e-6)


@on_each_engine
def test_min_alpha_is_reached(engine):
    model = ours(words(), engine, alpha=0.03, min_alpha=0.002)
    assert model.min_alpha_yet_reached == pytest.approx(model.min_alpha, rel=1e-12) == 0.002
    model.train(words(), total_examples=300, epochs=3, start_alpha=0.01, end_alpha=0.001)
    assert (model.alpha, model.min_alpha, model.min_alpha_yet_reached) == (0.01, 0.001, pytest.approx(0.001, rel=1e-12))


@on_each_engine
def test_seed_and_repeated_calls_change_the_draws(engine):
    def trained(calls, epochs, **options):
        model = ours(engine=engine, **options)
        model.build_vocab(words())
        for _ in range(calls):
            model.train(words(), total_examples=300, epochs=epochs, start_alpha=0.02, end_alpha=0.02)
        return model

    assert same(trained(1, 2), trained(1, 2))
    start = trained(0, 0).wv.vectors.copy()
    one, other = trained(1, 1, seed=3), trained(1, 1, seed=4)
    assert (one.syn1neg != other.syn1neg).any()
    # A second call from the first one's starting weights takes another way.
    again = trained(1, 1)
    again.wv.vectors[:], again.syn1neg[:] = start, 0
    again.train(words(), total_examples=300, epochs=1)
    assert (again.syn1neg != one.syn1neg).any()


REPEAT = """
import hashlib, sys
from tests.helpers import ENGINES, ours, weights, words
for engine in ENGINES:
    model = ours(words(), engine)
    model.train(words(1), total_examples=300, epochs=1)
    print(engine, hashlib.sha256(b"".join(w.tobytes() for w in weights(model))).hexdigest())
"""


def test_repeatable_across_processes():
    done = [python(REPEAT, PYTHONHASHSEED=seed) for seed in ("0", "1")]
    assert [process.stderr for process in done] == ["", ""]
    assert done[0].stdout == done[1].stdout
    assert done[0].stdout.count("\n") == len(ENGINES)


@on_each_engine
def test_numpy_numbers(engine):
    plain = {"vector_size": 8, "window": 3, "negative": 4, "workers": 1, "min_count": 2, "epochs": 2, "seed": 5,
             "batch_words": 1000, "sg": 0, "hs": 0, "cbow_mean": 1}  # fmt: skip
    for integer in (np.int64, np.int32, np.uint16, np.uint64):
        numbers = {name: integer(min(value, 100)) for name, value in plain.items()}
        same_numbers = {name: min(value, 100) for name, value in plain.items()}
        model = ours(words(), engine, **numbers)
        assert same(model, ours(words(), engine, **same_numbers)), integer
        model.window, model.negative, model.workers = integer(2), integer(3), integer(1)
        assert trainable(model, words())
    assert trainable(ours(words(), engine, alpha=np.float32(0.02), sample=np.float64(1e-3)), words())


@both_classes
def test_floats_for_integers(cls):
    """gensim truncates some, and refuses others."""
    assert same(ours(words(), cls=cls, window=2.9), ours(words(), cls=cls, window=2))
    assert same(ours(words(), cls=cls, negative=3.2, batch_words=1e4), ours(words(), cls=cls, negative=3))
    for option in ("vector_size", "epochs"):
        with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
            ours(words(), cls=cls, **{option: 4.0})


@both_classes
def test_no_seed(cls):
    one, other = ours(words(), cls=cls, seed=None), ours(words(), cls=cls, seed=None)
    assert (one.wv.vectors != other.wv.vectors).any()


@on_each_engine
def test_pickle_and_copies(engine):
    model = ours(words(), engine)
    for clone in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert type(clone) is torch_w2v.Word2Vec
        assert (clone.engine, clone.device) == (engine, "cpu")
        assert same(clone, model)
        assert vars(clone).keys() == vars(model).keys()
    clone = copy.deepcopy(model)
    assert trainable(clone, words())
    assert not same(clone, model)
    assert trainable(model, words())
    assert same(clone, model)


@on_each_engine
def test_copied_inside_a_callback(engine):
    def clones(model):
        return copy.deepcopy(model), pickle.loads(pickle.dumps(model))

    watching = Watching(clones)
    model = ours(words(), engine, callbacks=[watching])
    for clone in watching.results[-1]:
        assert same(clone, model)
        assert vars(clone).keys() == vars(model).keys()  # without the encoded corpus, say
        assert trainable(clone, words())
    assert not same(watching.results[0][0], model)


@on_each_engine
def test_subclasses(engine):
    class Mine(torch_w2v.Word2Vec):
        def _get_next_alpha(self, epoch_progress, cur_epoch):
            return 0.0

    model = Mine(words(), vector_size=8, min_count=1, workers=1, engine=engine, device="cpu")
    assert not model.syn1neg.any()


def test_wrappers_see_a_gensim_model():
    model = ours(topics(), epochs=5, alpha=0.05)
    assert model.wv.doesnt_match(["a0", "a1", "a2", "b1"]) in model.wv
    assert str(model) == f"Word2Vec<vocab={len(model.wv)}, vector_size=8, alpha=0.05>"
    assert [event["event"] for event in model.lifecycle_events][-2:] == ["train", "created"]


@on_each_engine
def test_workers(engine):
    for workers in (2, 3):
        model = ours(topics(), engine, workers=workers, epochs=10, alpha=0.05, sample=0, batch_words=100)
        assert model.wv.similarity("a0", "a1") > model.wv.similarity("a0", "b1")


def test_auto_chooses_an_engine(caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    model = torch_w2v.Word2Vec(words(), vector_size=8, min_count=1)
    assert (model.engine, model.device) == ("auto", "auto")
    assert weights(model)[1].any()
    assert "torch_w2v.engines.reference" in sys.modules or messages(caplog) is not None


def test_trained_words_are_counted():
    model = ours(sample=0)
    model.build_vocab(words())
    total = model.corpus_total_words
    assert model.train(words(), total_examples=300, epochs=3) == (3 * total, 3 * total)
    model.sample = 1e-3
    model.build_vocab(words())
    trained, raw = model.train(words(), total_examples=300, epochs=20)
    assert raw == 20 * total
    expected = (model.wv.expandos["count"] * (model.wv.expandos["sample_int"] / 2**32)).sum() * 20
    assert abs(trained - expected) < 5 * np.sqrt(expected)


def test_train_inside_a_callback():
    class Again(CallbackAny2Vec):
        calls = 0

        def on_epoch_end(self, model):
            self.calls += 1
            if self.calls == 1:
                model.train(words(50), total_examples=50, epochs=1)

    again = Again()
    model = ours(words(), epochs=3, callbacks=[again])
    assert again.calls == 3
    assert not hasattr(model, "_call")


def test_chunks_are_as_large_as_the_engine_wants():
    size = torch_w2v.Word2Vec()._chunk_tokens
    assert [size(words) for words in (None, 1_000, 1_000_000, 10**9)] == [100_000, 10_000, 15_625, 100_000]
    assert [size(words, 2_000_000) for words in (None, 1_000, 1_000_000, 10**9)] == [
        2_000_000,
        10_000,
        125_000,
        2_000_000,
    ]
