"""Saves that fail or are killed at any system call: the old files stay, or the new ones are whole."""

import errno
import os
import random
import shutil
import stat
from pathlib import Path

import pytest

from tests.faults import Fault
from tests.processes import python
from torch_w2v.files import replacing

OLD = {"m": "old main", "m.a.npy": "old a", "m.b.npy": "old b"}
NEW = {"m": "new main", "m.a.npy": "new a", "m.c.npy": "new c"}
ERRORS = {
    "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    "EIO": OSError(errno.EIO, "Input/output error"),
    "EACCES": PermissionError(errno.EACCES, "Permission denied"),
    "interrupt": KeyboardInterrupt(),
}


def save(folder, files):
    with replacing(folder / "m") as temporary:
        for name, content in files.items():
            Path(temporary).with_name(name).write_text(content)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("names", "error", "after"),
    [
        pytest.param(
            names,
            error,
            after,
            id=f"{names}-{kind}-{'after' if after else 'before'}",
            marks=() if kind == "interrupt" or (names == 3 and not after) else pytest.mark.slow,
        )
        for names in (1, 3)
        for kind, error in ERRORS.items()
        for after in (False, True)
    ],
)
def test_a_fault_at_any_call(names, error, after, tmp_path, monkeypatch):
    old, new = dict(list(OLD.items())[:names]), dict(list(NEW.items())[:names])
    for at in range(200):
        folder = tmp_path / str(at)
        folder.mkdir()
        for name, content in old.items():
            (folder / name).write_text(content)
            (folder / name).chmod(0o600)
        raised = False
        with monkeypatch.context() as patch:
            fault = Fault(patch, at, error, after)
            try:
                save(folder, new)
            except type(error):
                raised = True
        found = contents(folder)
        assert found == old | new or (raised and found == old), at
        assert all(stat.S_IMODE((folder / name).stat().st_mode) == 0o600 for name in old)
        assert {path.name for path in folder.iterdir()} == set(found), at
        shutil.rmtree(folder)
        if fault.left >= 0:
            break
    else:
        raise AssertionError("a save of so many calls")
    assert at > 10


# Forks a process per system call of a save and kills it there. The parent then reads what is left as gensim does, main
# file first, and as this package does.
KILLS = """
import os, shutil, signal, sys
from pathlib import Path
from tests.faults import CALLS
from tests.test_save_faults import NEW, OLD, contents, save
from torch_w2v.staging import recover

root, step, count = Path(sys.argv[1]), int(sys.argv[2]), 0
for old in (OLD, dict(list(OLD.items())[:1])):
    new = dict(list(NEW.items())[:len(old)])
    for at in range(0, 200, step):
        folder = root / f"{len(old)}-{at}"
        folder.mkdir()
        for name, content in old.items():
            (folder / name).write_text(content)
        pid = os.fork()
        if not pid:
            left = at
            def deadly(function):
                def call(*args, **kwargs):
                    global left
                    if not left:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left -= 1
                    return function(*args, **kwargs)
                return call
            for name in CALLS:
                setattr(os, name, deadly(getattr(os, name)))
            save(folder, new)
            os._exit(0)
        if not os.waitpid(pid, 0)[1]:
            break
        count += 1
        if (folder / "m").exists():
            version = old if (folder / "m").read_text() == old["m"] else new
            assert all((folder / name).read_text() == content for name, content in version.items()), at
        recover(str(folder / "m"))
        version = old if (folder / "m").read_text() == old["m"] else new
        assert all((folder / name).read_text() == content for name, content in version.items()), at
        save(folder, new)
        assert contents(folder) == {**old, **new}, (at, contents(folder))
        assert not [path for path in folder.iterdir() if path.is_dir()], at
print(count)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes to fork")
@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_call(step, tmp_path):
    done = python(KILLS, tmp_path, step)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50 / step


# Kills a process that saves two models in turn, after a random time; every second time, models are loaded meanwhile.
KILLED_MODEL = """
import os, random, signal, sys, time
import gensim.models
from tests.helpers import ours, same, words
from torch_w2v import Word2Vec

path, kills, draw = sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3]))
models = [ours(words(), seed=seed, vector_size=200) for seed in (1, 2)]
models[0].save(path, sep_limit=0)
whole = errors = 0
for i in range(kills):
    pid = os.fork()
    if not pid:
        while True:
            for model in models:
                model.save(path, sep_limit=0)
    deadline = time.monotonic() + draw.random() * 0.05
    while time.monotonic() < deadline:
        if i % 2:
            loaded = Word2Vec.load(path)
            assert any(same(loaded, model) for model in models), i
        else:
            time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    try:
        plain = gensim.models.Word2Vec.load(path)
        assert any(same(plain, model) for model in models), i
        whole += 1
    except FileNotFoundError:
        errors += 1
    loaded = Word2Vec.load(path)
    assert any(same(loaded, model) for model in models), i
models[0].save(path, sep_limit=0)
assert not [name for name in os.listdir(os.path.dirname(path)) if name.startswith(".")]
print(whole, errors)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes to fork")
@pytest.mark.parametrize("kills", [10, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_model_whose_save_is_killed_is_whole(kills, tmp_path):
    done = python(KILLED_MODEL, tmp_path / "m", kills, random.Random(kills).randrange(1000), timeout=900)
    assert done.returncode == 0, done.stderr
    assert sum(map(int, done.stdout.split())) == kills
