"""Rows of a table in order, most of whose fields stay: targets some rows apart are alike."""

from itertools import chain

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines import plan

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

FIELDS, KINDS, TOKENS = 8, 30, 150_000


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


def of_one_kind(cls, corpus):
    options = {"vector_size": 48, "min_count": 1, "sample": 0, "workers": 1, "alpha": 0.05, "seed": 1}
    return precision(cls(corpus, **options).wv)


def test_lines_of_a_log(monkeypatch):
    corpus = lines()
    wanted = of_one_kind(gensim.models.Word2Vec, corpus)
    assert of_one_kind(torch_w2v.Word2Vec, corpus) > wanted - 0.03
    # they share negatives
    monkeypatch.setattr(plan, "_ALIKE", 1.0)
    assert of_one_kind(torch_w2v.Word2Vec, corpus) < wanted - 0.05
