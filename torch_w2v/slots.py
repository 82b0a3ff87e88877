"""Attributes that a class keeps in `__slots__`, beside those in `__dict__`."""

from __future__ import annotations

import copyreg
from collections.abc import Mapping
from typing import Any


def slots_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that are in slots, and have a value, by name."""
    return {name: getattr(thing, name) for name in _names_of_slots(type(thing)) if hasattr(thing, name)}


def set_attributes(thing: Any, attributes: Mapping[str, Any]) -> None:
    """Set attributes of an object, each in its slot or, where the class has none of that name, in `__dict__`."""
    own = _names_of_slots(type(thing))
    for name, value in attributes.items():
        if name in own:
            setattr(thing, name, value)
        else:
            vars(thing)[name] = value


def _names_of_slots(cls: type) -> list[str]:
    """Return the names of the slots of a class and its bases, as `pickle` and `copy` know them."""
    names: list[str] = copyreg._slotnames(cls)  # type: ignore[attr-defined]
    return names
