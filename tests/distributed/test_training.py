"""Ranks that are threads of this process train one model; `test_processes.py` has ranks that are processes."""

import contextlib
import itertools

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.distributed.thread_group import run_ranks
from tests.helpers import CountingCorpus, same, topics, words
from torch_w2v import Word2Vec
from torch_w2v.callbacks import EarlyStopping
from torch_w2v.corpus import encoded_file, files
from torch_w2v.distributed import schedule
from torch_w2v.distributed.exchange import Exchange, overwrite
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.interface import ChunkResult
from torch_w2v.training.divergence import StopTraining

OPTIONS = {"vector_size": 16, "window": 3, "min_count": 1, "epochs": 2, "workers": 1, "sample": 0, "seed": 7}
SENTENCES = topics(900)


def train(size, corpus=None, **options):
    """Return the models of all ranks; the corpus is the arguments of the constructor that name it."""
    corpus = {"sentences": SENTENCES} if corpus is None else corpus
    return run_ranks(size, lambda group: Word2Vec(**corpus, **OPTIONS, **options, distributed=group))


def test_ranks_whose_processors_round_otherwise_end_with_the_same_bits(monkeypatch):
    merge_rows = Exchange._merge_rows

    def rounds_otherwise(self, local, *others):
        merge_rows(self, local, *others)
        local *= np.float32(1 + 1e-6 * self._group.rank)

    monkeypatch.setattr(Exchange, "_merge_rows", rounds_otherwise)
    one, other = train(2)
    assert not np.array_equal(one.wv.vectors, other.wv.vectors)
    names = itertools.count()
    monkeypatch.setattr("torch_w2v.distributed.bindings.arithmetic", lambda: f"processor {next(names)}")
    one, other = train(2)
    assert np.array_equal(one.wv.vectors, other.wv.vectors)
    assert np.array_equal(one.syn1neg, other.syn1neg)


def test_a_callback_that_changes_the_shape_of_the_tables_is_an_error():
    class Widens(CallbackAny2Vec):
        def on_train_end(self, model):
            model.wv.vectors = np.zeros((len(model.wv), 17), np.float32)

    with pytest.raises(ValueError, match=r"a callback must not change their shapes"):
        train(2, callbacks=[Widens()])


def test_a_rank_without_words_of_its_own_says_so(caplog):
    def program(group):
        sentences = SENTENCES if group.rank == 0 else []
        return Word2Vec(sentences, **OPTIONS, distributed=group, shard="given")

    run_ranks(2, program)
    assert "rank 1 of 2 has no words to train on: its corpus is empty, or can be read only once" in caplog.text
    assert "rank 0 of 2 has no words" not in caplog.text


def test_what_is_no_group():
    with pytest.raises(TypeError, match="distributed=1: must be True or False"):
        Word2Vec(SENTENCES, **OPTIONS, distributed=1)


@pytest.fixture(scope="module")
def alone():
    return Word2Vec(SENTENCES, **OPTIONS, compute_loss=True)


def assert_one_model(models, alone):
    """Check that all ranks have the same model, of the same vocabulary as one machine, trained on as many words."""
    assert all(same(model, models[0]) for model in models)
    for model in models:
        assert model.wv.index_to_key == alone.wv.index_to_key
        assert np.array_equal(model.wv.expandos["count"], alone.wv.expandos["count"])
        assert (model.corpus_count, model.corpus_total_words) == (alone.corpus_count, alone.corpus_total_words)
        assert model.min_alpha_yet_reached == pytest.approx(alone.min_alpha_yet_reached, abs=1e-3)


@pytest.mark.parametrize("size", [2, 5])
def test_ranks_train_one_model_as_good_as_that_of_one_machine(alone, size):
    models = train(size, compute_loss=True)
    assert_one_model(models, alone)
    assert models[0].training_losses[-1] == pytest.approx(alone.training_losses[-1], rel=0.1)
    assert {word[0] for word, _ in models[0].wv.most_similar("a0", topn=5)} == {"a"}


def test_the_learning_rate_does_not_depend_on_the_number_of_ranks(monkeypatch):
    """A batch of gensim's is of the whole corpus; with one per rank, four ranks would never leave the first."""
    rates = []
    monkeypatch.setattr(
        CpuEngine,
        "train",
        lambda self, tables, chunk, rate, plan: (
            rates.append((chunk.end - chunk.begin, sum(rate) / 2)) or ChunkResult(chunk.end - chunk.begin, 1.0, 1.0)
        ),
    )
    corpus = [[f"w{i % 50}" for i in range(k, k + 10)] for k in range(4_000)]
    means = []
    for size in (1, 4):
        rates.clear()
        run_ranks(size, lambda group: Word2Vec(corpus, vector_size=4, epochs=1, engine="cpu", distributed=group))
        words, alphas = np.transpose(rates)
        means.append(np.average(alphas, weights=words))
    assert means[1] == pytest.approx(means[0], rel=0.03)


@pytest.mark.parametrize("form", ["file", "files", "w2v", "tuple", "given list", "given iterable", "disk"])
def test_every_form_of_a_corpus(tmp_path, alone, form):
    text = tmp_path / "corpus.txt"
    text.write_text("".join(" ".join(sentence) + "\n" for sentence in SENTENCES))
    encoded = tmp_path / "corpus.w2v"
    encoded_file.write(files(text), encoded, 1)
    halves = [tmp_path / "one" / f"{i}.txt" for i in range(2)]
    halves[0].parent.mkdir()
    for path, part in zip(halves, (SENTENCES[:100], SENTENCES[100:]), strict=True):
        path.write_text("".join(" ".join(sentence) + "\n" for sentence in part))
    whole = {
        "file": {"corpus_file": text},
        "files": {"corpus_file": halves[0].parent},
        "w2v": {"corpus_file": encoded},
        "tuple": {"sentences": tuple(SENTENCES)},
        "disk": {"corpus_file": text, "corpus_cache": "disk"},
    }

    def program(group):
        if form in whole:
            corpus = whole[form]
        else:
            part = SENTENCES[group.rank * 450 : (group.rank + 1) * 450]
            corpus = {"sentences": part if form == "given list" else CountingCorpus(part), "shard": "given"}
        return Word2Vec(**corpus, **OPTIONS, distributed=group)

    assert_one_model(run_ranks(2, program), alone)


def test_vocabulary_and_training_in_two_calls(alone):
    def program(group):
        model = Word2Vec(**OPTIONS, distributed=group)
        model.build_vocab(SENTENCES)
        trained = model.train(SENTENCES, total_examples=model.corpus_count, epochs=model.epochs)
        return model, trained

    results = run_ranks(3, program)
    assert_one_model([model for model, _ in results], alone)
    assert {trained for _, trained in results} == {(2 * 5400, 2 * 5400)}


def test_all_words_are_trained_though_shards_are_empty_or_unlike():
    """Ranks 1 and 3 have nothing, and rank 2 ten times as much as rank 0."""
    parts = [SENTENCES[:80], [], SENTENCES[80:], []]

    def program(group):
        model = Word2Vec(parts[group.rank], shard="given", **OPTIONS, distributed=group)
        return model, model.train(parts[group.rank], total_examples=model.corpus_count, epochs=1)

    results = run_ranks(4, program)
    assert {trained for _, trained in results} == {(5400, 5400)}
    assert all(same(model, results[0][0]) for model, _ in results)


@pytest.mark.parametrize("engine", ["torch_batched", "reference"])
def test_other_engines(engine):
    sentences = words(60)
    models = train(2, {"sentences": sentences}, engine=engine)
    assert_one_model(models, Word2Vec(sentences, **OPTIONS))


@pytest.mark.parametrize("options", [{"cbow_mean": 0}, {"cbow_gradient": "exact"}, {"workers": 3}, {"window": 40}])
def test_options(alone, options):
    models = run_ranks(2, lambda group: Word2Vec(SENTENCES, **{**OPTIONS, **options}, distributed=group))
    assert_one_model(models, alone)


class Recorder(CallbackAny2Vec):
    def __init__(self):
        self.alphas, self.nearest = [], []

    def on_epoch_begin(self, model):
        self.alphas.append(model.alpha)

    def on_epoch_end(self, model):
        self.nearest.append(model.wv.most_similar("a0", topn=1)[0][0])
        model.alpha = 0.01


class Stop(CallbackAny2Vec):
    def on_epoch_end(self, model):
        raise StopTraining


@pytest.mark.parametrize("everywhere", [True, False])
def test_callbacks_are_called_on_the_first_rank_with_the_agreed_model(everywhere):
    recorders = [Recorder() for _ in range(2)]

    def program(group):
        callbacks = [recorders[group.rank]] if everywhere or group.rank == 0 else ()
        return Word2Vec(SENTENCES, **OPTIONS, distributed=group, callbacks=callbacks)

    models = run_ranks(2, program)
    assert recorders[0].alphas == [0.025, 0.01]
    assert recorders[0].nearest[-1][0] == "a"
    assert recorders[1].alphas == []
    assert all(model.alpha == 0.01 and same(model, models[0]) for model in models)


def test_training_that_diverges_ends_on_all_ranks_as_on_one(monkeypatch):
    # Often enough, exchanges keep even this alpha from diverging.
    monkeypatch.setattr(schedule, "MOST_FOR_ALPHA", 1.0)

    def program(group):
        return Word2Vec(SENTENCES, **{**OPTIONS, "epochs": 9}, alpha=1e30, min_alpha=1e30, distributed=group)

    with pytest.warns(RuntimeWarning, match="training diverged in epoch"):
        models = run_ranks(2, program)
    assert all(model.diverged for model in models)
    assert len(models[0].training_losses) == len(models[1].training_losses) < 9


def test_the_first_rank_may_stop_training():
    def program(group):
        model = Word2Vec(SENTENCES, **{**OPTIONS, "epochs": 30}, distributed=group, callbacks=[Stop()])
        return model, model.train(SENTENCES, total_examples=900, epochs=9, callbacks=[Stop()])

    assert [trained for _, trained in run_ranks(2, program)] == [(5400, 5400)] * 2


class Doubled(CallbackAny2Vec):
    def on_train_end(self, model):
        model.wv.vectors *= 2
        model.syn1neg[0] = 3


def test_what_a_callback_changes_after_the_last_epoch_is_changed_on_all_ranks():
    plain = train(2)[0]
    models = train(2, callbacks=[Doubled()])
    assert np.array_equal(models[0].wv.vectors, 2 * plain.wv.vectors)
    assert (models[1].syn1neg[0] == 3).all()
    assert all(same(model, models[0]) for model in models)


def test_early_stopping_gives_all_ranks_the_tables_of_the_best_epoch():
    kept = []

    def second_is_best(model):
        kept.append(model.wv.vectors.copy())
        return -abs(len(kept) - 2)

    stoppings = [EarlyStopping(second_is_best, patience=2, mode="max"), EarlyStopping("loss")]

    def program(group):
        options = {**OPTIONS, "epochs": 8}
        return Word2Vec(SENTENCES, **options, distributed=group, callbacks=[stoppings[group.rank]])

    models = run_ranks(2, program)
    assert (stoppings[0].best_epoch, stoppings[0].stopped_epoch, stoppings[1].stopped_epoch) == (2, 4, 0)
    assert not np.array_equal(kept[1], kept[3])
    for model in models:
        assert np.array_equal(model.wv.vectors, kept[1])
        assert same(model, models[0])
        assert model.wv.similarity("a0", "a0") == pytest.approx(1)


def test_an_error_of_one_rank_ends_all(tmp_path):
    def broken(rank):
        yield from SENTENCES[:200]
        if rank == 1:
            raise OSError("disk on fire")

    class Once:
        def __init__(self, rank):
            self.rank, self.passes = rank, itertools.count()

        def __iter__(self):
            return broken(self.rank) if next(self.passes) == 2 else iter(SENTENCES[:200])

    with pytest.raises(OSError, match="disk on fire"):
        run_ranks(3, lambda group: Word2Vec(Once(group.rank), shard="given", **OPTIONS, distributed=group))


class Shuffled(dict):
    """An iterable that cannot be cut."""


def test_what_cannot_be_is_said_at_once():
    with pytest.raises(TypeError, match="shard='given'"):
        train(2, {"sentences": Shuffled.fromkeys(map(tuple, SENTENCES))})
    with pytest.raises(ValueError, match="max_vocab_size"):
        train(2, max_vocab_size=10)
    with pytest.raises(ValueError, match="shard='other'"):
        train(2, shard="other")
    with pytest.raises(ValueError, match="torchrun"):
        Word2Vec(SENTENCES, **OPTIONS, distributed=True)
    for options in ({"hs": 1}, {"negative": 0}, {"hs": 1, "negative": 0}):
        with pytest.raises(ValueError, match="gensim's own engine"):
            run_ranks(2, lambda group, options=options: Word2Vec(**options, distributed=group))


@pytest.mark.parametrize("name", ["window", "vector_size", "epochs", "min_count"])
def test_ranks_with_other_arguments_are_told_which(name):
    def program(group):
        return Word2Vec(SENTENCES, **{**OPTIONS, name: OPTIONS[name] + group.rank}, distributed=group)

    with pytest.raises(ValueError, match=f"{name}: .* on rank 0, .* on rank 1"):
        run_ranks(2, program)


@pytest.mark.parametrize("once", [False, True])
def test_ranks_in_other_calls_are_told_which(once):
    """Rank 0 alone makes the vocabulary, as programs do whose ranks then get the model from it."""

    def program(group):
        model = Word2Vec(**OPTIONS, distributed=group)
        with model.reading_once() if once else contextlib.nullcontext():
            if group.rank == 0:
                model.build_vocab(SENTENCES)
            model.train(SENTENCES, total_examples=len(SENTENCES), epochs=1)

    with pytest.raises(ValueError, match=r"same calls: rank 0 is in build_vocab\(\), rank 1 in train\(\)"):
        run_ranks(2, program)


def test_what_one_rank_refuses_ends_the_others():
    def program(group):
        model = Word2Vec(SENTENCES, **OPTIONS, distributed=group)
        model.window = 3 - 5 * group.rank
        return model.train(SENTENCES, total_examples=model.corpus_count, epochs=1)

    with pytest.raises(ValueError, match="window=-2"):
        run_ranks(2, program)
    with pytest.raises(ValueError, match="window=-2"):
        run_ranks(2, lambda group: Word2Vec(SENTENCES, **{**OPTIONS, "window": 3 - 5 * group.rank}, distributed=group))


@pytest.mark.parametrize("call", ["train", "build_vocab"])
def test_a_callback_cannot_train_on_one_rank_alone(call):
    class Nested(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if call == "train":
                model.train(SENTENCES, total_examples=model.corpus_count, epochs=1)
            else:
                model.build_vocab(SENTENCES, update=True)

    with pytest.raises(RuntimeError, match="a callback cannot call train"):
        train(2, callbacks=[Nested()])


def test_a_model_that_was_loaded_is_trained_by_several_ranks_when_it_is_told_to(tmp_path):
    path = str(tmp_path / "words.model")
    train(2)[0].save(path)

    def program(group):
        model = Word2Vec.load(path)
        assert not model.distributed
        model.distributed = group
        return model, model.train(SENTENCES, total_examples=900, epochs=1)

    results = run_ranks(2, program)
    assert {trained for _, trained in results} == {(5400, 5400)}
    assert same(*(model for model, _ in results))


@pytest.mark.parametrize(("callbacks", "times"), [((), 1), ((Recorder(),), 2)])
def test_tables_are_sent_again_only_where_a_callback_may_have_changed_them(monkeypatch, callbacks, times):
    sent = []

    def count(group, arrays):
        sent.append(group.rank)
        overwrite(group, arrays)

    for module in ("distributed.exchange", "training.ranks"):
        monkeypatch.setattr(f"torch_w2v.{module}.overwrite", count)
    models = run_ranks(2, lambda group: Word2Vec(SENTENCES, **OPTIONS, distributed=group, callbacks=callbacks))
    assert same(*models)
    # Callbacks at the end of training may change them, too.
    assert sent.count(0) == sent.count(1) == times + bool(callbacks)
