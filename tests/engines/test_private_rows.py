"""Copies of rows that threads have of their own: what one thread learns is the same, and what several learn adds up."""

import contextlib

import numpy as np
import pytest

from tests.engines.cases import case, run
from tests.engines.shapes import CPU_SHAPES, name_of
from torch_w2v import native
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.cpu.private_rows import ThreadTables
from torch_w2v.engines.cpu.rows import with_more_rows
from torch_w2v.engines.interface import Tables
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.sharing import Sharing

try:
    native.library()
except RuntimeError as e:
    pytest.skip(str(e), allow_module_level=True)

ISAS = cpu.supported()
NEVER = 10**15  # targets
NEVER_MET = 2**31 - 1  # times; at first it is once, then twice, and so on


def sharing(*classes, threads=1, most=NEVER_MET, pace=0):
    return Sharing(threads, most, np.array(classes, np.int64), pace)


def loaded(one, shared):
    """The tables of a case, with room for the rows of all threads."""
    return cpu.CpuEngine().load_tables(one.tables, more_rows=shared.rows * shared.threads)


def train_alone(one, shared):
    """What `run` returns, of a single thread that has copies."""
    engine, tables = cpu.CpuEngine(), loaded(one, shared)
    with engine.for_thread(tables, shared, 0) as own:
        assert isinstance(own, ThreadTables)
        result = engine.train(own, one.chunk, one.rates, one.plan)
    return *tables, np.array(result, np.float64)


def is_close(results, wanted):
    for result, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(result, want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", CPU_SHAPES, ids=name_of)
def test_one_thread_learns_the_same(options):
    """With some rows copied, of which some are exchanged all the time and others hardly ever."""
    one = case(**options)
    V = len(one.tables.inputs)
    classes = [(V, 70)] if V < 4 else [(V // 4, 1), (V // 2, 300), (V // 2 + 1, NEVER)]
    is_close(train_alone(one, sharing(*classes, most=3)), run("cpu", one))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("pace", [0, 8])
@pytest.mark.parametrize("D", [16, 17, 100, 300])
@pytest.mark.parametrize("skip_gram", [False, True])
def test_every_instruction_set_and_length_of_rows(isa, pace, D, skip_gram, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", isa)
    rounds = skip_gram and isa == "avx512bf16"
    layout = Layout(16, 1, 32, G=4, fresh=True, bfloat16=rounds) if skip_gram else Layout(32, 16, 5, fresh=True)
    one = case(D=D, scales=not skip_gram, skip_gram=skip_gram, layout=layout, lengths=(300, 40))
    is_close(train_alone(one, sharing((3, 64), (20, 128), pace=pace)), run("cpu", one))


def test_what_threads_learn_adds_up():
    """All rows are copied, and none exchanged: the moves of both are added to what all had at first."""
    one, other = case(lengths=(300,), position=0), case(lengths=(200,), position=1000, seed=1)
    other = other._replace(tables=one.tables)
    V = len(one.tables.inputs)
    shared = sharing((V, NEVER), threads=2)
    engine, tables = cpu.CpuEngine(), loaded(one, shared)
    with engine.for_thread(tables, shared, 0) as first, engine.for_thread(tables, shared, 1) as second:
        for own in (first, second):
            own.met[1] = NEVER_MET
        engine.train(first, one.chunk, one.rates, one.plan)
        engine.train(second, other.chunk, other.rates, other.plan)
        for table, start in zip(tables, one.tables, strict=True):
            np.testing.assert_array_equal(table, start)
    for table, start, a, b in zip(tables, one.tables, run("cpu", one)[:2], run("cpu", other)[:2], strict=True):
        assert not np.allclose(a, b, atol=1e-3)
        np.testing.assert_allclose(table, a + b - start, rtol=1e-5, atol=1e-6)


def test_what_a_thread_has_learnt_others_see_with_the_next_exchange():
    one = case(lengths=(300,), sample=False, unknown=0)
    V = len(one.tables.inputs)
    shared = sharing((V, 64), threads=2)
    engine, tables = cpu.CpuEngine(), loaded(one, shared)
    with engine.for_thread(tables, shared, 0) as first, engine.for_thread(tables, shared, 1) as second:
        engine.train(first, one.chunk, one.rates, one.plan)
        for table, start, trained in zip(tables, one.tables, run("cpu", one), strict=False):
            # All but the last targets are in the tables of all.
            assert np.abs(table - trained).max() < 0.5 * np.abs(start - trained).max()
        before = [with_more_rows(table)[second.first :][:V].copy() for table in tables]
        engine.train(second, one.chunk, one.rates, one.plan)
        for table, old, start in zip(tables, before, one.tables, strict=True):
            np.testing.assert_array_equal(old[:, : start.shape[1]], start)
            own = with_more_rows(table)[second.first :][:V, : start.shape[1]]
            # It has its own moves, and those of the first, which are the same.
            assert np.abs(own - start).mean() > 1.5 * np.abs(run("cpu", one)[0] - one.tables.inputs).mean()
            break


def test_words_that_are_targets_again_and_again_are_exchanged_sooner():
    """Wherever they are in the corpus: once, then after two times, and so on."""
    words = np.zeros(100, np.int32)
    words[40:] = 1
    one = case(V=3, lengths=(100,), sample=False, unknown=0, size=0.05, layout=Layout(1, 1, 5, fresh=True))
    one = one.changed(tokens=words)
    shared = sharing((2, NEVER), most=5)
    engine, tables = cpu.CpuEngine(), loaded(one, shared)
    with engine.for_thread(tables, shared, 0) as own:
        engine.train(own, one.chunk, one.rates, one.plan)
        # 1 + 2 + 3 + 4 and six times 5 of 40 targets; the same and ten times 5 of 60.
        assert own.met.tolist() == [[0, 0, 0], [5, 5, NEVER_MET]]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_what_was_learnt_before_a_failure_is_kept(error):
    one = case()
    shared = sharing((30, NEVER))
    engine, tables = cpu.CpuEngine(), loaded(one, shared)

    def fail():
        with engine.for_thread(tables, shared, 0) as own:
            engine.train(own, one.chunk, one.rates, one.plan)
            raise error

    with pytest.raises(error):
        fail()
    is_close(tables, run("cpu", one)[:2])


def test_tables_without_room_are_shared():
    """Those that are trained in place, those of fewer threads, and any where nothing is to be copied."""
    one, shared = case(), sharing((30, 64), threads=2)
    engine = cpu.CpuEngine()
    in_place = Tables(*(table.copy() for table in one.tables))
    fewer = engine.load_tables(one.tables, more_rows=59)
    for tables, what in ((in_place, shared), (fewer, shared), (loaded(one, shared), None)):
        with engine.for_thread(tables, what, 1) as own:
            assert own is tables


def test_memory_is_used_again_if_it_has_the_room():
    one, engine = case(), cpu.CpuEngine()
    first = engine.load_tables(one.tables, more_rows=60)
    fewer = engine.load_tables(one.tables, first, more_rows=40)
    more = engine.load_tables(one.tables, fewer, more_rows=80)
    for a, b, c in zip(first, fewer, more, strict=True):
        assert np.shares_memory(a, b)
        assert not np.shares_memory(b, c)


def test_other_engines_share_all():
    one = case()
    with contextlib.ExitStack() as stack:
        from torch_w2v.engines.reference import ReferenceEngine  # noqa: PLC0415

        tables = stack.enter_context(ReferenceEngine().for_thread(one.tables, sharing((30, 64)), 0))
        assert tables is one.tables
