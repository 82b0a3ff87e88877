"""What the tests of the benchmarks share."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.helpers import ROOT


def run(name: str, *arguments: object, timeout: int = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m benchmarks.NAME` with one thread."""
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
