"""Locks of folders, which the system releases however a process ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# How the names of folders begin in which saves prepare their files.
STAGING = ".torch_w2v-save-"


@contextmanager
def locked(folder: str, seconds: float = 0) -> Iterator[bool]:
    """Hold the lock of a folder.

    Args:
        folder: which can be read.
        seconds: to wait for the lock, from the last change of the folder: while names in it change, others are saving.

    Yields:
        Whether the lock is held. Some file systems have none.

    Raises:
        OSError: there is no such folder.
    """
    if fcntl is None:
        yield from _by_file(folder, seconds)
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        yield False
        return
    try:
        yield _lock(descriptor, seconds)
    finally:
        os.close(descriptor)


def _by_file(folder: str, seconds: float) -> Iterator[bool]:
    """Do what `locked` does by a file, which Windows removes when it is closed, however the process ends."""
    os.stat(folder)
    is_staging = os.path.basename(folder).startswith(STAGING)
    # A file in a folder would keep it from being removed.
    name = f"{folder}.lock" if is_staging else os.path.join(folder, f"{STAGING}folder.lock")
    descriptor, patience = None, _Patience(folder, seconds)
    while descriptor is None:
        try:
            descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_TEMPORARY", 0))
        except OSError as e:
            # PermissionError while Windows removes it
            if not isinstance(e, (FileExistsError, PermissionError)) or patience.is_over():
                break
            time.sleep(0.01)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


class _Patience:
    """How long to wait for the lock of a folder; see `locked`."""

    def __init__(self, folder: str | int, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._seen = 0
        self._end = time.monotonic() + seconds

    def is_over(self) -> bool:
        """Return whether the folder did not change for so many seconds."""
        now = time.monotonic()
        if self._seconds and (changed := os.stat(self._folder).st_mtime_ns) != self._seen:
            self._seen, self._end = changed, now + self._seconds
        return now >= self._end


def _lock(descriptor: int, seconds: float) -> bool:
    patience = _Patience(descriptor, seconds)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if patience.is_over():
                return False
            time.sleep(0.01)
        except OSError:
            return False
