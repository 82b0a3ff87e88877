"""The file of a checkpoint: numpy's .npz with a manifest in JSON. Nothing in it is ever unpickled."""

from __future__ import annotations

import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from torch_w2v import user_warnings
from torch_w2v.corpus.signatures import CHECKPOINT as FORMAT
from torch_w2v.corpus.signatures import MANIFEST as _MANIFEST
from torch_w2v.files import replacing
from torch_w2v.version import __version__

VERSION = 1
# Bytes of an array that are written or read at a time.
_STEP = 1 << 22
_MAX_MANIFEST = 1 << 28
# What reading a damaged file raises: the container, its numbers, numpy's headers, JSON, the disk.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    RecursionError,
    SyntaxError,
)


class DamagedError(ValueError):
    """A file that is not a whole checkpoint."""


def previous_of(path: str) -> str:
    """Return the path of the checkpoint before the one at `path`."""
    return os.path.realpath(path) + ".previous"


def write(
    path: str,
    manifest: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    keep_older: bool = True,
    check: Callable[[dict[str, Any]], None] = lambda manifest: None,
) -> None:
    """Write a checkpoint. The older one becomes the previous one when this one is whole and on the disk.

    Args:
        path: of the file.
        manifest: what JSON can hold.
        arrays: numbers of any shape, by name; they are written piece by piece, without a copy of the whole.
        keep_older: False where the file at `path` is damaged, so that the previous one stays.
        check: raises a ValueError for a manifest that `newest` would refuse, as the same function does there.

    Raises:
        OSError: the file cannot be written; the older ones are as they were.
        ValueError: `check`'s; the same.
    """
    previous = previous_of(path) if keep_older else None
    with replacing(path, previous) as temporary, zipfile.ZipFile(temporary, "w") as file:
        described = {name: _write_array(file, name, array) for name, array in arrays.items()}
        head = {"format": FORMAT, "version": VERSION, "torch_w2v": __version__, "arrays": described}
        text = json.dumps({**head, **manifest}, indent=1)
        check(json.loads(text))
        file.writestr(zipfile.ZipInfo(_MANIFEST), text)


def _write_array(file: zipfile.ZipFile, name: str, array: np.ndarray) -> dict[str, Any]:
    entry = zipfile.ZipInfo(f"{name}.npy")
    array = np.atleast_1d(array)
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    rows = max(1, _STEP // max(1, array[:1].nbytes))
    with file.open(entry, "w", force_zip64=True) as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for begin in range(0, len(array), rows):
            stream.write(np.ascontiguousarray(array[begin : begin + rows]).data)
    return {"shape": list(array.shape), "dtype": array.dtype.str, "crc32": f"{entry.CRC:08x}"}


class CheckpointFile:
    """A checkpoint that was opened and found whole; a context manager that closes it.

    Args:
        path: of the file.

    Attributes:
        path: as given.
        manifest: the manifest.

    Raises:
        FileNotFoundError, PermissionError: there is none, or it must not be read.
        DamagedError: it is not a checkpoint, or its checksums are wrong.
        ValueError: it was written by a later version of this package.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)
        except (FileNotFoundError, PermissionError):
            raise
        except _DAMAGES as e:
            raise DamagedError(f"{path}: {e}") from e
        try:
            self.manifest = self._read_manifest()
            if self.manifest["version"] > VERSION:
                raise ValueError(
                    f"{path} was written by torch_w2v {self.manifest.get('torch_w2v')}, in version "
                    f"{self.manifest['version']} of the format; this one reads up to version {VERSION}"
                )
            self._verify()
        except BaseException:
            self._file.close()
            raise

    def _read_manifest(self) -> dict[str, Any]:
        try:
            if self._file.getinfo(_MANIFEST).file_size > _MAX_MANIFEST:
                raise ValueError("a manifest of that size")
            manifest: dict[str, Any] = json.loads(self._file.read(_MANIFEST))
            if manifest["format"] != FORMAT or not isinstance(manifest["version"], int) or manifest["version"] < 1:
                raise ValueError("its manifest is another one")
            return manifest
        except _DAMAGES as e:
            raise DamagedError(f"{self.path} is not a checkpoint of torch_w2v: {e}") from e

    def _verify(self) -> None:
        """Read everything once: zip files have a checksum per array."""
        try:
            for name, described in self.manifest["arrays"].items():
                entry = self._file.getinfo(f"{name}.npy")
                if int(described["crc32"], 16) != entry.CRC:
                    raise ValueError(f"the checksum of {name} is not the manifest's")
                with self._open(name) as stream:
                    while stream.read(_STEP):
                        pass
        except _DAMAGES as e:
            raise DamagedError(f"{self.path}: {e}") from e

    def _open(self, name: str) -> IO[bytes]:
        """Return a stream at the first item of an array, whose shape, dtype and size are those of the manifest."""
        described = self.manifest["arrays"][name]
        stream = self._file.open(f"{name}.npy")
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{name} is in another version of numpy's format")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
        if (
            dtype.kind not in "fiu"
            or fortran_order
            or (list(shape), dtype.str)
            != (
                described["shape"],
                described["dtype"],
            )
        ):
            raise ValueError(f"{name} is not the array of the manifest")
        entry = self._file.getinfo(f"{name}.npy")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size - stream.tell() != (
            math.prod(shape) * dtype.itemsize
        ):
            raise ValueError(f"{name} has another size than the manifest's")
        return stream

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array."""
        return tuple(self.manifest["arrays"][name]["shape"])

    def array(self, name: str) -> np.ndarray:
        """Return an array."""
        array = np.empty(self.shape(name), self.manifest["arrays"][name]["dtype"])
        self.read_into(name, array)
        return array

    def read_into(self, name: str, array: np.ndarray) -> None:
        """Read an array into one of its shape and dtype, without a copy of the whole.

        Raises:
            ValueError: another shape or dtype.
            OSError: the disk.
        """
        described = self.manifest["arrays"][name]
        if (array.shape, array.dtype.str) != (self.shape(name), described["dtype"]):
            raise ValueError(f"{self.path}: {name} is {described['shape']}, not {list(array.shape)}")
        rows = max(1, _STEP // max(1, array[:1].nbytes))
        with self._open(name) as stream:
            for begin in range(0, len(array), rows):
                part = array[begin : begin + rows]
                data = stream.read(part.nbytes)
                part[...] = np.frombuffer(data, array.dtype).reshape(part.shape)

    def close(self) -> None:
        """Close the file; nothing can be read from it afterwards."""
        self._file.close()

    def __enter__(self) -> CheckpointFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def newest(path: str, check: Callable[[dict[str, Any]], None]) -> CheckpointFile | None:
    """Open the checkpoint at a path, or where that is damaged the previous one, with a warning.

    Args:
        path: of the file. An empty one counts as none.
        check: raises a ValueError for a manifest that is not one of a checkpoint.

    Returns:
        None where there is neither.

    Raises:
        ValueError: neither is whole; or one is of a later version.
        OSError: the file cannot be read.
    """
    problem: DamagedError | None = None
    for candidate in (path, previous_of(path)):
        if not os.path.exists(candidate) or os.path.getsize(candidate) == 0:
            continue
        try:
            found = _checked(candidate, check)
        except DamagedError as e:
            problem = problem or e
        else:
            if candidate != path:
                reason = f"{problem}" if problem else f"{path} is {'empty' if os.path.exists(path) else 'not there'}"
                user_warnings.warn(f"{reason}: going on from the checkpoint before it, {candidate}")
            return found
    if problem is not None:
        raise ValueError(
            f"{problem}. It cannot be gone on from, and the one before it, {previous_of(path)}, is not whole or not "
            "there either: delete it to start anew, or give another path"
        )
    return None


def _checked(path: str, check: Callable[[dict[str, Any]], None]) -> CheckpointFile:
    found = CheckpointFile(path)
    try:
        check(found.manifest)
    except ValueError as e:
        found.close()
        raise DamagedError(f"{path} is not a checkpoint of torch_w2v: {e}") from e
    return found


def remove(path: str) -> None:
    """Remove a checkpoint and the previous one."""
    for file in (path, previous_of(path)):
        if os.path.lexists(file):
            os.remove(file)
