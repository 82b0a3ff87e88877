"""The folder in which a save prepares its files, and how they get from there to their places."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from torch_w2v.folder_locks import STAGING, locked

logger = logging.getLogger(__name__)

# A save prepares its files in a folder beside the target, on which its process holds a lock. The system releases the
# lock however the process ends, so a folder that can be locked is one that a killed process has left.
#
# .torch_w2v-save-<random>/
#     new/   the new files, under their own names
#     old/   only where there are several files: the older ones, once all of new/ is on the disk
#
# A single file takes the place of the older one in one step. Several are put in place like this:
#
# 1. The older main file is moved to old/, then the other older files.
# 2. The new files are moved from new/ to their places, the main file last.
#
# So there is never a main file beside another one's arrays: after a kill in between there is no main file, and what
# step 2 still has to move is in new/. `recover` moves it.
_PATIENCE = 5  # seconds to wait for a lock; who holds one longer is not saving
# A folder takes no new files, but a file in it may be open to writing.
_NO_NEW_FILES = (errno.EACCES, errno.EPERM, errno.EROFS)
# A file cannot be moved, or not onto this one: another device, a mount point, the sticky bit.
_NO_MOVES = (*_NO_NEW_FILES, errno.EXDEV, errno.EBUSY)
_COPY_STEP = 1 << 22  # bytes that are copied at a time
_WINDOWS = os.name == "nt"
_TO_SYNC = os.O_RDWR if _WINDOWS else os.O_RDONLY  # Windows waits for the disk only for who may write
_IN_USE_PATIENCE = 1  # seconds to wait on Windows for a file that is open, as by a virus scanner


def recover(path: str) -> None:
    """Finish the replacement of several files that a kill has interrupted.

    Args:
        path: of the main file.

    Raises:
        OSError: a file cannot be moved.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)[0], os.path.basename(path)
    if os.path.lexists(target) or not any(name in _pending(staging) for staging in _stagings(folder)):
        return
    with locked(folder, _PATIENCE):  # a process that lives is given the time to finish
        _finish_interrupted(path, target)


def _finish_interrupted(path: str, target: str) -> None:
    """Do what `recover` does, with the lock of the folder of `target`, the file at the end of all links of `path`."""
    folder, name = os.path.split(target)[0], os.path.basename(path)
    for staging in _stagings(folder):
        if os.path.lexists(target):
            return
        names = _pending(staging)
        if name not in names:
            continue
        with locked(staging) as is_left_over:
            if is_left_over:
                logger.warning("finishing the save of %s that was interrupted", path)
                _move_in(staging, path, names)
                _sync(folder)
                _remove(staging)


def is_there(path: str) -> bool:
    """Return whether a file is there once the save has ended that may be replacing it."""
    with suppress(OSError), locked(os.path.dirname(os.path.realpath(path)), _PATIENCE):
        return os.path.lexists(path)
    return False


@contextmanager
def staging_folder(path: str) -> Iterator[str]:
    """Make a folder for new files, beside the target if possible, and remove it at the end.

    It stays where it holds the only copy of older files, for `recover`.
    """
    exists = _is_writable(path)
    with ExitStack() as stack:
        try:
            staging = _make_folder(os.path.dirname(os.path.realpath(path)), stack)
        except OSError as e:
            if not exists or e.errno not in _NO_NEW_FILES:
                raise OSError(e.errno, e.strerror, path) from e
            staging = _make_folder(tempfile.gettempdir(), stack)
        yield staging


def _is_writable(path: str) -> bool:
    """Return whether there is a file, which can be opened for writing.

    Another save may move it at any moment, so to ask first whether it is there, and then to open it, is no good.

    Raises:
        OSError: it cannot be opened for writing.
    """
    try:
        os.close(os.open(path, os.O_WRONLY))
    except FileNotFoundError:
        return False
    return True


def _make_folder(folder: str, stack: ExitStack) -> str:
    """Make and lock a staging folder, which `stack` removes."""
    _remove_leftovers(folder)
    while True:
        staging = os.path.join(folder, STAGING + secrets.token_hex(4))
        stack.callback(_remove, staging)
        # On Windows newer versions of Python would give the files to their owner alone, and they would stay so.
        os.mkdir(staging, 0o777 if _WINDOWS else 0o700)
        with suppress(FileNotFoundError):  # another save has taken it for a leftover before it was locked
            stack.enter_context(locked(staging, _PATIENCE))
            os.mkdir(os.path.join(staging, "new"))
            return staging


def put_in_place(staging: str, path: str, previous: str | None = None) -> None:
    """Move the files of new/ beside `path`, or copy them where they cannot be moved.

    Args:
        staging: the folder that `staging_folder` has made.
        path: of the main file.
        previous: where to leave the older main file; None for nowhere.
    """
    new = os.path.join(staging, "new")
    main = os.path.basename(path)
    names = sorted(os.listdir(new), key=lambda name: name == main)
    if main not in names:
        raise FileNotFoundError(errno.ENOENT, "nothing was written", path)
    places = {name: _place(path, name) for name in names}
    for name, place in places.items():
        _is_writable(place)
        _sync(os.path.join(new, name), _TO_SYNC)
    _sync(new)
    _sync(staging)
    with locked(os.path.dirname(places[main]), _PATIENCE):
        # Not before: other saves move the older files, and one that was killed has left them elsewhere.
        _finish_interrupted(path, places[main])
        for name, place in places.items():
            _take_over(os.path.join(new, name), place)
        try:
            if previous is not None:
                _keep(staging, places[main], previous)
            if len(names) > 1:
                _move_out(staging, places)
            _move_in(staging, path, names)
        except BaseException as e:
            undone = _move_back(staging, places)
            if undone and previous is not None:
                _unkeep(places[main], previous)
            if not (undone and isinstance(e, OSError) and e.errno in _NO_MOVES):
                raise
            logger.info("%s cannot be replaced (%s): writing into it", path, e.strerror)
            _copy_in(new, places)
        for folder in {os.path.dirname(place) for place in places.values()}:
            _sync(folder)


def _place(path: str, name: str) -> str:
    """Return the file, at the end of all links, that a name beside `path` stands for."""
    return os.path.realpath(os.path.join(os.path.dirname(path), name))


def _take_over(new: str, place: str) -> None:
    """Give a new file the mode of the older one, where possible its owner and access list; wait for the disk.

    Raises:
        OSError: the older one cannot be written to.
    """
    if not _is_writable(place):
        return
    descriptor = os.open(new, _TO_SYNC)
    try:
        wanted, status = os.stat(place), os.fstat(descriptor)
        if wanted.st_gid != status.st_gid:
            with suppress(PermissionError):
                os.chown(new, -1, wanted.st_gid)
        if wanted.st_uid != status.st_uid:
            with suppress(PermissionError):
                os.chown(new, wanted.st_uid, -1)
        if stat.S_IMODE(wanted.st_mode) != stat.S_IMODE(status.st_mode):
            os.chmod(new, stat.S_IMODE(wanted.st_mode))
        _copy_attributes(place, new)
        if os.fstat(descriptor).st_ctime_ns != status.st_ctime_ns:
            _fsync(descriptor)
    except FileNotFoundError:
        pass  # a program without these locks has taken the older file away
    finally:
        os.close(descriptor)


def _copy_attributes(old: str, new: str) -> None:
    """Copy the extended attributes, access control lists among them, where the system has and permits it."""
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):
        for name in os.listxattr(old):
            with suppress(OSError):
                os.setxattr(new, name, os.getxattr(old, name))


def _keep(staging: str, place: str, previous: str) -> None:
    """Let the older file be at `previous` too, so that there is a whole file at its place at every moment.

    Where the file system has no such links it is at `previous` only, until the new file is at its place.
    """
    if not os.path.lexists(place):
        return
    link = os.path.join(staging, "previous")
    try:
        os.link(place, link)
    except OSError:
        os.replace(place, previous)
    else:
        os.replace(link, previous)


def _unkeep(place: str, previous: str) -> None:
    """Let the older file be at its place only."""
    if not os.path.lexists(place) and os.path.lexists(previous):
        os.replace(previous, place)
    elif os.path.exists(place) and os.path.exists(previous) and os.path.samefile(place, previous):
        os.remove(previous)


def _move_out(staging: str, places: dict[str, str]) -> None:
    """Move the older files to old/, the main file first."""
    old = os.path.join(staging, "old")
    os.mkdir(old)
    _sync(staging)
    for name in reversed(places):
        with suppress(FileNotFoundError):
            _replace(places[name], os.path.join(old, name))
            _sync(os.path.dirname(places[name]))


def _move_in(staging: str, path: str, names: list[str]) -> None:
    """Move new files to their places, the main file last."""
    for name in names:
        place = _place(path, name)
        if len(names) > 1 and name == names[-1]:
            _sync(os.path.dirname(place))
        _replace(os.path.join(staging, "new", name), place)


def _replace(source: str, target: str) -> None:
    """Move a file onto another; Windows refuses that while a program has one of them open."""
    deadline = time.monotonic() + _IN_USE_PATIENCE
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if not _WINDOWS or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)


def _move_back(staging: str, places: dict[str, str]) -> bool:
    """Undo what `_move_out` and `_move_in` have done; return false if they have done all, which stays."""
    new, old = os.path.join(staging, "new"), os.path.join(staging, "old")
    main = list(places)[-1]
    if not os.path.exists(os.path.join(new, main)):
        return False
    for name, place in places.items():
        if not os.path.exists(os.path.join(new, name)):
            os.replace(place, os.path.join(new, name))
        if os.path.exists(os.path.join(old, name)):
            os.replace(os.path.join(old, name), place)
    return True


def _copy_in(new: str, places: dict[str, str]) -> None:
    """Write new files into the older ones; meanwhile the main file of several is empty."""
    if _WINDOWS:
        for place in places.values():
            _refuse_mapped(place)
    with ExitStack() as stack:
        files = {}
        for name, place in places.items():
            # Not truncated yet: another may be refused, or this one may be mapped.
            descriptor = os.open(place, os.O_WRONLY | os.O_CREAT, 0o666)
            files[name] = stack.enter_context(open(descriptor, "wb"))
        if len(files) > 1:
            main = list(files.values())[-1]
            main.truncate()
            os.fsync(main.fileno())
        for name, file in files.items():
            with open(os.path.join(new, name), "rb") as source:
                shutil.copyfileobj(source, file, _COPY_STEP)
            file.truncate()
            file.flush()
            _fsync(file.fileno())


def _refuse_mapped(place: str) -> None:
    """Refuse to write into a file that a program has mapped: it would see the new contents in the older ones' place.

    Windows makes no file shorter that is mapped.

    Raises:
        PermissionError: the file is mapped, or cannot be opened; it is as it was.
    """
    if not os.path.exists(place) or not os.path.getsize(place):
        return
    with open(place, "r+b") as file:
        last = file.seek(-1, os.SEEK_END)
        byte = file.read(1)
        try:
            file.truncate(last)
        except OSError as e:
            raise PermissionError(
                errno.EACCES,
                "the file is mapped into memory (by load(mmap='r')?), and Windows does not replace such a file; "
                "end the program that uses it, or save under another name",
                place,
            ) from e
        file.seek(last)
        file.write(byte)


def _sync(path: str, flags: int = os.O_RDONLY) -> None:
    """Wait until the names in a folder, or the contents of a file, are on the disk."""
    try:
        descriptor = os.open(path, flags)
    except PermissionError:  # a folder that may be written to but not read; or on Windows, any
        return
    try:
        _fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as e:
        # The file system has no such thing; EBADF is Windows' word for a file that is open for reading.
        if e.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise


def _stagings(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [e.path for e in entries if e.name.startswith(STAGING) and e.is_dir(follow_symlinks=False)]
    except OSError:  # a folder that may be written to but not read
        return []


def _pending(staging: str) -> list[str]:
    """Return the files that a save of several still has to move, the main file last, once it has moved older ones."""
    try:
        if not os.listdir(os.path.join(staging, "old")):
            return []
        # The other names begin with that of the main file.
        return sorted(os.listdir(os.path.join(staging, "new")), key=len, reverse=True)
    except OSError:
        return []


def _remove_leftovers(folder: str) -> None:
    """Remove what killed saves have left in a folder, but for what `recover` needs."""
    for staging in _stagings(folder):
        with suppress(OSError), locked(staging) as is_left_over:
            if is_left_over:
                _remove(staging)


def _remove(staging: str) -> None:
    """Remove a staging folder, unless it holds the only copy of older files.

    An interrupt is raised when it is gone. What cannot be removed is left to the next save.
    """
    try:
        if not _pending(staging):
            shutil.rmtree(staging)
    except BaseException as e:
        if not _pending(staging):
            shutil.rmtree(staging, ignore_errors=True)
        if not isinstance(e, OSError):
            raise
