"""The differences from gensim that make tests of gensim's own suite fail: `expected_failures.toml`, checked."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).with_name("expected_failures.toml")
PAGE = Path(__file__).parents[1] / "docs" / "guide" / "from-gensim.md"


class Difference(NamedTuple):
    """A documented difference, and the tests that must fail because of it.

    Attributes:
        what: the first cell of its row in docs/guide/from-gensim.md.
        why: the reason of the expected failures, in words.
        tests: names of tests of gensim's suite.
    """

    what: str
    why: str
    tests: tuple[str, ...]


def documented(page: str | None = None) -> list[str]:
    """Return the first cells of all rows of the tables of a page, docs/guide/from-gensim.md by default."""
    page = PAGE.read_text(encoding="utf-8") if page is None else page
    cells = [line.strip("|").split("|")[0].strip() for line in page.splitlines() if line.startswith("|")]
    return [cell for cell in cells if cell != "what" and not re.fullmatch("-+", cell)]


def read(text: str | None = None) -> list[Difference]:
    """Return the differences that expected_failures.toml lists.

    Args:
        text: the file's content; that of `FILE` by default.

    Raises:
        ValueError: the text is not TOML, or holds anything but complete tables `[[difference]]`; a difference that
            docs/guide/from-gensim.md does not document; a test named twice.
    """
    data = tomllib.loads(FILE.read_text(encoding="utf-8") if text is None else text)
    if unknown := set(data) - {"difference"}:
        raise ValueError(f"unknown key {min(unknown)!r}: the file may hold only [[difference]] tables")
    tables = data.get("difference", [])
    if not isinstance(tables, list):
        raise ValueError("`difference` must be a list of tables: write [[difference]], not [difference]")
    differences = [_difference(table) for table in tables]
    tests = [test for difference in differences for test in difference.tests]
    if repeated := {test for test in tests if tests.count(test) > 1}:
        raise ValueError(f"{min(repeated)} is named more than once")
    return differences


def _difference(table: dict[str, Any]) -> Difference:
    if set(table) != set(Difference._fields):
        raise ValueError(f"a difference has exactly the keys {', '.join(Difference._fields)}, not {sorted(table)}")
    what, why, tests = (table[name] for name in Difference._fields)
    if not (isinstance(what, str) and isinstance(why, str) and why):
        raise ValueError(f"`what` and `why` must be strings that are not empty, not {what!r} and {why!r}")
    if what not in documented():
        raise ValueError(f"{what!r} is not the first cell of a row of docs/guide/from-gensim.md")
    if not (isinstance(tests, list) and tests and all(isinstance(test, str) and test for test in tests)):
        raise ValueError(f"{what!r}: `tests` must be a list of at least one test name, not {tests!r}")
    return Difference(what, why, tuple(tests))
