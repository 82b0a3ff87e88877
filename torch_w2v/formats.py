"""Files of vectors, known by their suffix, and written so that a save that fails leaves an older file as it was."""

from __future__ import annotations

import lzma
import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gensim.models import KeyedVectors

from torch_w2v.files import is_uri, replacing_with_siblings
from torch_w2v.word2vec import Word2Vec

# What reading a corpus raises (smart_open names the package that a remote one needs), and what a file of vectors
# raises that is damaged, or is not what its name says.
UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError, ImportError, NotImplementedError)
_DAMAGED = (*UNREADABLE, ValueError, MemoryError, LookupError, AttributeError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Format:
    """A kind of file for vectors, known by its suffix: what it is, how to write it (model, path), how to read it."""

    what: str
    write: Callable[[Word2Vec, str], None]
    read: Callable[[str], Any]


def _vectors(save: Callable[[KeyedVectors, str], None]) -> Callable[[Word2Vec, str], None]:
    """A writer of a model's vectors, with the manners of `Word2Vec.save`.

    It writes to a temporary folder beside the path, then moves what is there into place, the main file last: a save
    that fails or is interrupted leaves an older file as it was.
    """

    def write(model: Word2Vec, path: str) -> None:
        model.wv.lifecycle_events = None  # gensim would keep the name of the temporary folder in the file
        with replacing_with_siblings(path) as temporary:
            save(model.wv, temporary)

    return write


def _word2vec(what: str, binary: bool) -> Format:
    return Format(
        what,
        _vectors(lambda vectors, path: vectors.save_word2vec_format(path, binary=binary)),
        lambda path: KeyedVectors.load_word2vec_format(path, binary=binary),
    )


FORMATS = {
    ".kv": Format("gensim KeyedVectors", _vectors(KeyedVectors.save), KeyedVectors.load),
    ".txt": _word2vec("word2vec's text format", binary=False),
    ".txt.gz": _word2vec("word2vec's text format, compressed", binary=False),
    ".bin": _word2vec("word2vec's binary format", binary=True),
    ".bin.gz": _word2vec("word2vec's binary format, compressed", binary=True),
    ".model": Format("a whole gensim Word2Vec, to train on", Word2Vec.save, Word2Vec.load),
}


def format_of(path: str) -> Format:
    """The format that `path`'s suffix names.

    Raises:
        ValueError: none of `FORMATS`.
    """
    for suffix, kind in FORMATS.items():
        if path.endswith(suffix) and os.path.basename(path) != suffix:
            return kind
    raise ValueError(f"{path}: the suffix must be one of {', '.join(FORMATS)}")


def load_vectors(path: str) -> KeyedVectors:
    """The vectors in a file of one of `FORMATS`.

    Raises:
        ValueError: no such file, an unknown suffix, or not what the suffix says.
    """
    kind = format_of(path)
    if not is_uri(path) and not os.path.isfile(path):
        raise ValueError(f"{path}: no such file")
    try:
        found = kind.read(path)
    except _DAMAGED as e:
        raise ValueError(f"{path}: is not {kind.what}, or is damaged: {type(e).__name__}: {e}") from e
    vectors = getattr(found, "wv", found)
    if not isinstance(vectors, KeyedVectors):
        raise ValueError(f"{path}: holds a {type(found).__name__}, not {kind.what}")
    return vectors
