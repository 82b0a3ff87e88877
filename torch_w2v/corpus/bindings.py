"""splitting.cpp as Python functions. Where the library was not built, `remap` and `count_tokens` use numpy."""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from os import urandom

import numpy as np

from torch_w2v import native

PAD = bytes(16)  # follows every text, since splitting.cpp reads beyond the end
# Two uint64 per process: no text can be made of words that all collide in the hash tables.
HASH_KEY = struct.unpack("=QQ", urandom(16))


@cache
def library() -> ctypes.CDLL:
    """Return the compiled library, with the signatures of splitting.cpp declared and `HASH_KEY` set.

    Raises:
        RuntimeError: the library was not built, or cannot be loaded.
    """
    table, int32s, int64 = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in (
        ("words_set_hash_key", None, (ctypes.c_uint64, ctypes.c_uint64)),
        ("words_new", ctypes.c_void_p, (ctypes.c_int,)),
        ("words_free", None, (table,)),
        ("words_count", int64, (table,)),
        ("words_bytes", ctypes.c_void_p, (table, int64, int64, ctypes.POINTER(ctypes.c_int64))),
        ("words_split", ctypes.c_int, (table, ctypes.c_char_p, int64, int32s, int32s, ctypes.c_int64 * 3)),
        ("words_split_joined", ctypes.c_int, (table, ctypes.c_char_p, int64, int32s)),
        ("remap", ctypes.c_int, (int32s, int32s, int64, int32s, int64)),
        ("count", None, (int32s, int64, int32s)),
    ):
        function = native.function(f"w2v_{name}")
        function.restype, function.argtypes = result, arguments
    loaded = native.library()
    loaded.w2v_words_set_hash_key(*HASH_KEY)
    return loaded


def remap(tokens: np.ndarray, ids: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Return `ids[tokens]`.

    Args:
        tokens: (n,) int32.
        ids: (V,) int32, the new id of each token.
        out: (n,) int32 array for the result, which may be `tokens` itself; a new array by default.

    Raises:
        ValueError: a token is outside of [0, V).
    """
    out = np.empty(len(tokens), np.int32) if out is None else out
    if native.available():
        outside = library().w2v_remap(tokens.ctypes.data, out.ctypes.data, len(tokens), ids.ctypes.data, len(ids))
    else:
        outside = len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(ids)
        if not outside:
            np.take(ids, tokens, out=out)
    if outside:
        raise ValueError(f"a token lies outside the {len(ids)} words of the corpus")
    return out


def count_tokens(tokens: np.ndarray, counts: np.ndarray) -> None:
    """Add the number of occurrences of each token to `counts`, in place.

    Args:
        tokens: (n,) int32, all in [0, V).
        counts: (V,) int64.
    """
    if native.available():
        library().w2v_count(tokens.ctypes.data, len(tokens), counts.ctypes.data)
    else:
        counts += np.bincount(tokens, minlength=len(counts))


def words_of_table(table: int, first: int, end: int) -> bytes:
    """Return the words with the ids `first` to `end` - 1 of a table of splitting.cpp, a separator after each."""
    size = ctypes.c_int64()
    start = library().w2v_words_bytes(table, first, end, ctypes.byref(size))
    return bytes((ctypes.c_char * size.value).from_address(start)) if size.value else b""  # string_at ends at 2 GB


def decode_words(encoded: bytes, separator: str) -> list[str]:
    """Return the words of a UTF-8 text that has `separator` after each of them."""
    return encoded.decode("utf-8", "surrogatepass").split(separator)[:-1]
