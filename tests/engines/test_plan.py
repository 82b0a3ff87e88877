import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v.engines.plan import Layout, TrainingPlan
from torch_w2v.engines.row_scales import CAP, MOST_BLOCKS, row_scales
from torch_w2v.engines.streams import alias_table

V = 4


def plan(**changes):
    empty = np.zeros(0, np.float32)
    options = {
        "window": 5, "negative": 5, "cbow_mean": True, "shrink_windows": True, "compute_loss": False,
        "exact_gradient": False, "layout": Layout(), "keep": np.zeros(V, np.int32),
        "noise": alias_table(np.ones(V)), "input_scale": empty, "output_scale": empty, "seed": 1,
    }  # fmt: skip
    return TrainingPlan(**{**options, **changes})


def test_a_plan_is_checked_once_when_made():
    plan(input_scale=np.ones(V, np.float32))
    for changes, message in (
        ({"window": 0}, "window=0"),
        ({"negative": 0}, "negative=0"),
        ({"layout": Layout(S=0)}, "at least 1"),
        ({"layout": Layout(G=0)}, "at least 1"),
        ({"keep": np.zeros(V, np.float32)}, r"keep: \(4,\) float32 given"),
        ({"noise": alias_table(np.ones(V + 1))}, r"noise: \(5, 2\)"),
        ({"input_scale": np.ones(V - 1, np.float32)}, r"input_scale: \(3,\)"),
        ({"output_scale": np.ones(2 * V, np.float32)[::2]}, "output_scale"),
    ):
        with pytest.raises(ValueError, match=message):
            plan(**changes)


def test_streams_differ_by_pass_and_call():
    streams = {plan().arguments(call, epoch)["token_stream"] for call in range(3) for epoch in range(3)}
    assert len(streams) == 9


def scales(shares, layout=None, lockf=(1.0,), alpha=0.025, context=6.0, noise=None, whole_sums=False):
    shares = np.array(shares)
    layout = layout or Layout(T=64, S=1, N=32, B=64)
    noise = shares if noise is None else np.array(noise)
    return row_scales(shares, noise, layout, 5, context, np.array(lockf), alpha, whole_sums)


def test_rare_words_are_not_scaled_and_frequent_ones_by_their_expected_gradients():
    inputs, outputs = scales([0.1, *[1e-6] * 900_000])
    n_input, n_output = 4096 * 6 * 0.1, 4096 * (0.1 + 5 * 0.1)
    np.testing.assert_allclose(inputs[:2], [6 * CAP / (0.025 * n_input), 1], rtol=1e-6)
    np.testing.assert_allclose(outputs[:2], [CAP / (0.025 * n_output), 1], rtol=1e-6)


def test_the_caps_are_on_alpha_times_gradients():
    for alpha in (0.025, 0.1, 0.5, -0.1):
        inputs, outputs = scales([0.5, 0.5], alpha=alpha)
        assert (len(inputs), len(outputs)) == (2, 2)
        np.testing.assert_allclose(inputs * abs(alpha) * 4096 * 3, 3 * CAP, rtol=1e-6)
        np.testing.assert_allclose(outputs * abs(alpha) * 4096 * 3, CAP, rtol=1e-6)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30), st.floats(0.001, 1), st.integers(2, 64))
def test_what_a_context_collects_in_the_mean_is_capped_too(weights, alpha, B):
    """And no lower than it must be: where a row is scaled, one of the two caps is reached."""
    shares = np.array(weights) / sum(weights)
    layout = Layout(T=64, S=4, N=16, B=B)
    inputs, _ = scales(shares, layout, alpha=alpha)
    moves = alpha * layout.targets_in_flight * 6 * shares
    capped = moves * (inputs if len(inputs) else 1.0)
    most = CAP * min(B, MOST_BLOCKS)
    reached = max((shares * capped).sum() / most, capped.max() / (2 * most))
    assert reached <= 1.00001
    if len(inputs):
        assert reached > 0.9999
        assert (np.diff(capped[np.argsort(moves)]) > -1e-5 * capped.max()).all()  # a frequent word still moves more


def test_a_mean_that_only_rounding_puts_above_its_cap_scales_next_to_nothing():
    for shares in np.random.default_rng(1).dirichlet(np.full(7, 0.5), 300):
        alpha = 2 * CAP / (128 * 6 * (shares * shares).sum())  # two blocks, whose rows are at the cap in the mean
        inputs, _ = scales(shares, Layout(T=64, S=64, B=2), alpha=alpha)
        moves = alpha * 128 * 6 * shares
        np.testing.assert_allclose(moves * (inputs if len(inputs) else 1), np.minimum(moves, 4 * CAP), rtol=1e-3)


def test_one_block_has_one_cap():
    inputs, _ = scales([0.1, *[1e-6] * 900_000], Layout(T=64, S=8), alpha=0.5)
    np.testing.assert_allclose(inputs[:2], [CAP / (0.5 * 64 * 6 * 0.1), 1], rtol=1e-6)


def test_whole_gradients_of_a_sum_reach_further():
    for shares in ([0.5, 0.5], [0.1, *[1e-6] * 900_000]):
        inputs, outputs = scales(shares)
        whole = scales(shares, whole_sums=True)
        np.testing.assert_allclose(whole[0][0] * 0.025 * 4096 * 6 * shares[0], CAP, rtol=1e-6)
        assert whole[0][0] < inputs[0] / 2
        np.testing.assert_array_equal(whole[1], outputs)


def test_nothing_to_scale_is_an_empty_array():
    assert [len(scale) for scale in scales([1e-6] * 3, Layout())] == [0, 0]


def test_targets_that_others_have_moved_for_are_not_in_flight():
    wide = Layout(T=256, S=256, N=5, G=2, fresh=True)
    assert (wide.targets_in_flight, wide.targets_together) == (2, 2)
    assert (Layout(T=64, S=8, N=5).targets_in_flight, Layout(T=64, S=8, N=5).targets_together) == (64, 8)
    assert [len(scale) for scale in scales([0.02] * 3, wide, context=501.0)] == [0, 0]


def test_lockf_is_part_of_the_context_rows_factor_only():
    inputs, outputs = scales([1e-6] * 5, Layout(), lockf=(0.0, 0.5))
    assert inputs.tolist() == [0, 0.5, 0, 0.5, 0]
    assert len(outputs) == 0
