"""Logs of a few dozen events: every other target changes the rows that a target reads."""

import gensim.models
import numpy as np
import pytest

import torch_w2v
from compat_tests.quality.scores import precision
from tests.helpers import KERNEL
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.plan import Layout

pytestmark = pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")

FLOWS, EVENTS, LINE, TOKENS = 8, 6, 2_000, 300_000
SEEDS = (1, 2)


def log():
    """Flows of six events in order, each of which may be left out, one to four times in a row."""
    draw = np.random.default_rng(37)
    lines = []
    while sum(map(len, lines)) < TOKENS:
        line = []
        while len(line) < LINE:
            flow = int(draw.integers(FLOWS))
            events = np.tile(np.arange(EVENTS), int(draw.integers(1, 5)))
            line += [f"{flow}/{event}" for event in events[draw.random(len(events)) < 0.8]]
        lines.append(line)
    return lines


def test_few_events_are_as_near_to_those_of_their_flow_as_gensims(monkeypatch):
    lines = log()

    def mean(cls):
        options = {"vector_size": 32, "min_count": 1, "sample": 0, "epochs": 3, "workers": 1}
        return np.mean([precision(cls(lines, **options, seed=seed).wv) for seed in SEEDS])

    wanted = mean(gensim.models.Word2Vec)
    assert mean(torch_w2v.Word2Vec) > wanted - 0.03
    # Four targets per set of negatives, as on text.
    monkeypatch.setattr(CpuEngine, "layout", lambda self, workload: Layout(T=64, S=16, N=6, fresh=True))
    assert mean(torch_w2v.Word2Vec) < wanted - 0.05
