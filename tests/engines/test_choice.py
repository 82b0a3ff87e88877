import logging

import numpy as np
import pytest
import torch

from tests.helpers import KERNEL
from torch_w2v import engines
from torch_w2v.engines import cpu
from torch_w2v.plan import Layout


@pytest.fixture(autouse=True)
def _say_again():
    engines._say_once.cache_clear()
    engines._warn_once.cache_clear()


def choose(engine="auto", device="cpu", vector_size=100):
    return engines.choose(engine, device, vector_size)


def test_auto_takes_the_fused_kernel_and_says_so_once(caplog, monkeypatch):
    monkeypatch.setattr(cpu, "available", lambda: True)
    with caplog.at_level(logging.INFO, "torch_w2v"):
        assert choose().name == "cpu"
        choose()
    assert [r.getMessage() for r in caplog.records] == [
        "engine 'auto': cpu on cpu (the fused kernel is the fastest on a CPU)"
    ]


def test_without_the_kernel_auto_falls_back_with_one_visible_warning(monkeypatch, recwarn):
    monkeypatch.setattr(cpu, "available", lambda: False)
    assert choose().name == "torch_batched"
    choose()
    assert len(recwarn) == 1
    assert "reinstall" in str(recwarn[0].message)


def test_rows_too_long_for_the_kernel_go_to_torch(monkeypatch):
    monkeypatch.setattr(cpu, "available", lambda: True)
    monkeypatch.setattr(cpu, "library", lambda: None)
    assert choose(vector_size=cpu.MOST + 1).name == "torch_batched"
    with pytest.raises(ValueError, match="4096"):
        choose("cpu", vector_size=cpu.MOST + 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_auto_device_is_the_cpu_and_cuda_raises():
    assert engines.choose("torch_batched", "auto", 10).device == torch.device("cpu")
    with pytest.raises(RuntimeError, match="device='cuda' cannot be used here"):
        choose(device="cuda")


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        ("fast", "cpu", "engine='fast': must be one of 'auto', 'cpu', 'triton', 'torch_batched', 'reference'"),
        ("auto", "gpu", "device='gpu': must be 'auto' or a torch device"),
        ("auto", 3.5, "device=3.5: must be 'auto' or a torch device"),
        ("cpu", "meta", "works on device='cpu' only"),
    ],
)
def test_unknown_names(engine, device, message):
    with pytest.raises(ValueError, match=message):
        choose(engine, device)


def test_torch_threads_are_given_back():
    before = torch.get_num_threads()
    with engines.torch_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), engines.torch_threads(1):
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("engine", ["reference", *KERNEL])
def test_tables_are_written_back_even_on_an_interrupt(engine):
    arrays = [np.ones((3, 5), np.float32), np.zeros((3, 5), np.float32)]

    def interrupted():
        with engines.Tables().on(choose(engine), *arrays) as (inputs, outputs):
            inputs.add_(1)
            outputs.sub_(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (arrays[0] == 2).all()
    assert (arrays[1] == -1).all()


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_tables_keep_their_memory_from_pass_to_pass():
    tables, engine = engines.Tables(), choose("cpu")
    with tables.on(engine, np.ones((3, 5), np.float32), np.zeros((3, 5), np.float32)) as first:
        where = [table.data_ptr() for table in first]
        for table in first:
            table.as_strided((3, 16), (16, 1)).fill_(np.nan)  # training that diverged, beside the rows too
    with tables.on(engine, np.full((3, 5), 2, np.float32), np.full((3, 5), 3, np.float32)) as second:
        assert [table.data_ptr() for table in second] == where
        for table, value in zip(second, (2, 3), strict=True):
            assert (table == value).all()
            assert not table.as_strided((3, 16), (16, 1))[:, 5:].any()
    with tables.on(engine, np.ones((4, 5), np.float32), np.ones((4, 5), np.float32)) as third:  # the vocabulary grew
        assert all((table == 1).all() and table.shape == (4, 5) for table in third)


def test_layouts():
    assert engines.blocks_one_by_one(7, 1e9, 6) == Layout(T=64, S=8, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e5, 6) == Layout(T=32, S=8, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e9, 16) == Layout(T=64, S=16, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e9, 501) == Layout(T=16, S=16, N=7, B=1)
    for negative in (1, 5, 20, 100):
        layout = engines.many_blocks(negative, 1e9, 6)
        assert layout.targets_in_flight == 4096
        assert layout.T * negative / (layout.S * layout.N) <= 10  # gradients a row of a set collects in a step
    assert engines.many_blocks(5, 1000, 6).B == 1
