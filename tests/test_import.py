"""torch is imported only where it is needed, because it is most of the time that an import takes."""

import re
import sys

import pytest

import torch_w2v
from tests.docs.pages import ROOT
from tests.helpers import KERNEL
from tests.processes import python
from torch_w2v.engines import devices

LOADED = """
import sys
def loaded():
    return [name for name in ("torch", "triton") if name in sys.modules]
"""


def check(code):
    """Run `code`, whose assertions may call `loaded`, in a Python process of its own."""
    done = python(LOADED + code)
    assert done.returncode == 0, done.stderr


def test_the_package_loads_torch_for_the_module_and_the_dataset():
    check("""
import torch_w2v, torch_w2v.cli
torch_w2v.Word2Vec
dir(torch_w2v)
assert loaded() == []
from torch_w2v import *
assert "torch" in loaded()
CBOWNegativeSampling(3)
Word2Vec()
torch_w2v.module.CBOWNegativeSampling
torch_w2v.dataset.CBOWDataset
SkipGramNegativeSampling(3)
torch_w2v.dataset.SkipGramDataset
""")


def test_modules_are_loaded_when_they_are_asked_for():
    check("""
import torch_w2v
before = {name for name in torch_w2v._MODULES if f"torch_w2v.{name}" in sys.modules}
assert before == set(), before
torch_w2v.compare.compare, torch_w2v.callbacks.History, torch_w2v.report, torch_w2v.export.save_index
torch_w2v.accel.install
assert loaded() == []
assert "matplotlib" not in sys.modules
assert {"callbacks", "compare", "report", "sklearn"} <= set(dir(torch_w2v))
""")


def test_every_room_of_a_user_is_an_attribute():
    text = (ROOT / "docs/reference/api.md").read_text(encoding="utf8")
    rooms = set(re.findall(r"^(?:In )?`torch_w2v\.([a-z_]+)`", text, re.MULTILINE))
    assert {"callbacks", "compare", "sklearn"} <= rooms
    check(f"""
import torch_w2v
assert {rooms!r} <= {{*vars(torch_w2v), *torch_w2v._MODULES}}
""")


def test_a_module_whose_package_is_not_installed():
    check("""
sys.modules["sklearn"] = None
import inspect, torch_w2v
try:
    torch_w2v.sklearn
except AttributeError as e:
    assert "pip install 'torch_w2v[sklearn]'" in str(e), e
else:
    raise AssertionError
try:
    from torch_w2v import sklearn
except ImportError as e:
    assert "pip install 'torch_w2v[sklearn]'" in str(e), e
else:
    raise AssertionError
inspect.getmembers(torch_w2v)
""")


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'torch_w2v' has no attribute 'Doc2Vec'"):
        torch_w2v.Doc2Vec  # noqa: B018


@pytest.mark.skipif(not KERNEL or devices.best_device() != "cpu", reason="for machines that train with the CPU kernel")
def test_the_cpu_kernel_needs_no_torch(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("a b c d\n" * 200 + "a b c d " * 5000, encoding="utf-8")  # its last sentence has several chunks
    check(f"""
import torch_w2v
for options in ({{}}, {{"device": "cpu"}}, {{"engine": "cpu"}}, {{"corpus_cache": "off", "compute_loss": True}}):
    model = torch_w2v.Word2Vec(corpus_file={str(path)!r}, vector_size=8, min_count=1, batch_words=100, **options)
    model.save({str(tmp_path / "model")!r})
    model.wv.most_similar("a")
    assert loaded() == [], options
""")


def test_a_gpu_is_looked_for_where_there_may_be_one(monkeypatch):
    """Without torch the question is whether a driver is there; with it, torch knows."""
    monkeypatch.setattr(devices, "may_have_gpu", lambda: False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert devices.best_device() == "cpu"
    assert "torch" not in sys.modules
