"""Optional packages: imported where they are used; where one is missing, the error has the command that installs it."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType


def load(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: its full name.
        extra: the extra of torch_w2v that installs the package.
        purpose: what needs it, the subject of the message.

    Returns:
        The module.

    Raises:
        ImportError: the package is not installed; the message has the command that installs it.
    """
    check(module, extra, purpose)
    return importlib.import_module(module)


def check(module: str, extra: str, purpose: str) -> None:
    """Check that a package is installed, without importing it.

    Args:
        module, extra, purpose: as for `load`.

    Raises:
        ImportError: as `load`.
    """
    package = module.partition(".")[0]
    try:
        is_there = importlib.util.find_spec(package) is not None
    except ValueError:  # the module is there, but says nothing of where it comes from
        is_there = True
    if not is_there:
        raise ImportError(f"{purpose} needs {package}, which is not installed: pip install 'torch_w2v[{extra}]'")
