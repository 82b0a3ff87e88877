import ctypes
import importlib.metadata
import logging
import re
from pathlib import Path

import pytest

from torch_w2v import native
from torch_w2v.corpus import bindings
from torch_w2v.distributed import bindings as merge


def test_library_that_is_not_there(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    monkeypatch.setattr(native, "_FILES", ("nowhere.so",))
    monkeypatch.setattr(native, "library", native.library.__wrapped__)
    with pytest.raises(RuntimeError, match=r"is not installed .* --no-cache-dir torch_w2v; or use engine='gensim'"):
        native.library()
    assert not native.available.__wrapped__()
    assert "the native library (CPU kernel and text splitter) is not installed" in caplog.text


def test_library_that_is_broken(monkeypatch, caplog, tmp_path):
    (tmp_path / "_native.so").write_bytes(b"not a library")
    monkeypatch.setattr(native, "find", lambda: tmp_path / "_native.so")
    monkeypatch.setattr(native, "library", native.library.__wrapped__)
    with pytest.raises(RuntimeError, match=r"_native.so cannot be loaded \(.*reinstall torch_w2v"):
        native.library()
    assert not native.available.__wrapped__()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_library_of_a_version_that_had_less(monkeypatch):
    monkeypatch.setattr(native, "library", lambda: ctypes.CDLL(None))
    for declare in (bindings.library.__wrapped__, lambda: merge._declared.__wrapped__("pack", "base")):
        with pytest.raises(RuntimeError, match=r"another version of torch_w2v \(it has no w2v_\w+\): reinstall"):
            declare()


def test_library_of_an_editable_install(monkeypatch, tmp_path):
    """The library lies in site-packages while this module lies in the tree."""
    monkeypatch.setattr(native, "__file__", str(tmp_path / "native.py"))
    try:
        files = importlib.metadata.files("torch_w2v") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    installed = [file for file in files if file.name in native._FILES]
    if not installed:
        pytest.skip("torch_w2v is not installed, or was installed without the native library")
    assert native.find() == Path(str(installed[0].locate()))


def test_only_native_h_knows_what_differs_between_systems():
    """Windows has neither of them; `EXPORT`, `allocate_aligned` and `free_aligned` are for every system."""
    folder = Path(native.__file__).parent
    sources = [*folder.rglob("*.cpp"), *folder.rglob("*.h")]
    wrong = [
        path.name for path in sources if re.search(r"visibility\(\"|posix_memalign", path.read_text(encoding="utf8"))
    ]
    assert wrong == ["native.h"]
