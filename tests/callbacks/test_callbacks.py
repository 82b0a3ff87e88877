"""The callbacks of `torch_w2v.callbacks`, with gensim's class and with ours."""

import csv
import math
import re
import sys

import gensim.models
import numpy as np
import pytest

from tests.helpers import both_classes, ours, topics, words
from torch_w2v import system
from torch_w2v.callbacks import EarlyStopping, Evaluate, History, StopTraining, TensorBoard, stop_training, values
from torch_w2v.compare.gold import SHIPPED


def pairs(tmp_path):
    """A file whose pairs of one topic have high scores."""
    path = tmp_path / "topics.tsv"
    same = [f"a{i}\ta{j}\t9" for i in range(8) for j in range(i)]
    other = [f"a{i}\tb{j}\t1" for i in range(8) for j in range(i)]
    path.write_text("\n".join([*same, *other]) + "\n")
    return path


@both_classes
def test_history_and_evaluation(cls, tmp_path):
    evaluate = Evaluate(
        pairs=pairs(tmp_path),
        held_out=topics(20, seed=9),
        neighbours=["a0", "unknown"],
        functions={"ten": lambda m: 10},
    )
    history = History()
    options = {"epochs": 6, "alpha": 0.05, "sample": 0, "compute_loss": True, "callbacks": [history, evaluate]}
    with pytest.warns(RuntimeWarning, match="^neighbours: 'unknown' not in the vocabulary, and left out"):
        model = ours(topics(), cls=cls, **options)
    assert evaluate.names == ["topics", "held-out loss", "ten"]
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4, 5, 6]
    assert history.columns() == ["epoch", "loss", "alpha", "words_per_second", "seconds", *evaluate.names]
    for row, result in zip(history.rows, evaluate.results, strict=True):
        assert row.items() >= result.items()
        assert row["ten"] == 10
        assert row["seconds"] > 0
        assert row["words_per_second"] > 0
    first, last = history.rows[0], history.rows[-1]
    assert last["topics"] > 0.8
    assert last["held-out loss"] < first["held-out loss"]
    assert last["loss"] < first["loss"]
    assert last["alpha"] < first["alpha"] <= model.alpha
    assert evaluate.neighbours[-1].keys() == {"a0"}
    assert {word[0] for word, _ in evaluate.neighbours[-1]["a0"][:5]} == {"a"}
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["topics"]) for row in rows] == [row["topics"] for row in history.rows]


@both_classes
def test_the_held_out_loss_of_skip_gram(cls):
    evaluate = Evaluate(held_out=topics(20, seed=9))
    ours(topics(), cls=cls, sg=1, epochs=3, callbacks=[evaluate])
    first, _, last = (result["held-out loss"] for result in evaluate.results)
    assert last < first < math.log(2)


def test_a_history_does_not_bring_the_tables_back_between_epochs(monkeypatch):
    from torch_w2v.training.tables import EngineMemory  # noqa: PLC0415

    stored = []
    monkeypatch.setattr(EngineMemory, "synchronize", lambda self, keep_memory=False: stored.append(keep_memory))
    ours(words(), epochs=4, callbacks=[History()])
    assert stored.count(True) == 0


def falling(after):
    """A value that rises for `after` epochs and falls then."""
    values = iter([*range(after), *range(after, 0, -1), *[0] * 99])
    return lambda model: next(values)


@both_classes
@pytest.mark.parametrize("options", [{}, {"hs": 1, "negative": 0}], ids=["cbow", "hs"])
def test_early_stopping_goes_back_to_the_best(cls, options):
    tables = []
    stopping = EarlyStopping(falling(3), patience=2)
    keep = Evaluate(functions={"n": lambda model: tables.append(model.wv.vectors.copy()) or 0})
    with stopping:
        model = ours(cls=cls, epochs=20, **options)
        model.build_vocab(words())
        model.train(words(), total_examples=300, epochs=20, callbacks=[keep, stopping])
    assert (stopping.best, stopping.best_epoch, stopping.stopped_epoch) == (3, 4, 6)
    assert len(tables) == 6
    np.testing.assert_array_equal(model.wv.vectors, tables[3])
    assert not np.array_equal(tables[3], tables[5])
    assert model.train_count == 1
    assert model.min_alpha_yet_reached > model.min_alpha
    assert model.wv.most_similar("w1")
    model.train(words(), total_examples=300, epochs=1)


def test_a_stopped_call_returns_what_it_has_trained_and_ends_every_callback():
    ended = []

    class Last(History):
        def on_train_end(self, model):
            ended.append(len(self.rows))

    model = ours(epochs=9)
    model.build_vocab(words())
    _, raw = model.train(words(), total_examples=300, epochs=9, callbacks=[EarlyStopping(falling(1), 2), Last()])
    assert raw == 4 * model.corpus_total_words
    assert ended == [4]
    assert "_w2v_call" not in vars(model)


def test_without_a_worse_epoch_nothing_is_stopped():
    stopping = EarlyStopping("loss", patience=1)
    model = ours(topics(3000), epochs=4, alpha=0.01, callbacks=[stopping])
    assert (stopping.best_epoch, stopping.stopped_epoch) == (4, 0)
    assert stopping.best == model.training_losses[-1]


def test_an_epoch_whose_words_are_all_dropped_does_not_count(monkeypatch):
    losses = iter([1.0, math.nan, math.nan, 1.1, math.nan, 1.2, 1.3, 0.1])
    monkeypatch.setattr(values.LossOfEpoch, "end", lambda self, model: next(losses))
    stopping = EarlyStopping(patience=3)
    ours(words(), epochs=9, callbacks=[stopping])
    assert (stopping.best_epoch, stopping.stopped_epoch) == (1, 7)


def test_a_loss_now_and_then_is_enough():
    stopping, history = EarlyStopping(patience=9), History()
    ours([["a", "b"]] * 30, epochs=60, sample=2e-4, seed=1, callbacks=[stopping, history])
    known = [row["epoch"] for row in history.rows if not math.isnan(row["loss"])]
    assert 0 < len(known) < 30
    assert stopping.best_epoch in known


@pytest.mark.parametrize(("sentences", "options"), [([["a"]] * 300, {}), ([["a", "b"]] * 30, {"sample": 1e-8})])
def test_epochs_without_a_loss_are_a_warning(sentences, options):
    with pytest.warns(RuntimeWarning, match="^EarlyStopping: no epoch had a loss"):
        ours(sentences, callbacks=[EarlyStopping()], **options)


def test_small_gains_do_not_count():
    stopping = EarlyStopping(lambda model: model.train_count, patience=2, min_delta=0.1, mode="max")
    ours(words(), epochs=9, callbacks=[stopping])
    assert (stopping.best_epoch, stopping.stopped_epoch) == (1, 3)


@pytest.mark.parametrize(("free", "in_files"), [(1.0, False), (0.9, True)])
def test_the_best_tables_are_kept_in_files_where_both_would_take_much_of_the_memory(free, in_files, monkeypatch):
    def are_in_files(model):
        return float(all(isinstance(copy, np.memmap) for copy in stopping._tables._copies.values()))

    both = 2 * ours(words()).wv.vectors.nbytes
    monkeypatch.setattr(system, "available_memory", lambda: 4 * free * both)
    stopping = EarlyStopping(falling(1), patience=2)
    seen = Evaluate(functions={"sum": lambda model: float(model.syn1neg.sum(dtype=np.float64)), "files": are_in_files})
    model = ours(words(), epochs=9, callbacks=[seen, stopping])
    # The first epoch is measured before its tables are kept.
    assert seen.results[1]["files"] == in_files
    assert float(model.syn1neg.sum(dtype=np.float64)) == seen.results[stopping.best_epoch - 1]["sum"]
    assert stopping.best_epoch == 2


def test_values_are_looked_for_only_in_the_epochs_that_have_them(tmp_path):
    stopping = EarlyStopping("topics", patience=1)
    evaluate = Evaluate(pairs=pairs(tmp_path), every=2)
    with pytest.raises(
        ValueError, match="monitor='topics': no callback before EarlyStopping measures it; there are 'loss'"
    ):
        ours(topics(), callbacks=[stopping, evaluate])
    # before an epoch is trained
    model = ours()
    model.build_vocab(topics())
    untrained = model.wv.vectors.copy()
    with pytest.raises(ValueError, match="monitor='topic': no callback before EarlyStopping measures it"):
        model.train(topics(), total_examples=9, epochs=2, callbacks=[evaluate, EarlyStopping("topic")])
    np.testing.assert_array_equal(model.wv.vectors, untrained)
    ours(topics(), epochs=5, alpha=0.05, callbacks=[evaluate])
    assert [result["epoch"] for result in evaluate.results] == [2, 4, 5]


@pytest.mark.parametrize("held_out", [iter(topics(2)), (sentence for sentence in topics(2)), map(list, topics(2))])
def test_held_out_sentences_that_can_be_read_once_only(held_out):
    with pytest.raises(TypeError, match=r"^held_out: a \w+ can be read once only: give a list of its sentences"):
        Evaluate(held_out=held_out)


class Rewinding:
    """An iterator that begins anew, as readers of files do that seek."""

    def __iter__(self):
        self.sentences = iter(topics(2))
        return self

    def __next__(self):
        return next(self.sentences)


def test_held_out_sentences_of_an_iterator_that_begins_anew():
    evaluate = Evaluate(held_out=Rewinding())
    ours(topics(20), epochs=2, callbacks=[evaluate])
    assert all(np.isfinite(result["held-out loss"]) for result in evaluate.results)


@pytest.mark.parametrize("held_out", [["the king rules"], "held_out.txt"])
def test_held_out_sentences_are_lists_of_words(held_out):
    with pytest.raises(TypeError, match=r"^held_out: '.*' is a str: must be sentences as lists of words"):
        Evaluate(held_out=held_out)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Evaluate, "nothing to evaluate: give pairs"),
        (lambda: Evaluate(functions={"f": len}, every=0), "every=0: must be at least 1"),
        (lambda: Evaluate(gold=[SHIPPED[0], SHIPPED[0]]), "'WordSim-353': two values have this name"),
        (lambda: Evaluate(functions={"loss": len}), "'loss': two values have this name"),
        (lambda: EarlyStopping(patience=0), "patience=0: must be at least 1"),
        (lambda: EarlyStopping(min_delta=math.nan), "min_delta=nan: must be a number of at least 0"),
        (lambda: EarlyStopping(min_delta="x"), "min_delta='x': must be a number of at least 0"),
        (lambda: EarlyStopping(mode="best"), "mode='best': must be 'min'"),
        (lambda: Evaluate(held_out=[]), "held_out: has no sentences; must be sentences as lists of words"),
        (
            lambda: ours(words(), callbacks=[Evaluate(held_out=words())], hs=1, negative=0),
            "held_out: the",
        ),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Evaluate(held_out=5), "held_out=5: must be sentences as lists of words"),
        (lambda: Evaluate(functions={"f": 5}), "functions['f']=5: must be a function of the model"),
        (lambda: Evaluate(functions=5), "functions=5: must be a dictionary"),
        (lambda: Evaluate(neighbours=5), "neighbours=5: must be words"),
        (lambda: Evaluate(pairs=None), "pairs=None: must be paths of files"),
        (lambda: Evaluate(gold=5), "gold: 5 is a int: must be a list of Gold objects; pairs_file(path) or"),
        (lambda: Evaluate(gold="wordsim353"), "gold: 'wordsim353' is a str: must be a list of Gold objects"),
        (lambda: Evaluate(functions={"f": len}, every="x"), "every='x': must be an integer of at least 1"),
        (lambda: EarlyStopping(patience="x"), "patience='x': must be an integer of at least 1"),
        (
            lambda: ours(words(), callbacks=[History]),
            "callbacks: <class 'torch_w2v.callbacks.history.History'> is a type",
        ),
    ],
)
def test_arguments_of_a_wrong_type(make, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        make()


def test_stop_training_says_what_gensims_class_needs():
    with pytest.raises(StopTraining, match="put the training into `with EarlyStopping"):
        stop_training(gensim.models.Word2Vec())


def test_gensims_class_without_the_loss():
    with pytest.raises(
        ValueError, match="monitor='loss' is not a number in epoch 1; gensim's class needs compute_loss=True"
    ):
        ours(words(), cls=gensim.models.Word2Vec, callbacks=[EarlyStopping()])


def test_a_function_must_return_a_number():
    with pytest.raises(TypeError, match=re.escape("functions['f'] must return a number, got None")):
        ours(words(), callbacks=[Evaluate(functions={"f": lambda model: None})])


def test_a_callback_of_ones_own_stops():
    class Third(History):
        def on_epoch_end(self, model):
            super().on_epoch_end(model)
            if len(self.rows) == 3:
                stop_training(model)

    third = Third()
    ours(words(), epochs=9, callbacks=[third])
    assert len(third.rows) == 3
    with pytest.raises(StopTraining):
        ours(words(), epochs=9, cls=gensim.models.Word2Vec, callbacks=[Third()])


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    model = ours(words(), epochs=3, callbacks=[Evaluate(functions={"an f": lambda m: 2}), TensorBoard(tmp_path)])
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("epoch/loss")] == [1, 2, 3]
    assert [event.value for event in events.Scalars("epoch/loss")] == pytest.approx(model.training_losses)
    assert [event.value for event in events.Scalars("evaluation/an_f")] == [2, 2, 2]
    assert events.Scalars("training/alpha")[-1].step == 3 * model.corpus_total_words


def test_tensorboard_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'torch_w2v[tensorboard]'")):
        TensorBoard(tmp_path)
