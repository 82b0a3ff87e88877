"""Links, and files that are named: what the pages and the code point to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import FOR_USERS, PAGES, ROOT, anchors, name

IN_CODE = [
    path
    for folder in ("torch_w2v", "tests", "compat_tests", "benchmarks")
    for suffix in ("py", "cpp", "h")
    for path in sorted((ROOT / folder).rglob(f"*.{suffix}"))
]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf8")):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:torch_w2v|tests|compat_tests|benchmarks|docs)/[\w./-]*)`", page.read_text(encoding="utf8")
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_pages_that_the_code_names_exist() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {page}"
        for path in IN_CODE
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf8"))
        if not (ROOT / page).is_file()
    ]
    assert missing == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, following = set(), [ROOT / "README.md"]
    while following:
        page = following.pop()
        if page not in reached:
            reached.add(page)
            links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf8"))
            following += [(page.parent / link).resolve() for link in links if "://" not in link]
    assert sorted(map(name, set(PAGES) - reached)) == []


@pytest.mark.parametrize("page", FOR_USERS, ids=name)
def test_pages_for_users_describe_the_product(page: Path) -> None:
    """They describe what it does, not how it was made: that is for docs/development."""
    text = page.read_text(encoding="utf8")
    assert re.findall(r"\bcommits? [0-9a-f]{7,}|\b(?:bars?|goals?|not measured|the table found)\b", text) == []
