"""Vectors in an index for fast approximate search, whose recall is measured when it is built."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from timeit import default_timer

import numpy as np
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import extras
from torch_w2v.export.folders import table_of, writing
from torch_w2v.formats import texts_of, vectors_of

FILES = ("words.json", "index.usearch")
NEIGHBOURS = 10
_QUERIES = 1000
_TOGETHER = 32  # queries of the exact search per product
_DTYPES = ("f32", "f16", "i8")


@dataclass(frozen=True)
class IndexReport:
    """What was measured when an index was built.

    Attributes:
        words: number of words in the index.
        recall: share of the ten nearest neighbours by cosine that the index finds, over `queries` random words.
        queries: number of words that were looked up.
        exact_seconds, index_seconds: the time of these queries by products with the whole table, and by the index.
        build_seconds: the time that building took.
    """

    words: int
    recall: float
    queries: int
    exact_seconds: float
    index_seconds: float
    build_seconds: float


def save_index(
    model: PlainWord2Vec | KeyedVectors,
    folder: str | os.PathLike[str],
    dtype: str = "f32",
    connectivity: int = 16,
    expansion_add: int = 128,
    expansion_search: int = 64,
) -> IndexReport:
    """Write an index of vectors by cosine, which usearch reads, into a folder, and measure its recall.

    `usearch.index.Index.restore("FOLDER/index.usearch")` opens it; the keys that it finds are places in the list of
    `words.json`, which are the rows of the vectors.

    Args:
        model: a model or vectors.
        folder: is made if it is not there.
        dtype: how numbers are stored: 'f32', 'f16' or 'i8'.
        connectivity, expansion_add, expansion_search: usearch's; larger values are slower and find more.

    Returns:
        The recall and the times.

    Raises:
        ImportError: usearch is not installed; the message has the command that installs it.
        ValueError: an argument is out of its range, there is no word, or a word cannot be a text.
        TypeError: a word cannot be a text.
        OSError: the folder cannot be written.
    """
    if dtype not in _DTYPES:
        raise ValueError(f"dtype={dtype!r}: must be one of {', '.join(map(repr, _DTYPES))}")
    for name, value in (
        ("connectivity", connectivity),
        ("expansion_add", expansion_add),
        ("expansion_search", expansion_search),
    ):
        if value < 2:
            raise ValueError(f"{name}={value}: must be at least 2")
    usearch = extras.load("usearch.index", "index", "an index")
    vectors = vectors_of(model)
    words, table = texts_of(vectors), table_of(vectors).astype(np.float32, copy=False)
    if not words:
        raise ValueError("there are no words to export")
    start = default_timer()
    index = usearch.Index(
        ndim=table.shape[1],
        metric="cos",
        dtype=dtype,
        connectivity=connectivity,
        expansion_add=expansion_add,
        expansion_search=expansion_search,
    )
    index.add(np.arange(len(words), dtype=np.uint64), table)
    build_seconds = default_timer() - start
    recall, queries, exact_seconds, index_seconds = _measured(index, table)
    with writing(folder, FILES) as temporary:
        try:
            index.save(os.path.join(temporary, FILES[1]))
        except RuntimeError as e:
            raise OSError(str(e)) from e
        with open(os.path.join(temporary, FILES[0]), "w", encoding="utf-8") as file:
            json.dump(words, file, ensure_ascii=False)
    return IndexReport(len(words), recall, queries, exact_seconds, index_seconds, build_seconds)


def _measured(index: object, table: np.ndarray) -> tuple[float, int, float, float]:
    """Return recall, number of queries, seconds of exact search and of the index; a word is no neighbour of itself."""
    lengths = np.linalg.norm(table, axis=1)
    candidates = np.flatnonzero(lengths > 0)  # the cosine with a vector of zeros is not defined
    k = min(NEIGHBOURS, len(candidates) - 1)
    if k < 1:
        return 1.0, 0, 0.0, 0.0
    rows = np.random.default_rng(0).permutation(candidates)[:_QUERIES]
    units = table / np.where(lengths > 0, lengths, 1)[:, None]
    start = default_timer()
    exact: list[np.ndarray] = []
    for some in np.array_split(rows, -(-len(rows) // _TOGETHER)):
        cosines = units[some] @ units.T
        cosines[np.arange(len(some)), some] = -np.inf
        exact.extend(np.argpartition(cosines, -k, axis=1)[:, -k:])
    exact_seconds = default_timer() - start
    start = default_timer()
    found = index.search(table[rows], k + 1).keys  # type: ignore[attr-defined]
    index_seconds = default_timer() - start
    found = np.asarray(found).reshape(len(rows), -1)
    hits = sum(
        len(set(near.tolist()) & set(keys[keys != row][:k].tolist()))
        for row, near, keys in zip(rows, exact, found.astype(np.int64), strict=True)
    )
    return hits / (len(rows) * k), len(rows), exact_seconds, index_seconds
