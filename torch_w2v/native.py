"""The native library: the CPU kernel (engines/cpu/*.cpp) and the text splitter (corpus/splitting.cpp)."""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
from functools import cache
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_FILES = ("_native.so", "_native.dylib", "_native.dll")
# Where no wheel has the library for a machine, pip builds it, which needs the compiler.
INSTALL = (
    "reinstall torch_w2v (where there is no wheel for this system, with gcc 12+ or clang 14+): pip install "
    "--force-reinstall --no-deps --no-cache-dir torch_w2v"
)
REINSTALL = f"{INSTALL}; or use engine='gensim'"


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
    path = find()
    if path is None:
        raise RuntimeError(
            "the native library (CPU kernel and text splitter) is not installed (it is built where there is a C++ "
            f"compiler, or comes with a wheel): {REINSTALL}"
        )
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.w2v_isa.argtypes = ()
    except (OSError, AttributeError) as e:
        raise RuntimeError(f"the native library {path} cannot be loaded ({e}): {REINSTALL}") from e
    return loaded


def function(name: str) -> Any:
    """Return a function of the library, whose types the caller declares.

    Raises:
        RuntimeError: there is no library, or it is of another version of the package, which had no such function.
    """
    try:
        return getattr(library(), name)
    except AttributeError as e:
        raise RuntimeError(
            f"the native library {library()._name} is of another version of torch_w2v (it has no {name}): {REINSTALL}"
        ) from e


@cache
def available() -> bool:
    """Return whether the library can be used; if not, the log says why."""
    try:
        library()
    except RuntimeError as e:
        logger.log(logging.INFO if find() is None else logging.WARNING, "%s", e)
        return False
    return True
