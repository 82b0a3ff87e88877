"""Run the core of the tests with other versions of Python, gensim and numpy: python packaging/versions.py [NAME …].

The wheel of this machine is taken from dist/ (`make wheels`) and installed with the versions of a set, in an
environment of its own; the tests run in a folder without the sources. The core is gensim's own 84 tests on the default
engine, files and models on disk, gensim's engine, and the command line.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from commands import ROOT, run

CORE = (
    "compat_tests/gensim_suite/test_default_engine.py",
    "tests/gensim_compat/test_persistence.py",
    "tests/gensim_compat/test_gensim_engine.py",
    "tests/cli/test_train.py",
    "tests/cli/test_encode.py",
    "tests/cli/test_neighbours.py",
    "tests/test_files.py",
)
# tests of the core that name an engine of torch, or one of its devices
NEED_TORCH = (
    "tests/gensim_compat/test_persistence.py::test_nothing_of_ours_in_the_file",
    "tests/gensim_compat/test_gensim_engine.py::test_what_gensim_cannot_is_said_at_once",
    "tests/cli/test_encode.py::test_encode_and_train",
)
TOOLS = ("pytest", "safetensors", "hypothesis", "testfixtures", "POT", "tomli", "smart_open[zst]")


class Versions(NamedTuple):
    """A set of versions.

    Attributes:
        python: the version of Python, whose program is python3.x.
        packages: what pip is to install; the newest that fits for all others.
        torch: whether torch is among them. Where it is not, the tests that need it are skipped.
    """

    python: str
    packages: tuple[str, ...]
    torch: bool = False


SETS = {
    "lowest": Versions("3.10", ("gensim==4.3.3", "numpy==1.26.0", "scipy==1.11.4", "smart_open==6.0.0")),
    "oldest-torch": Versions("3.10", ("gensim==4.3.3", "numpy==1.26.0", "torch==2.5.0"), torch=True),
    "gensim-4.3": Versions("3.12", ("gensim==4.3.3", "numpy==1.26.4")),
    "numpy-1": Versions("3.11", ("gensim==4.4.0", "numpy==1.26.4", "torch==2.13.0"), torch=True),
    "present": Versions("3.11", ("gensim==4.4.0", "numpy==2.4.6", "torch==2.13.0"), torch=True),
    "python-3.12": Versions("3.12", ("gensim==4.4.0", "numpy>=2.4")),
    "newest": Versions("3.13", ("gensim>=4.4,<4.5", "numpy>=2.4")),
    "newest-torch": Versions("3.12", ("gensim>=4.4,<4.5", "numpy>=2.4", "torch>=2.14"), torch=True),
}


def wheel() -> Path:
    """Return the wheel for this machine."""
    system = {"linux": "manylinux", "darwin": "macosx", "win32": "win"}[sys.platform]
    processor = platform.machine().lower()
    found = [path for path in (ROOT / "dist").glob("*.whl") if system in path.name and processor in path.name]
    if not found:
        sys.exit(f"no wheel for {sys.platform} on {processor} in dist/: run `make wheels`")
    return found[0]


def test(name: str, versions: Versions) -> str:
    """Run the core with one set, and return a row of the table in the docs."""
    python = shutil.which(f"python{versions.python}")
    if python is None:
        return f"| {name} | {versions.python} | | | | | there is no python{versions.python} |"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        environment = folder / "environment"
        run(python, "-m", "venv", environment)
        installed = environment / "bin" / "python"
        install = [installed, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*install, *versions.packages, *TOOLS)
        # Without torch, which pip would add.
        run(*install, "--no-deps", wheel())
        for part in ("tests", "compat_tests", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        (folder / "docs" / "guide").mkdir(parents=True)
        shutil.copy(ROOT / "docs/guide/from-gensim.md", folder / "docs/guide")
        freeze = dict(line.split("==") for line in run(installed, "-m", "pip", "freeze").split() if "==" in line)
        left_out = () if versions.torch else tuple(f"--deselect={test}" for test in NEED_TORCH)
        start = time.monotonic()
        done = subprocess.run(
            [installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *left_out, *CORE],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "default"},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - start
    if done.returncode:
        print(done.stdout)
    counted = re.findall(r"^.*\b(?:passed|failed|error)\b.*$", done.stdout, re.MULTILINE)
    summary = re.sub(r" in .*", "", counted[-1]) if counted else done.stderr.strip()
    version = {key.lower().replace("-", "_"): value for key, value in freeze.items()}
    cells = [versions.python, *(version.get(key, "-") for key in ("gensim", "numpy", "scipy", "smart_open", "torch"))]
    return f"| {name} | {' | '.join(cells)} | {summary.strip('= ')}, {seconds:.0f} s |"


def main(names: list[str]) -> None:
    """Run the core with the sets of these names, or with all, and print the table."""
    print("| set | Python | gensim | numpy | scipy | smart_open | torch | core of the tests |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    for name in names or SETS:
        rows.append(test(name, SETS[name]))
        print(rows[-1], flush=True)
    if any("failed" in row or "error" in row for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
