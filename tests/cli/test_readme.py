from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.helpers import ROOT
from torch_w2v import cli


def test_the_example_in_the_readme_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[('")


def test_the_commands_in_the_readme_are_understood() -> None:
    lines = re.findall(r"^    torch-w2v (.*)$", (ROOT / "README.md").read_text(encoding="utf8"), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["train", "neighbours", "encode", "compare", "demo"]
    for line in lines:
        assert cli.parser().parse_args(shlex.split(line)).run
