"""A file is replaced only by a complete one, and nothing unfinished stays in its folder."""

import os
import stat
from pathlib import Path

import pytest

from torch_w2v.files import is_uri, replacing, replacing_with_siblings

BOTH = pytest.mark.parametrize("replace", [replacing, replacing_with_siblings])


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://bucket/a.txt", True), ("https://a.org/a.gz", True), ("/a/b.txt", False), ("a:b", False), ("", False)],
)
def test_is_uri(path, expected):
    assert is_uri(path) is expected


@BOTH
@pytest.mark.parametrize("form", [str, Path])
def test_a_new_file(replace, form, tmp_path):
    path = tmp_path / "vectors.txt.gz"
    with replace(form(path)) as temporary:
        assert temporary.endswith(path.name)  # the suffix chooses the compression
        Path(temporary).write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    (tmp_path / "plain").touch()
    assert mode(path) == mode(tmp_path / "plain")
    assert sorted(os.listdir(tmp_path)) == ["plain", path.name]


@BOTH
def test_an_older_file_is_replaced_and_keeps_its_mode(replace, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader, replace(path) as temporary:
        Path(temporary).write_text("new")
        assert path.read_text() == "old"
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert mode(path) == 0o640
    assert os.listdir(tmp_path) == ["a.txt"]


@BOTH
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_older_file(replace, error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(temporary, text):
        if text:
            Path(temporary).write_text(text)
        raise error

    for text in ("half", ""):
        with pytest.raises(type(error)), replace(path) as temporary:
            fail(temporary, text)
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["a.txt"]


@BOTH
def test_a_file_that_cannot_be_moved(replace, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("cannot be moved")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="cannot be moved"), replace(path) as temporary:
        Path(temporary).write_text("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@BOTH
def test_a_name_in_the_working_folder(replace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replace("a.txt") as temporary:
        Path(temporary).write_text("new")
    assert Path("a.txt").read_text() == "new"
    assert os.listdir() == ["a.txt"]


@BOTH
def test_no_folder(replace, tmp_path):
    with pytest.raises(FileNotFoundError), replace(tmp_path / "missing" / "a.txt") as temporary:
        Path(temporary).write_text("new")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target.name)
    for content in ("first", "second"):
        with replacing(link) as temporary:
            Path(temporary).write_text(content)
        assert target.read_text() == content
    assert link.is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no /dev/null")
def test_a_device_is_written_to():
    with replacing("/dev/null") as path:
        assert path == "/dev/null"
        Path(path).write_text("nothing")
    assert not Path(path).is_file()


def test_a_folder_is_not_replaced(tmp_path):
    with pytest.raises(IsADirectoryError), replacing(tmp_path) as path:
        Path(path).write_text("new")


def test_siblings_move_before_the_main_file(tmp_path, monkeypatch):
    path, moved, replace = tmp_path / "b.kv", [], os.replace
    (tmp_path / "b.kv.vectors.npy").write_text("old")

    def recorded(new, old):
        moved.append(Path(old).name)
        replace(new, old)

    monkeypatch.setattr(os, "replace", recorded)
    with replacing_with_siblings(path) as temporary:
        for suffix in ("", ".vectors.npy", ".a"):
            Path(temporary + suffix).write_text("new")
    assert moved[-1] == "b.kv"
    assert sorted(moved) == ["b.kv", "b.kv.a", "b.kv.vectors.npy"]
    assert (tmp_path / "b.kv.vectors.npy").read_text() == "new"
