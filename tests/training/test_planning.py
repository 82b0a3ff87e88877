"""From gensim's attributes to what an engine trains with: caps and chunk sizes."""

import numpy as np
import pytest

import torch_w2v
from tests.helpers import ours
from torch_w2v import system
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.row_scales import CAP, MAX_INDEPENDENT_BLOCKS
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.training import planning
from torch_w2v.training.measured import Measured
from torch_w2v.training.planning import WORDS_PER_THREAD, chunk_words, threads_of, training_plan, workload_of


class LargeStepsEngine(TorchBatchedEngine):
    def layout(self, workload):
        return Layout(T=64, S=4, N=16, B=640)


@pytest.mark.parametrize("mean", [0, 1])
@pytest.mark.parametrize("gradient", ["gensim", "exact"])
def test_updates_that_reach_further_have_a_lower_cap(mean, gradient):
    model = ours(min_count=1, sample=0, cbow_mean=mean, cbow_gradient=gradient)
    model.build_vocab([list("abcd")] * 100)
    plan = training_plan(model, LargeStepsEngine("cpu"), Measured())
    context_words = min(model.window + 1, 4)
    moves = model.alpha * 64 * 640 * context_words / 4 * plan.input_scale
    cap = CAP if (mean, gradient) == (0, "exact") else CAP * MAX_INDEPENDENT_BLOCKS
    np.testing.assert_allclose(moves, cap, rtol=1e-5)


WORDS = 200_000, 500_000, 1_000_000


@pytest.mark.parametrize(
    ("preferred", "sizes"),
    [
        (None, [100_000, 10_000, 12_500, 25_000, 31_250, 100_000, 305_175, 500_000]),
        (2_000_000, [2_000_000, 10_000, 25_000, 62_500, 125_000, 2_000_000, 2_000_000, 2_000_000]),
    ],
)
def test_chunks_are_as_large_as_the_engine_prefers(preferred, sizes):
    model = torch_w2v.Word2Vec()
    words = None, 1_000, *WORDS, 10**9, 5 * 10**9, 10**11
    assert [chunk_words(model, count, preferred) for count in words] == sizes


@pytest.mark.parametrize(
    ("words", "threads"), [(0, 1), (30_000, 1), (199_000, 1), (201_000, 2), (500_000, 4), (10**9, 4)]
)
def test_a_corpus_has_so_many_threads_as_it_has_words_for(words, threads, monkeypatch):
    monkeypatch.setattr(system, "cores", lambda: 64)
    model = ours(min_count=1, workers=4, sample=0)
    model.build_vocab([[str(i) for i in range(1000)]])
    assert threads_of(model, words) == threads


def test_there_are_no_more_threads_than_cores(monkeypatch):
    model = ours(min_count=1, workers=4, sample=0)
    model.build_vocab([[str(i) for i in range(1000)]])
    monkeypatch.setattr(system, "cores", lambda: 3)
    assert threads_of(model, 10**9) == 3


@pytest.mark.parametrize(
    ("counts", "negative", "threads"),
    [
        ({f"w{i}": 10 for i in range(1000)}, 5, 4),
        ({f"w{i}": 10_000 // (i + 1) for i in range(1000)}, 20, 4),  # as in a text
        ({f"w{i}": 10 for i in range(10)}, 5, 1),
        ({f"w{i}": 10 for i in range(30)}, 20, 1),
        ({"home": 10_000, **{f"w{i}": 10 for i in range(1000)}}, 20, 1),
    ],
)
def test_where_few_rows_have_most_updates_one_thread_trains(counts, negative, threads, monkeypatch):
    monkeypatch.setattr(system, "cores", lambda: 64)
    model = ours(min_count=1, workers=4, negative=negative, sample=0)
    model.build_vocab_from_freq(counts)
    assert threads_of(model, 10 * WORDS_PER_THREAD) == threads


@pytest.mark.parametrize(("repetition", "how"), [(60.0, "set by set"), (6.0, "1 block at once")])
def test_the_log_says_how_targets_are_grouped(repetition, how, caplog):
    model = ours(min_count=1, sample=0, epochs=5)
    model.build_vocab([[str(word) for word in range(200)]])
    caplog.clear()
    with caplog.at_level("INFO", logger="torch_w2v"):
        training_plan(model, CpuEngine(), Measured(repetition=repetition))
    assert f"negatives, {how} (" in caplog.text
    assert ("words repeat" in caplog.text) == (repetition > 50)


@pytest.mark.parametrize("sg", [0, 1])
@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({f"w{i}": 2000 for i in range(5)}, "; 5 words make up most of the corpus"),
        ({"home": 30_000, **{f"w{i}": 10 for i in range(3000)}}, "; a few words have most updates"),
        ({f"w{i}": 20 for i in range(3000)}, None),
    ],
)
def test_the_log_says_what_of_the_vocabulary_matters(counts, reason, sg, caplog):
    """Skip-gram has no blocks of its own where a few words have most updates."""
    model = ours(min_count=1, sample=0, epochs=5, sg=sg)
    model.build_vocab_from_freq(counts, corpus_count=1000)
    caplog.clear()
    with caplog.at_level("INFO", logger="torch_w2v"):
        training_plan(model, CpuEngine(), Measured())
    found = {text for text in ("make up most of the corpus", "a few words have most updates") if text in caplog.text}
    if sg and "updates" in (reason or ""):
        reason = None
    assert len(found) == (reason is not None)
    assert reason is None or reason in caplog.text


def test_the_log_says_that_words_repeat_on_other_engines_too(caplog):
    model = ours(min_count=1, sample=0, epochs=5, alpha=0.01)
    model.build_vocab([[str(word) for word in range(200)]])
    caplog.clear()
    with caplog.at_level("INFO", logger="torch_w2v"):
        training_plan(model, TorchBatchedEngine("cpu"), Measured(repetition=150.0))
    assert "150 gradients per row and 32 targets" in caplog.text
    assert "words repeat" in caplog.text


def test_the_epochs_of_earlier_calls_count():
    """As if each had as many: loops that call train(epochs=1) again and again train for as long."""
    model = ours(min_count=1, epochs=7)
    model.build_vocab([["a", "b"]])
    for calls, epochs in ((0, 7), (1, 14), (9, 70)):
        model.train_count = calls
        assert workload_of(model, Measured()).epochs == epochs


@pytest.mark.parametrize("counted", [True, False])
def test_the_epochs_of_a_loop_of_ones_own_count(counted, monkeypatch):
    found, choose = [], planning.workload_of
    monkeypatch.setattr(planning, "workload_of", lambda *args: found.append(choose(*args)) or found[-1])
    model = ours(min_count=1, epochs=2)
    model.build_vocab([["a", "b"]] * 10)
    for epoch in range(5):
        model._train_epoch([["a", "b"]] * 10, cur_epoch=epoch if counted else 0, total_examples=10)
        assert found[-1].epochs == max(2, epoch + 1)


def test_the_log_says_that_there_are_many_epochs(caplog):
    model = ours(min_count=1, sample=0, epochs=50)
    model.build_vocab([[str(word) for word in range(200)]])
    with caplog.at_level("INFO", logger="torch_w2v"):
        training_plan(model, CpuEngine(), Measured(repetition=6.0))
    assert "set by set" in caplog.text
    assert "50 epochs; many epochs)" in caplog.text
