"""The report of one training: a page with its course, evaluations, neighbours and a map of words."""

from __future__ import annotations

import html
import importlib.metadata
import math
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import gensim
import numpy as np
from gensim.models import KeyedVectors

from torch_w2v import system
from torch_w2v.facts import facts_of
from torch_w2v.report import page, training_plots
from torch_w2v.version import __version__

if TYPE_CHECKING:
    from torch_w2v.word2vec import Word2Vec

WORDS, TOP = 12, 8


class Course(Protocol):
    """What a `torch_w2v.callbacks.History` has."""

    curve: list[dict[str, float]]

    @property
    def rows(self) -> list[dict[str, float]]:
        """A dictionary per epoch."""

    def columns(self) -> list[str]:
        """Return the names in the rows."""


def write(
    model: Word2Vec, history: Course, path: str | os.PathLike[str], other_facts: Mapping[str, Any] | None = None
) -> str:
    """Write the report of a training.

    Args:
        model: trained.
        history: was among the callbacks of its training.
        path: of the page; an older one is replaced.
        other_facts: more facts to show, such as where the corpus is.

    Returns:
        The path.

    Raises:
        ImportError: matplotlib is not installed; the message has the command that installs it.
        OSError: the file cannot be written.
    """
    return page.write(page.document("A training of torch_w2v", _parts(model, history, other_facts or {})), path)


def history_page(history: Course) -> Iterable[str]:
    """Yield a page with a history alone: its plots and its rows."""
    return page.document("History of a training", _course(history))


def _parts(model: Word2Vec, history: Course, other_facts: Mapping[str, Any]) -> Iterator[str]:
    facts = facts_of(model)
    arguments = facts.pop("arguments")
    facts.pop("losses", None)
    last = history.rows[-1] if history.rows else {}
    loss = last.get("loss", math.nan)
    corpus = f" over {facts['corpus_words']:,} words" if "corpus_words" in facts else ""
    yield (
        f"<p>{facts['vectors']:,} words of {facts['dimensions']} dimensions, trained in "
        f"{facts['train_seconds']:,.1f} s: {len(history.rows)} of {model.epochs} epochs{corpus}"
        f"{'' if math.isnan(loss) else f'; mean loss of the last epoch {loss:.4f}'}.</p>"
    )
    yield from _course(history)
    yield "<h2>Neighbours</h2>"
    yield page.note("Words of all frequencies, from the most frequent ones down, each with its nearest words.")
    yield _neighbours(model.wv)
    yield f"<h2>The {min(len(model.wv), training_plots.MAP_WORDS)} most frequent words</h2>"
    yield page.note(
        "Vectors of length 1, seen from the side where they differ most (the first two principal components). Words "
        "that are used alike lie together; what looks close here need not be close in all dimensions."
    )
    yield page.image(training_plots.word_map(model.wv), "a map of the most frequent words in two dimensions")
    yield "<h2>Facts</h2>"
    versions = {name: _version(name) for name in ("gensim", "numpy", "torch")}
    yield page.facts(
        {
            **other_facts,
            "words of the corpus": _count(facts.get("corpus_words")),
            "sentences": _count(facts.get("corpus_sentences")),
            "seconds of training": f"{facts['train_seconds']:,.2f}",
            "peak memory of the process": f"{peak / 1e6:,.0f} MB" if (peak := system.peak_memory()) else "unknown",
            "version of torch_w2v": __version__,
            **{f"version of {name}": version for name, version in versions.items() if version},
            "version of Python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        }
    )
    yield "<h2>Arguments</h2>"
    yield page.facts(arguments)


def _course(history: Course) -> Iterator[str]:
    rows, columns = history.rows, history.columns()
    yield "<h2>Course</h2>"
    yield page.image(training_plots.course(rows, history.curve), "loss, learning rate and speed over the epochs")
    measures = [name for name in columns if any(name in row for row in rows)][5:]
    if measures:
        yield "<h2>Evaluation after each epoch</h2>"
        yield page.image(training_plots.evaluations(rows, measures), "the evaluations over the epochs")
    yield page.table(columns, [[_number(row.get(name, math.nan)) for name in columns] for row in rows])


def _neighbours(vectors: KeyedVectors) -> str:
    if len(vectors) < 2:
        return page.note("There are too few words.")
    # Most of the first 30 words of a text tell little.
    last = min(len(vectors), 1000)
    ranks = np.unique(np.geomspace(min(30, last // 10 + 1), last, WORDS).astype(int) - 1)
    rows = []
    for rank in ranks:
        word = vectors.index_to_key[rank]
        near = ", ".join(f"{key} {similarity:.2f}" for key, similarity in vectors.most_similar(word, topn=TOP))
        rows.append([f"<b>{html.escape(str(word))}</b>", html.escape(near)])
    return page.table(["word", "nearest words, with their cosine similarity"], rows, text=True)


def _count(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}"


def _version(package: str) -> str:
    if package == "gensim":
        return str(gensim.__version__)
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
