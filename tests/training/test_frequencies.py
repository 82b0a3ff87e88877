"""What is remembered of a vocabulary from one call of `train()` to the next."""

from dataclasses import replace

import numpy as np

from tests.helpers import ours, words
from torch_w2v import engines
from torch_w2v.training import planning
from torch_w2v.training.frequencies import Frequencies, frequencies_of


def test_factors_on_updates_are_kept_whatever_the_repetition():
    model = ours(words(), batch_words=10**6)
    workload = planning.workload_of(model, planning.Measured(1.5))
    layout = engines.choose("auto", "cpu", 8).layout(workload)
    kept, lockf = frequencies_of(model), model.wv.vectors_lockf
    expected = kept.row_scales(layout, workload, lockf, False)
    for one in (workload, replace(workload, repetition=workload.repetition + 1e-6)):
        assert kept.row_scales(layout, one, lockf, False) is expected
        new = Frequencies(kept.count, kept.sample_int, kept.cum_table).row_scales(layout, one, lockf, False)
        assert all(map(np.array_equal, new, expected))
    for alpha in np.arange(1, 5) / 100:
        kept.row_scales(layout, replace(workload, alpha=alpha), lockf, False)
    assert kept.row_scales(layout, workload, lockf, False) is not expected
