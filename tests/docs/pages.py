"""The Markdown pages of the repository, as the tests read them: blocks, commands, links and headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from torch_w2v import cli

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]))
FOR_USERS = (ROOT / "README.md", *(page for page in PAGES if page.parent != ROOT and "development" not in page.parts))

LANGUAGES = ("python", "sh", "toml", "text")
_BLOCK = re.compile(r"(?:^<!--(?P<mark>[^\n]*)-->\n)?^```(?P<language>.*)\n(?P<text>(?:.*\n)*?)^```$", re.MULTILINE)
_NOT_RUN = re.compile(r" not run: (\S.+) ")


class Block(NamedTuple):
    """A fenced block of a page.

    Attributes:
        page: the file it stands in.
        line: the line of its first line of text, counted from 1.
        language: what its fence names; one of `LANGUAGES`.
        text: what stands between the fences.
        not_run: why the tests do not execute it, from the comment in front of it; None where they do.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None


def name(page: Path) -> str:
    """The page's path from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page.

    Raises:
        ValueError: a fence without a known language, or a comment before a block that is not `not run: REASON`.
    """
    text = page.read_text(encoding="utf8")
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        where = f"{name(page) if page.is_relative_to(ROOT) else page}:{line}"
        if match["language"] not in LANGUAGES:
            raise ValueError(f"{where}: the language is {match['language']!r}; it must be one of {LANGUAGES}")
        reason = None
        if match["mark"] is not None:
            given = _NOT_RUN.fullmatch(match["mark"])
            if given is None:
                raise ValueError(f"{where}: the comment must be '<!-- not run: REASON -->', not <!--{match['mark']}-->")
            reason = given[1]
        found.append(Block(page, line, match["language"], match["text"], reason))
    return found


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the command lines of an `sh` block as lists of words, without comments."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if words := shlex.split(line, comments=True):
            yield words


def execute(page: Path, **values: object) -> dict[str, Any]:
    """Run the blocks of a page in order, in the current folder: Python, and the command lines of `torch-w2v`.

    Args:
        page: a Markdown file; blocks that are marked as not run are left out, and commands of other programs.
        values: of names that the page sets to a literal, in lines of their own, instead of those on the page.

    Returns:
        The names that the Python blocks have defined.

    Raises:
        AssertionError: a command that fails.
        Exception: whatever a block raises; its traceback names the page and the line.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.not_run is not None:
            continue
        if block.language == "python":
            text = block.text
            for variable, value in values.items():
                text = re.sub(rf"^{variable} = .*$", f"{variable} = {value!r}", text, flags=re.MULTILINE)
            exec(compile("\n" * (block.line - 1) + text, str(page), "exec"), names)
        elif block.language == "sh":
            for program, *arguments in commands(block):
                if program == "torch-w2v":
                    code = cli.main(arguments)
                    assert code == 0, f"{page}:{block.line}: torch-w2v {shlex.join(arguments)}: exit code {code}"
    return names


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub names them."""
    prose = _BLOCK.sub("", page.read_text(encoding="utf8"))
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
