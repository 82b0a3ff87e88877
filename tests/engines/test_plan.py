"""What an engine trains with is checked once, when it is made."""

import numpy as np
import pytest

from torch_w2v.engines import streams
from torch_w2v.engines.plan import EpochPlan, Layout, Objective, TrainingPlan
from torch_w2v.engines.streams import alias_table

V = 4


def plan(**changes):
    empty = np.zeros(0, np.float32)
    fields = {
        "objective": Objective(window=5, negative=5),
        "layout": Layout(),
        "keep": np.zeros(V, np.int32),
        "noise": alias_table(np.ones(V)),
        "input_scale": empty,
        "output_scale": empty,
        "seed": 1,
    }
    return TrainingPlan(**{**fields, **changes})


@pytest.mark.parametrize(
    ("window", "negative", "message"),
    [(0, 5, "window=0, negative=5: an engine needs both to be at least 1"), (5, 0, "window=5, negative=0")],
)
def test_an_objective_has_a_window_and_negatives(window, negative, message):
    with pytest.raises(ValueError, match=message):
        Objective(window, negative)


@pytest.mark.parametrize("size", ["T", "S", "N", "B", "G"])
def test_a_layout_has_sizes_of_at_least_1(size):
    with pytest.raises(ValueError, match=rf"Layout\(.*{size}=0.*\): every size must be at least 1"):
        Layout(**{size: 0})


@pytest.mark.parametrize("changes", [{"fresh": True}, {"B": 2}, {"G": 2}])
def test_sets_that_read_the_context_are_trained_one_after_the_other(changes):
    with pytest.raises(ValueError, match=r"Layout\(.*\): by_set=True goes with fresh=False, B=1 and G=1"):
        Layout(by_set=True, **changes)


def test_by_set_is_for_cbow():
    with pytest.raises(ValueError, match="by_set=True: skip-gram changes both tables set by set in any layout"):
        plan(objective=Objective(window=5, negative=5, skip_gram=True), layout=Layout(by_set=True))


@pytest.mark.parametrize("skip_gram", [False, True])
def test_only_what_has_rounded_products_takes_bfloat16(skip_gram):
    objective = Objective(window=5, negative=5, skip_gram=skip_gram)
    with pytest.raises(ValueError, match="bfloat16=True: only skip-gram with fresh=True rounds what it multiplies"):
        plan(objective=objective, layout=Layout(fresh=not skip_gram, bfloat16=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": np.zeros(V, np.float32)}, r"keep: \(4,\) float32 given, contiguous \(4,\) int32 needed"),
        ({"noise": alias_table(np.ones(V + 1))}, r"noise: \(5, 2\)"),
        ({"input_scale": np.ones(V - 1, np.float32)}, r"input_scale: \(3,\)"),
        ({"output_scale": np.ones(2 * V, np.float32)[::2]}, "output_scale"),
    ],
    ids=["keep", "noise", "input_scale", "output_scale"],
)
def test_arrays_of_a_plan_fit_each_other(changes, message):
    plan(input_scale=np.ones(V, np.float32))
    with pytest.raises(ValueError, match=message):
        plan(**changes)


def test_streams_differ_by_epoch_call_seed_and_purpose():
    plans = [plan(seed=seed).for_epoch(call, epoch) for seed in range(3) for call in range(3) for epoch in range(3)]
    assert len({key for one in plans for key in (one.token_stream, one.noise_stream)}) == 2 * 27


def test_an_epoch_has_the_plan_of_its_training():
    whole = plan(input_scale=np.ones(V, np.float32))
    epoch = whole.for_epoch(2, 3)
    assert isinstance(epoch, EpochPlan)
    for name in ("objective", "layout", "keep", "noise", "input_scale", "output_scale"):
        assert getattr(epoch, name) is getattr(whole, name)
    assert epoch.token_stream == streams.key(1, 2, 3, streams.TOKEN)
    assert epoch.noise_stream == streams.key(1, 2, 3, streams.NOISE)


def test_targets_that_others_have_moved_for_are_not_in_flight():
    wide = Layout(T=256, S=256, N=5, G=2, fresh=True)
    assert (wide.targets_in_flight, wide.targets_together) == (2, 2)
    assert Layout(T=128, S=64, N=5, by_set=True).targets_in_flight == 2
    assert (Layout(T=64, S=8, N=5).targets_in_flight, Layout(T=64, S=8, N=5).targets_together) == (64, 8)
