"""Warnings: what a user must know, said at the line of the program that it comes from."""

from __future__ import annotations

import sys
import warnings

# Whose lines are not the user's: between their `train()` and ours is gensim's, and `with` statements call contextlib.
_PACKAGES = ("torch_w2v", "gensim", "contextlib")


class DivergenceWarning(RuntimeWarning):
    """Training diverged, and the vectors are useless. By Python's usual filters it is shown each time."""


def warn(message: str, category: type[Warning] = RuntimeWarning) -> None:
    """Warn at the line that called this package, however deep the call is that warns."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        frame, level = frame.f_back, level + 1
    if issubclass(category, DivergenceWarning):
        # Without a registry of what the line has shown: each model of a loop is another one.
        warnings.warn_explicit(
            message, category, frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__")
        )
    else:
        warnings.warn(message, category, stacklevel=level)


def warn_of_empty_epoch(raw_words: int, total_examples: int | None) -> None:
    """Warn if an epoch of `train()` had no words.

    Args:
        raw_words: words of the epoch.
        total_examples: as given to `train`. Where it is 0, as for the empty batch of a stream, nothing is missing.
    """
    if not raw_words and total_examples != 0:
        warn(
            "train() had no words in an epoch: the corpus has none, or can be read only once, as an iterator. Give a "
            "list, or an object whose __iter__ begins anew"
        )
