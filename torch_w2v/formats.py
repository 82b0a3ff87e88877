"""Files of vectors: the suffix names the format, and an older file is replaced only by a complete new one."""

from __future__ import annotations

import lzma
import os
import pickle
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec
from gensim.utils import PICKLE_PROTOCOL

from torch_w2v import arrays
from torch_w2v.facts import facts_of
from torch_w2v.files import is_uri, path_of, read_whole, replacing, save_object
from torch_w2v.staging import recover

# bytes from which gensim stores an array in a file of its own
_APART = 10 * 1024**2
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
        check: raises ImportError if a package that the format needs is not installed.
    """

    description: str
    save: Callable[[PlainWord2Vec | KeyedVectors, str], None]
    load: Callable[[str], PlainWord2Vec | KeyedVectors]
    check: Callable[[], object] = lambda: None


def _saving_vectors(save: Callable[[KeyedVectors, str], object]) -> Callable[[PlainWord2Vec | KeyedVectors, str], None]:
    """Return a `Format.save` that saves the vectors with `save` and replaces older files at the end."""

    def save_and_replace(model: PlainWord2Vec | KeyedVectors, path: str) -> None:
        with replacing(path) as temporary:
            save(vectors_of(model), temporary)

    return save_and_replace


def _saving_arrays(
    save: Callable[[KeyedVectors, str, dict[str, Any]], None],
) -> Callable[[PlainWord2Vec | KeyedVectors, str], None]:
    def save_and_replace(model: PlainWord2Vec | KeyedVectors, path: str) -> None:
        with replacing(path) as temporary:
            save(vectors_of(model), temporary, facts_of(model))

    return save_and_replace


def _word2vec_format(description: str, binary: bool) -> Format:
    def save(vectors: KeyedVectors, path: str) -> None:
        check_separable(texts_of(vectors))
        vectors.save_word2vec_format(path, binary=binary)

    return Format(
        description,
        _saving_vectors(save),
        lambda path: KeyedVectors.load_word2vec_format(path, binary=binary),
    )


def _save_model(model: PlainWord2Vec | KeyedVectors, path: str) -> None:
    vectors_of(model)  # refuses what is no model at all
    if not isinstance(model, PlainWord2Vec):
        raise ValueError(f"{path}: a .model file holds a whole model, but only its vectors are given")
    model.save(path)


def _save_keyed_vectors(model: PlainWord2Vec | KeyedVectors, path: str) -> None:
    save_object(vectors_of(model), path, None, _APART, frozenset(), PICKLE_PROTOCOL)


FORMATS = {
    ".kv": Format("gensim's KeyedVectors", _save_keyed_vectors, KeyedVectors.load),
    ".txt": _word2vec_format("word2vec's text format", binary=False),
    ".txt.gz": _word2vec_format("word2vec's text format, compressed", binary=False),
    ".vec": _word2vec_format("word2vec's text format", binary=False),
    ".bin": _word2vec_format("word2vec's binary format", binary=True),
    ".bin.gz": _word2vec_format("word2vec's binary format, compressed", binary=True),
    ".npz": Format("numpy's arrays", _saving_arrays(arrays.save_npz), arrays.load_npz),
    ".safetensors": Format(
        "safetensors' arrays",
        _saving_arrays(arrays.save_safetensors),
        arrays.load_safetensors,
        arrays.check_safetensors,
    ),
    ".model": Format("a whole gensim Word2Vec model", _save_model, PlainWord2Vec.load),
}


def vectors_of(model: PlainWord2Vec | KeyedVectors) -> KeyedVectors:
    """Return the vectors of a model, or vectors as they are.

    Raises:
        TypeError: it is neither.
    """
    vectors = model.wv if isinstance(model, PlainWord2Vec) else model
    if not hasattr(vectors, "index_to_key"):
        raise TypeError(f"the model is a {type(model).__name__}: must be a Word2Vec model or KeyedVectors")
    return vectors


def texts_of(vectors: KeyedVectors) -> list[str]:
    """Return the words as text, in the order of the rows; integers as digits.

    Raises:
        TypeError: a word is neither str nor an integer.
        ValueError: a text stands for two words.
    """
    for word in vectors.index_to_key:
        if not isinstance(word, (str, int, np.integer)):
            raise TypeError(
                f"the word {word!r} is a {type(word).__name__}: words must be str or integers here; .kv files hold any"
            )
    texts = [str(word) for word in vectors.index_to_key]
    if len(set(texts)) < len(texts):
        ((twice, _),) = Counter(texts).most_common(1)
        raise ValueError(f"the text {twice!r} stands for two words: rename one of them, or choose .kv, which holds any")
    return texts


def check_separable(words: Iterable[str]) -> None:
    """Check that words can be told apart in word2vec's formats, which have white space between words and numbers.

    Raises:
        ValueError: a word is empty or has white space in it.
    """
    for word in words:
        if word.split() != [word]:
            raise ValueError(
                f"the word {word!r} is empty or has white space in it, which word2vec's formats (.txt, .vec, .bin) "
                "cannot hold: replace it (for example by '_'), or choose .kv, .npz or .safetensors"
            )


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


def save_vectors(model: PlainWord2Vec | KeyedVectors, path: str | os.PathLike[str]) -> None:
    """Save the vectors of a model, or all of it (.model), in the format that the suffix names.

    A file that exists is replaced when the new one is complete: a save that fails leaves it as it was.

    Args:
        model: with a vocabulary, trained or not; or vectors.
        path: of the file, with a suffix of `FORMATS`.

    Raises:
        ValueError: the suffix is none of `FORMATS`, or a word cannot be told apart in word2vec's formats.
        TypeError: it is neither a model nor vectors, or the format cannot hold a word.
        ImportError: the format needs a package that is not installed; the message has the command that installs it.
        OSError: the file cannot be written.
    """
    path = path_of(path)
    kind = format_of(path)
    kind.check()
    kind.save(model, path)


def load_vectors(path: str | os.PathLike[str]) -> KeyedVectors:
    """Load the vectors from a file in the format that the suffix names.

    .kv and .model files are pickles: open only those you trust. No other format is ever unpickled.

    Args:
        path: of the file, or a URI.

    Returns:
        The vectors; those of the model for a .model file. From .npz and .safetensors they have an attribute `facts`,
        a dict with what was known of their training.

    Raises:
        ValueError: the suffix is none of `FORMATS`, or the content is damaged or in another format.
        ImportError: the format needs a package that is not installed; the message has the command that installs it.
        OSError: there is no such file, or it cannot be opened.
    """
    return vectors_of(load(path))


def load(path: str | os.PathLike[str]) -> PlainWord2Vec | KeyedVectors:
    """Load what a file holds: the whole model from .model, vectors from all others; see `load_vectors`."""
    path = path_of(path)
    kind = format_of(path)
    kind.check()
    if not is_uri(path):
        recover(path)
        open(path, "rb").close()  # says what is wrong with the path, apart from what is wrong with the content
    try:
        loaded = read_whole(path, lambda: kind.load(path))
    except _DAMAGED as e:
        reason = f"{type(e).__name__}{f': {e}' if str(e) else ''}"
        raise ValueError(f"{path}: is not {kind.description}, or is damaged: {reason}") from e
    if not isinstance(loaded, (PlainWord2Vec, KeyedVectors)):
        raise ValueError(f"{path}: holds a {type(loaded).__name__}, not {kind.description}")
    return loaded
