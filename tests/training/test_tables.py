"""What stays with an engine from epoch to epoch: its rows of the tables, and tokens."""

import weakref

import numpy as np
import pytest

from tests.engines.cases import case
from tests.helpers import KERNEL
from tests.training.engines import CachingEngine, CopyingEngine
from torch_w2v import engines
from torch_w2v.corpus import Chunk
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.cpu.rows import with_padding
from torch_w2v.training.tables import EngineMemory

on_engines = pytest.mark.parametrize("engine", ["reference", *KERNEL])


def choose(engine):
    return engines.choose(engine, "cpu", 5)


def table(value, rows=3):
    return np.full((rows, 5), value, np.float32)


@on_engines
def test_tables_are_written_back_even_on_an_interrupt(engine):
    inputs, outputs = table(1), table(0)

    def interrupted():
        with EngineMemory().tables(choose(engine), inputs, outputs) as tables:
            tables.inputs[:] += 1
            tables.outputs[:] -= 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (inputs == 2).all()
    assert (outputs == -1).all()


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_tables_keep_their_memory_from_epoch_to_epoch():
    memory, engine = EngineMemory(), choose("cpu")
    with memory.tables(engine, table(1), table(0)) as first:
        addresses = [rows.ctypes.data for rows in first]
        for rows in first:
            # Training diverged, and beside the rows too.
            with_padding(rows)[...] = np.nan
    with memory.tables(engine, table(2), table(3)) as second:
        assert [rows.ctypes.data for rows in second] == addresses
        for rows, value in zip(second, (2, 3), strict=True):
            assert (rows == value).all()
            assert not with_padding(rows)[:, 5:].any()
    # The vocabulary grew.
    with memory.tables(engine, table(1, rows=4), table(1, rows=4)) as third:
        assert all((rows == 1).all() and rows.shape == (4, 5) for rows in third)


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_a_table_is_written_back_after_the_memory_of_the_one_before_is_freed(monkeypatch):
    one, engine, memory = case(), CpuEngine(), EngineMemory()
    alive = []
    with memory.tables(engine, one.tables.inputs, one.tables.outputs, can_defer_write_back=True) as tables:
        engine.train(tables, one.chunk, one.rates, one.plan)
        rows = [weakref.ref(array.base) for array in tables]
    del tables
    store = engine.store_table

    def watched(*arguments):
        alive.append([row() is not None for row in rows])
        store(*arguments)

    monkeypatch.setattr(engine, "store_table", watched)
    memory.synchronize()
    assert alive == [[True, True], [False, True]]


@on_engines
def test_tables_that_nothing_observes_are_written_back_by_synchronize(engine):
    inputs, outputs = table(1), table(0)
    memory, chosen = EngineMemory(), choose(engine)
    for n in range(3):
        with memory.tables(chosen, inputs, outputs, can_defer_write_back=True) as loaded:
            assert (loaded.inputs == 1 + n).all()
            loaded.inputs[:] += 1
    # With another table, the first is written back and loaded anew.
    with memory.tables(chosen, inputs, table(9), can_defer_write_back=True) as loaded:
        assert (loaded.inputs == 4).all()
        assert (loaded.outputs == 9).all()
        loaded.inputs[:] += 1
    memory.synchronize()
    assert (inputs == 5).all()
    inputs[:] = 7
    memory.synchronize()
    assert (inputs == 7).all()
    with memory.tables(chosen, inputs, outputs, can_defer_write_back=True) as loaded:
        assert (loaded.inputs == 7).all()


def test_another_engine_gets_what_the_first_one_trained():
    inputs, outputs = table(0), table(0)
    memory, copying = EngineMemory(), CopyingEngine()
    with memory.tables(copying, inputs, outputs, can_defer_write_back=True):
        assert not inputs.any()
    with memory.tables(choose("reference"), inputs, outputs, can_defer_write_back=True) as loaded:
        assert copying.stores == 2
        assert (loaded.inputs == 1).all()


@pytest.mark.parametrize("number", [1, 2])
def test_a_write_back_that_is_interrupted_is_completed(number):
    engine = CopyingEngine(interrupted_store=number)
    inputs, outputs = table(0), table(0)
    with pytest.raises(KeyboardInterrupt), EngineMemory().tables(engine, inputs, outputs):
        pass
    assert (inputs == 1).all()
    assert (outputs == 1).all()


def chunk(position, n=4):
    return Chunk(np.arange(position, position + n, dtype=np.int32), np.array([0, n]), 0, n, position, 1)


def test_tokens_are_moved_once_as_long_as_the_budget_lasts():
    # Two chunks of 32 bytes fit.
    engine, memory = CachingEngine(cache_bytes=70), EngineMemory()

    def arrays_moved(corpus):
        """The number of arrays that an epoch of three chunks moves."""
        engine.moved.clear()
        for position in (0, 4, 8):
            loaded = memory.load_chunk(engine, chunk(position), corpus)
            assert (loaded.tokens.tolist(), loaded.offsets.tolist()) == ([*range(position, position + 4)], [0, 4])
        return len(engine.moved)

    assert [arrays_moved(5), arrays_moved(5), arrays_moved(5)] == [6, 2, 2]
    # The neighbours that a piece carries are as many as the draws of an epoch want.
    assert len(memory.load_chunk(engine, chunk(0, 5), 5).tokens) == 5
    # Another vocabulary encodes the corpus otherwise.
    assert [arrays_moved(6), arrays_moved(6)] == [6, 2]
    # A corpus may differ from epoch to epoch.
    assert [arrays_moved(None), arrays_moved(None), arrays_moved(6)] == [6, 6, 6]


def test_a_full_device_loses_its_tokens():
    engine, memory = CachingEngine(cache_bytes=1000, capacity=5), EngineMemory()
    for position in range(4):
        assert memory.load_chunk(engine, chunk(position, 1), 1).tokens == [position]
    # the third chunk once more, and the fourth
    assert len(engine.moved) == 4


def test_a_full_device_is_explained():
    error = OverflowError("full")
    tables = EngineMemory().tables(CachingEngine(cache_bytes=0), table(0), table(0))
    with pytest.raises(OverflowError, match="no memory for 2 tables") as raised, tables:
        raise error
    assert raised.value.__cause__ is error


def test_an_error_of_memory_may_have_any_arguments():
    """As numpy's own subclass of MemoryError has."""

    class NoArrayError(OverflowError):
        def __init__(self, shape, dtype):
            super().__init__(shape, dtype)

    tables = EngineMemory().tables(CachingEngine(cache_bytes=0), table(0), table(0))
    with pytest.raises(OverflowError, match="no memory for 2 tables"), tables:
        raise NoArrayError((2, 2), "float32")
