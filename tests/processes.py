"""Python processes for tests, as cheap as can be: gensim takes a second to import, which one process does for all."""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

ROOT = Path(__file__).parent.parent


def python(code: str, *arguments: object, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a Python process of its own, in the repository, and return the finished process."""
    return run("-c", code, *arguments, timeout=timeout, environment={**os.environ, **environment})


def run(
    *arguments: object,
    folder: Path = ROOT,
    environment: dict[str, str] | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run Python with the arguments `-c CODE …` or `-m MODULE …` in a process of its own.

    It is forked from one that has imported gensim, where that can be: on Linux, and with settings of Python itself that
    are those of the tests.

    Args:
        arguments: of Python.
        folder: where the process starts.
        environment: instead of that of the tests.
        stdout: a file for the standard output, which otherwise is returned.
        stderr: the same for the standard error.
        timeout: seconds.

    Returns:
        The finished process, as `subprocess.run` returns it.
    """
    environment = dict(os.environ) if environment is None else environment
    words = list(map(str, arguments))
    with TemporaryFile() as out, TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        streams = nothing, stdout or out, stderr or err
        if sys.platform == "linux" and _forker().settings == _settings(environment):
            code = _forker().run(words, folder, environment, streams, timeout)
        else:
            code = subprocess.run(
                [sys.executable, *words],
                cwd=folder,
                env=environment,
                stdin=nothing,
                stdout=streams[1],
                stderr=streams[2],
                timeout=timeout,
                check=False,
            ).returncode
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess([sys.executable, *words], code, *texts)


def _settings(environment: dict[str, str]) -> dict[str, str]:
    """Return what Python and numerical libraries read when they start."""
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(("PYTHON", "LC_", "OMP_", "OPENBLAS_", "MKL_")) and name != "PYTHONPATH"
    }


class _Forker:
    """The process of forker.py."""

    def __init__(self) -> None:
        self.settings = _settings(dict(os.environ))
        self._connection, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("forker.py"), str(other.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                start_new_session=True,
            )

    def run(self, arguments: list[str], folder: Path, environment: dict[str, str], streams: Any, timeout: float) -> int:
        """Fork a process and return its exit code."""
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        socket.send_fds(self._connection, [json.dumps(request).encode()], [stream.fileno() for stream in streams])
        self._connection.settimeout(timeout)
        try:
            answer = self._connection.recv(100)
        except TimeoutError as e:
            os.killpg(self._process.pid, signal.SIGKILL)
            close()
            raise subprocess.TimeoutExpired(arguments, timeout) from e
        return int(answer)

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.wait()


@functools.cache
def _forker() -> _Forker:
    return _Forker()


def close() -> None:
    """End the process that forks, where there is one."""
    if _forker.cache_info().currsize:
        _forker().close()
        _forker.cache_clear()
