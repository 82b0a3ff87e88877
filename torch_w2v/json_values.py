"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any


def json_value(value: Any) -> Any:
    """Return nested dicts and sequences with None in the place of nan and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: json_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
