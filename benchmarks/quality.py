"""Quality beside gensim over a grid of shapes, on a corpus of your own.

    python -m benchmarks.quality CORPUS [--shapes d300 w15 ...] [--engines cpu:1,cpu:2,…] [--seeds 3] [--words N]

CORPUS is a text file with a sentence a line (`make quality CORPUS=…` runs it). Exits with 1 where a measure of any
shape is inferior to gensim's; the margins are those of `torch-w2v compare`. Where ours is asked for another update than
gensim's (`exact`), agreement with gensim's vectors is shown, but is no failure.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, field
from typing import Any

import gensim.models

import torch_w2v
from torch_w2v.compare import Comparison, compare
from torch_w2v.compare import gold as quality
from torch_w2v.compare.comparison import COSINES, OVERLAP
from torch_w2v.compare.contenders import Maker, contenders_named
from torch_w2v.compare.verdict import Verdict
from torch_w2v.corpus import files
from torch_w2v.engines import best_device
from torch_w2v.system import cores


@dataclass(frozen=True)
class Shape:
    """Arguments of both constructors, and what else is special.

    Attributes:
        settings: for both.
        ours: for ours alone.
        sentence: cut the corpus anew into sentences of so many words.
        online: the vocabulary of the first half is trained on before that of the whole is added.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    sentence: int = 0
    online: bool = False


SHAPES = {
    "default": Shape(),
    "d300": Shape({"vector_size": 300}),
    "w2": Shape({"window": 2}),
    "w15": Shape({"window": 15}),
    "n15": Shape({"negative": 15}),
    "sum": Shape({"cbow_mean": 0}),
    "sample0": Shape({"sample": 0}),
    "sample1e-5": Shape({"sample": 1e-5}),
    "short": Shape(sentence=8),
    "min_count1": Shape({"min_count": 1}),
    "alpha.05": Shape({"alpha": 0.05}),
    "online": Shape(online=True),
    # The exact gradient is smaller by the number of context words; 0.075 is what kōan's authors use with it.
    "exact": Shape(ours={"cbow_gradient": "exact", "alpha": 0.075}),
}


def online(base: type[gensim.models.Word2Vec]) -> type[gensim.models.Word2Vec]:
    """The class, with half of the corpus read and trained on before the vocabulary of all of it is added."""

    class Online(base):  # type: ignore[misc, valid-type]
        def build_vocab(self, corpus_iterable: Any = None, *args: Any, **kwargs: Any) -> None:
            half = corpus_iterable[: len(corpus_iterable) // 2]
            super().build_vocab(half)
            self.train(half, total_examples=self.corpus_count, epochs=1)
            super().build_vocab(corpus_iterable, update=True)
            self.corpus_count = len(corpus_iterable)

    return Online


def run(
    shape: Shape, sentences: list[list[str]], engines: list[str], seeds: int, workers: int, gold: Any
) -> Comparison:
    """Compare one shape."""
    if shape.sentence:
        words = list(itertools.chain.from_iterable(sentences))
        sentences = [words[i : i + shape.sentence] for i in range(0, len(words), shape.sentence)]
    makers = contenders_named(engines, **shape.ours)
    baseline: Maker = gensim.models.Word2Vec
    if shape.online:
        own = online(torch_w2v.Word2Vec)
        baseline = online(gensim.models.Word2Vec)
        makers = {}
        for name in engines:
            engine, _, threads = name.partition(":")
            makers[name] = lambda engine=engine, threads=threads, **settings: own(
                **{**settings, "engine": engine, "workers": int(threads or workers)}
            )
    return compare(
        sentences, (), seeds, gold=gold, variants=makers, baseline=baseline, workers=workers, **shape.settings,
        progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True),
    )  # fmt: skip


def failures(shape: Shape, result: Comparison) -> list[Verdict]:
    """The verdicts that fail a shape."""
    return [verdict for verdict in result.inferior if not (shape.ours and verdict.measure in (OVERLAP, COSINES))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    every = ["cpu:1", "cpu:2", "torch_batched:2", *(["triton:1"] if best_device() == "cuda" else [])]
    parser.add_argument("--engines", default=",".join(every), metavar="NAME,…", help="default %(default)s")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores(), help="gensim's; default all cores")
    parser.add_argument("--words", type=int, default=10**18, help="use the first so many words of the corpus")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="FILE")
    args = parser.parse_args()
    gold = [*quality.SHIPPED, *map(quality.pairs_file, args.pairs)]
    sentences, size = [], 0
    for sentence in files(args.corpus):
        sentences.append(list(map(sys.intern, sentence)))
        size += len(sentence)
        if size >= args.words:
            break
    inferior = 0
    for name in args.shapes:
        result = run(SHAPES[name], sentences, args.engines.split(","), args.seeds, args.workers, gold)
        print(f"\n## {name}\n")
        print("\n".join(result.lines()), flush=True)
        inferior += len(failures(SHAPES[name], result))
    print(f"\n{inferior} inferior")
    return int(inferior > 0)


if __name__ == "__main__":
    sys.exit(main())
