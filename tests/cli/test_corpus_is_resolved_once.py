"""A command resolves the path of its corpus once, and opens and verifies an encoded corpus once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import FAST, Command
from tests.helpers import DEFAULT_ENGINE, topics
from torch_w2v import corpus as corpus_package
from torch_w2v.corpus import sources
from torch_w2v.corpus.encoded_file import EncodedFile


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts how often paths are resolved and encoded corpora are opened."""
    calls = {"resolved": 0, "opened": 0}
    paths_of, open_encoded = sources.paths_of, EncodedFile.__init__

    def counted_paths_of(corpus_file: object) -> list[str]:
        calls["resolved"] += 1
        return paths_of(corpus_file)

    def counted_open(self: EncodedFile, path: str) -> None:
        calls["opened"] += 1
        open_encoded(self, path)

    monkeypatch.setattr(sources, "paths_of", counted_paths_of)
    monkeypatch.setattr(corpus_package, "paths_of", counted_paths_of)
    monkeypatch.setattr(EncodedFile, "__init__", counted_open)
    return calls


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in topics()))
    return path


@pytest.fixture
def encoded(corpus: Path, tmp_path: Path, command: Command) -> Path:
    path = tmp_path / "lee.w2v"
    assert command("encode", corpus, "-o", path, "--quiet") == (0, "", "")
    return path


COMPARE = ("--engines", DEFAULT_ENGINE, "--seeds", "1", "--json")


def test_text_is_resolved_once(corpus: Path, tmp_path: Path, command: Command, counts: dict[str, int]) -> None:
    for argv in [
        ("train", corpus, "-o", tmp_path / "x.kv", *FAST),
        ("train", corpus, "-o", tmp_path / "hs.kv", "--hs", "1", *FAST),
        ("encode", corpus, "-o", tmp_path / "x.w2v"),
        ("compare", corpus, *COMPARE, *FAST),
    ]:
        counts.update(resolved=0, opened=0)
        assert command(*argv)[0] in (0, 1), argv
        assert counts == {"resolved": 1, "opened": 0}, argv


def test_an_encoded_corpus_is_opened_once(
    encoded: Path, tmp_path: Path, command: Command, counts: dict[str, int]
) -> None:
    for argv in [
        ("train", encoded, "-o", tmp_path / "x.kv", *FAST, "--epochs", "3"),
        ("train", encoded, "-o", tmp_path / "off.kv", *FAST, "--corpus-cache", "off"),
        ("compare", encoded, *COMPARE, *FAST),
    ]:
        counts.update(resolved=0, opened=0)
        assert command(*argv)[0] in (0, 1), argv
        assert counts == {"resolved": 1, "opened": 1}, argv
