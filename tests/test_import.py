"""torch is imported when it is needed, and not before: it is most of what an import costs."""

import pytest

from tests import helpers
from tests.helpers import KERNEL
from torch_w2v import engines

LOADED = "import sys; print(*(name for name in ('torch', 'triton') if name in sys.modules))"


def loaded(code):
    """Which of the heavy packages a process has loaded after some code."""
    done = helpers.python(f"{code}\n{LOADED}")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_importing_the_package_loads_no_torch():
    assert loaded("import torch_w2v; torch_w2v.Word2Vec; dir(torch_w2v)") == []
    assert loaded("import torch_w2v.cli") == []


def test_what_needs_torch_loads_it():
    assert "torch" in loaded("from torch_w2v import CBOWNegativeSampling")
    assert "torch" in loaded("from torch_w2v import *; CBOWNegativeSampling(3)")
    assert "torch" in loaded("import torch_w2v; torch_w2v.module.CBOWNegativeSampling; torch_w2v.dataset.CBOWDataset")
    with pytest.raises(AttributeError, match="module 'torch_w2v' has no attribute 'Doc2Vec'"):
        helpers.torch_w2v.Doc2Vec  # noqa: B018


@pytest.mark.skipif(not KERNEL or engines.best_device() != "cpu", reason="for machines that train with the CPU kernel")
@pytest.mark.parametrize("options", ["", "device='cpu'", "engine='cpu'", "corpus_cache='off', compute_loss=True"])
def test_the_cpu_kernel_needs_no_torch(options, tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("a b c d\n" * 200, encoding="utf-8")
    code = "import torch_w2v; model = torch_w2v.Word2Vec"
    code += f"(corpus_file={str(path)!r}, vector_size=8, min_count=1, {options})"
    assert loaded(f"{code}\nmodel.save({str(tmp_path / 'model')!r}); model.wv.most_similar('a')") == []


def test_a_gpu_is_looked_for_where_there_may_be_one(monkeypatch):
    """Without torch the question is whether a driver is there; with it, torch knows."""
    monkeypatch.setattr(engines, "_driver", lambda: False)
    monkeypatch.delitem(helpers.sys.modules, "torch")
    assert engines.best_device() == "cpu"
    assert "torch" not in helpers.sys.modules
