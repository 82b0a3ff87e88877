"""Columns of tables as corpora: of pandas, polars, pyarrow, Hugging Face's datasets, and of .parquet files.

None of these packages is imported unless one of its columns, or a .parquet file, is given.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from torch_w2v import native
from torch_w2v.corpus import arrow, lists
from torch_w2v.corpus.bindings import PAD
from torch_w2v.corpus.splitting import Splitters, splitters_for
from torch_w2v.corpus.types import Part, RowError
from torch_w2v.corpus.word_ids import WordIds

_BLOCK = 1 << 20  # bytes of text that are joined and split at a time
_ROWS = 10_000  # rows that become Python objects at a time

# package -> the names of its classes that are columns, and of those that are tables
_COLUMNS = {"pandas": "Series", "polars": "Series", "pyarrow": "Array ChunkedArray", "datasets": "Column"}
_TABLES = {
    "pandas": "DataFrame",
    "polars": "DataFrame LazyFrame",
    "pyarrow": "Table RecordBatch",
    "datasets": "Dataset DatasetDict IterableDataset IterableDatasetDict",
}


class Column:
    """The sentences in a column, one per row. Iterates over lists of words.

    Args:
        origin: what the column was made from, by which `sources.same` recognizes it.
        name: how messages call it.
        batches: returns an iterator over consecutive rows: pyarrow's arrays, or lists of Python's objects.
        splits: the rows are texts, to be split at white space; otherwise they are lists of words.

    Raises:
        RowError: while reading, a row is not what `splits` says, or is missing, or a word is.
    """

    def __init__(self, origin: Any, name: str, batches: Callable[[], Iterator[Any]], splits: bool) -> None:
        self.origin, self.name, self.splits = origin, name, splits
        # the character that no word contains
        self.separator = "\n" if splits and native.available() else "\0"
        self._batches = batches

    def __iter__(self) -> Iterator[list[Any]]:
        """Read the sentences in plain Python: the specification of `parts`."""
        for first, batch in self._numbered():
            rows = batch if isinstance(batch, list) else batch.to_pylist()
            for number, row in enumerate(rows, first):
                if type(row) is list and not self.splits:
                    yield row
                    continue
                self._check(number, row)
                yield row.split() if self.splits else list(row)

    def parts(self, word_ids: WordIds, threads: int) -> Generator[Part, None, None]:
        """Encode the sentences: arrays of pyarrow without making Python's objects of their rows.

        Args:
            word_ids: returns the id of a word.
            threads: number of threads that split texts, including the caller's.

        Yields:
            The parts of the column in order.
        """
        if self.splits and native.available():
            yield from self._split(word_ids, threads)
            return
        batches = self._numbered()
        first = next(batches, None)
        if first is None:
            return
        batches = itertools.chain([first], batches)
        if self.splits or isinstance(first[1], list):
            yield from lists.parts_of(self, word_ids)
            return
        for _, batch in batches:
            for piece, lengths in arrow.pieces(batch):
                words, indices = arrow.dictionary(piece, self.name)
                yield np.array(word_ids(words), np.int32)[indices], lengths

    def _numbered(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of the first row of each batch, and the batch."""
        first = 0
        for batch in self._batches():
            if not isinstance(batch, list):
                arrow.check(batch, first, self.name, self.splits)
            if len(batch):
                yield first, batch
            first += len(batch)

    def _split(self, word_ids: WordIds, threads: int) -> Generator[Part, None, None]:
        splitters: Splitters[tuple[int, bytes]] = Splitters(splitters_for(threads), word_ids, zero_separated=False)
        with splitters:
            jobs = ((text + PAD, len(text) // 2 + 1, (first, text)) for first, text in self._lines())
            for tokens, split, (first, text) in splitters.run(jobs):
                assert split is not None
                if split.invalid_at >= 0:
                    row = first + text.count(b"\n", 0, split.invalid_at)
                    raise RowError(f"{self.name}: row {row} is not UTF-8")
                yield tokens, split.line_lengths.astype(np.int64)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield texts with one row per line, and the number of the first row; line ends within rows become spaces."""
        for first, batch in self._numbered():
            if not isinstance(batch, list):
                yield from arrow.lines(batch, first, _BLOCK)
                continue
            waiting: list[str] = []
            size, number = 0, first
            for row, text in enumerate(batch, first):
                self._check(row, text)
                waiting.append(text.replace("\n", " "))
                size += len(text) + 1
                if size >= _BLOCK:
                    yield number, "\n".join(waiting).encode("utf-8", "surrogatepass")
                    waiting, size, number = [], 0, row + 1
            if waiting:
                yield number, "\n".join(waiting).encode("utf-8", "surrogatepass")

    def _check(self, number: int, row: Any) -> None:
        if row is None or isinstance(row, float):
            raise RowError(f"{self.name}: row {number} is missing ({row!r}): drop such rows first")
        if isinstance(row, str) and not self.splits:
            raise RowError(f"{self.name} {arrow.TEXTS}")
        if isinstance(row, str) is not self.splits or not isinstance(row, Iterable):
            wanted = "a text" if self.splits else "a list of words"
            raise RowError(f"{self.name}: row {number} is a {type(row).__name__}, not {wanted}")


def column_of(source: Any, splits: bool = False) -> Any:
    """Return a column of a table as a `Column`; anything else as it is.

    Args:
        source: what a user gives as sentences.
        splits: the rows are texts, to be split at white space.

    Raises:
        TypeError: it is a whole table, or its rows are not what `splits` says.
    """
    if isinstance(source, (Column, list, tuple)):
        return source
    for base in type(source).__mro__:
        package = base.__module__.partition(".")[0]
        if base.__name__ in _TABLES.get(package, "").split():
            raise TypeError(
                f"a {package} {base.__name__} is a table, whose rows are no sentences: give one of its columns"
            )
        if base.__name__ in _COLUMNS.get(package, "").split():
            return _made(source, package, splits)
    return source


def split_texts(column: Any) -> Column:
    """Return texts as sentences, split at white space: `Word2Vec(split_texts(table["text"]))`.

    Args:
        column: a column of texts of pandas, polars, pyarrow or Hugging Face's datasets, or a list or tuple of str.

    Returns:
        A corpus for `sentences`, one sentence per text.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(column, (list, tuple)):
        return Column(column, "the list", lambda: iter([list(column)]), True)
    texts = column_of(column, True)
    if not isinstance(texts, Column) or not texts.splits:
        raise TypeError(f"a {type(column).__name__} is no column of texts: give a list, or a column of a table")
    return texts


def _made(source: Any, package: str, splits: bool) -> Column:
    name = "the column" if getattr(source, "name", None) is None else f"the column {source.name!r}"
    batches: Callable[[], Iterator[Any]]
    if package == "pyarrow":
        batches = lambda: _chunks(source)  # noqa: E731
    elif package == "datasets":
        name, batches = f"the column {source.column_name!r}", lambda: _of_dataset(source)
    elif importlib.util.find_spec("pyarrow") is None or not _is_arrow(source, package):
        batches = lambda: _rows(source, package)  # noqa: E731
    else:
        batches = lambda: _chunks(_as_arrow(source, package))  # noqa: E731
    column = Column(source, name, batches, splits)
    # What the type says is said at once.
    first = next(column._batches(), None)
    if first is not None and not isinstance(first, list):
        arrow.check(first[:0], 0, name, splits)
    return column


def _is_arrow(series: Any, package: str) -> bool:
    return package == "polars" or hasattr(series.array, "__arrow_array__")


def _as_arrow(series: Any, package: str) -> Any:
    return series.to_arrow() if package == "polars" else arrow.pyarrow("a column").array(series.array)


def _rows(series: Any, package: str) -> Iterator[list[Any]]:
    """Yield the rows of a series as Python's objects, in lists."""
    for i in range(0, len(series), _ROWS):
        yield series.slice(i, _ROWS).to_list() if package == "polars" else series.iloc[i : i + _ROWS].tolist()


def _chunks(array: Any) -> Iterator[Any]:
    return iter(array.chunks if hasattr(array, "chunks") else [array])


def _of_dataset(column: Any) -> Iterator[Any]:
    """Yield the rows of a column of a Hugging Face dataset, as Arrow's arrays where it is a column of the dataset."""
    source = column.source
    if hasattr(source, "select_columns") and source.format["type"] != "custom":
        for table in source.select_columns(column.column_name).with_format("arrow").iter(batch_size=_ROWS):
            yield from table.column(0).chunks
        return
    rows: Iterable[Any] = iter(column)  # a column within a column, or one that a function computes
    while batch := list(itertools.islice(rows, _ROWS)):
        yield batch


def parquet(paths: Sequence[str], name: str | None) -> Column:
    """Return the column of .parquet files that a `corpus_file` and `column` name; it is read in pieces.

    Args:
        paths: of the files, which all have the column.
        name: of the column: texts, which are split at white space, or lists of words. None if there is only one column.

    Raises:
        ImportError: pyarrow is not installed; the message has the command that installs it.
        ValueError: there is no such column, it holds neither, or None was given and there are several.
        OSError: a file cannot be read.
    """
    name, splits = arrow.parquet_column(paths[0], name)
    return Column(list(paths), f"the column {name!r} of {paths[0]}", lambda: arrow.read_parquet(paths, name), splits)
