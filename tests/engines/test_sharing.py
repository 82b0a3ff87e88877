"""Which rows threads have copies of, and how often they are exchanged."""

import numpy as np
import pytest

from torch_w2v.engines import sharing
from torch_w2v.engines.sharing import sharing_of

ZIPF = 3 / np.arange(1, 10_001)  # gradients per target


def of(gradients=ZIPF, context=6.0, alpha=0.025, threads=2, targets=32e6, vector_size=100, is_first=False):
    return sharing_of(np.asarray(gradients, float), context, alpha, threads, targets, vector_size, is_first)


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 1},
        {"alpha": 0.05},
        {"threads": 8},
        {"targets": 1000},
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
    assert found.most == 11  # 64 gradients, six per target
    assert found.rows == pytest.approx(5_242, abs=2)  # the most that there are copies of
    # 64 gradients times 32 exchanges, of 2 M targets per thread
    assert of(targets=4e6).rows == pytest.approx(3 * 2e6 / 64 / 32, abs=2)


@pytest.mark.parametrize(("context", "most"), [(1.0, 64), (6.0, 11), (51.0, 1), (501.0, 1), (0.5, 64)])
def test_words_are_targets_so_often_between_two_exchanges(context, most):
    assert of(context=context).most == most


def test_the_first_epoch_of_a_call_exchanges_sooner():
    first, later = of(is_first=True), of()
    assert first.rows == later.rows
    assert (first.pace, later.pace) == (8, 0)


def test_more_threads_exchange_more_often():
    def intervals(**options):
        return of(**options).classes[:3, 1]

    assert (intervals(threads=4) * 2 == intervals()).all()
    assert (intervals(alpha=0.001) == intervals()).all()
    assert of(threads=4).most == 5


@pytest.mark.parametrize(("alpha", "threads"), [(0.025, 4), (0.035, 2), (0.01, 16)])
def test_where_copies_end(alpha, threads):
    assert of(alpha=alpha, threads=threads) is not None
    assert of(alpha=1.5 * alpha, threads=threads) is None
    assert of(alpha=alpha, threads=2 * threads + 9) is None


def test_a_frequent_word_behind_rare_ones_counts_for_them():
    gradients = np.full(1000, 1e-3)
    gradients[500] = 1.0
    found = of(gradients)
    assert found.classes[0].tolist() == [501, 64]
    assert found.rows == 1000


def test_long_rows_are_fewer():
    assert of(vector_size=300).rows * 3 == pytest.approx(of(vector_size=100).rows, abs=3)
