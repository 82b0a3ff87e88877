"""Time the fused CPU engine beside gensim for several shapes of work, and print one table.

    python -m benchmarks.shapes CORPUS [--sg 1] [--shapes d300 n15 ...] [--settings window=10 ...] [--threads 1 2 4]

CORPUS is a plain text file with one sentence per line. With `--sg 1` the shapes are those of skip-gram. Every shape is
trained by gensim, from a list and from a file, and by the engine, in turns. Timed are the epochs after the first, in
which the engine is fed from memory: training alone. The ratio is that of the medians, to gensim's faster mode. The
exit code is 1 if a ratio is below the required one.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace

import gensim.models
import numpy as np

from benchmarks.common import (
    Contender,
    Corpus,
    Shape,
    count,
    median,
    read_corpus,
    settings_of,
    spread,
    versions,
    write_sentences,
)
from compat_tests.quality import family
from torch_w2v import Word2Vec
from torch_w2v.system import cores

ZIPF_WORDS = 1_000_000  # different words in the synthetic corpus
NODES = 2_000  # of the synthetic graph


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        title: of the shape.
        required: the ratio to gensim's speed below which the exit code is 1.
        shape: what is trained.
        source: function from a number of words and a path to a synthetic corpus; None for CORPUS.
        epochs: of gensim and of the engine; the first of each is not timed.
        threads: None for what the command line says.
    """

    title: str
    required: float
    shape: Shape
    source: Callable[[int, str], Corpus] | None = None
    epochs: tuple[int, int] = (2, 3)
    threads: int | None = None


def zipf_corpus(words: int, path: str) -> Corpus:
    """Draw a corpus of one long sentence by Zipf's law; each of the ZIPF_WORDS words is in the vocabulary."""
    names = [str(i) for i in range(ZIPF_WORDS)]
    share = 1 / np.arange(1.0, ZIPF_WORDS + 1)
    share /= share.sum()
    drawn = np.random.default_rng(1).choice(ZIPF_WORDS, words, p=share)
    counts = {name: max(1, round(words * p)) for name, p in zip(names, share.tolist(), strict=True)}
    return Corpus(path, [[names[i] for i in drawn.tolist()]], counts, words)


def walks(words: int, path: str) -> Corpus:
    """Walk a random graph of NODES nodes in groups of a hundred; a third of each node's 28 edges stay in its group."""
    rng = np.random.default_rng(1)
    node = np.arange(NODES)[:, None]
    inside = node // 100 * 100 + rng.integers(0, 100, (NODES, 9))
    neighbours = np.concatenate([inside, rng.integers(0, NODES, (NODES, 19))], 1)
    place = np.arange(words // 80) % NODES
    steps = [place]
    for _ in range(79):
        place = neighbours[place, rng.integers(0, neighbours.shape[1], len(place))]
        steps.append(place)
    names = [str(i) for i in range(NODES)]
    sentences = [[names[i] for i in walk] for walk in np.stack(steps, 1).tolist()]
    return Corpus(path, sentences, count(sentences), sum(map(len, sentences)))


def sessions(items: int) -> Callable[[int, str], Corpus]:
    """Return a source of sessions of six items of one group, each ten times in a row on average."""

    def source(words: int, path: str) -> Corpus:
        sentences = family.runs(np.random.default_rng(1), 10, groups=items // 50, size=50, tokens=words)
        return Corpus(path, sentences, count(sentences), sum(map(len, sentences)))

    return source


def few_words(words: int, path: str) -> Corpus:
    """Draw sentences of 200 tokens of 20 words; a word's share falls with the root of its rank."""
    names = [f"w{i}" for i in range(20)]
    share = 1 / np.sqrt(np.arange(1.0, 21))
    drawn = np.random.default_rng(1).choice(20, words // 200 * 200, p=share / share.sum())
    sentences = [[names[i] for i in sentence] for sentence in drawn.reshape(-1, 200).tolist()]
    return Corpus(path, sentences, count(sentences), len(drawn))


CBOW = {
    "default": Row("d=100, w=5, n=5", 8, Shape()),
    "one": Row("the same, 1 thread", 10, Shape(), threads=1),
    "d300": Row("d=300", 5, Shape({"vector_size": 300})),
    "n15": Row("n=15", 8, Shape({"negative": 15})),
    "w500": Row(
        "w=500, documents of 1,000 words, min_count=1",
        40,
        Shape({"window": 500, "min_count": 1}, sentence_words=1000, most_words=400_000),
        epochs=(2, 21),
    ),
    "short": Row("sentences of 8 words", 8, Shape(sentence_words=8)),
    "million": Row(
        "1,000,000 words (synthetic, Zipf), min_count=1",
        6,
        Shape({"min_count": 1}, sentence_words=1000, most_words=12_000_000),
        source=zipf_corpus,
    ),
    "items": Row(
        "sessions of 20,000 items, each repeated ten times",
        5,
        Shape({"min_count": 1}, most_words=3_000_000),
        source=sessions(20_000),
    ),
    "few_items": Row(
        "the same of 1,000 items",
        5,
        Shape({"min_count": 1}, most_words=1_500_000),
        source=sessions(1_000),
        epochs=(2, 11),
    ),
    "few_words": Row(
        "20 words, sample=0",
        1,
        Shape({"min_count": 1, "sample": 0}, most_words=400_000),
        source=few_words,
        epochs=(2, 6),
    ),
}


def skip_gram(words: int = 2_000_000, sentence_words: int = 0, **settings: int) -> Shape:
    """Return a shape of skip-gram, with so many words: gensim needs some six seconds for a million."""
    return Shape({"sg": 1, **settings}, sentence_words=sentence_words, most_words=words)


SKIP_GRAM = {
    "default": Row("skip-gram, d=100, w=5, n=5", 14, skip_gram()),
    "one": Row("the same, 1 thread", 16, skip_gram(), threads=1),
    "d300": Row("d=300", 12, skip_gram(vector_size=300)),
    "n15": Row("n=15", 18, skip_gram(negative=15)),
    "w10": Row("w=10", 15, skip_gram(window=10)),
    "short": Row("sentences of 8 words", 12, skip_gram(sentence_words=8)),
    "graph": Row(
        f"walks of 80 on {NODES:,} nodes, d=128, w=10",
        9,
        skip_gram(1_000_000, sentence_words=80, vector_size=128, window=10, min_count=1),
        source=walks,
    ),
    "million": Row(
        "1,000,000 words (synthetic, Zipf), min_count=1",
        10,
        skip_gram(sentence_words=1000, min_count=1),
        source=zipf_corpus,
    ),
}


def run(row: Row, whole: Corpus, threads: int, reps: int, folder: str) -> tuple[float, list[Contender]]:
    """Time one shape.

    Args:
        row: what to time.
        whole: the corpus.
        threads: workers, unless the row has its own.
        reps: number of runs of each contender.
        folder: for the corpus as the shape has it.

    Returns:
        The ratio to gensim's faster mode; gensim from a list, gensim from a file, and the engine, with their runs.
    """
    path = os.path.join(folder, "corpus.txt")
    source = row.source(row.shape.most_words, path) if row.source else whole
    sentences = row.shape.cut(source.sentences)
    write_sentences(sentences, path)
    corpus = Corpus(path, sentences, source.counts if row.source else count(sentences), sum(map(len, sentences)))
    settings = {**row.shape.settings, "workers": row.threads or threads}

    def gensims(seed: int) -> gensim.models.Word2Vec:
        return gensim.models.Word2Vec(seed=seed, **settings)

    def ours(seed: int) -> gensim.models.Word2Vec:
        return Word2Vec(seed=seed, engine="cpu", **settings)

    contenders = [
        Contender("gensim", "list", gensims),
        Contender("gensim", "corpus_file", gensims),
        Contender("cpu", "list", ours),
    ]
    for rep, contender in itertools.product(range(reps), contenders):
        contender.run(corpus, rep + 1, row.epochs[contender.name != "gensim"])
        print(f"  {contender.name} {contender.mode}: {contender.later[-1]:.3f} M words/s", file=sys.stderr, flush=True)
    best = max(median(c.later) for c in contenders[:2])
    return median(contenders[2].later) / best, contenders


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--sg", type=int, choices=(0, 1), default=0, help="1 for skip-gram (default 0)")
    parser.add_argument("--shapes", nargs="+", choices=CBOW | SKIP_GRAM, help="the shapes to time (default all)")
    parser.add_argument("--reps", type=int, default=3, help="number of runs of each contender (default 3)")
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        default=[min(2, cores())],
        help="numbers of threads; every shape is timed with each (default 2)",
    )
    parser.add_argument("--settings", nargs="+", default=[], metavar="NAME=VALUE", help="arguments of Word2Vec")
    args = parser.parse_args()
    rows = SKIP_GRAM if args.sg else CBOW
    own = settings_of(args.settings)
    if unknown := set(args.shapes or ()) - rows.keys():
        parser.error(f"--sg {args.sg} has no shapes {', '.join(sorted(unknown))}, but {', '.join(rows)}")
    print(f"{versions()}; millions of words per second, medians of {args.reps} runs (lowest-highest)\n")
    whole = read_corpus(args.corpus)
    missed = 0
    heads = ("shape", "threads", "gensim, list", "gensim, corpus_file", "torch_w2v", "ratio", "required")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for threads, name in itertools.product(args.threads, args.shapes or rows):
        row = rows[name]
        row = replace(row, shape=replace(row.shape, settings={**row.shape.settings, **own}))
        with tempfile.TemporaryDirectory() as folder:
            ratio, contenders = run(row, whole, threads, args.reps, folder)
        cells = " | ".join(spread(c.later) for c in contenders)
        print(f"| {row.title} | {row.threads or threads} | {cells} | {ratio:.1f} | {row.required:g} |", flush=True)
        missed += ratio < row.required
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
