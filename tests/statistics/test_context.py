"""How many context words the pairs of a corpus have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v.statistics.context import context_of


def counted(lengths, window, shrink_windows):
    """Return `context_of` by counting the context words of every word for every window that can be drawn."""
    pairs = squares = 0.0
    for length in lengths:
        words = [
            np.mean([min(b, i) + min(b, length - 1 - i) for b in range(1 if shrink_windows else window, window + 1)])
            for i in range(length)
        ]
        pairs += sum(words)
        squares += sum(words) ** 2 / max(length, 1)
    return squares / pairs if pairs else 0.0


@given(st.lists(st.integers(0, 40), max_size=6), st.integers(1, 30), st.booleans())
def test_it_is_what_counting_finds(lengths, window, shrink_windows):
    found = context_of(np.array(lengths, np.float64), window, shrink_windows)
    assert found == pytest.approx(counted(lengths, window, shrink_windows))


def test_most_pairs_are_of_the_long_sentences():
    lengths = np.array([1] * 45 + [2] * 45 + [40] * 10)
    assert context_of(lengths, 40, True) == pytest.approx(26.4, abs=0.5)


@pytest.mark.parametrize(("length", "kept"), [(10, 0.2), (20, 0.1), (40, 0.05), (8, 0.75), (100, 0.5)])
def test_of_what_subsampling_leaves(length, kept):
    """Nearly: the lengths of what is left vary, which the formula does not know."""
    draws = np.random.default_rng(0).binomial(length, kept, 2_000)
    assert context_of(np.array([length]), 5, True, kept) == pytest.approx(counted(draws, 5, True), rel=0.1)
