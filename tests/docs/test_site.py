"""The site has every page; that it builds, and that its notebooks run, is what `make docs` shows."""

from __future__ import annotations

import ast
import importlib.util
import json
import re

import pytest

from tests.docs.pages import ROOT

CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf8")
HOOKS = ast.parse((ROOT / "docs" / "site" / "hooks.py").read_text(encoding="utf8"))
CONSTANTS = {
    statement.targets[0].id: ast.literal_eval(statement.value)
    for statement in HOOKS.body
    if isinstance(statement, ast.Assign)
    and isinstance(statement.targets[0], ast.Name)
    and isinstance(statement.value, ast.Dict)
}
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_the_navigation_has_every_page() -> None:
    listed = re.findall(r": ([\w/.-]+\.(?:md|ipynb))$", CONFIG, re.MULTILINE)
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for suffix in ("md", "ipynb") for path in docs.rglob(f"*.{suffix}")}
    pages = {page for page in pages if not page.startswith("development/measurements/")}  # listed by the hook
    assert sorted(listed) == sorted([*pages, *CONSTANTS["ABOVE"].values()])


def test_pages_above_docs_are_all_there() -> None:
    assert sorted([*(path.name for path in ROOT.glob("*.md")), "LICENSE"]) == sorted(CONSTANTS["ABOVE"])


def test_pages_of_docstrings_show_what_there_is() -> None:
    names = [name for shown in CONSTANTS["DOCSTRINGS"].values() for name in shown]
    assert len(names) > 20
    for name in names:
        module, _, last = name.rpartition(".")
        path = ROOT / name.replace(".", "/")
        if not path.with_suffix(".py").is_file() and not (path / "__init__.py").is_file():
            found = importlib.util.find_spec(module)
            assert found is not None, name
            assert found.origin is not None, name
            with open(found.origin, encoding="utf8") as source:
                assert re.search(rf"^(class|def) {last}\b", source.read(), re.MULTILINE), name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_results(path: object) -> None:
    cells = json.loads(path.read_text(encoding="utf8"))["cells"]  # type: ignore[attr-defined]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
