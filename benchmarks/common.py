"""What the benchmarks share: corpora, shapes of work, timed trainings, and figures as text."""

from __future__ import annotations

import itertools
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from timeit import default_timer
from typing import Any

import gensim
import gensim.models
import torch
from gensim.models.word2vec import LineSentence

from torch_w2v.cli.articles import demo_corpus
from torch_w2v.compare.gold import SHIPPED
from torch_w2v.corpus import files
from torch_w2v.system import cores

ALL_WORDS = 10**18  # more than any corpus has


@dataclass
class Corpus:
    """A corpus in memory and in a file.

    Attributes:
        path: of a text file with one sentence per line.
        sentences: the same sentences; equal words are one object.
        counts: number of occurrences of each word, the most frequent first.
        words: number of words.
    """

    path: str
    sentences: list[list[str]]
    counts: dict[str, int]
    words: int


def read_corpus(path: str) -> Corpus:
    """Read a plain text file with one sentence per line."""
    intern = sys.intern
    sentences = [list(map(intern, sentence)) for sentence in LineSentence(path)]
    counts = count(sentences)
    return Corpus(path, sentences, counts, sum(counts.values()))


def beginning(path: str, words: int) -> list[list[str]]:
    """Return the sentences of a file, or of several, up to the one that has the last of so many words."""
    sentences: list[list[str]] = []
    for sentence in files(path):
        if words <= 0:
            break
        sentences.append(list(map(sys.intern, sentence)))
        words -= len(sentence)
    return sentences


@contextmanager
def corpus_at(path: str | None) -> Iterator[Corpus]:
    """Yield the corpus in a file, or that of the demo in a temporary file if `path` is None."""
    if path:
        yield read_corpus(path)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf8") as file:
        write_sentences(demo_corpus(), file.name)
        yield read_corpus(file.name)


def write_sentences(sentences: list[list[str]], path: str) -> None:
    """Write sentences into a text file, one per line."""
    with open(path, "w", encoding="utf8") as file:
        file.writelines(" ".join(sentence) + "\n" for sentence in sentences)


def count(sentences: list[list[str]]) -> dict[str, int]:
    """Return the number of occurrences of each word, the most frequent first."""
    return dict(Counter(chain.from_iterable(sentences)).most_common())


@dataclass(frozen=True)
class Shape:
    """A kind of work: arguments of the constructors, and how the corpus is cut into sentences.

    Attributes:
        settings: arguments of gensim's constructor and of torch_w2v's.
        ours: arguments of torch_w2v's constructor alone, which take precedence.
        sentence_words: cut the corpus into sentences of this many words; 0 keeps its own sentences.
        most_words: use at most so many words, the first ones.
        online: train on the first half of the corpus before the vocabulary of all of it is added.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    sentence_words: int = 0
    most_words: int = ALL_WORDS
    online: bool = False

    def cut(self, sentences: list[list[str]]) -> list[list[str]]:
        """Return the sentences of a corpus as this shape has them."""
        if self.sentence_words:
            words = list(itertools.islice(chain.from_iterable(sentences), self.most_words))
            return [words[i : i + self.sentence_words] for i in range(0, len(words), self.sentence_words)]
        ends = itertools.accumulate(map(len, sentences))
        return [sentence for sentence, end in zip(sentences, ends, strict=True) if end <= self.most_words]


@contextmanager
def ends_of_epochs(model: gensim.models.Word2Vec) -> Iterator[list[float]]:
    """Yield a list that gets the time at which each epoch of the model ends.

    A callback would not do: for it torch_w2v synchronizes the model's arrays after every epoch.
    """
    times: list[float] = []
    log = model._log_epoch_end

    def record(*args: Any, **kwargs: Any) -> None:
        times.append(default_timer())
        log(*args, **kwargs)

    model._log_epoch_end = record
    try:
        yield times
    finally:
        del model._log_epoch_end


@dataclass
class Contender:
    """An implementation that is fed in one way, and the results of its runs.

    Attributes:
        name: of the implementation.
        mode: 'list' or 'corpus_file'.
        make: function from a seed to an untrained model.
        train: speed of `train()` in each run, in millions of words per second.
        later: the same without the first epoch.
        quality: the scores of each run on the gold sets that gensim ships.
    """

    name: str
    mode: str
    make: Callable[..., gensim.models.Word2Vec]
    train: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    quality: list[tuple[float, ...]] = field(default_factory=list)

    def run(self, corpus: Corpus, seed: int, epochs: int, quality: bool = False) -> None:
        """Train a new model, and append its results; only `train()` is timed.

        Args:
            corpus: to train on.
            seed: of the model.
            epochs: number of epochs; with one, `later` gets no value.
            quality: score the vectors.
        """
        model = self.make(seed=seed)
        model.build_vocab_from_freq(corpus.counts, corpus_count=len(corpus.sentences))
        is_list = self.mode == "list"
        source = {"corpus_iterable": corpus.sentences} if is_list else {"corpus_file": corpus.path}
        start = default_timer()
        with ends_of_epochs(model) as ends:
            model.train(**source, total_examples=len(corpus.sentences), total_words=corpus.words, epochs=epochs)
        self.train.append(corpus.words * epochs / (default_timer() - start) / 1e6)
        if epochs > 1:
            self.later.append(corpus.words * (epochs - 1) / (ends[-1] - ends[0]) / 1e6)
        if quality:
            self.quality.append(tuple(gold.score(model.wv) for gold in SHIPPED))


def seconds_of(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = default_timer()
    call()
    return default_timer() - start


def median(values: list[float]) -> float:
    """Return the median, nan if there are no values."""
    return statistics.median(values) if values else float("nan")


def spread(values: list[float]) -> str:
    """Return 'median (lowest-highest)', or '-' if there are no values."""
    if not values:
        return "-"
    digits = 2 if max(values) >= 0.1 else 4
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def settings_of(texts: list[str]) -> dict[str, int | float]:
    """Return arguments of Word2Vec that the command line has as NAME=VALUE."""
    pairs = (text.split("=") for text in texts)
    return {name: int(value) if value.lstrip("-").isdigit() else float(value) for name, value in pairs}


def versions() -> str:
    """Return the versions and the machine in one line."""
    return (
        f"torch {torch.__version__}, gensim {gensim.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, {cores()} cores"
    )
