"""URIs, which libraries with errors of their own read: any of these is one line, as a file that cannot be read is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import gensim.utils
import pytest

from tests.cli.running import Command, one_line
from torch_w2v.corpus import text

URI = "s3://bucket/corpus"


class CredentialsError(Exception):
    """An error of a library such as botocore, which is no OSError."""


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise CredentialsError("Unable to locate credentials")

    monkeypatch.setattr(text, "smart_open", refuse)
    monkeypatch.setattr(gensim.utils, "open", refuse)


@pytest.mark.parametrize(
    "line",
    [
        f"train {URI}.txt -o OUT/x.kv",
        f"train {URI}.gz -o OUT/x.kv --phrases",
        f"compare {URI}.txt",
        f"encode {URI}.txt -o OUT/x.w2v",
        f"neighbours {URI}.kv word",
        f"neighbours {URI}.bin word",
        f"info {URI}.kv",
        f"export {URI}.txt --to projector -o OUT/x",
    ],
)
def test_an_error_of_another_library(line: str, tmp_path: Path, command: Command) -> None:
    code, out, err = command(*line.replace("OUT", str(tmp_path)).split())
    assert (code, out) == (2, "")
    assert one_line(err.removeprefix("reading the corpus\n")).startswith(f"torch-w2v: error: {URI}")
    assert err.endswith(": CredentialsError: Unable to locate credentials\n")
    assert not list(tmp_path.iterdir())
