"""The CPU engine: every instruction set, the memory that it may not touch, and what it refuses."""

import ctypes
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from tests.engines import kernel_replay
from tests.engines.cases import case, run
from tests.engines.shapes import CPU_SHAPES, name_of
from torch_w2v import Word2Vec, native
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.cpu import rows as rows_of_kernel
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.cpu.rows import LANES
from torch_w2v.engines.interface import Tables
from torch_w2v.engines.padding import padded_width
from torch_w2v.engines.plan import Layout

try:
    native.library()
except RuntimeError as e:
    pytest.skip(str(e), allow_module_level=True)

ISAS = kernel_replay.supported()
SKIP_GRAM = kernel_replay.SKIP_GRAM


@pytest.fixture(params=ISAS)
def isa(request, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", request.param)
    return request.param


def train(tables, one):
    """Train on the arrays of `tables` themselves; what `run` returns."""
    result = CpuEngine().train(Tables(*tables), one.chunk, one.rates, one.plan)
    return *tables, np.array(result, np.float64)


@pytest.mark.parametrize("options", CPU_SHAPES, ids=name_of)
def test_every_instruction_set_agrees_with_the_reference(options, monkeypatch):
    one = case(**options)
    want_inputs, want_outputs, want = run("reference", one.wide())
    for name in ISAS:
        monkeypatch.setenv("TORCH_W2V_ISA", name)
        inputs, outputs, result = run("cpu", one)
        np.testing.assert_allclose(inputs, want_inputs, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(outputs, want_outputs, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(result, want, rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("window", [3, 40])
@pytest.mark.parametrize("layout", [Layout(16, 8, 5, fresh=True), Layout(16, 8, 5, by_set=True)], ids=["fresh", "set"])
def test_every_length_of_rows(isa, window, layout):
    """The kernel has loops of their own for the usual sizes of vectors, and others for all the rest."""
    for D in (16, 32, 40, 50, 64, 80, 96, 112, 128, 140, 150, 200, 256, 304):
        one = case(D=D, V=200, lengths=(40, 90), window=window, layout=layout)
        want = run("reference", one.wide())
        for got, wanted in zip(run("cpu", one), want, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{D}")


@pytest.mark.skipif(len(ISAS) == 1, reason="one instruction set only")
def test_instruction_sets_agree(monkeypatch):
    cases = [case(**options) for options in CPU_SHAPES]
    results = []
    for name in ISAS:
        monkeypatch.setenv("TORCH_W2V_ISA", name)
        results.append(kernel_replay.expected(cases))
    for one, other in itertools.combinations(results, 2):
        kernel_replay.close(one, other)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layout": Layout(32, 32, 5, G=2, fresh=True)},
        {"layout": Layout(32, 16, 5, by_set=True)},
        {"layout": SKIP_GRAM, "skip_gram": True},
    ],
    ids=["default", "fresh", "by_set", "skip_gram"],
)
@pytest.mark.parametrize("D", [1, 16, 100, 300])
def test_touches_nothing_around_the_tables(isa, D, options):
    one = case(D=D, V=50, **options)
    width, guard = padded_width(D, LANES), 3
    surroundings, tables = [], []
    for table in one.tables:
        buffer = np.full((50 + 2 * guard) * width + LANES, 12345, np.float32)
        start = -(buffer.ctypes.data // 4) % LANES
        rows = buffer[start : start + (50 + 2 * guard) * width].reshape(-1, width)
        rows[guard:-guard] = rows_of_kernel.with_padding(rows_of_kernel.padded(table))
        surroundings.append(rows)
        tables.append(rows[guard:-guard, :D])
    assert all(map(rows_of_kernel.is_padded, tables))
    train(tables, one)
    for rows, table, expected in zip(surroundings, tables, run("cpu", one), strict=False):
        np.testing.assert_array_equal(table, expected)
        assert (rows[:guard] == 12345).all()
        assert (rows[-guard:] == 12345).all()
        assert not rows[guard:-guard, D:].any()


@pytest.mark.parametrize("options", CPU_SHAPES, ids=name_of)
def test_in_place_computes_the_same(isa, options):
    """Rows that are not padded are loaded and stored one by one."""
    one = case(**options)
    tables = [table.copy() for table in one.tables]
    if not all(map(rows_of_kernel.is_padded, tables)):
        for x, y in zip(train(tables, one), run("cpu", one), strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("options", [{}, {"skip_gram": True, "layout": SKIP_GRAM}], ids=["cbow", "skip_gram"])
@pytest.mark.parametrize("form", ["unaligned", "rows apart", "by columns", "not filled up"])
def test_takes_tables_that_are_not_padded(form, options):
    one = case(D=16, **options)
    tables = []
    for table in one.tables:
        if form == "unaligned":
            memory = np.empty(50 * 16 + 16, np.float32)
            start = (-(memory.ctypes.data // 4) % 16) + 1
            other = memory[start : start + 50 * 16].reshape(50, 16)
        elif form == "rows apart":
            other = np.full((50, 64), 7, np.float32)[:, :16]
        elif form == "by columns":
            other = np.empty((16, 50), np.float32).T
        else:
            other = np.empty((50, 17), np.float32)[:, 1:]
        other[...] = table
        tables.append(other)
    assert not any(map(rows_of_kernel.is_padded, tables))
    for x, y in zip(train(tables, one), run("cpu", one), strict=True):
        np.testing.assert_array_equal(x, y)
    if form == "rows apart":
        assert (np.lib.stride_tricks.as_strided(tables[0], (50, 64))[:, 16:] == 7).all()


@pytest.mark.parametrize("D", [16, 20])
def test_both_tables_are_copied_or_neither(D, monkeypatch):
    """The kernel needs rows of the same length: with one copied, every chunk would copy both."""
    tables = Tables(*np.random.default_rng(1).random((2, 50, D), np.float32))
    size = 4 * 50 * padded_width(D, LANES)
    free = 0

    def what_copies_leave():
        return free - size * len(copies)

    copies = []
    monkeypatch.setattr(cpu, "padded", lambda table, into=None, more_rows=0: copies.append(table) or table.copy())
    monkeypatch.setattr(cpu.system, "available_memory", what_copies_leave)
    monkeypatch.setattr(cpu, "_ALWAYS_COPIED", 0)
    for times, expected in ((1.5, 0), (2.5, 0), (3.9, 0), (4.1, 2)):
        copies.clear()
        free = times * size
        loaded = CpuEngine().load_tables(tables)
        assert len(copies) == expected
        assert all(rows is table for rows, table in zip(loaded, tables, strict=True)) == (not expected)


def test_tables_whose_copies_find_no_memory_are_trained_in_place(monkeypatch, caplog):
    """No system tells all that it would refuse."""
    tables = Tables(*np.random.default_rng(1).random((2, 50, 20), np.float32))
    found = iter([tables.inputs.copy()])

    def padded(table, into=None, more_rows=0):
        if (copy := next(found, None)) is None:
            raise MemoryError
        return copy

    monkeypatch.setattr(cpu, "padded", padded)
    with caplog.at_level("INFO", "torch_w2v"):
        assert CpuEngine().load_tables(tables) is tables
    assert "training in place, at two thirds of the speed: there is no memory for copies" in caplog.text
    with pytest.raises(MemoryError):
        CpuEngine().load_tables(tables._replace(inputs=np.asfortranarray(tables.inputs)))


def test_few_words_are_trained_in_place_if_both_tables_can_be():
    tables = Tables(*np.random.default_rng(1).random((2, 50, 20), np.float32))
    assert CpuEngine().load_tables(tables, words=10) is tables
    assert all(map(rows_of_kernel.is_padded, CpuEngine().load_tables(tables, words=10_000)))
    apart = tables._replace(inputs=np.asfortranarray(tables.inputs))
    assert all(map(rows_of_kernel.is_padded, CpuEngine().load_tables(apart, words=10)))
    again = CpuEngine().load_tables(tables)
    assert CpuEngine().load_tables(tables, again).inputs is again.inputs


def test_repeats_bit_for_bit():
    """tests/training/test_learning.py checks that another process computes the same."""
    assert kernel_replay.digests() == kernel_replay.digests()


def test_instruction_set_of_the_environment(monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", "sse9")
    for use in (lambda: run("cpu", case()), Word2Vec):
        with pytest.raises(ValueError, match="TORCH_W2V_ISA='sse9': must be one of 'base', 'avx2', 'avx512'"):
            use()
    monkeypatch.setattr(cpu, "supported", lambda: ("base",))
    with pytest.raises(RuntimeError, match="TORCH_W2V_ISA='avx512': this machine can run 'base' only"):
        cpu.kernel.__wrapped__("avx512")
    assert cpu.kernel.__wrapped__("").__name__ == "w2v_train_base"


@pytest.mark.parametrize("make", [lambda: CpuEngine(4097), lambda: run("cpu", case(D=4097, V=3, lengths=(3,)))])
def test_too_long_vectors(make):
    remedies = r"give engine='auto', engine='gensim' \(gensim's own\), or a smaller vector_size$"
    with pytest.raises(ValueError, match=f"^vector_size=4097: the CPU kernel takes up to 4096; {remedies}"):
        make()


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(64, 8, 5, B=2), "B=2: the CPU kernel works on one block at a time"),
        (Layout(64, 8, 5, G=2), "G=2 with T=64, S=8: the CPU kernel takes groups of sets with S = T only"),
        (
            Layout(64, 8, 5, G=2, fresh=True),
            "G=2 with T=64, S=8: the CPU kernel takes groups of sets with S = T only",
        ),
    ],
    ids=["B", "G", "fresh"],
)
def test_layouts_that_the_kernel_does_not_take(layout, message):
    with pytest.raises(ValueError, match=message):
        run("cpu", case(layout=layout))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": Layout(17, 1, 32, G=4, fresh=True)}, "T=17, G=4, fresh=True: the CPU kernel of skip-gram takes"),
        ({"layout": Layout(16, 1, 32, G=4)}, "fresh=False: .* blocks of up to 16 inputs, with G=4 and fresh=True"),
        ({"layout": Layout(16, 1, 32, G=2, fresh=True)}, "G=2"),
        (
            {"layout": SKIP_GRAM, "scales": True},
            "output_scale: the CPU kernel of skip-gram has no factors on output",
        ),
    ],
    ids=["T", "fresh", "G", "scales"],
)
def test_what_the_kernel_of_skip_gram_does_not_take(options, message):
    with pytest.raises(ValueError, match=message):
        run("cpu", case(skip_gram=True, **options))


@pytest.mark.parametrize("D", [5, 100])
def test_skip_gram_moves_inputs_by_their_factors(isa, D):
    """gensim's `vectors_lockf`."""
    scale = np.random.default_rng(0).uniform(0, 1, 50).astype(np.float32)
    one = case(D=D, skip_gram=True, layout=SKIP_GRAM).changed(input_scale=scale)
    want_inputs, want_outputs, _ = run("reference", one.wide())
    inputs, outputs, _ = run("cpu", one)
    np.testing.assert_allclose(inputs, want_inputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs, want_outputs, rtol=1e-5, atol=1e-6)


OTHER_SIZE = SimpleNamespace(_name="old/_native.so", w2v_call_size=lambda: ctypes.sizeof(cpu.Call) + 8)


@pytest.mark.parametrize("library", [OTHER_SIZE, ctypes.CDLL(None)], ids=["another size", "no size"])
def test_a_library_of_another_version_is_refused(library, monkeypatch):
    """A library that another version of the package left behind would read shifted fields."""
    size = ctypes.sizeof(cpu.Call)
    message = rf"is of another version of torch_w2v \(its calls have ({size + 8}|0) bytes, not {size}\): reinstall"
    with pytest.raises(RuntimeError, match=message):
        cpu.check_library(library)
    monkeypatch.setattr(cpu, "library", lambda: library)
    with pytest.raises(RuntimeError, match=r"pip install .*or use engine='gensim'"):
        cpu.kernel.__wrapped__("base")


def test_the_installed_library_is_of_this_version():
    cpu.check_library(native.library())
