"""What a corpus may be given as: files, folders, patterns, URIs, gensim's readers and Python's sequences."""

from __future__ import annotations

import glob
import os
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeAlias

from gensim.models import word2vec as gensim_word2vec

from torch_w2v.corpus.encoded_file import EncodedFile, is_encoded
from torch_w2v.corpus.text import Text
from torch_w2v.files import is_uri

Sentence: TypeAlias = Sequence[Hashable]
Corpus: TypeAlias = Iterable[Sentence]
CorpusFile: TypeAlias = "str | os.PathLike[str] | Sequence[CorpusFile] | Text | EncodedFile"

# Inputs that give the same sentences at every pass, and so are encoded once. Exact types: a subclass may not.
_STATIC = (
    list, tuple, gensim_word2vec.LineSentence, gensim_word2vec.PathLineSentences,
    gensim_word2vec.Text8Corpus, gensim_word2vec.BrownCorpus, Text, EncodedFile,
)  # fmt: skip


def paths_of(corpus_file: CorpusFile) -> list[str]:
    """The files that a `corpus_file` names: a file, a folder (its files in the order of their names), a pattern such as
    'texts/*.gz', a URI, or a list of these. Remote ones are not looked for.

    Raises:
        TypeError: nothing of the kind, or no such file; it begins as gensim's does.
    """
    if isinstance(corpus_file, (list, tuple)) and corpus_file:
        return [path for one in corpus_file for path in paths_of(one)]
    if isinstance(corpus_file, (Text, EncodedFile)):
        return corpus_file.paths if isinstance(corpus_file, Text) else [corpus_file.path]
    path: Any = os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
    if isinstance(path, str):
        if is_uri(path) or os.path.isfile(path):
            return [path]
        inside = os.path.isdir(path)
        found = [os.path.join(path, name) for name in os.listdir(path)] if inside else glob.glob(path, recursive=True)
        if files := sorted(name for name in found if os.path.isfile(name)):
            return files
        if inside:
            raise TypeError(
                f"Parameter corpus_file must be a valid path to a file, got {path!r}, a folder without files"
            )
    raise TypeError(f"Parameter corpus_file must be a valid path to a file, got {path!r} instead")


def files(corpus_file: CorpusFile) -> Text | EncodedFile:
    """The sentences of a `corpus_file`.

    Raises:
        TypeError: as `paths_of`.
        ValueError: a damaged .w2v file, or one among several files.
    """
    if isinstance(corpus_file, (Text, EncodedFile)):
        return corpus_file
    paths = paths_of(corpus_file)
    encoded = [path for path in paths if path.endswith(".w2v") or (not is_uri(path) and is_encoded(path))]
    if encoded and len(paths) > 1:
        raise ValueError(f"{encoded[0]} is an encoded corpus: it must be the only file, but there are {len(paths)}")
    return EncodedFile(paths[0]) if encoded else Text(paths)


def as_text(source: Any) -> Any:
    """gensim's readers of lines as the files they read; everything else as it is."""
    lines = type(source) is gensim_word2vec.LineSentence and isinstance(source.source, str)
    if not lines and type(source) is not gensim_word2vec.PathLineSentences:
        return source
    if source.limit is not None or not isinstance(source.max_sentence_length, int) or source.max_sentence_length < 1:
        return source
    return Text([source.source] if lines else source.input_files, source.max_sentence_length)


def is_static(source: Corpus) -> bool:
    """Whether `source` gives the same sentences at every pass."""
    return type(source) in _STATIC


def same(source: Corpus, other: Corpus) -> bool:
    """Whether two corpora are one: the same object, or the same files read in the same way."""
    return source is other or (type(source) is type(other) is Text and vars(source) == vars(other))
