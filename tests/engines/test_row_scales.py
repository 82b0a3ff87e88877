"""The factors on rows that collect many gradients per step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.row_scales import CAP, CAP_IN_TURN, MAX_INDEPENDENT_BLOCKS, row_scales

LARGE_STEPS = Layout(T=64, S=1, N=32, B=64)
ONE_FREQUENT_WORD = [0.1, *[1e-6] * 900_000]


def scales(shares, layout=LARGE_STEPS, *, lockf=(1.0,), alpha=0.025, context=6.0, whole_sums=False):
    """The factors where a word's share of the negatives is that of the kept tokens."""
    shares = np.array(shares)
    workload = Workload(5, 1e9, context)
    return row_scales(shares, shares, layout, workload, lockf=np.array(lockf), alpha=alpha, whole_sums=whole_sums)


def test_rare_words_are_not_scaled_and_frequent_ones_by_their_expected_gradients():
    inputs, outputs = scales(ONE_FREQUENT_WORD)
    n_input, n_output = 4096 * 6 * 0.1, 4096 * (0.1 + 5 * 0.1)
    np.testing.assert_allclose(inputs[:2], [6 * CAP / (0.025 * n_input), 1], rtol=1e-6)
    np.testing.assert_allclose(outputs[:2], [CAP / (0.025 * n_output), 1], rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.025, 0.1, 0.5, -0.1])
def test_the_caps_are_on_alpha_times_gradients(alpha):
    inputs, outputs = scales([0.5, 0.5], alpha=alpha)
    assert (len(inputs), len(outputs)) == (2, 2)
    np.testing.assert_allclose(inputs * abs(alpha) * 4096 * 3, 3 * CAP, rtol=1e-6)
    np.testing.assert_allclose(outputs * abs(alpha) * 4096 * 3, CAP, rtol=1e-6)


def test_words_and_negatives_have_shares_of_their_own():
    shares, noise = np.array([0.75, 0.25]), np.array([0.5, 0.5])
    workload = Workload(5, 1e9, 6.0)
    _, outputs = row_scales(shares, noise, LARGE_STEPS, workload, lockf=np.ones(1), alpha=0.025)
    np.testing.assert_allclose(outputs, CAP / (0.025 * 4096 * (shares + 5 * noise)), rtol=1e-6)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30), st.floats(0.001, 1), st.integers(2, 64))
def test_what_a_context_collects_in_the_mean_is_capped_too(weights, alpha, B):
    """And no lower than it must be: where a row is scaled, one of the two caps is reached."""
    shares = np.array(weights) / sum(weights)
    layout = Layout(T=64, S=4, N=16, B=B)
    inputs, _ = scales(shares, layout, alpha=alpha)
    moves = alpha * layout.targets_in_flight * 6 * shares
    capped = moves * (inputs if len(inputs) else 1.0)
    cap = CAP * min(B, MAX_INDEPENDENT_BLOCKS)
    reached = max((shares * capped).sum() / cap, capped.max() / (2 * cap))
    assert reached <= 1.00001
    if len(inputs):
        assert reached > 0.9999
        # a frequent word still moves more
        assert (np.diff(capped[np.argsort(moves)]) > -1e-5 * capped.max()).all()


def test_a_mean_that_only_rounding_puts_above_its_cap_scales_next_to_nothing():
    for shares in np.random.default_rng(1).dirichlet(np.full(7, 0.5), 300):
        # two blocks, whose rows are at the cap in the mean
        alpha = 2 * CAP / (128 * 6 * (shares * shares).sum())
        inputs, _ = scales(shares, Layout(T=64, S=64, B=2), alpha=alpha)
        moves = alpha * 128 * 6 * shares
        np.testing.assert_allclose(moves * (inputs if len(inputs) else 1), np.minimum(moves, 4 * CAP), rtol=1e-3)


def test_one_block_has_one_cap():
    inputs, _ = scales(ONE_FREQUENT_WORD, Layout(T=64, S=8), alpha=0.5)
    np.testing.assert_allclose(inputs[:2], [CAP / (0.5 * 64 * 6 * 0.1), 1], rtol=1e-6)


@pytest.mark.parametrize("shares", [[0.5, 0.5], ONE_FREQUENT_WORD], ids=["two words", "many words"])
def test_whole_gradients_of_a_sum_reach_further(shares):
    inputs, outputs = scales(shares)
    whole_inputs, whole_outputs = scales(shares, whole_sums=True)
    np.testing.assert_allclose(whole_inputs[0] * 0.025 * 4096 * 6 * shares[0], CAP, rtol=1e-6)
    assert whole_inputs[0] < inputs[0] / 2
    np.testing.assert_array_equal(whole_outputs, outputs)


def test_nothing_to_scale_is_an_empty_array():
    assert [len(scale) for scale in scales([1e-6] * 3, Layout())] == [0, 0]


def test_targets_that_others_have_moved_for_scale_nothing():
    wide = Layout(T=256, S=256, N=5, G=2, fresh=True)
    assert [len(scale) for scale in scales([0.02] * 3, wide, context=501.0)] == [0, 0]


def test_targets_in_turn_are_capped_higher():
    in_turn, together = Layout(T=32, S=32, fresh=True), Layout(T=32, S=16, fresh=True)
    # alpha times gradients is 3, and 6 where two targets share a set
    for layout, n, cap in ((in_turn, 3.0, CAP_IN_TURN), (together, 6.0, CAP)):
        inputs, _ = scales([0.5, 0.5], layout, alpha=0.2, context=30.0)
        np.testing.assert_allclose(inputs, cap / n, rtol=1e-6)


def test_lockf_is_part_of_the_context_rows_factor_only():
    inputs, outputs = scales([1e-6] * 5, Layout(), lockf=(0.0, 0.5))
    assert inputs.tolist() == [0, 0.5, 0, 0.5, 0]
    assert len(outputs) == 0
