"""A file is replaced only by a complete one, and nothing unfinished stays in its folder."""

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import Path

import pytest

from torch_w2v import files, folder_locks, staging
from torch_w2v.files import check_writable, is_uri, read_whole, replacing
from torch_w2v.folder_locks import locked

needs_ordinary_user = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("s3://bucket/a.txt", True), ("https://a.org/a.gz", True), ("/a/b.txt", False), ("a:b", False), ("", False)],
)
def test_is_uri(path, expected):
    assert is_uri(path) is expected


@pytest.mark.parametrize("form", [str, Path])
def test_a_new_file(form, tmp_path):
    path = tmp_path / "vectors.txt.gz"
    with replacing(form(path)) as temporary:
        assert temporary.endswith(path.name)  # the suffix chooses the compression
        Path(temporary).write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    (tmp_path / "plain").touch()
    assert mode(path) == mode(tmp_path / "plain")
    assert sorted(os.listdir(tmp_path)) == ["plain", path.name]


def test_an_older_file_is_replaced_and_keeps_its_mode(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader, replacing(path) as temporary:
        Path(temporary).write_text("new")
        assert path.read_text() == "old"
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert mode(path) == 0o640
    assert os.listdir(tmp_path) == ["a.txt"]


def test_extended_attributes_stay(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    try:
        os.setxattr(path, "user.note", b"mine")
    except (AttributeError, OSError):
        pytest.skip("the file system has no extended attributes")
    save(path)
    assert os.getxattr(path, "user.note") == b"mine"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o4755)
    os.chown(path, 12345, 54321)
    path.chmod(0o4755)
    save(path)
    status = path.stat()
    assert (status.st_uid, status.st_gid, mode(path)) == (12345, 54321, 0o4755)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_older_file(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(temporary, text):
        if text:
            Path(temporary).write_text(text)
        raise error

    for text in ("half", ""):
        with pytest.raises(type(error)), replacing(path) as temporary:
            fail(temporary, text)
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_that_cannot_be_moved(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("cannot be moved")

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="cannot be moved"), replacing(path) as temporary:
        Path(temporary).write_text("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_name_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replacing("a.txt") as temporary:
        Path(temporary).write_text("new")
    assert Path("a.txt").read_text() == "new"
    assert os.listdir() == ["a.txt"]


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "missing" / "a.txt") as temporary:
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


def test_files_beside_the_main_one_are_replaced_with_it(tmp_path):
    path = tmp_path / "b.kv"
    for name in ("b.kv", "b.kv.vectors.npy", "b.kv.other"):
        (tmp_path / name).write_text("old")
    with replacing(path) as temporary:
        for suffix in ("", ".vectors.npy", ".a"):
            Path(temporary + suffix).write_text("new")
    contents = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert contents == {"b.kv": "new", "b.kv.vectors.npy": "new", "b.kv.a": "new", "b.kv.other": "old"}


def test_all_go_through_their_links(tmp_path):
    """gensim writes the arrays beside the link, and through a link of their own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    main, array = tmp_path / "m", tmp_path / "m.npy"
    main.symlink_to("elsewhere/target")
    array.symlink_to("elsewhere/array")
    for content in ("first", "second"):
        with replacing(main) as temporary:
            for suffix in ("", ".npy", ".new"):
                Path(temporary + suffix).write_text(content + suffix)
        assert (elsewhere / "target").read_text() == content
        assert (elsewhere / "array").read_text() == f"{content}.npy"
        assert (tmp_path / "m.new").read_text() == f"{content}.new"
    assert main.is_symlink()
    assert array.is_symlink()
    assert sorted(os.listdir(elsewhere)) == ["array", "target"]
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "m", "m.new", "m.npy"]


@pytest.mark.parametrize("length", [255, 256])
def test_names_as_long_as_the_file_system_takes(length, tmp_path):
    path = tmp_path / ("n" * length)
    if length > os.pathconf(tmp_path, "PC_NAME_MAX"):
        for attempt in (check_writable, save):
            with pytest.raises(OSError, match="too long") as caught:
                attempt(path)
            assert caught.value.filename == str(path)
    else:
        check_writable(path)
        save(path)
        assert path.read_text() == "new"


def save(path, suffixes=("",)):
    with replacing(path) as temporary:
        for suffix in suffixes:
            Path(temporary + suffix).write_text("new" + suffix)


@needs_ordinary_user
def test_a_file_that_is_read_only_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o400)
    for attempt in (check_writable, save):
        with pytest.raises(PermissionError) as caught:
            attempt(path)
        assert caught.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@needs_ordinary_user
def test_a_folder_that_takes_no_new_files(tmp_path, caplog):
    caplog.set_level("INFO", "torch_w2v")
    for name in ("m", "m.npy"):
        (tmp_path / name).write_text("an older and longer file")
    inode = (tmp_path / "m").stat().st_ino
    tmp_path.chmod(0o500)
    check_writable(tmp_path / "m")
    save(tmp_path / "m", ("", ".npy"))
    assert [(tmp_path / name).read_text() for name in ("m", "m.npy")] == ["new", "new.npy"]
    assert (tmp_path / "m").stat().st_ino == inode
    assert "cannot be replaced" in caplog.text
    for attempt in (check_writable, save):
        with pytest.raises(PermissionError) as caught:
            attempt(tmp_path / "n")
        assert caught.value.filename == str(tmp_path / "n")
    with pytest.raises(PermissionError):  # where a new array would be needed, the model stays
        save(tmp_path / "m", ("", ".other"))
    assert (tmp_path / "m").read_text() == "new"


@pytest.mark.parametrize("suffixes", [("",), ("", ".npy")])
@pytest.mark.parametrize("number", [errno.EXDEV, errno.EBUSY, errno.EPERM])
def test_a_file_that_cannot_be_replaced_is_written_into(number, suffixes, tmp_path, monkeypatch, caplog):
    """A file that is mounted, for example, which is EBUSY."""

    def refuse(*_):
        raise OSError(number, "no moves")

    caplog.set_level("INFO", "torch_w2v")
    path = tmp_path / "a"
    path.write_text("an older and longer file")
    inode = path.stat().st_ino
    monkeypatch.setattr(os, "replace", refuse)
    save(path, suffixes)
    assert path.read_text() == "new"
    assert path.stat().st_ino == inode
    assert f"{path} cannot be replaced (no moves): writing into it" in caplog.text
    assert sorted(os.listdir(tmp_path)) == ["a" + suffix for suffix in suffixes]


def test_what_a_killed_save_left_is_removed(tmp_path):
    dead = tmp_path / ".torch_w2v-save-0123abcd"
    (dead / "new").mkdir(parents=True)
    (dead / "new" / "a").write_text("half")
    with replacing(tmp_path / "b") as temporary:  # a save that is running is left alone
        save(tmp_path / "a")
        Path(temporary).write_text("b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_an_interrupted_move_is_finished_by_the_next_reader(tmp_path, caplog):
    begun = tmp_path / ".torch_w2v-save-0123abcd"
    for folder, names in (("new", ["m", "m.b"]), ("old", ["m", "m.a"])):
        (begun / folder).mkdir(parents=True)
        for name in names:
            (begun / folder / name).write_text(folder + name)
    (tmp_path / "m.a").write_text("newm.a")
    save(tmp_path / "other")  # does not remove what the next reader needs
    assert read_whole(str(tmp_path / "m"), (tmp_path / "m").read_text) == "newm"
    assert sorted(os.listdir(tmp_path)) == ["m", "m.a", "m.b", "other"]
    assert (tmp_path / "m.b").read_text() == "newm.b"
    assert "finishing the save of" in caplog.text


def test_other_saves_move_the_older_files_away_at_any_moment(tmp_path, monkeypatch):
    held = []

    @contextmanager
    def noted(folder, seconds=0):
        with locked(folder, seconds) as is_held:
            held.append(folder)
            yield is_held
            held.remove(folder)

    def opened(path, flags, *mode, **where):
        if flags & os.O_WRONLY and os.path.dirname(path) == str(tmp_path) and str(tmp_path) not in held:
            raise FileNotFoundError(errno.ENOENT, "moved away", path)
        return os_open(path, flags, *mode, **where)

    os_open = os.open
    for name in ("m", "m.npy"):
        (tmp_path / name).write_text("old")
        (tmp_path / name).chmod(0o640)
    monkeypatch.setattr(staging, "locked", noted)
    monkeypatch.setattr(os, "open", opened)
    save(tmp_path / "m", ("", ".npy"))
    assert [(tmp_path / name).read_text() for name in ("m", "m.npy")] == ["new", "new.npy"]
    assert mode(tmp_path / "m") == mode(tmp_path / "m.npy") == 0o640


def test_a_file_that_was_away_for_one_look_is_replaced(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_text("old")
    monkeypatch.setattr(os.path, "isfile", lambda _: False)
    with replacing(path) as temporary:
        assert temporary != str(path)
        Path(temporary).write_text("new")


def test_a_save_that_was_killed_since_this_one_began_is_finished_before(tmp_path):
    with replacing(tmp_path / "m") as temporary:
        begun = tmp_path / ".torch_w2v-save-0123abcd"
        for folder in ("new", "old"):
            (begun / folder).mkdir(parents=True)
            (begun / folder / "m").write_text(folder)
            (begun / folder / "m").chmod(0o640)
        Path(temporary).write_text("newest")
    assert (tmp_path / "m").read_text() == "newest"
    assert mode(tmp_path / "m") == 0o640
    assert os.listdir(tmp_path) == ["m"]


def test_a_file_that_is_away_at_both_looks_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "m"
    path.write_text("new")
    calls = []

    def read():
        calls.append(None)
        if len(calls) == 1:
            raise FileNotFoundError
        return path.read_text()

    monkeypatch.setattr(files, "_identity", lambda _: None)
    assert read_whole(str(path), read) == "new"
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_whole(str(path), path.read_text)


def test_a_lock_is_waited_for_as_long_as_the_folder_changes(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(folder_locks.time, "monotonic", lambda: now[0])
    patience = folder_locks._Patience(str(tmp_path), 5)
    assert not patience.is_over()
    for i in range(3):
        now[0] += 4
        os.utime(tmp_path, (i, i))
        assert not patience.is_over()
    now[0] += 6
    assert patience.is_over()


def test_files_that_are_replaced_while_they_are_read_are_read_again(tmp_path):
    save(tmp_path / "m", ("", ".npy"))
    calls = []

    def read():
        main = (tmp_path / "m").read_text()
        if not calls:
            with replacing(tmp_path / "m") as temporary:
                for suffix in ("", ".npy"):
                    Path(temporary + suffix).write_text("newer" + suffix)
        calls.append(main)
        return main, (tmp_path / "m.npy").read_text()

    assert read_whole(str(tmp_path / "m"), read) == ("newer", "newer.npy")
    assert calls == ["new", "newer"]
