"""Rows of a table in order, most of whose fields stay, and chords played again: targets some places apart are alike."""

from itertools import chain

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import plan

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

TOKENS = 150_000
FIELDS, KINDS = 8, 30  # of a log


def lines():
    """Lines of a log with eight fields, 40 in a sentence; a field keeps its value mostly, or has one of the kind."""
    draw = np.random.default_rng(45)
    kind, values, found = 0, [(0, 0)] * FIELDS, []
    for _ in range(TOKENS // FIELDS):
        if draw.random() < 0.01:
            kind = int(draw.integers(KINDS))
        for field in range(FIELDS):
            if draw.random() < 0.06:
                values[field] = (kind if draw.random() < 0.9 else int(draw.integers(KINDS)), int(draw.integers(2)))
        found.append([f"{of_kind}/{field}:{value}" for field, (of_kind, value) in enumerate(values)])
    return [list(chain(*found[i : i + 40])) for i in range(0, len(found), 40)]


def chords():
    """Eight chords of three notes in one of twelve keys, each played four times; a key has fifteen notes."""
    draw, found, tokens = np.random.default_rng(1), [], 0
    while tokens < TOKENS:
        key = int(draw.integers(12))
        played = [[f"{key}/{voice}:{draw.integers(5)}" for voice in range(3)] * 4 for _ in range(8)]
        found.append(list(chain(*played)))
        tokens += len(found[-1])
    return found


def of_one_kind(cls, corpus, alpha):
    options = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "alpha": alpha, "seed": 1}
    return precision(cls(corpus, **options).wv)


@pytest.mark.parametrize(("make", "alpha"), [(lines, 0.05), (chords, 0.025)])
def test_precision(make, alpha, monkeypatch):
    corpus = make()
    wanted = of_one_kind(gensim.models.Word2Vec, corpus, alpha)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, alpha) > wanted - 0.03
    # they share negatives
    monkeypatch.setattr(plan, "_ALIKE", 10.0)
    assert of_one_kind(torch_w2v.Word2Vec, corpus, alpha) < wanted - 0.05
