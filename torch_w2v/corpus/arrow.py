"""Arrow's arrays as sentences, by pyarrow's own functions, which work on whole arrays."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from torch_w2v import extras
from torch_w2v.corpus.text import open_bytes
from torch_w2v.corpus.types import RowError

TEXTS = (
    "is a column of texts, but a sentence must be a list of words: split the texts first (in pandas and polars by "
    "column.str.split), or say that they are to be split at white space: sentences=torch_w2v.corpus.split_texts(column)"
)
_TOKENS = 1 << 20  # words that are encoded at a time
_ROWS = 1 << 16  # rows of a file that are read at a time


def pyarrow(purpose: str, module: str = "pyarrow") -> Any:
    """Return the package pyarrow, or a module of it.

    Raises:
        ImportError: it is not installed; the message has the command that installs it.
    """
    return extras.load(module, "arrow", purpose)


def check(array: Any, first: int, name: str, splits: bool) -> None:
    """Check that the rows of an array are texts, or lists of words, and that none is missing.

    Args:
        array: of pyarrow.
        first: number of its first row, for messages.
        name: of the column, for messages.
        splits: whether the rows must be texts.

    Raises:
        RowError: they are something else.
    """
    if splits:
        if not _is_text(array.type):
            raise RowError(f"{name} must hold texts, but holds {array.type}")
    elif _is_text(array.type):
        raise RowError(f"{name} {TEXTS}")
    elif not _is_lists(array.type) or not _is_word(array.type.value_type):
        raise RowError(f"{name} must hold lists of words, which are texts or integers, but holds {array.type}")
    if array.null_count:
        row = first + int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        raise RowError(f"{name}: row {row} is missing (null): drop such rows first")


def _is_text(kind: Any) -> bool:
    types = pyarrow("a column").types
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_lists(kind: Any) -> bool:
    types = pyarrow("a column").types
    is_view = types.is_list_view(kind) or types.is_large_list_view(kind)
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or is_view)


def _is_word(kind: Any) -> bool:
    types = pyarrow("a column").types
    if types.is_dictionary(kind):
        return _is_word(kind.value_type)
    return bool(_is_text(kind) or types.is_integer(kind) or types.is_null(kind))  # null: there is no word


def pieces(array: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield the words of an array of lists in pieces of about a million, and the int64 lengths of their lists."""
    compute = pyarrow("a column", "pyarrow.compute")
    lengths = compute.list_value_length(array).to_numpy(zero_copy_only=False).astype(np.int64)
    for begin, end in _cuts(lengths, _TOKENS):
        yield array.slice(begin, end - begin).flatten(), lengths[begin:end]


def dictionary(words: Any, name: str) -> tuple[list[Hashable], np.ndarray]:
    """Return the distinct words of an array, in the order in which they occur first, and the number of each word.

    Args:
        words: an array of texts or integers.
        name: of the column, for the message.

    Returns:
        The distinct words as Python's objects, and their places in this list, int64 (len(words),).

    Raises:
        RowError: a word is missing.
    """
    if words.null_count:
        raise RowError(f"{name}: a word is missing (null)")
    types = pyarrow("a column").types
    if types.is_null(words.type):
        return [], np.zeros(0, np.int64)
    if types.is_dictionary(words.type):
        words = words.cast(words.type.value_type)  # a dictionary may be in any order, and have words that do not occur
    encoded = words.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def lines(array: Any, first: int, block: int) -> Iterator[tuple[int, bytes]]:
    """Yield texts with one row per line, in blocks, and the number of the first row of each.

    Args:
        array: of texts; line ends within them become spaces.
        first: number of its first row.
        block: bytes per block, about.
    """
    arrow, compute = pyarrow("a column"), pyarrow("a column", "pyarrow.compute")
    if arrow.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if arrow.types.is_string_view(array.type):
        array = array.cast(arrow.large_string())
    sizes = compute.binary_length(array).to_numpy(zero_copy_only=False).astype(np.int64) + 1
    for begin, end in _cuts(sizes, block):
        texts = compute.replace_substring(array.slice(begin, end - begin), "\n", " ").cast(arrow.string())
        together = arrow.ListArray.from_arrays(arrow.array([0, len(texts)], arrow.int32()), texts)
        yield first + begin, compute.binary_join(together, "\n")[0].as_buffer().to_pybytes()


def _cuts(sizes: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of runs of rows whose sizes add up to about `most`; a run has one row at least."""
    ends = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        done = ends[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, done + most, side="right")))
        yield begin, end
        begin = end


def parquet_column(path: str, name: str | None) -> tuple[str, bool]:
    """Return the column that is meant in a .parquet file, and whether it holds texts.

    Raises:
        ImportError, OSError: as `read_parquet`.
        ValueError: there is no such column; it holds neither texts nor lists of words; or no name was given, and there
            are several that could be meant.
    """
    with _opened(path) as file:
        schema = file.schema_arrow
    usable = [field.name for field in schema if _is_text(field.type) or _is_sentences(field.type)]
    shown = ", ".join(map(repr, schema.names)) or "none"
    if name is None:
        if len(usable) != 1:
            raise ValueError(f"{path}: say which column to read, by column=NAME; its columns are {shown}")
        name = usable[0]
    elif schema.names.count(name) != 1:
        raise ValueError(f"{path}: there is no column {name!r}; its columns are {shown}")
    elif name not in usable:
        kind = schema.field(name).type
        raise ValueError(f"{path}: the column {name!r} must hold texts or lists of words, but holds {kind}")
    return name, _is_text(schema.field(name).type)


def _is_sentences(kind: Any) -> bool:
    return _is_lists(kind) and _is_word(kind.value_type)


def read_parquet(paths: Sequence[str], name: str) -> Iterator[Any]:
    """Yield a column of .parquet files as arrays of some ten thousand rows.

    Raises:
        ImportError: pyarrow is not installed; the message has the command that installs it.
        OSError: a file cannot be read, or is damaged, or has no such column.
    """
    for path in paths:
        with _opened(path) as file:
            if name not in file.schema_arrow.names:
                raise OSError(f"{path}: there is no column {name!r}")
            for batch in file.iter_batches(_ROWS, columns=[name]):
                yield batch.column(0)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """Open a .parquet file or URI; that it is damaged is an OSError."""
    parquet = pyarrow("a .parquet file", "pyarrow.parquet")
    damaged = pyarrow("a .parquet file").ArrowException
    with open_bytes(path) as raw:
        try:
            with parquet.ParquetFile(raw) as file:
                yield file
        except damaged as e:
            raise OSError(f"{path}: {e}") from e
