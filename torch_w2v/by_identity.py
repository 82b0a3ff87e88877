"""What is remembered of an object without being an attribute of it, which would be saved and copied with it."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ByIdentity(Generic[T]):
    """A dictionary whose keys are objects, compared by identity; an object that is gone has no entry.

    A WeakKeyDictionary asks its keys for a hash, which a model whose class has an `__eq__` does not have (as every
    dataclass does), and takes models that are equal for the same one.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], T]] = {}

    def get(self, key: object) -> T | None:
        """Return the value of an object, or None."""
        entry = self._entries.get(id(key))
        return None if entry is None or entry[0]() is not key else entry[1]

    def set(self, key: object, value: T) -> None:
        """Remember a value for an object."""
        number = id(key)

        def forget(reference: weakref.ref[Any]) -> None:
            # Another object may have the number by now.
            entry = self._entries.get(number)
            if entry is not None and entry[0] is reference:
                del self._entries[number]

        self._entries[number] = weakref.ref(key, forget), value

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
