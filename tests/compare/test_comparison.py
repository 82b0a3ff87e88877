import json
import math
import re
from pathlib import Path

import gensim.models
import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import DEFAULT_ENGINE, topics
from torch_w2v.compare import SHIPPED, compare
from torch_w2v.compare.comparison import COSINES, LOSS, OVERLAP, _as_difference
from torch_w2v.compare.contenders import contenders_named
from torch_w2v.compare.verdict import INFERIOR, UNDECIDED, Verdict

SMALL = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 3}


def untrained(**settings):
    """A contender that learns nothing."""
    return torch_w2v.Word2Vec(**{**settings, "engine": DEFAULT_ENGINE, "alpha": 1e-9, "min_alpha": 1e-9})


@pytest.fixture(scope="module")
def result():
    steps = []
    comparison = compare(
        topics(),
        (DEFAULT_ENGINE,),
        3,
        variants={"untrained": untrained},
        progress=steps.append,
        held_out=0.1,
        **{**SMALL, "epochs": 20},
    )
    assert steps[:2] == ["seed 1 of 3: gensim trains", "seed 1 of 3: gensim is measured"]
    return comparison


def test_runs_are_interleaved(result):
    assert [(run.contender, run.seed) for run in result.runs] == [
        (name, seed) for seed in (1, 2, 3) for name in ("gensim", DEFAULT_ENGINE, "untrained")
    ]
    assert result.contenders == ["gensim", DEFAULT_ENGINE, "untrained"]
    assert all(run.whole_seconds > run.train_seconds > 0 for run in result.runs)


def test_a_corpus_without_english_is_judged_by_measures_that_need_no_gold_set(result):
    assert {v.measure for v in result.verdicts} == {LOSS, OVERLAP, COSINES}
    assert len(result.left_out) == 3
    by = {(v.contender, v.measure): v for v in result.verdicts}
    assert by["untrained", LOSS].verdict == INFERIOR
    assert by["untrained", LOSS].ours == pytest.approx(math.log(2), abs=1e-3)
    assert by[DEFAULT_ENGINE, LOSS].verdict != INFERIOR
    assert {v.contender for v in result.inferior} == {"untrained"}


def test_held_out_sentences_are_not_trained_on(result):
    assert result.corpus == {"sentences": 540, "words": 540 * 6, "held_out_words": 60 * 6, "vocabulary": 16}


def test_gensim_is_not_inferior_to_itself():
    again = compare(topics(), (), 3, variants={"again": gensim.models.Word2Vec}, held_out=0.1, **SMALL)
    assert [v.difference for v in again.verdicts if v.measure == LOSS] == [pytest.approx(0, abs=1e-6)]
    assert not again.inferior


def test_as_dict_is_json_and_has_no_nan():
    comparison = compare(topics(), (DEFAULT_ENGINE,), 1, **SMALL)
    text = json.dumps(comparison.as_dict(), allow_nan=False)
    again = json.loads(text)
    assert again["verdicts"][0]["verdict"] == UNDECIDED  # one seed decides nothing
    assert again["verdicts"][0]["low"] is None
    assert again["runs"][0]["scores"]["WordSim-353"] is None
    assert comparison.left_out[0].startswith("one seed: differences have no intervals")


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        (
            [["a", "b", "c"]] * 3,
            {LOSS: "held_out=0.1 takes one of 10 sentences, and the corpus has 3"},
        ),
        (
            [["a", "b"]] * 20,
            dict.fromkeys((OVERLAP, COSINES), "the vocabulary has 2 words, and needs 3"),
        ),
        (
            [["a"], ["b"], ["c"]] * 10,
            {LOSS: "no window of the held-out sentences has two words"},
        ),
    ],
    ids=["few sentences", "few words", "short sentences"],
)
def test_why_a_small_corpus_has_no_value(sentences, expected):
    comparison = compare(sentences, (DEFAULT_ENGINE,), 2, gold=(), held_out=0.1, sample=0, **SMALL)
    assert len(comparison.left_out) == len(expected)
    for line, (measure, cause) in zip(comparison.left_out, expected.items(), strict=True):
        assert line.startswith(f"{measure}: left out, since {cause}")


@pytest.mark.parametrize("value", [np.nan, 1e6])
def test_why_gensim_that_diverged_has_no_value(value):
    def broken(**settings):
        model = gensim.models.Word2Vec(**settings)
        model.train = lambda *args, **more: model.wv.vectors.fill(value)
        return model

    comparison = compare(topics(50), (DEFAULT_ENGINE,), 2, gold=SHIPPED[:1], baseline=broken, held_out=0.1, **SMALL)
    assert comparison.left_out == [
        "WordSim-353: left out, since only 0 of its 353 word pairs are known: a third must be, and 10 at least",
        *(
            f"{measure}: left out, since gensim's training diverged: give a smaller alpha"
            for measure in (LOSS, OVERLAP, COSINES)
        ),
    ]
    assert "no measure could be judged" in comparison.lines()


@pytest.mark.filterwarnings("ignore:training diverged")
def test_training_of_ours_that_diverged_is_inferior_and_stopped_early():
    """Its vectors are finite, and its speed is that of the epochs that it had."""

    def diverging(**settings):
        model = torch_w2v.Word2Vec(**settings)
        build_vocab = model.build_vocab

        def build(sentences):
            build_vocab(sentences)
            model.wv.vectors_lockf = np.full(1, 1e9, np.float32)

        model.build_vocab = build
        return model

    made = {"ours": diverging, "again": torch_w2v.Word2Vec}
    comparison = compare(topics(50), (), 2, gold=(), variants=made, held_out=0.1, **{**SMALL, "epochs": 4})
    verdicts = {(verdict.contender, verdict.measure): verdict.verdict for verdict in comparison.verdicts}
    assert {verdicts["ours", measure] for measure in (LOSS, OVERLAP, COSINES)} == {INFERIOR}
    assert verdicts["again", LOSS] != INFERIOR
    words = comparison.corpus["words"]
    assert all(run.words_per_second == words / run.train_seconds for run in comparison.runs_of("ours"))


def test_lines_have_sizes_verdicts_and_what_was_left_out(result):
    text = "\n".join(result.lines())
    assert "3,240 words in 540 sentences to train on, 360 held out" in text
    assert (
        "WordSim-353: left out, since only 0 of its 353 word pairs are known: a third must be, and 10 at least" in text
    )
    for verdict in result.verdicts:
        assert any(verdict.measure in line and line.endswith(verdict.verdict) for line in text.splitlines())


def test_a_run_that_diverges_is_inferior():
    def broken(**settings):
        model = torch_w2v.Word2Vec(**settings, engine=DEFAULT_ENGINE)
        model.train = lambda *args, **more: model.wv.vectors.fill(np.nan)
        return model

    comparison = compare(topics(), (), 2, variants={"broken": broken}, **SMALL)
    assert {v.verdict for v in comparison.verdicts} == {INFERIOR}
    assert all(math.isnan(v.ours) for v in comparison.verdicts)
    "\n".join(comparison.lines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hs": 1}, "nothing to compare"),
        ({"negative": 0}, "nothing to compare"),
        ({"engines": ()}, "at least one engine"),
        ({"engines": ("gensim",)}, "at least one engine"),
        ({"engines": ("fast",)}, "engine='fast': must be one of"),
        ({"engines": "fast"}, "engine='fast': must be one of"),
        ({"engines": ("torch_batched:0",)}, "'torch_batched:0': must be ENGINE or ENGINE:WORKERS"),
        ({"seeds": 0}, "seeds=0: must be at least 1"),
        ({"held_out": 0.7}, "held_out=0.7: must be a share"),
        ({"held_out": "x"}, "held_out='x': must be a share"),
        ({"sentences": []}, "the corpus has no words"),
        ({"window": 0}, "window=0"),
        ({"corpus_file": "a.txt"}, "corpus_file is not taken"),
    ],
)
def test_what_cannot_be_compared_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        compare(**{"sentences": topics(20), "engines": ("torch_batched",), "seeds": 1, **SMALL, **options})


@pytest.mark.parametrize("options", [{"sentences": None}, {"seeds": "x"}, {"engines": 5}])
def test_arguments_of_a_wrong_type(options):
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=f"^{name}={value!r}: must be "):
        compare(**{"sentences": topics(20), "engines": ("torch_batched",), "seeds": 1, **SMALL, **options})


@pytest.mark.parametrize("path", ["x.txt", b"x.txt", Path("x.txt")], ids=repr)
def test_a_path_is_no_sentences(path):
    message = f"^sentences is a {type(path).__name__}: give sentences, such as those of gensim's LineSentence"
    with pytest.raises(TypeError, match=message):
        compare(path)


@pytest.mark.parametrize(
    ("gold", "given"),
    [
        (["x.txt"], "'x.txt' is a str"),
        ("x.txt", "'x.txt' is a str"),
        (SHIPPED[0], "Gold(name='WordSim-353', "),
        (None, "None is a NoneType"),
        ([*SHIPPED, None], "None is a NoneType"),
    ],
    ids=["path in a list", "path", "set", "None", "None in a list"],
)
def test_gold_is_a_list_of_sets(gold, given):
    message = "must be a list of Gold objects; pairs_file(path) or analogies_file(path) of torch_w2v.compare makes one"
    with pytest.raises(TypeError, match=f"^gold: {re.escape(given)}.*: {re.escape(message)}"):
        compare(topics(20), gold=gold)


def test_an_empty_or_another_vocabulary_is_refused():
    with pytest.raises(RuntimeError, match="gensim: no word occurs min_count=1000"):
        compare(topics(20), ("torch_batched",), 1, **{**SMALL, "min_count": 1000})

    def another(**settings):
        return torch_w2v.Word2Vec(**{**settings, "engine": "torch_batched", "max_final_vocab": 3})

    with pytest.raises(RuntimeError, match="another: its vocabulary is not that of gensim"):
        compare(topics(20), (), 1, variants={"another": another}, **SMALL)


def test_arguments_of_train_alone_reach_it():
    epochs, losses = [], []

    class Watch(CallbackAny2Vec):
        def on_epoch_end(self, model):
            epochs.append(type(model))
            losses.append(model.get_latest_training_loss())

    compare(topics(50), (DEFAULT_ENGINE,), 1, compute_loss=True, callbacks=[Watch()], **SMALL)
    assert epochs == [gensim.models.Word2Vec] * 3 + [torch_w2v.Word2Vec] * 3
    assert min(losses) > 0


def test_an_engine_with_its_own_workers():
    makers = contenders_named(["gensim", "torch_batched:2", "torch_batched"])
    assert list(makers) == ["torch_batched:2", "torch_batched"]
    assert [make(workers=5).workers for make in makers.values()] == [2, 5]


@pytest.mark.parametrize(("loss", "expected"), [(0.01, "differs"), (-0.001, "inferior"), (float("nan"), "inferior")])
def test_less_agreement_with_a_better_loss_is_a_difference(loss, expected):
    """`loss`: lower end of the interval by which the loss is better."""

    def verdict(measure, low, word):
        return Verdict("cpu", measure, 0.9, 0.8, low, low, low, 0.02, word)

    verdicts = [verdict("held-out loss", loss, "not inferior"), verdict("cosines", -0.1, "inferior")]
    better = {v.contender for v in verdicts if v.measure == "held-out loss" and v.low > 0}
    assert _as_difference(verdicts[1], better).verdict == expected
    gold = verdict("WordSim-353", -0.1, "inferior")
    assert _as_difference(gold, better) is gold
