"""The compiled library: the CPU kernel (engines/cpu.cpp) and the splitting of text (splitting.cpp)."""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import sys
from functools import cache
from pathlib import Path

logger = logging.getLogger(__name__)

_FILES = ("_native.so", "_native.dylib")
REINSTALL = (
    "reinstall with a compiler (gcc 12+ or clang 14+): pip install --force-reinstall --no-deps --no-cache-dir "
    "--no-binary torch_w2v torch_w2v; or use engine='torch_batched'"
)


def find() -> Path | None:
    """The library's file: beside this module, or, in an editable install, where the package's own files are."""
    beside = [Path(__file__).with_name(name) for name in _FILES]
    try:
        installed = importlib.metadata.files("torch_w2v") or []
    except importlib.metadata.PackageNotFoundError:
        installed = []
    elsewhere = [Path(str(file.locate())) for file in installed if file.name in _FILES]
    return next((path for path in beside + elsewhere if path.is_file()), None)


@cache
def library() -> ctypes.CDLL:
    """The compiled kernel.

    Raises:
        RuntimeError: it is not there or cannot be loaded, with what to do.
    """
    if sys.platform == "win32":
        raise RuntimeError("there is no CPU kernel for Windows; use engine='torch_batched'")
    path = find()
    if path is None:
        raise RuntimeError(
            f"the CPU kernel was not built (no C++ compiler at install time?), nor what splits text: {REINSTALL}"
        )
    try:
        found = ctypes.CDLL(str(path))
        found.w2v_isa.argtypes = ()
    except (OSError, AttributeError) as e:
        raise RuntimeError(f"the CPU kernel {path} cannot be loaded ({e}): {REINSTALL}") from e
    return found


@cache
def available() -> bool:
    """Whether the kernel can be used here; the log says why not."""
    try:
        library()
    except RuntimeError as e:
        logger.log(logging.INFO if find() is None else logging.WARNING, "%s", e)
        return False
    return True
