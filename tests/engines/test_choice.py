import dataclasses
import itertools
import logging

import numpy as np
import pytest
import torch
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import KERNEL, interrupted_at, same, topics, trainable, weights
from torch_w2v import engines, native
from torch_w2v.corpus import Chunk
from torch_w2v.engines import torch_engine as on_torch
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.triton import engine as triton


@pytest.fixture(autouse=True)
def _say_again():
    engines._say_once.cache_clear()
    engines._warn_once.cache_clear()


def choose(engine="auto", device="cpu", vector_size=100):
    return engines.choose(engine, device, vector_size)


def test_auto_takes_the_fused_kernel_and_says_so_once(caplog, monkeypatch):
    monkeypatch.setattr(native, "available", lambda: True)
    with caplog.at_level(logging.INFO, "torch_w2v"):
        assert choose().name == "cpu"
        choose()
    assert [r.getMessage() for r in caplog.records] == [
        "engine 'auto': cpu on cpu (the fused kernel is the fastest on a CPU)"
    ]


def test_without_the_kernel_auto_falls_back_with_one_visible_warning(monkeypatch, recwarn):
    monkeypatch.setattr(native, "available", lambda: False)
    assert choose().name == "torch_batched"
    choose()
    assert len(recwarn) == 1
    assert "reinstall" in str(recwarn[0].message)


def test_rows_too_long_for_the_kernel_go_to_torch(monkeypatch):
    monkeypatch.setattr(native, "available", lambda: True)
    monkeypatch.setattr(native, "library", lambda: None)
    assert choose(vector_size=cpu.MOST + 1).name == "torch_batched"
    with pytest.raises(ValueError, match="4096"):
        choose("cpu", vector_size=cpu.MOST + 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_auto_device_is_the_cpu_and_cuda_raises():
    assert engines.choose("torch_batched", "auto", 10).device == "cpu"
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


@pytest.fixture
def gpu(monkeypatch):
    """A GPU that is said to be there."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(triton.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(on_torch, "check_device", torch.device)
    return monkeypatch


def test_auto_takes_the_gpu_and_says_so_once(gpu, caplog):
    with caplog.at_level(logging.INFO, "torch_w2v"):
        for device in ("auto", "cuda:1"):
            engine = choose(device=device)
            assert (engine.name, engine.device[:4], engine.chunk_words) == ("triton", "cuda", on_torch.GPU_CHUNK)
        choose(device="auto")
    assert [r.getMessage() for r in caplog.records] == [
        f"engine 'auto': triton on {device} (the fused kernel is the fastest on a GPU)" for device in ("cuda", "cuda:1")
    ]
    assert choose("cpu", "auto").device == "cpu"
    assert choose(device="cpu").chunk_words is None


@pytest.mark.parametrize(
    ("owner", "name", "value", "why"),
    [
        (triton.importlib.util, "find_spec", lambda name: None, r"pip install 'torch_w2v\[gpu\]'"),
        (torch.version, "hip", "6.4", "AMD"),
        (torch.cuda, "get_device_capability", lambda device: (7, 5), r"Tesla T4 has 7.5"),
    ],
    ids=["not-installed", "rocm", "too-old"],
)
def test_a_gpu_without_triton_goes_to_torch_and_the_log_says_why(gpu, caplog, owner, name, value, why):
    gpu.setattr(owner, name, value)
    with caplog.at_level(logging.INFO, "torch_w2v"):
        engine = choose(device="auto")
    assert (engine.name, engine.chunk_words) == ("torch_batched", on_torch.GPU_CHUNK)
    with pytest.raises(RuntimeError, match=why) as raised:
        choose("triton", "cuda")
    assert "use engine='torch_batched'" in str(raised.value)
    assert str(raised.value).endswith(caplog.records[0].getMessage().partition("(")[2][:-1])


@pytest.mark.parametrize("device", ["mps", "xpu"])
def test_other_devices_go_to_torch(gpu, device):
    assert choose(device=device).name == "torch_batched"
    with pytest.raises(RuntimeError, match=f"engine='triton' with device='{device}' cannot be used here: it needs an"):
        choose("triton", device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_triton_without_a_gpu_raises(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    for device in ("auto", "cpu"):
        with pytest.raises(RuntimeError, match=r"it needs an NVIDIA GPU, device='cuda'; on device='cpu' use"):
            choose("triton", device)
        with pytest.raises(RuntimeError, match="engine='triton' with device"):
            torch_w2v.Word2Vec(engine="triton", device=device)


def test_out_of_memory_says_what_is_needed_and_leaves_the_model_usable(gpu):
    """Rows that do not fit at the first pass; then a chunk that does not fit."""
    gpu.setattr(torch.cuda, "mem_get_info", lambda device: (1_000_000_000, 80_000_000_000))
    gpu.setattr(torch.cuda, "memory_reserved", lambda device: 3_000_000_000)
    gpu.setattr(torch.cuda, "memory_allocated", lambda device: 2_000_000_000)
    model = torch_w2v.Word2Vec(topics(), vector_size=8, min_count=1, engine="torch_batched", device="cpu")
    before = [array.copy() for array in weights(model)]

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.60 GiB.")

    def copied(table, last):
        return torch.from_numpy(table.copy())

    made = on_torch.make("triton", "cuda", engines.blocks_in_flight)
    for where in ({"rows": full}, {"train_chunk": full, "rows": copied}):
        engine = dataclasses.replace(made, place=torch.from_numpy, **where)
        with gpu.context() as patch:
            patch.setattr(engines, "choose", lambda *_, engine=engine: engine)
            with pytest.raises(torch.OutOfMemoryError) as raised:
                model.train(topics(), total_examples=600, epochs=1)
        said = str(raised.value)
        assert "the vectors of 16 words with vector_size=8 need 0.00 GB" in said
        assert "of the device's 80.00 GB, 2.00 GB are free" in said
        assert "smaller vector_size, a higher min_count, a max_final_vocab, or device='cpu'" in said
        assert all(map(np.array_equal, before, weights(model)))
    assert trainable(model, topics())


def test_torch_threads_are_given_back():
    before = torch.get_num_threads()
    with choose("torch_batched").session(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), choose("torch_batched").session(1):
        raise KeyError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("engine", ["reference", *KERNEL])
def test_tables_are_written_back_even_on_an_interrupt(engine):
    arrays = [np.ones((3, 5), np.float32), np.zeros((3, 5), np.float32)]

    def interrupted():
        with engines.Resident().tables(choose(engine), *arrays) as (inputs, outputs):
            inputs[:] += 1
            outputs[:] -= 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (arrays[0] == 2).all()
    assert (arrays[1] == -1).all()


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_tables_keep_their_memory_from_pass_to_pass():
    resident, engine = engines.Resident(), choose("cpu")
    with resident.tables(engine, np.ones((3, 5), np.float32), np.zeros((3, 5), np.float32)) as first:
        where = [table.ctypes.data for table in first]
        for table in first:
            cpu.whole(table)[...] = np.nan  # training that diverged, beside the rows too
    with resident.tables(engine, np.full((3, 5), 2, np.float32), np.full((3, 5), 3, np.float32)) as second:
        assert [table.ctypes.data for table in second] == where
        for table, value in zip(second, (2, 3), strict=True):
            assert (table == value).all()
            assert not cpu.whole(table)[:, 5:].any()
    with resident.tables(
        engine, np.ones((4, 5), np.float32), np.ones((4, 5), np.float32)
    ) as third:  # the vocabulary grew
        assert all((table == 1).all() and table.shape == (4, 5) for table in third)


@pytest.mark.parametrize("engine", ["reference", *KERNEL])
def test_tables_that_nobody_sees_come_back_at_the_end(engine):
    inputs, outputs = np.ones((3, 5), np.float32), np.zeros((3, 5), np.float32)
    resident, chosen = engines.Resident(), choose(engine)
    for n in range(3):
        with resident.tables(chosen, inputs, outputs, unseen=True) as (now, _):
            assert (now == 1 + n).all()
            now[:] += 1
    other = np.full((3, 5), 9, np.float32)
    with resident.tables(chosen, inputs, other, unseen=True) as (now, now_other):  # another table, and one brought back
        assert (now == 4).all()
        assert (now_other == 9).all()
        now[:] += 1
    resident.finish()
    assert (inputs == 5).all()
    inputs[:] = 7
    resident.finish()
    assert (inputs == 7).all()
    with resident.tables(chosen, inputs, outputs, unseen=True) as (now, _):
        assert (now == 7).all()


def test_an_interrupt_while_tables_come_back_is_made_up_for():
    write_back, _ = interrupted_at(2)
    engine = engines.Engine("own", "cpu", None, None, rows=lambda table, last: table + 1, write_back=write_back)
    arrays = np.zeros((2, 3)), np.zeros((2, 3))
    with pytest.raises(KeyboardInterrupt), engines.Resident().tables(engine, *arrays):
        pass
    assert all((array == 1).all() for array in arrays)


def test_tokens_are_moved_once_as_long_as_there_is_room():
    moved = []

    def place(array):
        moved.append(array)
        return array

    def chunk(position, n=4):
        return Chunk(np.arange(position, position + n, dtype=np.int32), np.array([0, n]), 0, n, position, 1)

    engine = engines.Engine("own", "cpu", None, None, place=place, room=lambda: 70)
    resident = engines.Resident()

    def passes(corpus):
        """How many arrays are moved for three chunks."""
        moved.clear()
        for position in (0, 4, 8):
            tokens, offsets = resident.tokens(engine, chunk(position), corpus)
            assert (tokens.tolist(), offsets.tolist()) == ([*range(position, position + 4)], [0, 4])
        return len(moved)

    assert [passes(5), passes(5), passes(5)] == [6, 2, 2]  # two chunks of 32 bytes fit
    assert len(resident.tokens(engine, chunk(0, 5), 5)[0]) == 5  # as long a halo as the draws of a pass want
    assert [passes(6), passes(6)] == [6, 2]  # another vocabulary: other numbers
    assert [passes(None), passes(None), passes(6)] == [6, 6, 6]  # a corpus that is not the same at every pass


def test_a_full_device_lets_go_of_tokens():
    held = []

    def place(array):
        if len(held) == 5:
            held.clear()
            raise OverflowError
        held.append(array)
        return array

    engine = engines.Engine("own", "cpu", None, None, place=place, room=lambda: 1000, no_memory=(OverflowError,))
    resident = engines.Resident()
    for position in range(4):
        chunk = Chunk(np.array([position], np.int32), np.array([0, 1]), 0, 1, position, 1)
        assert resident.tokens(engine, chunk, 1)[0] == [position]
    assert len(held) == 4  # the third chunk once more, and the fourth
    with pytest.raises(OverflowError), resident.tables(engine, np.zeros((1, 1)), np.zeros((1, 1))):
        raise OverflowError


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_an_engine_with_room_gets_the_tokens_that_another_gets(monkeypatch, cache):
    """A sentence longer than chunks, whose halos reach to its begin or not; a list that changes, read anew."""
    long = [["the"] * 180 + [word for sentence in topics(400) for word in sentence], *topics(50)]

    class Turn(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if cache == "off":
                sentences.append(sentences.pop(0))

    results = []
    for room in (0, 10**9):
        chosen = dataclasses.replace(choose("torch_batched"), room=lambda room=room: room)
        sentences = list(long)
        with monkeypatch.context() as patch:
            patch.setattr(engines, "choose", lambda *_, chosen=chosen: chosen)
            results.append(
                torch_w2v.Word2Vec(
                    sentences,
                    vector_size=8,
                    min_count=1,
                    batch_words=5,
                    sample=1e-3,
                    workers=1,
                    epochs=3,
                    corpus_cache=cache,
                    callbacks=[Turn()],
                    engine="torch_batched",
                    device="cpu",
                )
            )
    assert same(*results)


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_a_callback_may_choose_another_engine():
    class Other(CallbackAny2Vec):
        def on_epoch_end(self, model):
            model.engine = {"cpu": "torch_batched", "torch_batched": "reference", "reference": "cpu"}[model.engine]

    model = torch_w2v.Word2Vec(
        topics(), vector_size=8, min_count=1, workers=1, epochs=5, callbacks=[Other()], engine="cpu", device="cpu"
    )
    assert model.engine == "reference"
    assert trainable(model, topics())


def test_layouts():
    assert engines.blocks_one_by_one(7, 1e9, 6) == Layout(T=64, S=8, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e5, 6) == Layout(T=32, S=8, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e9, 6, mean=False) == Layout(T=64, S=32, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e5, 6, mean=False) == Layout(T=32, S=16, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e9, 16) == Layout(T=64, S=16, N=7, B=1)
    assert engines.blocks_one_by_one(7, 1e9, 501) == Layout(T=256, S=256, N=7, B=1, G=2, fresh=True)
    assert engines.many_blocks(5, 1e9, 6) == Layout(T=64, S=4, N=16, B=64)
    assert engines.many_blocks(15, 1e9, 6) == Layout(T=64, S=4, N=24, B=64)
    assert engines.many_blocks(5, 1e9, 16) == Layout(T=64, S=4, N=16, B=24)
    assert engines.many_blocks(5, 1e9, 6, mean=False) == Layout(T=64, S=16, N=8, B=16)
    assert engines.many_blocks(5, 1e6, 6).B == 15
    for negative, context, mean in itertools.product((1, 5, 20, 100), (2, 6, 16, 51, 501), (True, False)):
        layout = engines.many_blocks(negative, 1e9, context, mean)
        assert layout.targets_in_flight <= 4096
        assert layout.targets_in_flight * context <= 25_000 or layout.B == 1
        assert layout.T * negative / (layout.S * layout.N) <= 10  # gradients a row of a set collects in a step
    assert engines.many_blocks(5, 1000, 6).B == 1
