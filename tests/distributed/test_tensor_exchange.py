"""Tables that are tensors are exchanged as arrays are: here with tensors on the CPU, which is what a GPU would do."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.distributed.test_merge import a_curvature
from tests.distributed.thread_group import ThreadTensorGroup, run_ranks
from tests.helpers import KilledError, same, topics
from torch_w2v import Word2Vec
from torch_w2v.distributed import bindings, tensor_exchange, tensor_merge
from torch_w2v.distributed.exchange import Exchange
from torch_w2v.distributed.merge import Problem, applied, sent
from torch_w2v.distributed.tensor_exchange import TensorExchange
from torch_w2v.training.ranks import Together

CPU = torch.device("cpu")
SENTENCES = topics(120)
OPTIONS = {
    "vector_size": 16,
    "window": 3,
    "min_count": 1,
    "epochs": 2,
    "workers": 1,
    "seed": 7,
    "engine": "torch_batched",
}


def wire_of(values):
    """Return a bfloat16 tensor as the numbers that the native path sends."""
    return values.view(torch.int16).numpy().view(np.uint16)


def a_block(n, D, pitch=3):
    """Return (rows with gaps, base, gradients) of a rank; some rows have no gradients, others very many."""
    rng = np.random.default_rng(100 * n + D)
    base = rng.normal(size=(n, D)).astype(np.float32)
    local = np.full((n, D + pitch), np.nan, np.float32)
    local[:, :D] = base + rng.normal(size=(n, D)) / 10
    gradients = (10 ** rng.uniform(-6, 6, n)).astype(np.float32)
    gradients[::5] = 0
    return local, base, gradients


@pytest.mark.parametrize(("n", "D"), [(7, 1), (5, 2), (90, 7), (300, 100), (3, 700)])
def test_packing_and_applying_are_those_of_the_specification(n, D):
    local, base, gradients = a_block(n, D)
    curve = a_curvature(D, np.random.default_rng(n))
    on_device = tensor_merge.curvature_on(CPU, curve, 0.5)
    curve.rates[:] *= np.float32(0.5)
    wire = torch.zeros(n, D + len(curve.directions) + 1, dtype=torch.bfloat16)
    scratch = torch.full(wire.shape, torch.nan)
    rows, agreed = torch.from_numpy(local.copy()), torch.from_numpy(base.copy())

    tensor_merge.pack(rows[:, :D], agreed, torch.from_numpy(gradients), on_device, wire, scratch)
    expected = sent((local[:, :D] - base).astype(np.float64), gradients.astype(np.float64), curve)
    # in units of a row's largest number
    unit = np.append(
        np.abs(expected[:, :-1]).max(axis=1, keepdims=True).repeat(wire.shape[1] - 1, 1), np.ones((n, 1)), 1
    )
    np.testing.assert_allclose(scratch.numpy() / unit, expected / unit, rtol=1e-5, atol=1e-5)
    assert np.array_equal(wire_of(wire), bindings.to_wire(scratch.numpy()))

    tensor_merge.apply(rows[:, :D], agreed, on_device, wire, scratch)
    moves = applied(wire.double().numpy(), curve)
    np.testing.assert_allclose(agreed.numpy(), base + moves, rtol=1e-6, atol=1e-5 * np.abs(moves).max())
    assert np.array_equal(rows[:, :D].numpy(), agreed.numpy())
    assert rows[:, D:].isnan().all()


@pytest.mark.parametrize(("n", "D"), [(9, 1), (300, 100)])
def test_what_is_sent_is_what_the_other_path_sends(n, D):
    """To the float32 rounding of the formulas, which decides one time in a hundred how a number is rounded."""
    local, base, gradients = a_block(n, D)
    curve = a_curvature(D, np.random.default_rng(n))
    native_wire = np.zeros((n, D + len(curve.directions) + 1), np.uint16)
    with ThreadPoolExecutor(1) as pool:
        bindings.pack(local[:, :D], base, gradients, curve, native_wire, pool)
    wire = torch.zeros(native_wire.shape, dtype=torch.bfloat16)
    on_device = tensor_merge.curvature_on(CPU, curve, 1.0)
    arguments = (torch.from_numpy(array) for array in (local[:, :D], base, gradients))
    tensor_merge.pack(*arguments, on_device, wire, torch.empty(wire.shape))
    assert np.array_equal(wire_of(wire)[:, -1], native_wire[:, -1])
    assert (wire_of(wire) != native_wire).mean() < 0.02
    np.testing.assert_allclose(wire.float().numpy(), bindings.from_wire(native_wire), rtol=2**-7, atol=1e-4)


def test_parts_are_added_as_on_the_other_path():
    parts = np.random.default_rng(0).integers(0, 0x10000, (5, 40, 9)).astype(np.uint16)
    into = torch.zeros(40, 9, dtype=torch.bfloat16)
    tensor_merge.add(torch.from_numpy(parts.view(np.int16)).view(torch.bfloat16), into, torch.empty(40, 9))
    expected, got = bindings.from_wire(bindings.add(parts)), into.float().numpy()
    assert np.array_equal(np.isnan(got), np.isnan(expected))
    assert np.array_equal(got[~np.isnan(got)], expected[~np.isnan(got)])


def exchanges(size, V, D, tensors, nan=None, is_sorted=True):
    """Return every rank's tables after each of five exchanges, and the numbers of rows that they had."""
    kept = np.arange(V, 0, -1.0)
    problem = Problem(kept / kept.sum(), np.full(V, 1 / V), 5, 6.0)
    start = np.random.default_rng(0).normal(size=(2, V, D + 2)).astype(np.float32)

    def program(group):
        rng = np.random.default_rng(group.rank)
        # Rows of arrays and of tensors may both have gaps between them.
        tables = [table.copy()[:, :D] for table in start]
        exchanged = [torch.from_numpy(table) for table in tables] if tensors else tables
        if tensors:
            exchange = TensorExchange(ThreadTensorGroup(group), problem, is_sorted)
        else:
            exchange = Exchange(group, problem, is_sorted, threads=1)
        exchange.begin(exchanged)
        history, rows = [], []
        for number in range(1, 6):
            for table in tables:
                table[...] += rng.normal(size=(V, D)).astype(np.float32) / 100
                if nan == number:
                    table[group.rank :: group.size] = np.nan
            # Rank 1 has no words.
            counts = rng.integers(0, 9, V) * (group.rank != 1)
            rows.append(exchange.merge(exchanged, counts, number, number == 5, 0.025))
            history.append(np.array(tables))
        return history, rows, exchange.bytes_sent

    return run_ranks(size, program)


@pytest.mark.parametrize(
    ("size", "V", "D"), [(2, 700, 10), (3, 701, 10), (3, 2, 4), (2, 50, 1), (3, 64, 7), (2, 9, 100)]
)
def test_all_ranks_have_what_they_have_by_the_other_path(size, V, D, monkeypatch):
    arrays = exchanges(size, V, D, tensors=False)
    # many blocks, the last of them smaller
    monkeypatch.setattr("torch_w2v.distributed.exchange._BLOCK", 2 * D * 200)
    results = exchanges(size, V, D, tensors=True)
    for history, rows, sent_bytes in results:
        assert rows == arrays[0][1] == [*rows[:3], V, V]
        assert sent_bytes >= arrays[0][2]
        # The fourth exchange and the last have all rows.
        for number in (3, 4):
            assert np.array_equal(history[number], results[0][0][number])
        differences = np.abs(history[-1] - arrays[0][0][-1])
        assert differences.max() < 2**-8 * 0.1
        assert (differences > 1e-6).mean() < 0.05
    assert not np.array_equal(results[0][0][0], results[1][0][0]) or V < 10


def test_rows_that_are_not_finite_stay_so_on_all_ranks():
    results, arrays = (exchanges(2, 30, 10, tensors, nan=2) for tensors in (True, False))
    for history, *_ in results:
        assert np.array_equal(history[-1], results[0][0][-1], equal_nan=True)
        assert np.array_equal(np.isnan(history[-1]), np.isnan(arrays[0][0][-1]))
        assert np.isnan(history[-1]).all()


def test_every_exchange_has_all_rows_where_they_are_not_sorted():
    results = exchanges(2, 40, 5, tensors=True, is_sorted=False)
    assert [rows for _, rows, _ in results] == [[40] * 5] * 2


class RoundsOtherwise(TensorExchange):
    def _merge_rows(self, local, base, gradients, curve, pool):
        super()._merge_rows(local, base, gradients, curve, pool)
        if self._tensors.rank == 1:
            base *= 1 + 2**-20
            local.copy_(base)


def test_devices_that_round_otherwise_end_an_epoch_with_the_same_tables():
    problem = Problem(np.full(9, 1 / 9), np.full(9, 1 / 9), 5, 6.0)

    def program(group):
        tables = [torch.ones(9, 4), torch.ones(9, 4)]
        exchange = RoundsOtherwise(ThreadTensorGroup(group), problem, False)
        exchange.begin(tables)
        within = []
        for number in (1, 2):
            exchange.merge(tables, np.ones(9), number, number == 2, 0.025)
            within.append(torch.stack(tables).clone())
        return within

    one, other = run_ranks(2, program)
    assert not torch.equal(one[0], other[0])
    assert torch.equal(one[1], other[1])


def test_tables_are_overwritten_by_those_of_the_first_rank():
    problem = Problem(np.full(7, 1 / 7), np.full(7, 1 / 7), 5, 6.0)

    def program(group):
        whole, gaps = torch.full((7, 3), float(group.rank)), torch.full((7, 5), float(group.rank))
        TensorExchange(ThreadTensorGroup(group), problem, True).overwrite([whole, gaps[:, :3]])
        return whole, gaps

    for rank, (whole, gaps) in enumerate(run_ranks(3, program)):
        assert (whole == 0).all()
        assert (gaps[:, :3] == 0).all()
        assert (gaps[:, 3:] == rank).all()


@pytest.mark.parametrize(
    ("devices", "said"),
    [
        (["cpu", "cpu"], ""),
        (["cpu", "xpu:0"], "through the memory of the CPU: the ranks train on unlike devices, cpu, xpu"),
        (["mps", "mps"], "through the memory of the CPU: the process group has no backend between devices 'mps'"),
    ],
)
def test_tables_that_cannot_go_from_device_to_device_are_exchanged_as_arrays(devices, said, caplog):
    caplog.set_level("INFO", "torch_w2v.word2vec")

    def program(group):
        ranks, engine = Together(group, 1), SimpleNamespace(device=devices[group.rank])
        return [ranks.tensor_group(engine) for _ in range(3)]

    assert run_ranks(2, program) == [[None] * 3] * 2
    # once, by the first rank
    assert len(caplog.messages) == bool(said)
    assert said in caplog.text


@pytest.fixture
def on_tensors(monkeypatch):
    """Let the ranks of this test exchange tensors, though they are on the CPU; return the exchanges that were made."""
    made = []
    monkeypatch.setattr(Together, "tensor_group", lambda self, engine: ThreadTensorGroup(self.group))
    begin = TensorExchange.begin

    def count(self, *arguments):
        made.append(self)
        begin(self, *arguments)

    monkeypatch.setattr(TensorExchange, "begin", count)
    return made


def train(size, **options):
    return run_ranks(size, lambda group: Word2Vec(SENTENCES, **{**OPTIONS, **options}, distributed=group))


def test_models_are_those_of_the_other_path(on_tensors, monkeypatch):
    models = train(3, compute_loss=True)
    assert all(same(model, models[0]) for model in models)
    assert len(on_tensors) == 3 * OPTIONS["epochs"]
    monkeypatch.undo()
    arrays = train(3, compute_loss=True)[0]
    assert models[0].training_losses == pytest.approx(arrays.training_losses, rel=1e-3)
    assert models[0].wv.vectors == pytest.approx(arrays.wv.vectors, abs=0.02)
    assert not np.array_equal(models[0].wv.vectors, arrays.wv.vectors)


@pytest.mark.parametrize("shards", [[SENTENCES, []], [[], SENTENCES[:60]]])
def test_a_rank_may_have_no_words(on_tensors, shards):
    def program(group):
        return Word2Vec(shards[group.rank], shard="given", **OPTIONS, distributed=group)

    models = run_ranks(2, program)
    assert same(*models)
    assert np.isfinite(models[0].wv.vectors).all()


def test_training_that_diverges_ends_on_all_ranks(on_tensors, monkeypatch):
    monkeypatch.setattr("torch_w2v.distributed.schedule.MOST_FOR_ALPHA", 1.0)
    with pytest.warns(RuntimeWarning, match="training diverged in epoch"):
        models = train(2, epochs=9, alpha=1e30, min_alpha=1e30)
    assert all(model.diverged for model in models)


def test_an_error_in_the_exchange_of_one_rank_ends_all(on_tensors, monkeypatch):
    pack = tensor_exchange.tensor_merge.pack
    calls = []

    def full(*arguments):
        calls.append(1)
        if len(calls) == 9:
            raise torch.OutOfMemoryError("the device is full")
        pack(*arguments)

    monkeypatch.setattr(tensor_exchange.tensor_merge, "pack", full)
    with pytest.raises(torch.OutOfMemoryError, match="twice as much where several ranks"):
        train(2)


@pytest.mark.parametrize("n", [5, pytest.param(11, marks=pytest.mark.slow)])
def test_checkpoints(on_tensors, tmp_path, killed_after, n):
    """Within the first epoch, and in the second."""
    path = tmp_path / "run.checkpoint"
    whole = train(2)
    killed_after(n)
    with pytest.raises(KilledError):
        train(2, checkpoint=path, checkpoint_every=0)
    killed_after(10**6)
    resumed = train(2, checkpoint=path, checkpoint_every=0)
    assert all(same(model, whole[0]) for model in resumed)
