"""torch is imported only where it is needed, because it is most of the time that an import takes."""

import sys

import pytest

import torch_w2v
from tests.helpers import KERNEL, python
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
    monkeypatch.delitem(sys.modules, "torch")
    assert devices.best_device() == "cpu"
    assert "torch" not in sys.modules
