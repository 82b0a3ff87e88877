"""Types of annotations whose packages are not imported where they are used, for `typing.get_type_hints` to find.

torch takes a second to import, and Python 3.10 has no `Self`: where annotations are evaluated these are `Any`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import device as TorchDevice  # noqa: N812  a class, whose name is in lower case
    from typing_extensions import Self
else:
    Self = TorchDevice = Any

__all__ = ["Self", "TorchDevice"]
