"""What checkpoints need of memory and of time."""

import tracemalloc
from types import SimpleNamespace

import pytest

from tests.helpers import ours
from torch_w2v.training import checkpoints


def test_there_is_no_second_copy_of_the_tables(tmp_path):
    """Neither when a checkpoint is written nor when it is read: 32 MB of tables, pieces of 4 MB."""
    vocabulary = [[str(i) for i in range(40_000)]]

    def peak(**options):
        model = ours(vector_size=100, epochs=1)
        model.build_vocab(vocabulary)
        tracemalloc.start()
        model.train(vocabulary, total_examples=1, epochs=1, **options)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    without = peak()
    assert peak(checkpoint=tmp_path / "c", checkpoint_every=0) < without + 14e6
    assert peak(checkpoint=tmp_path / "c") < 20e6


@pytest.mark.parametrize(("every", "took", "pause"), [(600, 11, 600), (600, 30, 1500), (60, 30, 60), (0, 30, 0)])
def test_writing_takes_no_more_than_a_fiftieth_of_the_time_at_the_default_interval(every, took, pause, monkeypatch):
    now = [1000.0]

    def write(self, state):
        now[0] += took

    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(checkpoints.KeptCheckpoints, "_write", write)
    kept = checkpoints.KeptCheckpoints(None, "c", every, {}, lambda: None)
    kept._save({"stage": "end", "progress": {"epoch": 0, "totals": {"chunks": 3}}})
    begin = now[0]
    for seconds in range(2000):
        now[0] = begin + seconds
        assert kept.due() == (seconds >= pause)
