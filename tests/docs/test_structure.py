"""The tree is as CONTRIBUTING.md says: imports run one way and never in a circle, and no file is long."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from graphlib import CycleError, TopologicalSorter
from itertools import combinations
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_maps import in_tree

LONGEST = 400
BINARY = (".png",)
PACKAGE = "torch_w2v"


def modules(root: Path) -> dict[str, Path]:
    """Return module name -> file of the package in a folder; a package has the name of its folder."""
    files = (path.relative_to(root) for path in (root / PACKAGE).rglob("*.py"))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): root / path for path in files}


def imports(root: Path) -> dict[str, set[str]]:
    """Return module -> modules of the package that it imports anywhere, in functions and for types only as well."""
    known = modules(root)
    found = {}
    for name, path in known.items():
        targets = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{path}:{node.lineno}: a relative import"
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                # `from package import module` needs the module; any other name needs the package.
                targets |= inside & known.keys() or {node.module or ""}
        found[name] = (targets & known.keys()) - {name}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle of imports, in order; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as e:
        return list(e.args[1])
    return []


def upward(graph: dict[str, set[str]], order: list[str]) -> list[str]:
    """Return the imports of a room by one that stands after it in `order`, which names rooms from above to below."""

    def room(module: str) -> str:
        return module.split(".")[1] if "." in module else module

    ranks = {(low, high) for high, low in combinations(order, 2)}
    return [f"{a} imports {b}" for a, targets in graph.items() for b in targets if (room(a), room(b)) in ranks]


def documented_order() -> list[str]:
    """Return the rooms of the line with arrows in CONTRIBUTING.md."""
    (line,) = re.findall(r"^cli +→.*$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf8"), re.MULTILINE)
    return [name.strip() for name in re.split(r"[→,]", line)]


def test_imports_never_run_in_a_circle() -> None:
    assert circle(imports(ROOT)) == []


def test_imports_run_one_way() -> None:
    order = documented_order()
    assert {(ROOT / PACKAGE / name).is_dir() or (ROOT / PACKAGE / f"{name}.py").is_file() for name in order} == {True}
    assert upward(imports(ROOT), order) == []


@pytest.mark.parametrize("line", ["import torch_w2v.cli.main", "def f():\n    from torch_w2v.cli import main"])
def test_a_circle_is_found(line: str, tmp_path: Path) -> None:
    for name, text in (("cli/main", "from torch_w2v import files"), ("files", line), ("__init__", "")):
        path = tmp_path / PACKAGE / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = imports(tmp_path)
    assert set(circle(graph)) == {"torch_w2v.cli.main", "torch_w2v.files"}
    assert upward(graph, ["cli", "files"]) == ["torch_w2v.files imports torch_w2v.cli.main"]


def test_no_file_is_long() -> None:
    files = [ROOT / path for path in in_tree() if path.suffix in (".py", ".cpp", ".h")]
    lengths = {path.relative_to(ROOT): path.read_text(encoding="utf8").count("\n") for path in files if path.is_file()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs a clone and git")
def test_nothing_that_was_built_is_in_git() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    assert [path for path in files if path.suffix not in BINARY and path.is_file() and b"\0" in path.read_bytes()] == []
