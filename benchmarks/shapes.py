"""The speed of the fused CPU engine beside gensim's, for several shapes of work: one table.

    python benchmarks/table.py CORPUS [--shapes d300 n15 ...] [--reps 3] [--threads 1 2 4 8]

CORPUS is a plain text file with one sentence a line. Every shape is trained by gensim (fed from a list, and from a
file) and by ours, one after the other in each repetition. Timed are the passes after the first, in which ours is fed
from memory: training alone. The ratio is to gensim's faster mode, both medians. Exits with 1 where a shape misses its
bar.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import gensim
import gensim.models
import numpy as np
import torch
from bench import Contender, Corpus, median, read, spread

from torch_w2v import Word2Vec
from torch_w2v.system import cores

ZIPF_WORDS = 1_000_000  # different words in the synthetic corpus
ALL = 10**18  # words: the whole corpus


@dataclass(frozen=True)
class Shape:
    """One kind of work.

    Attributes:
        title: what it is.
        words: of the corpus that are used, the first so many.
        bar: the ratio to gensim that is to be reached.
        settings: arguments of both constructors beside their defaults.
        sentence: cut the corpus anew into sentences of so many words; 0 leaves it as it is.
        zipf: a synthetic corpus instead: word r of ZIPF_WORDS with probability in proportion to 1 / r.
        passes: (gensim's, ours); the first of each is not timed.
        threads: None for what the command line says.
    """

    title: str
    words: int
    bar: float
    settings: dict[str, Any] = field(default_factory=dict)
    sentence: int = 0
    zipf: bool = False
    passes: tuple[int, int] = (2, 3)
    threads: int | None = None


SHAPES = {
    "default": Shape("d=100, w=5, n=5", ALL, 8),
    "one": Shape("the same, 1 thread", ALL, 10, threads=1),
    "d300": Shape("d=300", ALL, 5, {"vector_size": 300}),
    "n15": Shape("n=15", ALL, 8, {"negative": 15}),
    "w500": Shape("w=500, documents of 1,000 words, min_count=1", 400_000, 40, {"window": 500, "min_count": 1},
                  sentence=1000, passes=(2, 21)),
    "short": Shape("sentences of 8 words", ALL, 8, sentence=8),
    "million": Shape("1,000,000 words (synthetic, Zipf), min_count=1", 12_000_000, 6, {"min_count": 1}, sentence=1000,
                     zipf=True),
}  # fmt: skip


def zipf_corpus(words: int, path: str) -> Corpus:
    """Sentences of a thousand draws from Zipf's law; every one of the ZIPF_WORDS words is in the vocabulary."""
    names = [str(i) for i in range(ZIPF_WORDS)]
    share = 1 / np.arange(1.0, ZIPF_WORDS + 1)
    share /= share.sum()
    drawn = np.random.default_rng(1).choice(ZIPF_WORDS, words, p=share)
    text = [names[i] for i in drawn.tolist()]
    counts = {name: max(1, round(words * p)) for name, p in zip(names, share.tolist(), strict=True)}
    return Corpus(path, [text], counts, words)


def cut(corpus: Corpus, shape: Shape, path: str) -> Corpus:
    """The first words of a corpus, in sentences as `shape` wants them, written to `path`."""
    sentences = corpus.sentences
    if shape.sentence:
        text = list(itertools.islice(itertools.chain.from_iterable(sentences), shape.words))
        sentences = [text[i : i + shape.sentence] for i in range(0, len(text), shape.sentence)]
    ends = itertools.accumulate(map(len, sentences))
    sentences = [s for s, end in zip(sentences, ends, strict=True) if end <= shape.words]
    counts = corpus.counts if shape.zipf else dict(Counter(itertools.chain.from_iterable(sentences)).most_common())
    with open(path, "w", encoding="utf8") as file:
        file.writelines(" ".join(sentence) + "\n" for sentence in sentences)
    return Corpus(path, sentences, counts, sum(map(len, sentences)))


def run(shape: Shape, whole: Corpus, threads: int, reps: int, folder: str) -> tuple[float, list[Contender]]:
    """Time one shape; gives the ratio to gensim's faster mode, and all runs."""
    path = os.path.join(folder, "corpus.txt")
    corpus = cut(zipf_corpus(shape.words, path) if shape.zipf else whole, shape, path)
    common = {**shape.settings, "workers": shape.threads or threads}

    def gensims(seed: int) -> gensim.models.Word2Vec:
        return gensim.models.Word2Vec(seed=seed, **common)

    def ours(seed: int) -> gensim.models.Word2Vec:
        return Word2Vec(seed=seed, engine="cpu", **common)

    contenders = [Contender("gensim", "list", gensims), Contender("gensim", "corpus_file", gensims),
                  Contender("cpu", "list", ours)]  # fmt: skip
    for rep, contender in itertools.product(range(reps), contenders):
        contender.run(corpus, rep + 1, shape.passes[contender.name != "gensim"], False)
        print(f"  {contender.name} {contender.mode}: {contender.later[-1]:.3f} M words/s", file=sys.stderr, flush=True)
    best = max(median(c.later) for c in contenders[:2])
    return median(contenders[2].later) / best, contenders


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--reps", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[min(2, cores())], help="a table for each (default 2)"
    )
    args = parser.parse_args()
    print(
        f"torch {torch.__version__}, gensim {gensim.__version__}, {cores()} cores; M raw words/s, medians of "
        f"{args.reps} runs (lowest-highest)\n"
    )
    whole = read(args.corpus)
    missed = 0
    print(
        "| shape | threads | gensim, list | gensim, corpus_file | ours | ratio | bar |\n|---|---|---|---|---|---|---|"
    )
    for threads, name in itertools.product(args.threads, args.shapes):
        shape = SHAPES[name]
        with tempfile.TemporaryDirectory() as folder:
            ratio, contenders = run(shape, whole, threads, args.reps, folder)
        cells = " | ".join(spread(c.later) for c in contenders)
        print(f"| {shape.title} | {shape.threads or threads} | {cells} | {ratio:.1f} | {shape.bar:g} |", flush=True)
        missed += ratio < shape.bar
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
