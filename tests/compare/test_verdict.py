import math

import numpy as np
import pytest
from scipy import stats

from torch_w2v.compare.verdict import INFERIOR, NOT_INFERIOR, UNDECIDED, judge, welch


def test_welch_is_scipys():
    one, other = [0.58, 0.60, 0.57, 0.61], [0.55, 0.56, 0.59]
    difference, low, high = welch(one, other)
    want = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.90)
    assert (low, high) == pytest.approx(tuple(want))
    assert difference == pytest.approx(np.mean(one) - np.mean(other))


def test_welch_of_equal_runs_and_of_one_run():
    assert welch([1, 1], [1, 1]) == (0, 0, 0)
    difference, low, high = welch([2], [1, 1])
    assert difference == 1
    assert math.isnan(low)
    assert math.isnan(high)


@pytest.mark.parametrize(
    ("ours", "less_is_better", "verdict"),
    [
        ([0.500, 0.501, 0.499], False, NOT_INFERIOR),
        ([0.480, 0.481, 0.479], False, INFERIOR),
        ([0.520, 0.521, 0.519], False, NOT_INFERIOR),
        ([0.520, 0.521, 0.519], True, INFERIOR),
        ([0.480, 0.481, 0.479], True, NOT_INFERIOR),
        ([0.480, 0.530, 0.460], False, UNDECIDED),
        ([0.5], False, UNDECIDED),
        ([0.5, float("nan"), 0.5], False, INFERIOR),
    ],
)
def test_verdicts(ours, less_is_better, verdict):
    assert judge("x", "m", ours, [0.500, 0.502, 0.498], 0.01, less_is_better).verdict == verdict
