"""Which rows threads have copies of, and how often they are exchanged."""

import numpy as np
import pytest

from torch_w2v.engines import sharing
from torch_w2v.engines.sharing import sharing_of

ZIPF = 3 / np.arange(1, 10_001)  # gradients per target


def of(gradients=ZIPF, alpha=0.025, threads=2, targets=4e6, vector_size=100, is_first=False):
    return sharing_of(np.asarray(gradients, float), alpha, threads, targets, vector_size, is_first)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 1},
        {"alpha": 0.1},
        {"threads": 20},
        {"targets": 100},
        {"gradients": np.full(10_000, 1e-5)},
    ],
    ids=str,
)
def test_all_is_shared(options):
    """By one thread, where rows move far between two exchanges, and where no row is met often enough."""
    assert of(**options) is None


def test_rows_are_exchanged_by_how_often_they_are_met():
    found = of()
    begins = np.append(0, found.classes[:-1, 0])
    for begin, (end, every) in zip(begins, found.classes, strict=True):
        assert begin < end
        # of the most and the least frequent row of the class
        assert every * ZIPF[begin] <= sharing._MOST_GRADIENTS
        assert every * ZIPF[end - 1] > sharing._MOST_GRADIENTS / 2 / 1.01 or every == 1
    assert found.threads == 2
    # 64 gradients times 4 exchanges, of 2 M targets per thread
    assert found.rows == pytest.approx(5_242, abs=2)  # the most that there are copies of
    assert of(targets=4e5).rows == pytest.approx(3 * 2e5 / 64 / 4, abs=2)


def test_the_first_epoch_has_fewer_rows_which_are_exchanged_sooner():
    first, later = of(targets=4e5, is_first=True), of(targets=4e5)
    assert first.rows == pytest.approx(later.rows / 8, abs=2)
    assert (first.pace, later.pace) == (8, 0)


def test_more_threads_and_a_larger_alpha_exchange_more_often():
    def intervals(**options):
        return of(**options).classes[:3, 1]

    assert (intervals(threads=8) * 4 == intervals()).all()
    assert (intervals(alpha=0.05) * 4 == intervals()).all()
    assert (intervals(alpha=0.001) == intervals()).all()


def test_a_frequent_word_behind_rare_ones_counts_for_them():
    gradients = np.full(1000, 1e-3)
    gradients[500] = 1.0
    found = of(gradients)
    assert found.classes[0].tolist() == [501, 64]
    assert found.rows == 1000


def test_long_rows_are_fewer():
    assert of(vector_size=300).rows * 3 == pytest.approx(of(vector_size=100).rows, abs=3)
