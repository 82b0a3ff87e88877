"""The file of a checkpoint: whole or not taken, whatever happens to it or to the process that writes it."""

import errno
import json
import os
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.faults import Fault
from tests.helpers import KERNEL
from tests.processes import python
from torch_w2v.training import checkpoint_file
from torch_w2v.training.checkpoint_file import CheckpointFile, DamagedError, previous_of, write


def newest(path):
    return checkpoint_file.newest(path, lambda _: None)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "c")


def arrays(value=0):
    return {"table": np.full((5, 3), value, np.float32), "words": np.frombuffer(b'["a"]', np.uint8)}


def value_in(path):
    """Return what `arrays` was called with for the checkpoint that a call would go on from."""
    with newest(path) as file:
        return int(file.array("table")[0, 0])


def test_numpy_reads_it(path):
    write(path, {"note": [1, 0.1]}, arrays(2))
    with np.load(path) as file:
        assert {name: file[name].tolist() for name in ("table", "words")} == {
            name: array.tolist() for name, array in arrays(2).items()
        }
        manifest = json.loads(file["manifest.json"])
    assert (manifest["format"], manifest["version"], manifest["note"]) == ("torch_w2v checkpoint", 1, [1, 0.1])
    assert {name: (array["shape"], array["dtype"]) for name, array in manifest["arrays"].items()} == {
        "table": ([5, 3], "<f4"),
        "words": ([5], "|u1"),
    }
    assert all(info.compress_type == zipfile.ZIP_STORED for info in zipfile.ZipFile(path).infolist())


def test_arrays_come_back_in_pieces(path, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "_STEP", 100)
    table = np.random.default_rng(0).random((97, 7), np.float32)
    write(path, {}, {"table": table[::2], "none": table[:0], "one": table[0, :1]})
    with newest(path) as file:
        for name, array in (("table", table[::2]), ("none", table[:0]), ("one", table[0, :1])):
            np.testing.assert_array_equal(file.array(name), array)
        with pytest.raises(ValueError, match=r"table is \[49, 7\], not \[49, 6\]"):
            file.read_into("table", np.zeros((49, 6), np.float32))


def test_the_older_one_is_kept(path):
    assert newest(path) is None
    for value in (1, 2, 3):
        write(path, {}, arrays(value))
    assert sorted(os.listdir(os.path.dirname(path))) == ["c", "c.previous"]
    assert value_in(path) == 3
    assert int(CheckpointFile(previous_of(path)).array("table")[0, 0]) == 2


def test_through_a_link_and_where_there_are_no_links(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = tmp_path / "link"
    path.symlink_to(folder / "c")
    write(str(path), {}, arrays(1))

    def refused(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    write(str(path), {}, arrays(2))
    assert path.is_symlink()
    assert sorted(os.listdir(folder)) == ["c", "c.previous"]
    assert value_in(str(path)) == 2


def test_a_damaged_one_falls_back(path):
    for value in (1, 2):
        write(path, {}, arrays(value))
    damaged = bytearray(Path(path).read_bytes())
    damaged[len(damaged) // 4] ^= 1
    Path(path).write_bytes(damaged)
    with pytest.warns(RuntimeWarning, match="going on from the checkpoint before it"):
        assert value_in(path) == 1
    write(path, {}, arrays(3), keep_older=False)
    assert int(CheckpointFile(previous_of(path)).array("table")[0, 0]) == 1
    os.remove(path)
    with pytest.warns(RuntimeWarning, match=r"c is not there: going on from"):
        assert value_in(path) == 1
    for file in (path, previous_of(path)):
        Path(file).write_bytes(damaged)
    with pytest.raises(ValueError, match="delete it to start anew"):
        newest(path)


def test_other_files_are_refused_and_empty_ones_are_none(path):
    Path(path).touch()
    assert newest(path) is None
    np.savez(path + ".npz", a=np.zeros(3))
    os.replace(path + ".npz", path)
    with pytest.raises(ValueError, match="is not a checkpoint of torch_w2v"):
        newest(path)
    write(path, {"version": 2, "torch_w2v": "9.9"}, arrays())
    with pytest.raises(ValueError, match=r"was written by torch_w2v 9\.9, in version 2"):
        newest(path)


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_of_any_kind_is_found(count, path):
    """Bytes that are changed, cut off, doubled or zeroed: what is not refused has the arrays as they were."""
    write(path, {"note": "x" * 100}, arrays(7))
    whole, draw = Path(path).read_bytes(), random.Random(count)
    refused = 0
    for _ in range(count):
        data = bytearray(whole)
        at, length = draw.randrange(len(data)), draw.randrange(1, 30)
        match draw.randrange(4):
            case 0:
                data[at] ^= 1 << draw.randrange(8)
            case 1:
                del data[at:]
            case 2:
                data[at:at] = data[at : at + length]
            case 3:
                data[at : at + length] = bytes(length)
        Path(path).write_bytes(data)
        try:
            with CheckpointFile(path) as file:
                assert {name: file.array(name).tolist() for name in arrays()} == {
                    name: array.tolist() for name, array in arrays(7).items()
                }
        except DamagedError:
            refused += 1
    assert refused > count / 2


def test_nothing_is_unpickled(path):
    """Not even what a file says is a pickle."""

    class Evil:
        def __reduce__(self):
            return print, ("unpickled",)

    evil = np.array([Evil()], dtype=object)
    np.savez(path + ".npz", table=evil, allow_pickle=True)
    with zipfile.ZipFile(path + ".npz", "a") as file:
        crc = file.getinfo("table.npy").CRC
        described = {"table": {"shape": [1], "dtype": "|O", "crc32": f"{crc:08x}"}}
        manifest = {"format": checkpoint_file.FORMAT, "version": 1, "torch_w2v": "", "arrays": described}
        file.writestr("manifest.json", json.dumps(manifest))
    os.replace(path + ".npz", path)
    seen = []
    sys.addaudithook(lambda event, _: seen.append(event) if event == "pickle.find_class" else None)
    with pytest.raises(ValueError, match="is not the array of the manifest"):
        newest(path)
    assert seen == []


ERRORS = {
    "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    "EIO": OSError(errno.EIO, "Input/output error"),
    "EACCES": PermissionError(errno.EACCES, "Permission denied"),
    "interrupt": KeyboardInterrupt(),
}
FAST = (("EACCES", False), ("interrupt", True))


@pytest.mark.parametrize(
    ("kind", "after"),
    [
        pytest.param(kind, after, marks=() if (kind, after) in FAST else pytest.mark.slow)
        for kind in ERRORS
        for after in (False, True)
    ],
)
def test_a_fault_at_any_call(kind, after, tmp_path, monkeypatch):
    """There is always a whole checkpoint, the older or the new one, and nothing else is left."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # the disk has nothing to do with it
    for at in range(200):
        folder = tmp_path / str(at)
        folder.mkdir()
        path = str(folder / "c")
        for value in (1, 2):
            write(path, {}, arrays(value))
        before, raised = Path(path).read_bytes(), False
        with monkeypatch.context() as patch:
            fault = Fault(patch, at, ERRORS[kind], after)
            try:
                write(path, {}, arrays(3))
            except type(ERRORS[kind]):
                raised = True
        assert (raised and Path(path).read_bytes() == before) or value_in(path) == 3, at
        assert set(os.listdir(folder)) <= {"c", "c.previous"}, at
        if fault.left >= 0:
            break
    else:
        raise AssertionError("a save of so many calls")
    assert at > 10


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of files")
def test_a_fault_at_any_write(path, monkeypatch):
    """The system refuses to write more than so many bytes."""
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(os, "fsync", lambda _: None)
    for value in (1, 2):
        write(path, {}, arrays(value))
    before, limits = Path(path).read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in range(0, len(before), 50):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                write(path, {}, arrays(3))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert Path(path).read_bytes() == before, size
        assert sorted(os.listdir(os.path.dirname(path))) == ["c", "c.previous"], size


@pytest.mark.skipif(not hasattr(os, "fork") or not KERNEL, reason="no processes to fork, or no fast engine")
@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_training_that_is_killed_goes_on_and_ends_the_same(kills, path):
    code = "import sys; from tests.training import kills; kills.kill_and_go_on(sys.argv[1], *map(int, sys.argv[2:]))"
    done = python(code, path, kills, random.Random(kills).randrange(1000), timeout=900)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split(",")[0]) == kills
