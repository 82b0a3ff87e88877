"""The first use of the Triton kernel on a GPU: what is compared, what is remembered, and what follows."""

import json
import os
import warnings
from types import SimpleNamespace

import pytest
import torch

from tests.engines import triton_process
from tests.engines.triton_process import needs_triton
from torch_w2v import engines, native
from torch_w2v.engines.interface import Rates
from torch_w2v.engines.reference import ReferenceEngine
from torch_w2v.engines.triton import self_check
from torch_w2v.engines.triton.engine import TritonEngine


class TwiceAsFast(ReferenceEngine):
    """An engine with a mistake."""

    def train(self, tables, chunk, rates, plan):
        return super().train(tables, chunk, Rates(2 * rates.begin, 2 * rates.end), plan)


class NotANumber(ReferenceEngine):
    def train(self, tables, chunk, rates, plan):
        result = super().train(tables, chunk, rates, plan)
        tables.outputs[3, 4] = torch.nan
        return result


def check_in_the_interpreter():
    return self_check.compare(TritonEngine("cpu"))


@needs_triton
@pytest.mark.slow
def test_the_kernel_is_right():
    with triton_process.process(TRITON_INTERPRET="1") as call:
        assert call(check_in_the_interpreter) is None


def test_mistakes_are_found():
    assert self_check.compare(ReferenceEngine("cpu")) is None
    assert self_check.compare(TwiceAsFast("cpu")).startswith("inputs of CBOW with 100 columns are wrong by 0.")
    assert self_check.compare(NotANumber("cpu")) == "outputs of CBOW with 100 columns are wrong by nan of their update"


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """A machine that seems to have a GPU; `results` are what comparisons return, and are used up."""
    monkeypatch.setenv("TORCH_W2V_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "H100")
    monkeypatch.setattr(engines, "_why_not_triton", lambda device: None)
    monkeypatch.setattr(engines, "check_device", str)
    monkeypatch.setattr(self_check.importlib.metadata, "version", lambda name: "3.7.1")
    results = []

    def compare(engine):
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(self_check, "compare", compare)

    def forget():
        self_check.why_wrong.cache_clear()
        engines._warn_of_gpu_once.cache_clear()

    forget()
    yield SimpleNamespace(results=results, forget=forget, patch=monkeypatch, cache=tmp_path / "cache")
    forget()


def test_a_good_result_is_remembered_until_a_version_changes(gpu):
    gpu.results.extend([None, None])
    for version in ("3.7.1", "3.7.1", "3.8.0", "3.8.0"):
        gpu.patch.setattr(self_check.importlib.metadata, "version", lambda name, version=version: version)
        gpu.forget()
        assert self_check.why_wrong("cuda:0") is None
    assert gpu.results == []
    remembered = [json.loads(file.read_text()) for file in gpu.cache.iterdir()]
    assert sorted(found["triton"] for found in remembered) == ["3.7.1", "3.8.0"]


def test_a_bad_result_warns_once_and_is_remembered(gpu):
    gpu.results.append("inputs are wrong")
    for _ in range(2):
        gpu.forget()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                assert engines.choose("auto", "cuda", 100).name == "torch_batched"
        (warning,) = caught
        assert "something else than it must (inputs are wrong; device H100, " in str(warning.message)
        assert str(warning.message).endswith(": training with engine 'torch_batched' on cuda instead")
        gpu.patch.setattr(native, "available", lambda: True)
        with pytest.warns(RuntimeWarning, match="inputs are wrong.*: training with engine 'cpu' on cpu instead"):
            assert engines.choose("auto", "auto", 100).name == "cpu"
        with pytest.raises(RuntimeError, match=r"engine='triton' .*inputs are wrong.*; use engine='torch_batched'"):
            engines.choose("triton", "cuda", 100)


def test_a_check_that_fails_is_not_remembered(gpu, recwarn):
    gpu.results.extend([torch.OutOfMemoryError("full"), None])
    assert engines.choose("auto", "cuda", 100).name == "torch_batched"
    assert "could not be checked on H100 (OutOfMemoryError: full)" in str(recwarn.pop(RuntimeWarning).message)
    gpu.forget()
    assert engines.choose("auto", "cuda", 100).name == "triton"


def test_without_a_folder_for_caches(gpu):
    gpu.cache.write_text("a file")
    gpu.results.extend([None, None])
    for _ in range(2):
        gpu.forget()
        assert self_check.why_wrong("cuda") is None
    assert gpu.results == []


def test_a_user_without_a_home(gpu):
    for name in ("TORCH_W2V_CACHE", "XDG_CACHE_HOME"):
        gpu.patch.delenv(name, raising=False)
    gpu.patch.setattr(os.path, "expanduser", lambda path: path)
    gpu.results.extend([None, None])
    for _ in range(2):
        gpu.forget()
        assert self_check.why_wrong("cuda") is None
    assert gpu.results == []


def test_a_damaged_result_is_checked_again(gpu):
    gpu.results.extend([None, None])
    assert self_check.why_wrong("cuda") is None
    (file,) = gpu.cache.iterdir()
    file.write_text("{}")
    gpu.forget()
    assert self_check.why_wrong("cuda") is None
    assert gpu.results == []
