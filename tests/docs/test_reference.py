"""The reference pages name every argument, option and public name, with its default."""

from __future__ import annotations

import argparse
import inspect
import re

import pytest

import torch_w2v.accel
import torch_w2v.compare
import torch_w2v.dataset
import torch_w2v.export
import torch_w2v.module
from tests.docs.pages import ROOT
from torch_w2v import cli
from torch_w2v.engines import ENGINES

API = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf8")
CLI = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf8")


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (action,) = (a for a in cli.parser()._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def section(page: str, title: str) -> str:
    """Return the text below a heading of the second level."""
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return text


def test_every_argument_of_word2vec_has_its_default() -> None:
    shown = re.findall(r"^- `(\w+)=(.+?)`: ", section(API, "Word2Vec"), re.MULTILINE)
    parameters = inspect.signature(torch_w2v.Word2Vec).parameters.values()
    values = {p.name: "hash" if p.default is hash else repr(p.default) for p in parameters}
    assert dict(shown) == values
    assert [name for name, _ in shown] == list(values)


@pytest.mark.parametrize(
    "names",
    [
        torch_w2v.__all__,
        torch_w2v.accel.__all__,
        torch_w2v.module.__all__,
        torch_w2v.compare.__all__,
        torch_w2v.export.__all__,
        ENGINES,
    ],
    ids=["torch_w2v", "accel", "module", "compare", "export", "engines"],
)
def test_every_public_name_is_in_the_reference(names: tuple[str, ...]) -> None:
    assert [name for name in names if name != "__version__" and not re.search(rf"\b{name}\b", API)] == []


@pytest.mark.parametrize(
    "public",
    [
        torch_w2v.module.CBOWNegativeSampling,
        torch_w2v.module.SkipGramNegativeSampling,
        torch_w2v.dataset.CBOWDataset,
        torch_w2v.dataset.SkipGramDataset,
    ],
)
def test_every_method_of_the_loop_is_in_the_reference(public: type) -> None:
    own = [cls for cls in public.__mro__ if cls.__module__.startswith("torch_w2v")]
    methods = [name for cls in own for name, value in vars(cls).items() if inspect.isfunction(value) and name[0] != "_"]
    assert len(methods) > 1
    assert [name for name in methods if name != "forward" and f".{name}(" not in API] == []


def test_every_command_has_its_section() -> None:
    assert sorted(re.findall(r"^## (.+)$", CLI, re.MULTILINE)) == sorted(subparsers())


@pytest.mark.parametrize("command", subparsers())
def test_every_option_is_in_the_section_of_its_command(command: str) -> None:
    text = section(CLI, command)
    if command == "compare":
        assert "The options of `train` that are arguments of `Word2Vec`" in text
        text += section(CLI, "train")
    options = {
        option
        for action in subparsers()[command]._actions
        if not isinstance(action, argparse._HelpAction)
        for option in action.option_strings
    }
    assert sorted(option for option in options if not re.search(rf"`{option}\b", text)) == []
