"""The native library: the CPU kernel (engines/cpu/*.cpp) and the text splitter (corpus/splitting.cpp)."""

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
    """Find the file of the library.

    Returns:
        The file beside this module or, in an editable install, among the package's installed files; None if there is
        no such file.
    """
    candidates = [Path(__file__).with_name(name) for name in _FILES]
    try:
        installed = importlib.metadata.files("torch_w2v") or []
    except importlib.metadata.PackageNotFoundError:
        installed = []
    candidates += [Path(str(file.locate())) for file in installed if file.name in _FILES]
    return next((path for path in candidates if path.is_file()), None)


@cache
def library() -> ctypes.CDLL:
    """Load the library, once per process.

    Returns:
        The library; callers declare the types of the functions that they use.

    Raises:
        RuntimeError: there is no library, or it cannot be loaded; the message says what to do.
    """
    if sys.platform == "win32":
        raise RuntimeError(
            "there is no native library (CPU kernel and text splitter) for Windows; use engine='torch_batched'"
        )
    path = find()
    if path is None:
        raise RuntimeError(
            "the native library (CPU kernel and text splitter) was not built (was there no C++ compiler at install "
            f"time?): {REINSTALL}"
        )
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.w2v_isa.argtypes = ()
    except (OSError, AttributeError) as e:
        raise RuntimeError(f"the native library {path} cannot be loaded ({e}): {REINSTALL}") from e
    return loaded


@cache
def available() -> bool:
    """Return whether the library can be used; if not, the log says why."""
    try:
        library()
    except RuntimeError as e:
        logger.log(logging.INFO if find() is None else logging.WARNING, "%s", e)
        return False
    return True
