"""Arguments, checked with errors that say what is allowed. V is the number of words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def check_at_least(least: int, **arguments: int) -> None:
    """Check that arguments are integers, and not below their common lower bound.

    Args:
        least: the smallest value allowed.
        arguments: the values, by the names that the message is to show.

    Raises:
        TypeError: a value is no integer.
        ValueError: a value is below `least`.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name}={value!r}: must be an integer of at least {least}")
        if value < least:
            raise ValueError(f"{name}={value}: must be at least {least}")


def check_several(what: str, **arguments: Any) -> None:
    """Check that arguments are iterables.

    Args:
        what: what each is to have, in the plural.
        arguments: the values, by the names that the message is to show.

    Raises:
        TypeError: a value is no iterable.
    """
    for name, value in arguments.items():
        if not hasattr(value, "__iter__"):
            raise TypeError(f"{name}={value!r}: must be {what}, such as a list of them")


def check_seed(seed: Any) -> None:
    """Check a seed that is a number; others are for numpy to take or refuse.

    Raises:
        ValueError: it is below 0.
    """
    if isinstance(seed, (int, np.integer)):
        check_at_least(0, seed=int(seed))


def check_counts(counts: ArrayLike) -> np.ndarray:
    """Return the frequencies of words as float64 (V,).

    Args:
        counts: numbers (V,).

    Raises:
        ValueError: `counts` is not (V,) of finite numbers >= 0 with one above 0.
    """
    array = np.asarray(counts)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iuf":
        raise ValueError(f"counts has shape {array.shape} and type {array.dtype}: must be numbers of shape (V,)")
    if not (np.isfinite(array).all() and (array >= 0).all() and array.any()):
        raise ValueError("counts must be finite and >= 0, with at least one above 0")
    return array.astype(np.float64)
