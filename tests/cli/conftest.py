from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import FAST, Command
from torch_w2v import cli


@pytest.fixture(scope="session")
def vectors(corpus: Path) -> Path:
    path = corpus.with_name("vectors.kv")
    assert cli.main(["train", str(corpus), "-o", str(path), "--quiet", *FAST]) == 0
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command in this process and returns its exit code, stdout and stderr."""

    def run(*argv: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(arg) for arg in argv])
        except SystemExit as e:
            code = int(e.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run
