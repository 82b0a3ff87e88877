"""Packages that are built on gensim's Word2Vec: an environment for each, and its own tests."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import torch_w2v
from torch_w2v import native

# A folder with clones of the repositories, under their names, where there is no way to them.
CLONES = os.environ.get("TORCH_W2V_THIRD_PARTY")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "torch_w2v-third-party"


@dataclass(frozen=True)
class Package:
    """A package, and where its tests are: it publishes them in its repository only.

    Attributes:
        name: on PyPI.
        requirements: arguments of one call of pip each.
        repository: address of its repository; empty where no tests are needed from there.
        tests: paths in it of the tests that train or read a model.
    """

    name: str
    requirements: tuple[tuple[str, ...], ...]
    repository: str = ""
    tests: tuple[str, ...] = ()

    def python(self) -> str:
        """Return the interpreter of the package's environment, which pip fills at the first time.

        A package that cannot be installed for this Python skips the test, with pip's message.
        """
        key = hashlib.sha256(repr((self.requirements, sys.version)).encode()).hexdigest()[:10]
        folder = CACHE / f"{self.name}-{key}"
        python = folder / "bin" / "python"
        if not (folder / "ready").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            for arguments in self.requirements:
                command = [python, "-m", "pip", "install", "--quiet", *arguments]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.skip(f"{self.name} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
            (folder / "ready").touch()
        return str(python)

    def clone(self) -> Path:
        """Return a folder with the repository; one that cannot be reached skips the test."""
        name = self.repository.rpartition("/")[2]
        if CLONES:
            return Path(CLONES) / name
        folder = CACHE / name
        if not folder.exists():
            command = ["git", "clone", "--quiet", "--depth", "1", self.repository, folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"{self.repository} cannot be cloned, and TORCH_W2V_THIRD_PARTY names no folder with it")
        return folder

    def run(self, folder: Path, *arguments: str, accelerated: bool) -> subprocess.CompletedProcess[str]:
        """Run a module or a program in the package's environment.

        Args:
            folder: is made, to run in; torch_w2v is installed there.
            arguments: of Python, or of `python -m torch_w2v.accel -v`.
            accelerated: choose the second.
        """
        installed = folder / "installed"
        shutil.copytree(Path(torch_w2v.__file__).parent, installed / "torch_w2v", dirs_exist_ok=True)
        library = native.find()
        assert library is not None
        if library.parent != Path(torch_w2v.__file__).parent:
            shutil.copy(library, installed / "torch_w2v")
        accel = ("-m", "torch_w2v.accel", "-v") if accelerated else ()
        return subprocess.run(
            [self.python(), *accel, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
        )

    def outcomes(self, folder: Path, accelerated: bool) -> tuple[dict[str, str], str]:
        """Run the package's tests.

        Args:
            folder: to run in.
            accelerated: gensim's `Word2Vec(…)` makes torch_w2v's.

        Returns:
            test -> PASSED, FAILED or another outcome; and all that was printed.
        """
        folder.mkdir()
        for name in {test.partition("/")[0] for test in self.tests}:
            shutil.copytree(self.clone() / name, folder / name)
        done = self.run(
            folder, "-m", "pytest", "-s", "-rA", "--color=no", "-p", "no:cacheprovider", *self.tests,
            accelerated=accelerated,
        )  # fmt: skip
        summary = done.stdout.rpartition("short test summary info")[2]
        found = re.findall(r"^([A-Z]+) (\S+::.+?)(?: - .*)?$", summary, re.MULTILINE)
        return {test: outcome for outcome, test in found}, done.stdout + done.stderr


SPEC2VEC = Package(
    "spec2vec",
    # The later matchms has no module `Spikes`, which spec2vec 0.9.1 imports; tomli is for one of its tests.
    (("spec2vec==0.9.1", "matchms<0.33", "pytest", "tomli"),),
    "https://github.com/iomega/spec2vec",
    ("tests",),
)
PYRDF2VEC = Package(
    "pyrdf2vec",
    # What it asks for in the versions of 2021 is not to be had for this Python, and torch is never imported.
    (
        ("--no-deps", "pyrdf2vec==0.2.3"),
        (
            "gensim", "numpy<2", "rdflib<6", "networkx<3", "attrs<22", "cachetools", "tqdm", "requests", "aiohttp",
            "nest-asyncio", "python-louvain", "matplotlib", "pandas", "pytest", "setuptools<81",
        ),
    ),
    "https://github.com/IBCNServices/pyRDF2Vec",
    ("tests/embedders", "tests/test_rdf2vec.py"),
)  # fmt: skip
FASTNODE2VEC = Package("fastnode2vec", (("fastnode2vec==0.0.7",),))
