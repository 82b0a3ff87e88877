"""A file that is to be written must be no part of the corpus, and not become one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from torch_w2v import corpus
from torch_w2v.corpus import encoded_file, places


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: c.txt; d with a.txt, .hidden and inner/b.txt; link, which leads to d; out, which is empty."""
    for name in ("d/inner", "out"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("c.txt", "d/a.txt", "d/.hidden", "d/inner/b.txt"):
        (tmp_path / name).write_text("a b\n")
    (tmp_path / "link").symlink_to("d")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("c.txt", "c.txt"),
        ("./d/../c.txt", Path("c.txt")),
        ("c.txt", ["d", "file://{}/c.txt"]),
        ("d/a.txt", "d"),
        ("link/a.txt", "d/"),
        ("d/a.txt", "link/*"),
        ("d/.hidden", "d"),
        ("d/inner/b.txt", "**/b.*"),
        ("out/hard", "d"),
        ("out/soft", "d/*.txt"),
        ("out/new", "d"),  # where a link in d leads
        ("c.txt", corpus.Text(["c.txt"])),
    ],
)
def test_what_is_read(path: str, source: Any, folder: Path) -> None:
    os.link("d/a.txt", "out/hard")
    os.symlink("../d/a.txt", "out/soft")
    os.symlink("../out/new", "d/leads")
    if isinstance(source, list):
        source = [name.format(folder) for name in source]
    assert places.is_read(path, source)
    assert places.is_read(os.path.abspath(path), source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("d/new", "d"),
        ("link/new", "d/"),
        ("d/new", "link"),
        ("new", "."),
        ("out/../new", ["c.txt", Path(".")]),
        ("out/into", "d"),  # a link that leads to d/new
        ("d/from", "d"),  # a link out of d
        ("new.txt", "*.txt"),
        ("new.txt", "./*"),
        ("d/new", "*/new"),
        ("d/inner/new", "d/**"),
        ("d/new", "d/**/new"),
        ("new", "**"),
        ("d/.new", "d/.*"),
        ("d/no/such/report.html", "d/**"),
        ("d/no/report.html", "d/*/**"),
        ("d/no/report.html", "link/*/*.html"),
        ("no/report.html", "*/report.html"),
    ],
)
def test_what_would_be_read_by_the_next_run(path: str, source: Any, folder: Path) -> None:
    os.symlink("../d/new", "out/into")
    os.symlink("../out/target", "d/from")
    assert "the next run would read it, too: choose a path" in (places.why_read_next(path, source) or "")
    if not os.path.islink(path):
        assert not places.is_read(path, source)
        # The pattern says the same when the file is there.
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        Path(path).touch()
        assert places.is_read(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("new.txt", "c.txt"),
        ("c.txt.kv", "c.txt"),
        ("new.kv", "*.txt"),
        (".new.txt", "*.txt"),
        ("d/.hidden/new", "d/**"),
        ("d/inner/new", "d"),
        ("new", "d"),
        ("d/new.txt", "*.txt"),
        ("d/inner/new.txt", "*/*.txt"),
        ("no/such/new.txt", "*/*.txt"),
        ("new.txt", "d/**"),
        ("new.txt", "d/**/*.txt"),
        ("new.txt", "no/*"),
        ("new.txt", "no.txt"),
        ("new.txt", "s3://texts/*"),
        ("new.txt", None),
        ("new.txt", 0),
        ("new.txt", [["a", "b"], 5]),
    ],
)
def test_other_places(path: str, source: Any, folder: Path) -> None:
    assert not places.is_read(path, source)
    assert places.why_read_next(path, source) is None


def test_a_corpus_is_not_encoded_into_itself(folder: Path) -> None:
    source = corpus.files("d")
    os.link("d/a.txt", "out/x.w2v")
    with pytest.raises(
        ValueError, match=r"out/x\.w2v: is a file of the corpus that is to be encoded: give another path"
    ):
        encoded_file.write(source, "out/x.w2v", 1)
    assert Path("d/a.txt").read_text() == "a b\n"
