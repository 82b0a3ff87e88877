"""Paths and URIs, and files that are replaced only when the new ones are complete."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from torch_w2v.staging import is_there, put_in_place, recover, staging_folder

T = TypeVar("T")


def is_uri(path: str) -> bool:
    """Return whether `path` is one for smart_open (s3://…, https://…) and not of the file system (C://folder)."""
    return path.find("://") > 1


def path_of(path: str | bytes | os.PathLike[str]) -> str:
    """Return a path as a str, with `~` and `~user` at its beginning replaced by a home folder; a URI as it is.

    smart_open, with which gensim opens files, does the same: what it opens must be found here, too.
    """
    path = os.fsdecode(path)
    return path if is_uri(path) else os.path.expanduser(path)


def is_one_of(path: str, files: Iterable[str | int]) -> bool:
    """Return whether a file that is to be written is one of others, under whatever names and by whatever links.

    Args:
        path: of the file, which need not exist: a link among the others may lead to where it will be.
        files: paths, or descriptors of open files; those that are not there are none.
    """
    status = _status(path)
    if status is None:
        place = os.path.realpath(path)
        links = (file for file in files if isinstance(file, str) and os.path.islink(file))
        return any(os.path.realpath(link) == place for link in links)
    return any(other is not None and os.path.samestat(status, other) for other in map(_status, files))


@contextmanager
def replacing(path: str | os.PathLike[str], previous: str | None = None) -> Iterator[str]:
    """Write a file, and any others beside it, so that a failure or an interrupt leaves the older ones as they were.

    A save is a write: it goes through symbolic links, keeps the mode and, where the system permits it, the owner of a
    file that exists, and is refused where the file cannot be opened for writing. Where the new file cannot be moved
    onto the older one (the folder takes no new files, the file is mounted, or is a link to another device), it is
    copied into it, and a line of the log says so.

    gensim keeps large arrays in files beside the main one, under names that begin with its name; these are replaced
    together with it. What a killed save has left in the folder is removed.

    Args:
        path: of the main file. One that exists and is not a regular file (a device, a pipe, a folder) cannot be
            replaced, nor can a URI: these are written to directly.
        previous: path in the folder of the file itself, at the end of all links, for the older file; None to let that
            go. Where the new file is copied into the older one, there is no previous one.

    Yields:
        The path of a file to write, of the same name but in another folder. When the block ends, every file in that
        folder takes its place beside `path`; when the block raises, they are removed.

    Raises:
        OSError: a file cannot be written.
    """
    path = path_of(path)
    if not _is_replaceable(path):
        yield path
        return
    recover(path)
    with staging_folder(path) as staging:
        new = os.path.join(staging, "new")
        with _logged_as(new, os.path.dirname(path)):
            yield os.path.join(new, os.path.basename(path))
        put_in_place(staging, path, previous)


def save_object(saved: Any, path: str, separately: Any, sep_limit: int, ignore: Any, pickle_protocol: int) -> None:
    """Write an object of gensim's to files, as its `SaveLoad.save` does, by `replacing`.

    Args:
        saved: the object.
        path: of the main file.
        separately, sep_limit, ignore, pickle_protocol: as gensim's.
    """
    saved.add_lifecycle_event(
        "saving", fname_or_handle=path, separately=str(separately), sep_limit=sep_limit, ignore=ignore
    )
    with replacing(path) as temporary:
        saved._smart_save(temporary, separately, sep_limit, ignore, pickle_protocol)


@contextmanager
def _logged_as(folder: str, place: str) -> Iterator[None]:
    """Let gensim's log have the paths where files will be for those where they are written; those of this thread."""
    thread = threading.get_ident()

    def name_the_place(record: logging.LogRecord) -> bool:
        if record.thread == thread and isinstance(record.args, tuple):
            record.args = tuple(
                os.path.join(place, value[len(folder) + 1 :])
                if isinstance(value, str) and value.startswith(folder + os.sep)
                else value
                for value in record.args
            )
        return True

    loggers = [logging.getLogger(name) for name in ("gensim.utils", "gensim.models.keyedvectors")]
    for logger in loggers:
        logger.addFilter(name_the_place)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(name_the_place)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Try all of `replacing` that can be tried before there is something to write.

    Raises:
        OSError: `replacing` would raise it.
    """
    path = path_of(path)
    if _is_replaceable(path):
        with staging_folder(path) as staging:
            open(os.path.join(staging, "new", os.path.basename(path)), "wb").close()


def read_whole(path: str, read: Callable[[], T]) -> T:
    """Read a file and those beside it as one save has written them, while other processes may be replacing them.

    Args:
        path: of the main file, or a URI.
        read: reads them; it is called again if they were replaced meanwhile.

    Returns:
        What `read` returned.

    Raises:
        OSError: a file cannot be read.
        Exception: whatever `read` raises.
    """
    path = path_of(path)
    while True:
        if not is_uri(path):
            recover(path)
        before = _identity(path)
        try:
            result = read()
        except FileNotFoundError:
            # Between two saves that replace several files the main one may be away at each look.
            if _identity(path) == before and (is_uri(path) or before is not None or not is_there(path)):
                raise
        else:
            if _identity(path) == before:
                return result


def _is_replaceable(path: str) -> bool:
    if is_uri(path):
        return False
    try:
        # One look: another save may move the file away, and another one back.
        return stat.S_ISREG(os.stat(os.path.realpath(path)).st_mode)
    except (OSError, ValueError):
        return True


def _identity(path: str) -> tuple[int, int, int] | None:
    status = _status(path)
    return None if status is None else (status.st_dev, status.st_ino, status.st_mtime_ns)


def _status(file: str | int) -> os.stat_result | None:
    """Return what the system says of a file; None where it is not there."""
    try:
        return os.stat(file)
    except (OSError, ValueError):
        return None
