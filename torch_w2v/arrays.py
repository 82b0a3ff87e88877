"""Vectors with their words as named arrays, in .npz and .safetensors files, which hold no pickle.

Both kinds of file have the same arrays, for V words of D dimensions:

    vectors       float (V, D)
    words         uint8 (n,): the words in UTF-8, one after the other; or int64 (V,), where all words are integers
    word_offsets  int64 (V + 1,): where each word begins in `words`, and n; absent where words are integers
    counts        int64 (V,): how often each word occurs in the corpus; may be absent

and a JSON object of facts: in an .npz file uint8 in UTF-8 as one more array, `facts`; in a .safetensors file a text in
the header, under the key "torch_w2v".
"""

from __future__ import annotations

import itertools
import json
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from gensim.models import KeyedVectors

from torch_w2v import extras

FORMAT = "torch_w2v.vectors"
VERSION = 1
# What numpy and safetensors raise at a file that is damaged, beside ValueError and OSError.
DAMAGED = (zipfile.BadZipFile, struct.error, tokenize.TokenError, SyntaxError, RuntimeError, KeyError)
# The fact that has the checksums of the arrays in a .safetensors file.
_CHECKSUMS = "crc32"

Arrays = dict[str, np.ndarray]
Facts = dict[str, Any]


def save_npz(vectors: KeyedVectors, path: str, facts: Mapping[str, Any]) -> None:
    """Write vectors as an .npz file, without compression.

    Args:
        vectors: with words that are all str or all integers.
        path: ends in .npz.
        facts: about the vectors and their training, which JSON can hold.

    Raises:
        TypeError: a word is neither str nor an integer.
        OSError: the file cannot be written.
    """
    text = json.dumps(_header(facts)).encode()
    arrays: dict[str, Any] = {**_arrays_of(vectors), "facts": np.frombuffer(text, np.uint8)}
    np.savez(path, **arrays)


def load_npz(path: str) -> KeyedVectors:
    """Read what `save_npz` has written; nothing is unpickled.

    Returns:
        The vectors; their attribute `facts` is a dict.

    Raises:
        ValueError: the file is damaged, or is not of this format.
        OSError: it cannot be read.
    """
    # Opened here, since `is_zipfile` takes a path that cannot be opened for one that is no such file.
    with open(path, "rb") as content:
        if not zipfile.is_zipfile(content):
            raise ValueError("it is not an .npz file, or its end is missing")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = set(file.files)
            if "facts" not in names:
                raise ValueError("it is an .npz file of another program: it has no array 'facts'")
            # Every array is read to its end, which is where its checksum is.
            arrays = {name: file[name] for name in names}
    except DAMAGED as e:
        raise ValueError(f"{type(e).__name__}: {e}") from e
    except ValueError as e:
        if "allow_pickle" not in str(e):
            raise
        # numpy's message says how to unpickle them all the same.
        raise ValueError("it has an array of Python objects, which is not unpickled") from e
    return _vectors_of(arrays, _facts_of(_expect(arrays.pop("facts"), "facts", 1, np.uint8).tobytes()))


def save_safetensors(vectors: KeyedVectors, path: str, facts: Mapping[str, Any]) -> None:
    """Write vectors as a .safetensors file.

    The format has no checksums of its own; those of the arrays are among the facts.

    Args:
        vectors, facts: as for `save_npz`.
        path: of the file.

    Raises:
        ImportError: safetensors is not installed; the message has the command that installs it.
        TypeError: a word is neither str nor an integer.
        OSError: the file cannot be written.
    """
    arrays = _arrays_of(vectors)
    header = _header(facts) | {_CHECKSUMS: _checksums(arrays)}
    write_safetensors(arrays, path, torch_w2v=json.dumps(header))


def write_safetensors(arrays: Mapping[str, np.ndarray], path: str, **metadata: str) -> None:
    """Write arrays as a .safetensors file, which others may read where they may read any other new file.

    Args:
        arrays: name -> array.
        path: of the file.
        metadata: texts for its header.

    Raises:
        ImportError: safetensors is not installed; the message has the command that installs it.
        OSError: the file cannot be written.
    """
    safetensors = check_safetensors()
    with open(path, "wb") as file:
        mode = os.fstat(file.fileno()).st_mode
    try:
        # "format" is what libraries on Hugging Face's hub ask for: PyTorch may open the file.
        safetensors.numpy.save_file(arrays, path, metadata={"format": "pt", **metadata})
    except safetensors.SafetensorError as e:
        raise OSError(str(e)) from e
    os.chmod(path, stat.S_IMODE(mode))  # the package gives a file to its owner alone


def load_safetensors(path: str) -> KeyedVectors:
    """Read what `save_safetensors` has written.

    Returns, Raises:
        As `load_npz`; ImportError as `save_safetensors`.
    """
    safetensors = check_safetensors()
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if "torch_w2v" not in metadata:
                raise ValueError("it is a .safetensors file of another program: its header has no 'torch_w2v'")
            arrays = {name: np.array(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  it is no dict
    except (safetensors.SafetensorError, *DAMAGED) as e:
        raise ValueError(f"{type(e).__name__}: {e}") from e
    facts = _facts_of(metadata["torch_w2v"])
    if facts.pop(_CHECKSUMS, None) != _checksums(arrays):
        raise ValueError("the checksum of an array is wrong")
    return _vectors_of(arrays, facts)


def check_safetensors() -> Any:
    """Return the package safetensors.

    Raises:
        ImportError: it is not installed; the message has the command that installs it.
    """
    extras.load("safetensors.numpy", "safetensors", "a .safetensors file")
    return extras.load("safetensors", "safetensors", "a .safetensors file")


def _header(facts: Mapping[str, Any]) -> Facts:
    return {"format": FORMAT, "version": VERSION, **facts}


def _facts_of(text: str | bytes) -> Facts:
    facts = json.loads(text)
    if not isinstance(facts, dict) or facts.pop("format", None) != FORMAT:
        raise ValueError(f"its facts do not name the format {FORMAT}")
    if (version := facts.pop("version", None)) != VERSION:
        raise ValueError(f"it is of version {version} of the format; this torch_w2v reads version {VERSION}")
    return facts


def _checksums(arrays: Arrays) -> dict[str, int]:
    return {name: zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) for name, array in arrays.items()}


def _arrays_of(vectors: KeyedVectors) -> Arrays:
    table = np.ascontiguousarray(vectors.vectors[: len(vectors.index_to_key)])
    arrays = {"vectors": table, **_encoded(vectors.index_to_key)}
    if "count" in vectors.expandos:
        arrays["counts"] = np.asarray(vectors.expandos["count"], np.int64)[: len(table)].copy()
    return arrays


def _encoded(words: Sequence[Hashable]) -> Arrays:
    if words and all(isinstance(word, (int, np.integer)) and not isinstance(word, bool) for word in words):
        try:
            return {"words": np.array(words, np.int64)}
        except OverflowError as e:
            raise TypeError(f"an integer word does not fit into 64 bits: {e}") from e
    for word in words:
        if not isinstance(word, str):
            raise TypeError(
                f"the word {word!r} is a {type(word).__name__}: .npz and .safetensors files hold words that are all "
                "str, or all integers; .kv files hold any"
            )
    # Words from gensim's readers may have lone surrogates.
    encoded = [word.encode("utf-8", "surrogatepass") for word in words]  # type: ignore[attr-defined]
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in encoded], out=offsets[1:])
    return {"words": np.frombuffer(b"".join(encoded), np.uint8), "word_offsets": offsets}


def _vectors_of(arrays: Arrays, facts: Facts) -> KeyedVectors:
    """Return the vectors that named arrays hold.

    Raises:
        ValueError: an array is missing, or they do not fit together.
    """
    for name in ("vectors", "words"):
        if name not in arrays:
            raise ValueError(f"it has no array {name!r}")
    table = _expect(arrays["vectors"], "vectors", 2, np.floating)
    words = _decoded(arrays)
    if len(words) != len(table):
        raise ValueError(f"it has {len(words)} words, but {len(table)} vectors")
    key_to_index = {word: row for row, word in enumerate(words)}
    if len(key_to_index) != len(words):
        raise ValueError("it has a word twice")
    vectors = KeyedVectors(table.shape[1], dtype=table.dtype.type)
    vectors.vectors = np.ascontiguousarray(table)
    vectors.index_to_key, vectors.key_to_index = words, key_to_index
    vectors.next_index = len(words)
    if "counts" in arrays:
        counts = _expect(arrays["counts"], "counts", 1, np.int64)
        if len(counts) != len(words) or (len(counts) and counts.min() < 0):
            raise ValueError("its counts are not one per word, from 0 on")
        vectors.allocate_vecattrs(["count"], [np.int64])
        vectors.expandos["count"][:] = counts
    vectors.facts = facts
    return vectors


def _decoded(arrays: Arrays) -> list[Hashable]:
    if "word_offsets" not in arrays:
        return list(_expect(arrays["words"], "words", 1, np.int64).tolist())
    text = _expect(arrays["words"], "words", 1, np.uint8).tobytes()
    offsets = _expect(arrays["word_offsets"], "word_offsets", 1, np.int64)
    ends_right = len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(text)
    if not ends_right or (np.diff(offsets) < 0).any():
        raise ValueError("its word_offsets do not ascend from 0 to the length of its words")
    ends = offsets.tolist()
    return [text[a:b].decode("utf-8", "surrogatepass") for a, b in itertools.pairwise(ends)]


def _expect(array: np.ndarray, name: str, dimensions: int, kind: type[np.generic]) -> np.ndarray:
    if array.ndim != dimensions or not np.issubdtype(array.dtype, kind):
        raise ValueError(f"its array {name!r} is {array.dtype} of shape {array.shape}")
    return array
