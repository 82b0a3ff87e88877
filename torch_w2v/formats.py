"""Files of vectors: the suffix names the format, and an older file is replaced only by a complete new one."""

from __future__ import annotations

import lzma
import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.files import is_uri, read_whole, replacing
from torch_w2v.staging import recover
from torch_w2v.word2vec import Word2Vec

# The errors of reading a file that is damaged, cut off, or packed in a way that needs another package.
UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError, ImportError, NotImplementedError)
# The errors of gensim's and pickle's readers on a file that is not what its suffix says.
_DAMAGED = (*UNREADABLE, ValueError, MemoryError, LookupError, AttributeError, TypeError, pickle.UnpicklingError)


@dataclass(frozen=True)
class Format:
    """A format of files.

    Attributes:
        description: a noun phrase for messages.
        save: writes a model, or its vectors, to a path.
        load: reads what `save` wrote: a model or vectors.
    """

    description: str
    save: Callable[[Word2Vec, str], None]
    load: Callable[[str], PlainWord2Vec | KeyedVectors]


def _saving_vectors(save: Callable[[KeyedVectors, str], None]) -> Callable[[Word2Vec, str], None]:
    """Return a `Format.save` that saves the model's vectors with `save` and replaces older files at the end."""

    def save_and_replace(model: Word2Vec, path: str) -> None:
        model.wv.lifecycle_events = None  # gensim would store the path of the temporary folder
        with replacing(path) as temporary:
            save(model.wv, temporary)

    return save_and_replace


def _word2vec_format(description: str, binary: bool) -> Format:
    return Format(
        description,
        _saving_vectors(lambda vectors, path: vectors.save_word2vec_format(path, binary=binary)),
        lambda path: KeyedVectors.load_word2vec_format(path, binary=binary),
    )


FORMATS = {
    ".kv": Format("gensim's KeyedVectors", _saving_vectors(KeyedVectors.save), KeyedVectors.load),
    ".txt": _word2vec_format("word2vec's text format", binary=False),
    ".txt.gz": _word2vec_format("word2vec's text format, compressed", binary=False),
    ".bin": _word2vec_format("word2vec's binary format", binary=True),
    ".bin.gz": _word2vec_format("word2vec's binary format, compressed", binary=True),
    ".model": Format("the whole gensim Word2Vec, which can be trained further", Word2Vec.save, Word2Vec.load),
}


def format_of(path: str) -> Format:
    """Return the format that the suffix of a path names.

    Args:
        path: of a file, which need not exist.

    Raises:
        ValueError: the suffix is none of `FORMATS`.
    """
    for suffix, kind in FORMATS.items():
        if path.endswith(suffix) and os.path.basename(path) != suffix:
            return kind
    raise ValueError(f"{path}: the suffix must be one of {', '.join(FORMATS)}")


def save_vectors(model: Word2Vec, path: str | os.PathLike[str]) -> None:
    """Save the vectors of a model, or all of it (.model), in the format that the suffix names.

    A file that exists is replaced when the new one is complete: a save that fails leaves it as it was.

    Args:
        model: with a vocabulary, trained or not.
        path: of the file, with a suffix of `FORMATS`.

    Raises:
        ValueError: the suffix is none of `FORMATS`.
        OSError: the file cannot be written.
    """
    path = os.fspath(path)
    format_of(path).save(model, path)


def load_vectors(path: str | os.PathLike[str]) -> KeyedVectors:
    """Load the vectors from a file in the format that the suffix names.

    .kv and .model files are pickles: open only those you trust.

    Args:
        path: of the file, or a URI.

    Returns:
        The vectors; those of the model for a .model file.

    Raises:
        ValueError: the suffix is none of `FORMATS`, or the content is damaged or in another format.
        OSError: there is no such file, or it cannot be opened.
    """
    path = os.fspath(path)
    kind = format_of(path)
    if not is_uri(path):
        recover(path)
        open(path, "rb").close()  # says what is wrong with the path, apart from what is wrong with the content
    try:
        loaded = read_whole(path, lambda: kind.load(path))
    except _DAMAGED as e:
        raise ValueError(f"{path}: is not {kind.description}, or is damaged: {type(e).__name__}: {e}") from e
    vectors = loaded.wv if isinstance(loaded, PlainWord2Vec) else loaded
    if not isinstance(vectors, KeyedVectors):
        raise ValueError(f"{path}: holds a {type(loaded).__name__}, not {kind.description}")
    return vectors
