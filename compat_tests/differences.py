"""The documented table of differences from gensim, as data: docs/guide/from-gensim.md is its only source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).parent.parent / "docs" / "guide" / "from-gensim.md"


class Difference(NamedTuple):
    """One row of the table."""

    what: str
    gensim: str
    here: str
    why: str
    tests: tuple[str, ...]  # gensim's tests that must fail because of it


def read(text: str | None = None) -> list[Difference]:
    """The rows of the table in docs/guide/from-gensim.md.

    Raises:
        ValueError: a row that does not have five columns.
    """
    text = TABLE.read_text(encoding="utf-8") if text is None else text
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    rows = []
    for line in lines[2:]:
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        if len(cells) != len(Difference._fields):
            raise ValueError(f"{len(cells)} columns instead of {len(Difference._fields)} in: {line}")
        rows.append(Difference(*cells[:4], tuple(re.findall(r"`(\w+)`", cells[4]))))
    return rows
