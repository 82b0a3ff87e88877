"""Where no file must be written: onto the corpus, and to where the next run would read it as a part of the corpus."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterator
from typing import Any

from gensim.models import word2vec as gensim_word2vec

from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.sources import names_in
from torch_w2v.corpus.text import Text
from torch_w2v.files import is_one_of, is_uri, path_of


def is_read(path: str, corpus_file: Any) -> bool:
    """Return whether a file that is to be written is a file of the corpus, under whatever name.

    Args:
        path: of the file, which need not exist.
        corpus_file: see `sources.files`; anything else names no file.
    """
    return any(is_one_of(path, _files(form)) for form in _forms(corpus_file))


def why_read_next(path: str, corpus_file: Any) -> str | None:
    """Return why a file, once it is written, would be read as a part of the corpus by whatever reads that again.

    Args:
        path: of the file; neither it nor its folder need exist.
        corpus_file: as for `is_read`.

    Returns:
        A phrase with the file as its subject, which says what to do; None where it would not be read.
    """
    real = os.path.realpath(path)
    places = {(os.path.dirname(name) or os.curdir, os.path.basename(name)) for name in (path, real)}
    for form in _forms(corpus_file):
        if os.path.isfile(form) or is_uri(form):
            continue
        is_folder = os.path.isdir(form)
        for folder, name in places:
            if is_folder and os.path.isdir(folder) and os.path.samefile(form, folder):
                return (
                    f"lies in {form}, all of whose files are the corpus, so the next run would read it, too: choose a "
                    "path outside of this folder"
                )
            if not is_folder and glob.has_magic(form) and _names(form, folder, name):
                return (
                    f"is a name that the corpus {form} matches, so the next run would read it, too: choose a path that "
                    "it does not match"
                )
    return None


def of_sentences(sentences: Any) -> Any:
    """Return the `corpus_file` that gensim's readers, or files that are open already, read; None of others."""
    if isinstance(sentences, (gensim_word2vec.LineSentence, gensim_word2vec.PathLineSentences)):
        return sentences.source
    if isinstance(sentences, gensim_word2vec.Text8Corpus):
        return sentences.fname
    if isinstance(sentences, gensim_word2vec.BrownCorpus):
        return sentences.dirname
    return sentences if isinstance(sentences, (Text, EncodedFile)) else None


def _forms(corpus_file: Any) -> Iterator[str]:
    """Yield files, folders, patterns and URIs; those of local files as paths."""
    if isinstance(corpus_file, (list, tuple)):
        for item in corpus_file:
            yield from _forms(item)
    elif isinstance(corpus_file, Text):
        yield from _forms(corpus_file.paths)
    elif isinstance(corpus_file, EncodedFile):
        yield corpus_file.path
    elif isinstance(corpus_file, (str, os.PathLike)) and isinstance(os.fspath(corpus_file), str):
        path = path_of(corpus_file).removeprefix("file://")
        if path and "\0" not in path:
            yield path


def _files(form: str) -> list[str]:
    if is_uri(form):
        return []
    if os.path.isfile(form):
        return [form]
    try:
        return names_in(form)
    except OSError:  # is said when the corpus is read
        return []


def _names(pattern: str, folder: str, name: str) -> bool:
    """Return whether `glob.glob(pattern, recursive=True)` would find a file of this name if it were in that folder."""
    head, tail = os.path.split(pattern)
    if name.startswith(".") and not tail.startswith("."):
        return False
    if tail == "**":
        return _names_folder(pattern, folder) or _names_folder(head, folder)
    return fnmatch.fnmatch(name, tail) and _names_folder(head, folder)


def _names_folder(pattern: str, folder: str) -> bool:
    """Return whether a pattern finds a folder, or would if it were there."""
    if os.path.isdir(folder):
        found = glob.iglob(pattern or os.curdir, recursive=True)
        return any(os.path.isdir(path) and os.path.samefile(path, folder) for path in found)
    parent, name = os.path.split(folder.rstrip(os.sep))
    head, tail = os.path.split(pattern)
    return _names(pattern, parent or os.curdir, name) or (tail == "**" and _names_folder(head, folder))
