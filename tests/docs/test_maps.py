"""The maps of the tree name all that is there: files in CONTRIBUTING.md, folders in README.md."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks

MAPS = ("README.md", "CONTRIBUTING.md")
# What every package has needs no line of its own.
NOT_ON_A_MAP = ("__init__.py", "__main__.py", "conftest.py")
SUFFIXES = (".py", ".cpp", ".h", ".md", ".toml", ".ipynb")
LONGEST = 11  # words of a description
LINES = 25  # of the map in README.md


def entries(page: str) -> dict[Path, str]:
    """Return path -> description of the map on a page; a map indents by four spaces per folder.

    Raises:
        ValueError: the page has no map, or a line of it is not a name and a description.
    """
    for block in blocks(ROOT / page):
        if block.language == "text" and re.match(r"[\w.]+/ {2,}\w", block.text):
            found, folders = {}, [Path()]
            for line in block.text.splitlines():
                match = re.fullmatch(r"((?: {4})*)([\w.-]+/?) {2,}(\S.*)", line)
                if match is None:
                    raise ValueError(f"{page}: {line!r} is not 'name  description'")
                depth = len(match[1]) // 4
                path = folders[depth] / match[2]
                found[path] = match[3]
                folders[depth + 1 :] = [path]
            return found
    raise ValueError(f"{page} has no map")


@cache
def in_tree() -> frozenset[Path]:
    """Return the source files of the tree, their folders included; what was built is none of them."""
    # Not `ROOT.rglob`: environments have tens of thousands of files.
    tops = [path for path in ROOT.iterdir() if not path.name.startswith((".", "build", "dist"))]
    files = [path for top in tops for path in (top, *top.rglob("*")) if path.suffix in SUFFIXES]
    return frozenset(path for file in files for path in (file.relative_to(ROOT), *file.relative_to(ROOT).parents))


def folders_in_tree() -> set[Path]:
    """Return the folders of the package, itself included, that have source files."""
    return {path for path in in_tree() if path.parts[:1] == ("torch_w2v",) and (ROOT / path).is_dir()}


def test_the_map_names_what_exists_and_all_of_a_folder_that_it_opens() -> None:
    on_map, tree = set(entries("CONTRIBUTING.md")), in_tree()
    opened = {path.parent for path in on_map if path.parent != Path()}
    inside = {path for path in tree if path.parent in opened and path.name not in NOT_ON_A_MAP}
    assert sorted(on_map - tree) == []
    assert sorted(inside - on_map) == []


def test_the_map_opens_every_folder_of_the_package() -> None:
    assert sorted(folders_in_tree() - {path.parent for path in entries("CONTRIBUTING.md")}) == []


def test_the_readme_has_the_folders() -> None:
    on_map = set(entries("README.md"))
    opened = {path.parent for path in on_map if path.parent != Path()}
    top = {path for path in entries("CONTRIBUTING.md") if path.parent == Path()}
    assert Path("torch_w2v") in opened
    assert sorted(on_map ^ (top | {path for path in folders_in_tree() if path.parent in opened})) == []
    assert len(on_map) <= LINES


@pytest.mark.parametrize("page", MAPS)
def test_descriptions_are_short(page: str) -> None:
    assert {path: text for path, text in entries(page).items() if len(text.split()) > LONGEST} == {}


def test_make_help_has_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf8").replace("\\\n", " ")
    commands = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert commands == phony
    assert commands == {"help", *re.findall(r"@echo 'make ([a-z-]+) ", makefile)}
