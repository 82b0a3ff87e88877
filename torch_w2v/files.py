"""Paths and URIs, and files that are replaced only when the new one is complete."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def is_uri(path: str) -> bool:
    """Return whether `path` is one for smart_open (s3://…, https://…) and not of the file system."""
    return "://" in path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[str]:
    """Write a file so that a failure or an interrupt leaves an older one as it was.

    Args:
        path: of the file; where it is a symbolic link, the file that it points to. A path that exists and is not a
            regular file (a device, a pipe, a folder) cannot be replaced: it is written to directly.

    Yields:
        The path of a file to write: in the same folder, and of the same suffix. When the block ends it takes the
        place of `path`, with the mode of the older file where there is one; when the block raises it is removed.

    Raises:
        OSError: the file cannot take the place of `path`.
    """
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        yield target
        return
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.{name}")
    try:
        yield temporary
        _replace(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


@contextmanager
def replacing_with_siblings(path: str | os.PathLike[str]) -> Iterator[str]:
    """Write a file, and others beside it, so that a failure or an interrupt leaves older ones as they were.

    gensim keeps large arrays in files beside the main one, under names that begin with its name.

    Args:
        path: of the main file.

    Yields:
        A path of the same name in a temporary folder beside `path`. When the block ends every file of that folder
        is moved beside `path`, the main file last, each with the mode of the older file where there is one; when the
        block raises the folder is removed.

    Raises:
        OSError: the temporary folder cannot be made, or a file cannot be moved.
    """
    folder, name = os.path.split(path)
    temporary = tempfile.mkdtemp(prefix=f".{name}.", dir=folder or ".")
    try:
        yield os.path.join(temporary, name)
        for written in sorted(os.listdir(temporary), key=lambda file: file == name):
            _replace(os.path.join(temporary, written), os.path.join(folder, written))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace(new: str, old: str) -> None:
    with suppress(FileNotFoundError):
        shutil.copymode(old, new)
    os.replace(new, old)
