"""Which engine `engine=` and `device=` mean on which machine, and what the log says about it."""

import logging
import re

import pytest
import torch

import torch_w2v
from torch_w2v import engines, native
from torch_w2v.engines.cpu.engine import MAX_VECTOR_SIZE
from torch_w2v.engines.torch_engine import GPU_CHUNK
from torch_w2v.engines.triton import engine as triton


@pytest.fixture(autouse=True)
def _log_again():
    engines._log_choice_once.cache_clear()
    engines._warn_once.cache_clear()
    engines._warn_of_long_rows_once.cache_clear()


def choose(engine="auto", device="cpu", vector_size=100):
    return engines.choose(engine, device, vector_size)


def test_auto_takes_the_fused_kernel_and_logs_it_once(caplog, monkeypatch):
    monkeypatch.setattr(native, "available", lambda: True)
    with caplog.at_level(logging.INFO, "torch_w2v"):
        assert choose().name == "cpu"
        choose()
    assert [r.getMessage() for r in caplog.records] == [
        "engine 'auto': cpu on cpu (the fused kernel is the fastest on a CPU)"
    ]


def test_without_the_kernel_auto_falls_back_with_one_visible_warning(monkeypatch, recwarn):
    monkeypatch.setattr(native, "available", lambda: False)
    for _ in range(2):
        reason = engines.why_gensim("auto", "cpu", 100, "gensim")
        assert reason == "the fused CPU kernel is not installed"
    assert len(recwarn) == 1
    assert re.search("gensim's own engine.* pip install --force-reinstall .* torch_w2v$", str(recwarn[0].message))
    assert recwarn[0].category is RuntimeWarning


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("sg", "reason"), [(0, None), (1, "the fused CPU kernel is not installed")])
def test_the_exact_gradient_is_not_asked_of_skip_gram(monkeypatch, sg, reason):
    monkeypatch.setattr(native, "available", lambda: False)
    assert torch_w2v.Word2Vec(sg=sg, cbow_gradient="exact", device="cpu")._w2v_why_gensim() == reason


def test_without_the_kernel_torch_trains_what_gensim_cannot(monkeypatch, recwarn):
    monkeypatch.setattr(native, "available", lambda: False)
    assert engines.why_gensim("auto", "cpu", 100, "exact") is None
    for _ in range(2):
        assert choose().name == "torch_batched"
    assert [str(warning.message).partition(". ")[0] for warning in recwarn] == [
        "torch_w2v's fused CPU kernel is not installed: training with the slower engine 'torch_batched'"
    ]


def test_rows_too_long_for_the_kernel_go_to_gensim_and_with_the_exact_gradient_to_torch(monkeypatch, recwarn):
    monkeypatch.setattr(native, "available", lambda: True)
    monkeypatch.setattr(native, "library", lambda: None)
    assert choose(vector_size=MAX_VECTOR_SIZE).name == "cpu"
    assert engines.why_gensim("auto", "auto", MAX_VECTOR_SIZE, "gensim") is None
    assert engines.why_gensim("auto", "cpu", MAX_VECTOR_SIZE + 1, "gensim") == "vectors of more than 4096 floats"
    assert engines.why_gensim("auto", "cpu", MAX_VECTOR_SIZE + 1, "exact") is None
    assert not recwarn
    for _ in range(2):
        assert choose(vector_size=MAX_VECTOR_SIZE + 1).name == "torch_batched"
    assert [str(warning.message).partition(". ")[0] for warning in recwarn] == [
        "vector_size=4097: the fused CPU kernel takes up to 4096: training with the slower engine 'torch_batched'"
    ]
    with pytest.raises(ValueError, match="4096"):
        choose("cpu", vector_size=MAX_VECTOR_SIZE + 1)


@pytest.mark.parametrize("engine", ["reference", "torch_batched"])
def test_the_engines_of_plain_torch(engine):
    chosen = choose(engine)
    assert (chosen.name, chosen.device, chosen.preferred_chunk_words) == (engine, "cpu", None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_auto_device_is_the_cpu_and_cuda_raises():
    assert engines.choose("torch_batched", "auto", 10).device == "cpu"
    with pytest.raises(RuntimeError, match="device='cuda' cannot be used here"):
        choose(device="cuda")


@pytest.mark.parametrize(
    ("engine", "device", "message"),
    [
        (
            "fast",
            "cpu",
            "engine='fast': must be one of 'auto', 'cpu', 'gensim', 'triton', 'torch_b",
        ),
        ("auto", "gpu", "device='gpu': must be 'auto' or a torch device"),
        ("auto", 3.5, "device=3.5: must be 'auto' or a torch device"),
    ],
)
def test_unknown_names(engine, device, message):
    with pytest.raises(ValueError, match=message):
        choose(engine, device)


@pytest.mark.parametrize("engine", ["cpu", "gensim"])
def test_engines_of_the_cpu(engine, monkeypatch):
    monkeypatch.setattr(engines, "check_device", str)
    with pytest.raises(
        ValueError, match=f"engine='{engine}' with device='mps': this engine works on device='cpu' only"
    ):
        choose(engine, "mps")


def test_a_device_without_memory():
    with pytest.raises(RuntimeError, match=r"device='meta' cannot be used here .*no data"):
        choose("torch_batched", "meta")


@pytest.fixture
def gpu(monkeypatch):
    """A machine that seems to have a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(triton.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(engines, "check_device", str)
    # test_self_check.py
    monkeypatch.setattr(engines, "_why_triton_is_wrong", lambda device: None)
    return monkeypatch


def test_auto_takes_the_gpu_and_logs_it_once(gpu, caplog):
    with caplog.at_level(logging.INFO, "torch_w2v"):
        for device in ("auto", "cuda:1"):
            engine = choose(device=device)
            assert (engine.name, engine.device[:4], engine.preferred_chunk_words) == ("triton", "cuda", GPU_CHUNK)
        choose(device="auto")
    assert [r.getMessage() for r in caplog.records] == [
        f"engine 'auto': triton on {device} (the fused kernel is the fastest on a GPU)" for device in ("cuda", "cuda:1")
    ]
    assert choose("cpu", "auto").device == "cpu"
    assert choose(device="cpu").preferred_chunk_words is None


@pytest.mark.parametrize(
    ("owner", "name", "value", "reason"),
    [
        (triton.importlib.util, "find_spec", lambda name: None, r"pip install 'torch_w2v\[gpu\]'"),
        (torch.version, "hip", "6.4", "AMD"),
        (torch.cuda, "get_device_capability", lambda device: (7, 5), r"Tesla T4 has 7.5"),
    ],
    ids=["not-installed", "rocm", "too-old"],
)
def test_a_gpu_without_triton(gpu, caplog, owner, name, value, reason):
    """Where any device will do the CPU's kernel trains; on that GPU plain torch does. The log says why."""
    gpu.setattr(owner, name, value)
    gpu.setattr(native, "available", lambda: True)
    with caplog.at_level(logging.INFO, "torch_w2v"):
        kernel, plain = choose(device="auto"), choose(device="cuda")
    assert (kernel.name, kernel.device, kernel.preferred_chunk_words) == ("cpu", "cpu", None)
    assert (plain.name, plain.device, plain.preferred_chunk_words) == ("torch_batched", "cuda", GPU_CHUNK)
    with pytest.raises(RuntimeError, match=reason) as raised:
        choose("triton", "cuda")
    assert "use engine='torch_batched'" in str(raised.value)
    said = [record.getMessage().partition("(")[2][:-1] for record in caplog.records]
    assert str(raised.value).endswith(said[1])
    assert said[0] == f"{said[1]}; the fused kernel on the CPU is expected to be faster than plain torch on this GPU"


def test_without_the_kernel_or_with_long_rows_torch_trains_on_a_gpu_without_triton(gpu):
    gpu.setattr(torch.version, "hip", "6.4")
    assert choose(device="auto", vector_size=MAX_VECTOR_SIZE + 1).name == "torch_batched"
    gpu.setattr(native, "available", lambda: False)
    assert choose(device="auto").name == "torch_batched"


def test_the_oldest_capability_is_enough(gpu):
    gpu.setattr(torch.cuda, "get_device_capability", lambda device: triton.OLDEST_CAPABILITY)
    assert triton.why_unusable(torch.device("cuda")) is None


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


@pytest.mark.parametrize(("engine", "threads"), [("torch_batched", 1), ("torch_batched", 2), ("reference", 2)])
def test_torch_threads_are_limited_and_restored(engine, threads, monkeypatch):
    monkeypatch.setattr("torch_w2v.engines.torch_engine.cores", lambda: 2)
    expected = threads if engine == "torch_batched" else 1
    before = torch.get_num_threads()
    with choose(engine).thread_limit(threads):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), choose(engine).thread_limit(threads):
        raise KeyError
    assert torch.get_num_threads() == before
