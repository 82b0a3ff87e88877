"""What is different on Windows, on any system: the calls that fail there are made to fail."""

import ctypes
import errno
import mmap
import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gensim.models.callbacks import CallbackAny2Vec

from tests.helpers import ours, same, words
from torch_w2v import folder_locks, native, progress, staging, system
from torch_w2v.corpus import store
from torch_w2v.engines import devices
from torch_w2v.files import is_uri, read_whole, replacing

SAVE = folder_locks.STAGING


@pytest.fixture
def windows(monkeypatch):
    """File handling as on Windows, whose locks are files that the system removes when they are closed."""
    system_close = os.close

    def close(descriptor):
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        system_close(descriptor)
        if os.path.basename(name).startswith(SAVE) and name.endswith(".lock"):
            os.unlink(name)

    if sys.platform != "linux":
        pytest.skip("needs /proc")
    monkeypatch.setattr(folder_locks, "fcntl", None)
    monkeypatch.setattr(staging, "_WINDOWS", True)
    monkeypatch.setattr(staging, "_IN_USE_PATIENCE", 0.1)
    monkeypatch.setattr(staging, "_PATIENCE", 0.1)
    monkeypatch.setattr(os, "close", close)
    return monkeypatch


def save(path, suffixes=("",)):
    with replacing(path) as temporary:
        for suffix in suffixes:
            Path(temporary + suffix).write_text("new" + suffix)


def refuse_moves_onto(monkeypatch, path, times):
    """Make moves of a file fail as where another program has it open."""
    real, failed = os.replace, []

    def replace(source, target):
        if str(path) in (str(source), str(target)) and len(failed) < times:
            failed.append(target)
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("suffixes", [("",), ("", ".npy")])
def test_a_file_that_a_virus_scanner_has_open_is_replaced_a_moment_later(suffixes, windows, tmp_path):
    for suffix in suffixes:
        (tmp_path / f"m{suffix}").write_text("old")
    inode = (tmp_path / "m").stat().st_ino
    refuse_moves_onto(windows, tmp_path / "m", 3)
    save(tmp_path / "m", suffixes)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {f"m{s}": f"new{s}" for s in suffixes}
    assert (tmp_path / "m").stat().st_ino != inode


@pytest.mark.parametrize("suffixes", [("",), ("", ".npy")])
def test_a_file_that_stays_open_is_written_into(suffixes, windows, tmp_path):
    for suffix in suffixes:
        (tmp_path / f"m{suffix}").write_text("an older and longer text")
    inode = (tmp_path / "m").stat().st_ino
    refuse_moves_onto(windows, tmp_path / "m", sys.maxsize)
    save(tmp_path / "m", suffixes)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {f"m{s}": f"new{s}" for s in suffixes}
    assert (tmp_path / "m").stat().st_ino == inode


def test_a_mapped_file_is_refused_and_all_stay_as_they_were(windows, tmp_path):
    real = open

    class Mapped:
        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def truncate(self, _):
            raise OSError(errno.EINVAL, "the file has a mapped section")

    def opened(path, mode="r", **options):
        file = real(path, mode, **options)
        return Mapped(file) if mode == "r+b" and str(path).endswith(".npy") else file

    for name in ("m", "m.npy"):
        (tmp_path / name).write_text("old " + name)
    refuse_moves_onto(windows, tmp_path / "m.npy", sys.maxsize)
    windows.setattr(staging, "open", opened, raising=False)
    with pytest.raises(PermissionError, match=r"mapped into memory .* save under another name") as caught:
        save(tmp_path / "m", ("", ".npy"))
    assert caught.value.filename == str(tmp_path / "m.npy")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"m": "old m", "m.npy": "old m.npy"}


@pytest.fixture
def no_moves_of_open_files(monkeypatch):
    """Make moves of files that this process has open fail, as on Windows; return the list of those that did."""
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    refused, move = [], os.replace

    def replace(source, target):
        opened = {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
        used = opened & {os.path.realpath(source), os.path.realpath(target)}
        if used:
            refused.extend(used)
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        move(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return refused


def test_training_that_goes_on_has_no_file_open_that_it_replaces(no_moves_of_open_files, windows, tmp_path):
    path = tmp_path / "run.checkpoint"

    class Stop(CallbackAny2Vec):
        def on_epoch_end(self, model):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ours(words(3_500), checkpoint=path, callbacks=[Stop()])
    resumed = ours(words(3_500), checkpoint=path, checkpoint_every=0)
    assert same(resumed, ours(words(3_500)))
    assert no_moves_of_open_files == []
    assert (tmp_path / "run.checkpoint.previous").exists()


def test_a_drive_is_no_scheme(tmp_path):
    assert not is_uri("C://folder/corpus.txt")
    assert is_uri("s3://bucket/corpus.txt")


def test_a_line_is_cleared_without_escape_sequences(monkeypatch):
    monkeypatch.setattr(progress, "os", SimpleNamespace(name="nt"))
    monkeypatch.setenv("COLUMNS", "20")
    assert progress.clear_line() == "\r" + " " * 19 + "\r"


def test_killed_saves_are_removed_and_finished_as_elsewhere(windows, tmp_path):
    killed, begun, alive = (tmp_path / f"{SAVE}{n}" for n in ("0000aaaa", "0000bbbb", "0000cccc"))
    for folder, contents in ((killed, {"new/a": "half"}), (begun, {"new/m": "newm", "old/m": "oldm"}), (alive, {})):
        for name in ("new", "old"):
            (folder / name).mkdir(parents=True)
        for name, text in contents.items():
            (folder / name).write_text(text)
    (tmp_path / f"{alive.name}.lock").write_text("")
    save(tmp_path / "b")
    assert read_whole(str(tmp_path / "m"), (tmp_path / "m").read_text) == "newm"
    assert sorted(os.listdir(tmp_path)) == sorted([alive.name, f"{alive.name}.lock", "b", "m"])


def test_saves_do_not_take_the_rights_of_others(windows, tmp_path):
    """Python gives a folder of the mode 700, and all in it, to its owner alone on Windows."""
    with replacing(tmp_path / "a") as temporary:
        folder = Path(temporary).parent.parent
        assert stat.S_IMODE(folder.stat().st_mode) & 0o055
        Path(temporary).touch()


class _Kernel:
    """Windows' library of that name."""

    def __init__(self, total, available):
        self.numbers = total, available

    def GlobalMemoryStatusEx(self, pointer):  # noqa: N802
        status = pointer._obj
        assert ctypes.sizeof(status) == status.size == 64
        status.total, status.available = self.numbers
        return 1


def test_memory(monkeypatch):
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=_Kernel(5 << 30, 3 << 30)), raising=False)
    monkeypatch.setattr(system, "_CONTAINER_LIMITS", ())
    assert system.memory_limit() == 5 << 30
    assert system.available_memory() == 3 << 30


def test_gpu_driver(monkeypatch):
    asked = []

    def load(name):
        asked.append(name)
        raise OSError

    monkeypatch.setattr(devices, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(devices, "Path", lambda *_: SimpleNamespace(exists=lambda: False))
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert not devices.may_have_gpu.__wrapped__()
    assert asked == ["nvcuda.dll"]


def test_an_anonymous_map_grows_by_a_copy(monkeypatch):
    def refuse(*_):
        raise AssertionError("older versions of Python lose the contents")

    monkeypatch.setattr(store, "os", SimpleNamespace(name="nt"))
    monkeypatch.setattr(store.mmap, "mmap", type("Map", (mmap.mmap,), {"resize": refuse}))
    array = store.GrowingArray(np.int32)
    for start in range(0, 1 << 20, 1 << 18):
        array.append(np.arange(start, start + (1 << 18)))
    assert np.array_equal(array.finish(), np.arange(1 << 20))


def test_the_library_is_a_dll(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "__file__", str(tmp_path / "native.py"))
    monkeypatch.setattr(native.importlib.metadata, "files", lambda name: [])
    assert native.find() is None
    (tmp_path / "_native.dll").touch()
    assert native.find() == tmp_path / "_native.dll"
