"""Arguments that are numbers: what gensim converts is converted, and the rest is refused by name."""

import re

import numpy as np
import pytest

from tests.helpers import ours, trainable, words


@pytest.mark.parametrize(
    ("name", "value", "kind", "message"),
    [
        ("alpha", "x", ValueError, "alpha='x': must be a number"),
        ("alpha", None, TypeError, "alpha=None: must be a number"),
        ("ns_exponent", [0.75], TypeError, "ns_exponent=[0.75]: must be a number"),
        ("vector_size", None, TypeError, "vector_size=None: must be an integer"),
        ("window", float("inf"), ValueError, "window=inf: must be an integer"),
        ("negative", "five", ValueError, "negative='five': must be an integer"),
        ("min_count", "five", ValueError, "min_count='five': must be an integer"),
        ("sample", "x", ValueError, "sample='x': must be a number"),
    ],
)
def test_what_is_no_number(name, value, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        ours(words(), **{name: value})


def test_numbers_in_strings_are_numbers():
    given = {"vector_size": 8, "window": 3, "negative": 4, "alpha": 0.03, "min_count": 2, "epochs": 3, "sample": 0.01}
    expected, model = ours(words(), **given), ours(words(), **{name: str(value) for name, value in given.items()})
    assert {name: getattr(model, name) for name in given} == given
    np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)
    given = {"total_examples": 300, "epochs": 1, "start_alpha": 0.02, "end_alpha": 0.01}
    for one, arguments in ((model, {name: str(value) for name, value in given.items()}), (expected, given)):
        one.train(words(), **arguments)
    np.testing.assert_array_equal(model.wv.vectors, expected.wv.vectors)
    with pytest.raises(ValueError, match=r"^start_alpha='x': must be a number$"):
        model.train(words(), total_examples=300, epochs=1, start_alpha="x")


@pytest.mark.parametrize("algorithm", [{}, {"hs": 1}, {"sg": 1}], ids=str)
@pytest.mark.parametrize(("name", "value"), [("window", 10**8), ("batch_words", 0)])
def test_values_that_gensim_takes(name, value, algorithm):
    model = ours(words(), **{**algorithm, name: value})
    assert getattr(model, name) == value
    assert trainable(model, words())
