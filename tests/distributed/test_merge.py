from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.distributed.thread_group import run_ranks
from torch_w2v import native
from torch_w2v.distributed import bindings
from torch_w2v.distributed.exchange import Exchange
from torch_w2v.distributed.merge import OUTPUT_RATE, Curvature, Problem, applied, curvature, sent, shares_moved


def a_curvature(D, rng):
    square = rng.normal(size=(D, D))
    of = curvature(square @ square.T)
    return Curvature(of.directions, 0.01 * of.rates)


def bfloat(values):
    return bindings.from_wire(bindings.to_wire(values))


def test_rare_rows_are_summed_and_frequent_ones_averaged():
    rng = np.random.default_rng(0)
    curve, moves = a_curvature(5, rng), rng.normal(size=(2, 3, 5))
    for gradients, expected in ((1e-9, moves.sum(axis=0)), (1e9, moves.mean(axis=0))):
        n = np.full(3, gradients)
        sums = sum(sent(move, n, curve) for move in moves)
        assert applied(sums, curve) == pytest.approx(expected, abs=1e-5)


def test_a_row_that_one_rank_alone_has_trained_moves_as_it_did_there():
    rng = np.random.default_rng(0)
    curve, moves, n = a_curvature(6, rng), rng.normal(size=(4, 6)), rng.random(4) * 1000
    assert applied(sent(moves, n, curve), curve) == pytest.approx(moves, abs=1e-5)


def test_shares_moved():
    x = np.array([0, 1e-6, 0.1, 3.0, 1e6])
    assert shares_moved(x) == pytest.approx([1, 1 - 5e-7, (1 - np.exp(-0.1)) / 0.1, (1 - np.exp(-3)) / 3, 1e-6])


def test_directions_are_the_leading_ones():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    values = np.arange(12.0)
    of = curvature((axes * values) @ axes.T)
    assert of.rates == pytest.approx([*range(4, 12), 1.5], abs=1e-5)
    assert np.abs(of.directions @ axes[:, 4:]) == pytest.approx(np.eye(8), abs=1e-5)


def test_moments_are_those_of_the_hidden_layers():
    """Draw windows, and compare the second moment of the mean, or the sum, of their rows."""
    rng = np.random.default_rng(0)
    kept = np.array([0.5, 0.3, 0.2])
    inputs = rng.normal(size=(3, 4))
    windows = inputs[rng.choice(3, p=kept, size=(200_000, 10))]
    for mean, hidden in ((True, windows.mean(axis=1)), (False, windows.sum(axis=1))):
        problem = Problem(kept, kept, 5, 15.0, cbow_mean=mean)  # 1.5 / 15 is 1 / 10
        scale = 1 if mean else (15 / 10) ** 2
        expected = OUTPUT_RATE * scale * hidden.T @ hidden / len(hidden)
        got = problem.moments(inputs, np.zeros((3, 4)))[1]
        tolerance = 0.02 * abs(expected).max()
        assert got == pytest.approx(expected, abs=tolerance) if mean else np.isfinite(got).all()


@pytest.mark.skipif(not native.available(), reason="the library was not built")
@pytest.mark.parametrize(("n", "D"), [(7, 1), (5, 3), (90, 17), (3000, 100), (3, 700)])
def test_the_library_does_what_numpy_does(n, D, monkeypatch):
    rng = np.random.default_rng(n)
    curve = a_curvature(D, rng)
    base = rng.normal(size=(n, D)).astype(np.float32)
    rows = np.full((n, D + 3), np.nan, np.float32)
    local = rows[:, :D]
    local[...] = base + rng.normal(size=(n, D)) / 10
    gradients = (10 ** rng.uniform(-2, 5, n)).astype(np.float32)
    gradients[0] = 0
    results = []
    for available in (True, False):
        monkeypatch.setattr(native, "available", lambda available=available: available)
        wire = np.zeros((n, D + len(curve.directions) + 1), np.uint16)
        with ThreadPoolExecutor(2) as pool:
            bindings.pack(local, base, gradients, curve, wire, pool)
            packed = bindings.from_wire(wire)
            new_base, new_rows = base.copy(), rows.copy()
            bindings.apply(new_rows[:, :D], new_base, curve, wire, pool)
        assert np.array_equal(new_rows[:, :D], new_base)
        assert np.isnan(new_rows[:, D:]).all()
        results.append((packed, new_base))
        parts = rng.integers(0, 0x7F00, (3, n, D)).astype(np.uint16)
        assert np.array_equal(bindings.add(parts), bindings.to_wire(bindings.from_wire(parts).sum(axis=0)))
    (packed, new_base), (packed_by_numpy, base_by_numpy) = results
    np.testing.assert_allclose(packed, packed_by_numpy, rtol=2**-6, atol=1e-4)
    np.testing.assert_allclose(new_base, base_by_numpy, atol=0.02)
    assert np.abs(new_base - local).max() < 0.02 * np.abs(base - local).max() + 1e-3


@pytest.mark.skipif(not native.available(), reason="the library was not built")
def test_the_environment_chooses_an_instruction_set(monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", "base")
    assert bindings._function("sum").__name__ == "w2v_merge_sum_base"
    monkeypatch.setenv("TORCH_W2V_ISA", "sse")
    with pytest.raises(ValueError, match="must be one of 'base', 'avx2', 'avx512'"):
        bindings._function("sum")


def test_all_ranks_end_with_the_same_tables():
    V, D, size = 700, 10, 3
    kept = np.arange(V, 0, -1.0)
    problem = Problem(kept / kept.sum(), np.full(V, 1 / V), 5, 6.0)
    start = np.random.default_rng(0).normal(size=(2, V, D)).astype(np.float32)

    def program(group):
        rng = np.random.default_rng(group.rank)
        tables = [table.copy() for table in start]
        counts = np.zeros(V)
        rows = []
        exchange = Exchange(group, problem, is_sorted=True, threads=2)
        exchange.begin(tables)
        for number in range(1, 6):
            for table in tables:
                table[...] += rng.normal(size=table.shape).astype(np.float32) / 100
            rows.append(exchange.merge(tables, counts + rng.integers(0, 9, V), number, number == 5, 0.025))
        return tables, rows

    results = run_ranks(size, program)
    assert all(np.array_equal(tables, results[0][0]) for tables, _ in results)
    assert [rows for _, rows in results] == [[78, 156, 78, V, V]] * size
    assert not np.array_equal(results[0][0], start)
