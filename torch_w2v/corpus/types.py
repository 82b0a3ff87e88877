"""The types of a corpus."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

Sentence: TypeAlias = Sequence[Hashable]  # words, usually str
Corpus: TypeAlias = Iterable[Sentence]

# Consecutive whole sentences of a corpus: int32 tokens (n,), and the int64 lengths (m,) of their sentences.
Part: TypeAlias = tuple[np.ndarray, np.ndarray]


class NoWordsError(ValueError, RuntimeError):
    """The corpus has no words to train on."""


class RowError(TypeError, ValueError):
    """A row of a column, or a word in one, is missing, or is not what a corpus has there."""
