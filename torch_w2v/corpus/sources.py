"""The forms of a corpus: files, folders, patterns, URIs, gensim's readers and Python's sequences."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Any, TypeAlias

from gensim import utils as gensim_utils
from gensim.models import word2vec as gensim_word2vec
from smart_open import smart_open_lib

from torch_w2v.corpus.columns import Column, column_of, parquet
from torch_w2v.corpus.encoded_file import EncodedFile
from torch_w2v.corpus.signatures import kind_of
from torch_w2v.corpus.text import Text
from torch_w2v.corpus.types import Corpus
from torch_w2v.files import is_uri, path_of

# The forms of a `corpus_file`, see `files`; the items of a sequence are such, too.
CorpusFile: TypeAlias = str | os.PathLike[str] | Sequence[Any] | Text | EncodedFile | Column

# What `files` returns.
Opened: TypeAlias = Text | EncodedFile | Column

# Forms that have the same sentences in every epoch. Only these very types: a subclass may return others each time.
_STATIC = (list, tuple, Text, EncodedFile, Column)
# The same, as long as they read as gensim has written them.
_READERS = (
    gensim_word2vec.LineSentence,
    gensim_word2vec.PathLineSentences,
    gensim_word2vec.Text8Corpus,
    gensim_word2vec.BrownCorpus,
)


def paths_of(corpus_file: CorpusFile) -> list[str]:
    """Return the files that a `corpus_file` names, see `files`. URIs are not looked up.

    Raises:
        TypeError: it is of none of these forms, or there is no such file.
    """
    if isinstance(corpus_file, (list, tuple)) and corpus_file:
        return [path for item in corpus_file for path in paths_of(item)]
    if isinstance(corpus_file, (Text, EncodedFile)):
        return corpus_file.paths if isinstance(corpus_file, Text) else [corpus_file.path]
    path: Any = os.fspath(corpus_file) if isinstance(corpus_file, os.PathLike) else corpus_file
    if isinstance(path, str):
        path = path_of(path)
        if is_uri(path) or os.path.isfile(path):
            return [path]
        if paths := sorted(name for name in names_in(path) if os.path.isfile(name)):
            return paths
        if os.path.isdir(path):
            raise TypeError(
                f"Parameter corpus_file must be a valid path to a file, got {path!r}, a folder without files"
            )
        reason = f": {why_no_files(path)}" if path else ""
        raise TypeError(f"Parameter corpus_file must be a valid path to a file, got {path!r} instead{reason}")
    raise TypeError(f"Parameter corpus_file must be a valid path to a file, got {path!r} instead")


def why_no_files(path: str) -> str:
    """Return why a path names no file; it is none of a folder."""
    if os.path.exists(path):
        return "it is neither a file nor a folder"
    if glob.has_magic(path):
        return f"the pattern {path!r} matches no file"
    return "there is no such file or folder"


def names_in(path: str) -> list[str]:
    """Return the paths of what lies in a folder, or of what a pattern names, files or not.

    Raises:
        OSError: the folder cannot be read.
    """
    if os.path.isdir(path):
        return [os.path.join(path, name) for name in os.listdir(path)]
    return glob.glob(path, recursive=True)


def files(corpus_file: CorpusFile, column: str | None = None) -> Opened:
    """Open the corpus that a `corpus_file` names.

    Args:
        corpus_file: a file of text, compressed or not; a .w2v file, under any name; a folder (the files in it, in the
            order of their names); a pattern such as 'texts/*.gz'; a URI that smart_open can read; a list of these;
            or what this function has returned. .parquet files are read by pyarrow.
        column: of .parquet files: texts, which are split at white space, or lists of words. None if they have only one
            such column.

    Returns:
        The sentences, an iterable of lists of words. Text and columns are only read when they are iterated
        over; a .w2v file is checked here.

    Raises:
        TypeError: it is of none of these forms, or there is no such file.
        ValueError: a .w2v file is damaged, or is not the only file; a file is a checkpoint of training; some files are
            .parquet and some are not; there is no such column; or a column is named, but there is no .parquet file.
        ImportError: a .parquet file needs pyarrow; the message has the command that installs it.
        OSError: a file cannot be read.
    """
    if isinstance(corpus_file, (Text, EncodedFile, Column)):
        return corpus_file
    paths = paths_of(corpus_file)
    tables = [path for path in paths if path.lower().endswith(".parquet")]
    if tables and len(tables) < len(paths):
        raise ValueError(f"{tables[0]} is a .parquet file: all files must be such, or none, but there are others")
    if tables:
        return parquet(paths, column)
    if column is not None:
        raise ValueError(f"column={column!r} names a column of .parquet files, but {paths[0]} is none")
    kinds = {path: "encoded" if path.endswith(".w2v") else None if is_uri(path) else kind_of(path) for path in paths}
    for path, kind in kinds.items():
        if kind == "checkpoint":
            raise ValueError(
                f"{path} is a checkpoint of torch_w2v, and no text: move it out of the corpus, to another folder"
            )
    encoded = [path for path in paths if kinds[path] == "encoded"]
    if encoded and len(paths) > 1:
        raise ValueError(f"{encoded[0]} is an encoded corpus: it must be the only file, but there are {len(paths)}")
    return EncodedFile(paths[0]) if encoded else Text(paths)


def as_text(source: Any) -> Any:
    """Return gensim's readers of lines as the files that they read, columns of tables as `Column`s, others as they are.

    So are readers whose methods a program has replaced.

    Raises:
        TypeError: it is a whole table, or a column whose rows are no sentences.
    """
    source = column_of(source)
    is_line_sentence = type(source) is gensim_word2vec.LineSentence and isinstance(source.source, str)
    if not is_line_sentence and type(source) is not gensim_word2vec.PathLineSentences:
        return source
    if not _reads_as_gensim(type(source)):
        return source
    if source.limit is not None or not isinstance(source.max_sentence_length, int) or source.max_sentence_length < 1:
        return source
    return Text([source.source] if is_line_sentence else source.input_files, source.max_sentence_length)


def is_static(source: Corpus) -> bool:
    """Return whether a corpus has the same sentences in every epoch, so that it need be read only once."""
    kind = type(source)
    return kind in _STATIC or (kind in _READERS and _reads_as_gensim(kind))


def _reads_as_gensim(reader: type) -> bool:
    """Return whether a class iterates by gensim's own code, and that opens and decodes files by its own."""
    originals = (
        (reader.__iter__, gensim_word2vec),  # type: ignore[attr-defined]
        (gensim_utils.open, smart_open_lib),
        (gensim_utils.to_unicode, gensim_utils),
        (gensim_utils.any2unicode, gensim_utils),
    )
    # A function knows the module that it was written in, whatever name it has been given since.
    return all(getattr(function, "__globals__", None) is vars(module) for function, module in originals)


def same(source: Corpus, other: Corpus) -> bool:
    """Return whether two corpora are the same object, or the same files read in the same way."""
    if type(source) is type(other) is Column:
        return source.origin is other.origin and source.splits == other.splits
    return source is other or (type(source) is type(other) is Text and vars(source) == vars(other))
