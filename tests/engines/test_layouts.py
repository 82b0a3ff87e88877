"""How each engine groups targets, and what keeps those groups from diverging."""

import dataclasses
import itertools
from dataclasses import fields, replace

import numpy as np
import pytest

from tests.engines.cases import case, run
from torch_w2v.engines.layouts import (
    OTHER_STRIDE,
    STRIDE,
    blocks_in_flight,
    many_blocks_per_step,
    one_block_per_step,
    skip_gram_block,
    skip_gram_in_flight,
    skip_gram_steps,
)
from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.row_scales import row_scales, skip_gram_row_scales
from torch_w2v.engines.triton.engine import MAX_N, MAX_T

LARGE, SMALL = 1e9, 9e4


def workloads(negatives):
    """Workloads of every kind on a large corpus."""
    for negative, context, mean in itertools.product(negatives, (2, 6, 16, 51, 501), (True, False)):
        yield Workload(negative, LARGE, context, mean)


def gradients_per_row(layout, negative):
    """The number of gradients that a row of a set of negatives collects in a step."""
    return layout.T * negative / (layout.S * layout.N)


@pytest.mark.parametrize(
    ("workload", "layout"),
    [
        (Workload(7, LARGE, 6), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, SMALL, 6), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, SMALL, 6, epochs=4), Layout(T=32, S=16, N=7, fresh=True)),
        (Workload(7, LARGE, 6, cbow_mean=False), Layout(T=64, S=32, N=7, fresh=True)),
        (Workload(7, SMALL, 6, cbow_mean=False), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.34), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.36), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, SMALL, 6, cbow_mean=False, likeness=0.36), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.17, main_words=250), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.18, main_words=250), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.13, main_words=110), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, LARGE, 6, likeness=0.15, main_words=110), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(5, LARGE, 6, repetition=200, likeness=0.9), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 32, repetition=200, likeness=0.9), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 33, repetition=200, likeness=0.9), Layout(T=16, S=16, N=5, fresh=True)),
        (Workload(7, 1.1e5, 6, repetition=49), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, 1.1e5, 6, repetition=51), Layout(T=128, S=64, N=7, by_set=True)),
        (Workload(7, 1.1e5, 16, repetition=51), Layout(T=128, S=64, N=7, by_set=True)),
        (Workload(7, 1.1e5, 17, repetition=51), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, 1.1e5, 6, repetition=51, likeness=0.9), Layout(T=64, S=64, N=7, by_set=True)),
        (Workload(7, 1.1e5, 17, repetition=51, likeness=0.9), Layout(T=32, S=32, N=7, fresh=True)),
        (Workload(7, 1.1e5, 6, repetition=51, main_words=99), Layout(T=8, S=8, N=7, fresh=True)),
        (Workload(7, LARGE, 20), Layout(T=64, S=32, N=7, fresh=True)),
        (Workload(7, LARGE, 501), Layout(T=256, S=256, N=7, G=2, fresh=True)),
        (Workload(5, LARGE, 6, alpha=0.04, repetition=74), Layout(T=256, S=64, N=6, by_set=True)),
        (Workload(5, LARGE, 6, cbow_mean=False, alpha=0.04, repetition=74), Layout(T=128, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, repetition=200, reads=32), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, repetition=200, reads=33), Layout(T=16, S=16, N=5, fresh=True)),
        (Workload(5, LARGE, 6, repetition=60, reads=17), Layout(T=64, S=16, N=6, fresh=True)),
        # large steps, or many, in which what two targets share would show
        (Workload(5, LARGE, 6, alpha=0.05, repetition=59), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, alpha=0.05, repetition=59, epochs=4), Layout(T=256, S=64, N=6, by_set=True)),
        (Workload(5, LARGE, 6, alpha=0.07, repetition=42, epochs=1), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, repetition=51, epochs=8), Layout(T=256, S=64, N=6, by_set=True)),
        (Workload(5, LARGE, 6, repetition=51, epochs=9), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, repetition=33, epochs=16), Layout(T=64, S=16, N=6, fresh=True)),
        (Workload(5, LARGE, 6, repetition=33, epochs=17), Layout(T=64, S=64, N=5, by_set=True)),
        (Workload(5, LARGE, 6, repetition=31, epochs=17), Layout(T=64, S=16, N=6, fresh=True)),
        (Workload(5, 1.9e6, 6, epochs=47), Layout(T=64, S=16, N=6, fresh=True)),
        (Workload(5, 1.9e6, 6, epochs=49), Layout(T=128, S=64, N=6, by_set=True)),
        (Workload(5, 2.1e6, 6, epochs=49), Layout(T=64, S=16, N=6, fresh=True)),
        (Workload(5, SMALL, 16, cbow_mean=False, epochs=49), Layout(T=128, S=64, N=6, by_set=True)),
        (Workload(5, SMALL, 17, epochs=49), Layout(T=32, S=32, N=5, fresh=True)),
        (Workload(5, SMALL, 6, epochs=49, likeness=0.9), Layout(T=32, S=32, N=5, fresh=True)),
        (Workload(7, LARGE, 6, alpha=0.05, repetition=61), Layout(T=64, S=64, N=7, by_set=True)),
        (Workload(7, LARGE, 6, alpha=0.05, repetition=61, main_words=99), Layout(T=16, S=16, N=7, fresh=True)),
        (Workload(7, LARGE, 40, alpha=0.05, repetition=61), Layout(T=16, S=16, N=7, fresh=True)),
        (Workload(50, LARGE, 6, alpha=0.05, repetition=6.5), Layout(T=64, S=64, N=50, by_set=True)),
        (Workload(50, LARGE, 40, alpha=0.05, repetition=6.5), Layout(T=4, S=4, N=50, fresh=True)),
        (Workload(50, LARGE, 6, alpha=0.05, repetition=6.3), Layout(T=64, S=16, N=51, fresh=True)),
        (Workload(7, LARGE, 501, alpha=0.05, repetition=61), Layout(T=16, S=16, N=7, fresh=True)),
        (Workload(7, LARGE, 40, alpha=0.06, repetition=61), Layout(T=4, S=4, N=7, fresh=True)),
        (Workload(7, LARGE, 40, cbow_mean=False, alpha=0.05, repetition=61), Layout(T=4, S=4, N=7, fresh=True)),
        (Workload(7, LARGE, 6, main_words=99), Layout(T=8, S=8, N=7, fresh=True)),
        (Workload(7, LARGE, 6, alpha=0.06, main_words=99), Layout(T=4, S=4, N=7, fresh=True)),
        (Workload(7, LARGE, 6, last_alpha=0.06, main_words=99), Layout(T=4, S=4, N=7, fresh=True)),
        (Workload(7, LARGE, 6, main_words=100), Layout(T=64, S=16, N=8, fresh=True)),
        (Workload(7, LARGE, 6, main_words=100, collisions=0.17), Layout(T=16, S=16, N=7, fresh=True)),
        (Workload(7, LARGE, 501, main_words=10), Layout(T=256, S=256, N=7, G=2, fresh=True)),
        # as many negatives as there are words
        (Workload(100, 1e4, 2, alpha=0.05, main_words=200), Layout(1, 1, 100, 1, fresh=True)),
        (Workload(100, 1e9, 2, alpha=0.05), Layout(64, 16, 101, 1, fresh=True)),
    ],
)
def test_one_block_per_step(workload, layout):
    assert one_block_per_step(workload) == layout


@pytest.mark.parametrize(
    ("workload", "layout"),
    [
        (Workload(5, LARGE, 6), Layout(T=64, S=4, N=16, B=64)),
        (Workload(15, LARGE, 6), Layout(T=64, S=4, N=24, B=64)),
        (Workload(5, LARGE, 16), Layout(T=64, S=4, N=16, B=24)),
        (Workload(5, LARGE, 6, cbow_mean=False), Layout(T=64, S=16, N=8, B=16)),
        (Workload(5, 1e6, 6), Layout(T=64, S=4, N=16, B=15)),
        (Workload(5, 1000, 6), Layout(T=64, S=4, N=16, B=1)),
        (Workload(5, LARGE, 6, repetition=61), Layout(T=32, S=16, N=5, B=8, fresh=True)),
        (Workload(5, 1000, 6, alpha=0.1, repetition=50), Layout(T=4, S=4, N=5, B=1, fresh=True)),
    ],
)
def test_many_blocks_per_step(workload, layout):
    assert many_blocks_per_step(workload) == layout


def test_bounds_of_many_blocks_per_step():
    for workload in workloads((1, 5, 20, 100)):
        layout = many_blocks_per_step(workload)
        assert layout.targets_in_flight <= 4096
        assert layout.targets_in_flight * workload.context_words <= 25_000 or layout.B == 1
        assert gradients_per_row(layout, workload.negative) <= 10


@pytest.mark.parametrize(
    ("workload", "layout"),
    [
        (Workload(5, LARGE, 6), Layout(32, 1, 32, 256)),
        (Workload(5, LARGE, 16), Layout(32, 4, 32, 96)),
        (Workload(5, LARGE, 6, cbow_mean=False), Layout(32, 8, 16, 256)),
        (Workload(15, LARGE, 501), Layout(16, 16, 16, 6)),
        (Workload(5, np.float64(1e6), 6), Layout(32, 2, 32, 30)),
        (Workload(5, 1000, 6), Layout(32, 2, 32, 1)),
        (Workload(5, LARGE, 6, repetition=61), Layout(4, 4, 5, 32)),
        (Workload(100, 1000, 6, alpha=0.1, repetition=50), Layout(1, 1, 64, 1)),
    ],
)
def test_blocks_in_flight(workload, layout):
    assert blocks_in_flight(workload) == layout
    assert {type(size) for size in blocks_in_flight(workload).sizes} == {int, bool}, "Triton takes no numpy numbers"


def test_bounds_of_blocks_in_flight():
    for workload in workloads((1, 5, 10, 11, 20, 100)):
        layout = blocks_in_flight(workload)
        assert gradients_per_row(layout, workload.negative) <= 10
        assert layout.targets_in_flight <= 8192
        assert layout.targets_in_flight * workload.context_words <= 50_000
        assert layout.T <= MAX_T
        assert layout.N <= MAX_N


@pytest.mark.parametrize("alpha", [0.025, 0.1, 0.5])
def test_a_small_vocabulary_does_not_diverge(alpha):
    """All blocks in flight in step, which is staler than programs that see each other's work ever are."""
    V, n = 16, 60_000
    workload = Workload(5, LARGE, 6.0)
    layout = blocks_in_flight(workload)
    share = np.full(V, 1 / V)
    input_scale, output_scale = row_scales(share, share, layout, workload, lockf=np.ones(1), alpha=alpha)
    one = case(V=V, lengths=(20,) * (n // 20), layout=layout, unknown=0, sample=False, alpha=(alpha, alpha), size=0.03)
    inputs, outputs, result = run("torch_batched", one.changed(input_scale=input_scale, output_scale=output_scale))
    assert max(abs(inputs).max(), abs(outputs).max()) < 10
    assert result[1] / result[2] < 0.8


@pytest.mark.parametrize(
    ("changes", "layout"),
    [
        ({}, Layout(16, 1, 32, 256)),
        ({"busiest_output": 0.1}, Layout(16, 1, 32, 66)),
        ({"context_words": 11.0}, Layout(16, 2, 32, 256)),
        ({"negative": 15}, Layout(16, 3, 32, 256)),
        ({"negative": 15, "context_words": 11.0}, Layout(16, 6, 32, 256)),
        ({"negative": 100}, Layout(16, 12, 64, 256)),
        ({"context_words": 501.0}, Layout(16, 84, 32, 256)),
        ({"kept_words": 1e5}, Layout(16, 1, 32, 6)),
        ({"kept_words": 1000}, Layout(16, 1, 32, 1)),
        ({"busiest_output": 0.1, "repetition": 100.0}, Layout(16, 1, 32, 3)),
    ],
)
def test_skip_gram_in_flight(changes, layout):
    workload = Workload(**{"negative": 5, "kept_words": LARGE, "context_words": 6.0, "skip_gram": True, **changes})
    assert skip_gram_in_flight(workload) == layout


# Inputs that are apart, and those of a bursty corpus, which are taken as they come: of the same steps, half as many.
@pytest.mark.parametrize(
    ("alpha", "T", "as_they_come"),
    [(0.025, 16, 16), (0.05, 8, 8), (0.07, 6, 4), (0.1, 4, 2), (0.15, 4, 2), (0.2, 4, 2), (0.31, 1, 1)],
)
def test_inputs_that_push_a_negative_the_same_way_are_few(alpha, T, as_they_come):
    for repetition, most, stride in ((5, T, STRIDE), (130, as_they_come, 1)):
        workload = Workload(5, LARGE, 6.0, alpha=alpha, skip_gram=True, repetition=repetition)
        layout = skip_gram_block(workload)
        assert (layout.T, layout.stride) == (most, stride)
        if alpha <= 0.15:
            assert alpha * layout.T * 5 * 6 / (layout.S * layout.N) <= 0.4


@pytest.mark.parametrize(
    ("period", "stride"), [(-0.1, STRIDE), (0.009, STRIDE), (0.011, OTHER_STRIDE), (0.5, OTHER_STRIDE)]
)
def test_inputs_are_not_of_one_column(period, stride):
    assert skip_gram_block(Workload(5, LARGE, 6.0, skip_gram=True, period=period)).stride == stride
    bursty = Workload(5, LARGE, 6.0, skip_gram=True, period=period, repetition=130)
    assert skip_gram_block(bursty).stride == 1


@pytest.mark.parametrize(
    ("likeness", "epochs", "T"), [(0.19, 100, 16), (0.21, 8, 16), (0.21, 9, 1), (0.9, 5, 16), (0.9, 9, 1)]
)
def test_inputs_that_are_alike_share_nothing_where_training_is_long(likeness, epochs, T):
    workload = Workload(5, LARGE, 6.0, skip_gram=True, likeness=likeness, epochs=epochs)
    assert skip_gram_block(workload) == dataclasses.replace(skip_gram_block(replace(workload, likeness=0.0)), T=T)


@pytest.mark.parametrize(("busiest", "S", "N"), [(0.1, 1, 32), (1.4, 4, 16), (2.8, 8, 8)])
def test_a_word_that_is_half_of_all_makes_more_parts(busiest, S, N):
    layout = skip_gram_block(Workload(5, LARGE, 6.0, skip_gram=True, busiest_output=busiest))
    assert (layout.S, layout.N) == (S, N)
    assert layout.T >= 15


@pytest.mark.parametrize(
    ("options", "T", "parts"),
    [
        ({}, 16, 2),
        ({"likeness": 0.09}, 16, 2),
        ({"likeness": 0.11}, 2, 2),
        ({"likeness": 0.21, "epochs": 9}, 1, 2),
        ({"negative": 10}, 4, 2),
        ({"negative": 10, "main_words": 999}, 2, 2),
        ({"context_words": 21}, 2, 2),
        ({"context_words": 1.9}, 16, 1),  # a part would have less than a positive
        ({"repetition": 130}, 4, 1),
        ({"context_words": 21, "repetition": 130}, 4, 1),
        ({"context_words": 21, "alpha": 0.31}, 1, 1),
        ({"repetition": 130, "alpha": 0.31}, 1, 1),
    ],
)
def test_on_a_small_corpus_few_inputs_share_a_set_and_have_more_parts(options, T, parts):
    shared = {"negative": 5, "context_words": 6, "skip_gram": True, **options}
    small, large = (Workload(kept_words=kept_words, **shared) for kept_words in (SMALL, LARGE))
    large = skip_gram_block(large)
    N = large.N if parts == 1 else 4 * -(-large.N // 8)
    assert skip_gram_block(small) == dataclasses.replace(large, T=T, S=parts * large.S, N=N)


@pytest.mark.parametrize(("vocabulary", "one"), [(99, True), (100, False)])
def test_a_step_is_one_block_where_few_words_repeat(vocabulary, one):
    shared = {"skip_gram": True, "alpha": 0.1, "repetition": 130, "busiest_output": 0.5}
    layout = skip_gram_steps(Workload(5, SMALL, 11.0, vocabulary=vocabulary, **shared))
    assert layout.T > 1
    assert (layout.B == 1) == one
    assert skip_gram_steps(Workload(5, SMALL, 11.0, vocabulary=vocabulary, **shared | {"repetition": 5})).B > 1


def test_a_rate_that_stays_makes_more_parts():
    assert skip_gram_block(Workload(5, LARGE, 6.0, skip_gram=True, last_alpha=0.0001)).S == 1
    layout = skip_gram_block(Workload(5, LARGE, 6.0, skip_gram=True, last_alpha=0.025))
    assert (layout.T, layout.S, layout.N) == (4, 3, 12)


def test_bounds_of_skip_gram_in_flight():
    for negative, context, alpha in itertools.product((1, 5, 20, 100, 300), (1.0, 2.0, 6.0, 51.0), (0.025, 0.1)):
        layout = skip_gram_in_flight(Workload(negative, LARGE, context, skip_gram=True, alpha=alpha))
        assert (layout.B, layout.G, layout.fresh) == (256, 1, False)
        least = 2 if alpha > 0.05 else 16
        assert layout.T == 1 if alpha * negative > 5 else least <= layout.T <= 16
        assert layout.N in (16, 32, 48, 64)
        parts, drawn = layout.S, layout.S * layout.N
        # no part is without positives
        assert parts <= max(2 * context, 1)
        # an input meets as many different negatives as in gensim, unless they are very many
        assert drawn >= min(negative, 32) * context
        assert {type(size) for size in layout.sizes} == {int, bool}


@pytest.mark.parametrize("alpha", [0.025, 0.1])
def test_a_small_vocabulary_does_not_diverge_by_skip_gram(alpha):
    """All blocks in flight in step, which is staler than programs that see each other's work ever are."""
    V, n = 16, 20_000
    share = np.full(V, 1 / V)
    workload = Workload(5, LARGE, 6.0, skip_gram=True, alpha=alpha, vocabulary=V, busiest_output=6 / V)
    layout = skip_gram_in_flight(workload)
    assert layout.B > 20
    scales = skip_gram_row_scales(share, share, layout, workload, lockf=np.ones(1), alpha=alpha)
    one = case(V=V, lengths=(20,) * (n // 20), unknown=0, sample=False, alpha=(alpha, alpha), size=0.03, skip_gram=True)
    sizes = {field.name: getattr(layout, field.name) for field in fields(layout)}
    one = one.changed(input_scale=scales[0], output_scale=scales[1], **sizes)
    inputs, outputs, result = run("torch_batched", one)
    assert max(abs(inputs).max(), abs(outputs).max()) < 10
    assert result[1] / result[2] < 0.8


@pytest.mark.parametrize(("alpha", "last", "S"), [(0.1, 0.1, 12), (0.05, 0.05, 6), (0.2, 0.0, 8)])
def test_more_parts_than_positives_have_all_negatives(alpha, last, S):
    """An input of six positives trains in six parts, and meets as many negatives in these as in gensim."""
    layout = skip_gram_block(Workload(5, LARGE, 6.0, alpha=alpha, last_alpha=last, skip_gram=True))
    assert layout.S == S
    assert layout.N * min(layout.S, 6) >= 5 * 6


@pytest.mark.parametrize("function", [one_block_per_step, many_blocks_per_step, blocks_in_flight])
def test_targets_share_no_negatives_where_a_few_words_have_most_updates(function):
    def layout(**options):
        return function(Workload(5, SMALL, 2.5, repetition=7.3, epochs=1, **options))

    assert layout(alpha=0.05, collisions=0.003).S < layout(alpha=0.05, collisions=0.003).T
    for options in ({"alpha": 0.05, "collisions": 0.094}, {"alpha": 0.01, "last_alpha": 0.02, "collisions": 0.094}):
        crowded = layout(**options)
        assert crowded.S == crowded.T
        assert crowded.fresh or function is blocks_in_flight
        assert crowded.B == 1 or function is blocks_in_flight


@pytest.mark.parametrize("function", [many_blocks_per_step, blocks_in_flight])
def test_large_steps_stay_where_a_few_words_are_in_longer_sentences(function):
    def layout(collisions):
        return function(Workload(5, SMALL, 5.5, alpha=0.05, repetition=7.3, collisions=collisions))

    assert layout(0.375) == layout(0.0)


def test_wide_windows_keep_their_long_blocks_where_a_few_words_have_most_updates():
    """Their contexts are many words, which are never the same few."""
    workload = Workload(5, SMALL, 150.0, alpha=0.1, repetition=20.0)
    assert one_block_per_step(replace(workload, collisions=0.06)) == one_block_per_step(workload)
