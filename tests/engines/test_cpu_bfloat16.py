"""The CPU engine's skip-gram with products of numbers rounded to bfloat16, against the specification."""

import dataclasses

import numpy as np
import pytest

from tests.engines import kernel_replay
from tests.engines.cases import case, run
from tests.engines.shapes import CPU_SHAPES
from tests.helpers import COMPILER
from torch_w2v import native
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.plan import Layout, Workload

try:
    native.library()
except RuntimeError as e:
    pytest.skip(str(e), allow_module_level=True)

needs_processor = pytest.mark.skipif("avx512bf16" not in cpu.supported(), reason="a processor without avx512bf16")
SHAPES = [
    *(options for options in CPU_SHAPES if options.get("skip_gram")),
    *({"skip_gram": True, "D": D, "layout": Layout(16, 2, 11, G=4, fresh=True)} for D in (15, 16, 33, 112, 128)),
    {"skip_gram": True, "size": 1.2, "D": 100, "layout": Layout(16, 1, 32, G=4, fresh=True), "alpha": (1e-4, 9e-5)},
]


def rounding(options, rounds=True):
    return case(**options | {"layout": dataclasses.replace(options["layout"], bfloat16=rounds)})


def assert_is_the_specification(results):
    """Numbers in the middle between two of bfloat16 may be rounded either way: the tables are as near as those allow.

    A kernel that did not round, or other numbers, would be as far away as the specification without rounding is.
    """
    distances, distances_without = [], []
    for options, got in zip(SHAPES, results, strict=True):
        want = run("reference", rounding(options).wide())
        without = run("reference", rounding(options, False).wide())
        for mine, table, exact in zip(got[:2], want[:2], without[:2], strict=True):
            np.testing.assert_allclose(mine, table, rtol=0, atol=1e-3)
            distances.append(np.abs(mine - table).mean())
            distances_without.append(np.abs(exact - table).mean())
        np.testing.assert_allclose(got[2], want[2], rtol=2e-6)
    assert np.mean(distances) < 0.02 * np.mean(distances_without)
    assert np.median(distances) < 1e-6


@pytest.fixture
def asked_for(monkeypatch):
    """Its instruction set, also where it gains nothing and so is not the default."""
    monkeypatch.setenv("TORCH_W2V_ISA", "avx512bf16")


@needs_processor
@pytest.mark.usefixtures("asked_for")
def test_the_kernel_is_the_specification():
    assert_is_the_specification([run("cpu", rounding(options)) for options in SHAPES])


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
def test_without_the_processors_own_operations(tmp_path, monkeypatch):
    """On every processor: the same source, built for none that has them."""
    cases = [rounding(options) for options in SHAPES]
    program = kernel_replay.compile_kernel(
        tmp_path / "replay", "base", "-O1", "-DBFLOAT16", "-lm", source=kernel_replay.REPLAY
    )
    calls = kernel_replay.record(monkeypatch, cases)
    assert_is_the_specification(kernel_replay.replay([program], calls, cases))


@needs_processor
@pytest.mark.usefixtures("asked_for")
def test_tables_are_trained_in_place_as_well_as_copies():
    one = rounding({"skip_gram": True, "D": 21, "layout": Layout(16, 1, 32, G=4, fresh=True)})
    tables = one.tables._replace(**{name: table.copy() for name, table in one.tables._asdict().items()})
    cpu.CpuEngine().train(tables, one.chunk, one.rates, one.plan)
    for table, want in zip(tables, run("cpu", one), strict=False):
        np.testing.assert_array_equal(table, want)


@needs_processor
@pytest.mark.parametrize(("isa", "rounds"), [("avx512bf16", True), ("avx512", False), ("base", False)])
def test_chosen_by_the_instruction_set(isa, rounds, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", isa)
    workload = Workload(5, 1e6, 6.0, skip_gram=True)
    assert cpu.CpuEngine().layout(workload).bfloat16 == rounds
    for other in ({"skip_gram": False}, {"repetition": 1000.0}, {"alpha": 0.2}):
        assert not cpu.CpuEngine().layout(dataclasses.replace(workload, **other)).bfloat16
    assert cpu.kernel(isa).__name__ == f"w2v_train_{'base' if isa == 'base' else 'avx512'}"


@needs_processor
@pytest.mark.parametrize("gains", [0, 1])
def test_the_default_where_it_gains_time(gains, monkeypatch):
    class Machine:
        def __getattr__(self, name):
            return (lambda: gains) if name == "w2v_bfloat16_gains" else getattr(native.library(), name)

    monkeypatch.setattr(cpu, "library", Machine)
    monkeypatch.delenv("TORCH_W2V_ISA", raising=False)
    workload = Workload(5, 1e6, 6.0, skip_gram=True)
    assert cpu.CpuEngine().layout(workload).bfloat16 == bool(gains)
    monkeypatch.setenv("TORCH_W2V_ISA", "avx512bf16")
    assert cpu.CpuEngine().layout(workload).bfloat16


@needs_processor
def test_an_instruction_set_without_it_is_refused(monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", "avx512")
    with pytest.raises(RuntimeError, match="needs the instruction set 'avx512bf16', this is 'avx512'"):
        run("cpu", rounding(SHAPES[0]))
