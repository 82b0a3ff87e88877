"""Compare the quality with gensim's for many shapes of work, on a corpus of your own.

    python -m benchmarks.quality CORPUS [--shapes d300 w15 ...] [--engines cpu:1,cpu:2,…] [--seeds 3] [--words N]

CORPUS is a text file with one sentence per line. The margins are those of `torch-w2v compare`, and the exit code is 1
if a measure of any shape is inferior to gensim's. For a shape with an update other than gensim's (`exact`), agreement
with gensim's vectors is shown but required of no engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import gensim.models

import torch_w2v
from benchmarks.common import ALL_WORDS, Shape, beginning
from torch_w2v.compare import Comparison, Gold, compare, pairs_file
from torch_w2v.compare.comparison import COSINES, OVERLAP
from torch_w2v.compare.contenders import Maker, contenders_named
from torch_w2v.compare.gold import SHIPPED
from torch_w2v.compare.verdict import Verdict
from torch_w2v.engines import best_device
from torch_w2v.system import cores

SHAPES = {
    "default": Shape(),
    "d300": Shape({"vector_size": 300}),
    "w2": Shape({"window": 2}),
    "w15": Shape({"window": 15}),
    "n15": Shape({"negative": 15}),
    "sum": Shape({"cbow_mean": 0}),
    "sample0": Shape({"sample": 0}),
    "sample1e-5": Shape({"sample": 1e-5}),
    "short": Shape(sentence_words=8),
    "min_count1": Shape({"min_count": 1}),
    "alpha.05": Shape({"alpha": 0.05}),
    "online": Shape(online=True),
    # The exact gradient is smaller by the number of context words; 0.075 is what kōan's authors use with it.
    "exact": Shape(ours={"cbow_gradient": "exact", "alpha": 0.075}),
}


def online(base: type[gensim.models.Word2Vec]) -> type[gensim.models.Word2Vec]:
    """Return a class whose `build_vocab` trains on half of the corpus before it adds the vocabulary of all of it."""

    class Online(base):  # type: ignore[misc, valid-type]
        def build_vocab(self, corpus_iterable: Any = None, *args: Any, **kwargs: Any) -> None:
            half = corpus_iterable[: len(corpus_iterable) // 2]
            super().build_vocab(half)
            self.train(half, total_examples=self.corpus_count, epochs=1)
            super().build_vocab(corpus_iterable, update=True)
            self.corpus_count = len(corpus_iterable)

    return Online


def run(
    shape: Shape,
    sentences: list[list[str]],
    engines: Sequence[str],
    seeds: int,
    workers: int,
    gold: Sequence[Gold],
) -> Comparison:
    """Compare one shape.

    Args:
        shape: of the work.
        sentences: the whole corpus.
        engines: names such as 'cpu' or 'cpu:2'.
        seeds: number of runs of each contender.
        workers: gensim's, and those of engines that name none.
        gold: sets of human judgements.

    Returns:
        All runs and verdicts.
    """
    makers = contenders_named(engines, **shape.ours)
    baseline: Maker = gensim.models.Word2Vec
    if shape.online:
        our_class = online(torch_w2v.Word2Vec)
        baseline = online(gensim.models.Word2Vec)
        makers = {}
        for name in engines:
            engine, _, threads = name.partition(":")
            makers[name] = lambda engine=engine, threads=threads, **settings: our_class(
                **{**settings, "engine": engine, "workers": int(threads or workers)}
            )
    return compare(
        shape.cut(sentences),
        (),
        seeds,
        gold=gold,
        variants=makers,
        baseline=baseline,
        workers=workers,
        progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True),
        **shape.settings,
    )


def failures(shape: Shape, result: Comparison) -> list[Verdict]:
    """Return the verdicts that fail a shape."""
    return [verdict for verdict in result.inferior if not (shape.ours and verdict.measure in (OVERLAP, COSINES))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    engines = ["cpu:1", "cpu:2", "torch_batched:2", *(["triton:1"] if best_device() == "cuda" else [])]
    parser.add_argument("--engines", default=",".join(engines), metavar="NAME,…", help="default %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs of each contender (default 3)")
    parser.add_argument("--workers", type=int, default=cores(), help="gensim's threads (default: all cores)")
    parser.add_argument("--words", type=int, default=ALL_WORDS, help="use at most so many words, the first ones")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="more sets of scored word pairs")
    args = parser.parse_args()
    gold = [*SHIPPED, *map(pairs_file, args.pairs)]
    sentences = beginning(args.corpus, args.words)
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
