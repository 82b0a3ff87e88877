"""Every example on the pages runs as pasted, and every command line on them is one that the programs take."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import FOR_USERS, PAGES, ROOT, blocks, commands, execute, name
from torch_w2v import cli


def executable(page: Path) -> bool:
    """Whether a page has a block that `execute` runs."""
    return any(block.not_run is None and block.language in ("python", "sh") for block in blocks(page))


# tests/docs/test_custom_loop.py runs these pages and looks at what they have learned.
ELSEWHERE = ("docs/guide/custom-loop.md", "docs/guide/skip-gram-loop.md")
RUN_HERE = [page for page in FOR_USERS if executable(page) and name(page) not in ELSEWHERE]


@pytest.mark.parametrize("page", RUN_HERE, ids=name)
def test_examples_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    execute(page)


def test_the_readme_has_one_python_example_and_shows_every_command() -> None:
    readme = blocks(ROOT / "README.md")
    assert [block.language for block in readme].count("python") == 1
    shown = {
        words[1] for block in readme if block.language == "sh" for words in commands(block) if "torch-w2v" in words
    }
    assert shown == {"train", "neighbours", "export", "encode", "compare", "demo"}


COMMANDS = [
    pytest.param(words, id=f"{name(page)}-{shlex.join(words)}")
    for page in PAGES
    for block in blocks(page)
    if block.language == "sh"
    for words in commands(block)
]


@pytest.mark.parametrize("words", COMMANDS)
def test_command_lines_are_understood(words: list[str]) -> None:
    program, *arguments = words
    if program == "torchrun":
        program, arguments = "torch-w2v", arguments[arguments.index("torch_w2v") + 1 :]
    if program == "torch-w2v":
        assert cli.parser().parse_args(arguments).run
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf8"), re.MULTILINE)
        assert next(word for word in arguments if "=" not in word) in targets
    elif program == "python":
        module = arguments[1].replace(".", "/") + ".py" if arguments[0] == "-m" else arguments[0]
        assert (ROOT / module).is_file()
    else:
        assert program in ("pip", "git", "cd", ".ci/run")


def test_a_block_that_is_not_run_says_why(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: it needs a GPU -->\n```python\n1 / 0\n```\n")
    assert blocks(page)[0].not_run == "it needs a GPU"
    execute(page)
    for mark in ("<!-- not run -->", "<!-- not run:  -->", "<!-- skipped: it needs a GPU -->"):
        page.write_text(f"{mark}\n```python\n1 / 0\n```\n")
        with pytest.raises(ValueError, match="not run: REASON"):
            blocks(page)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("```python\nx = 1\n```\n\n```python\nx / 0\n```\n", ZeroDivisionError),
        ("```sh\ntorch-w2v neighbours there-is-no-such.kv word\n```\n", AssertionError),
        ("```\nno language\n```\n", ValueError),
    ],
    ids=["python", "command", "language"],
)
def test_an_example_that_fails_fails_the_test(text: str, error: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(error):
        execute(page)
