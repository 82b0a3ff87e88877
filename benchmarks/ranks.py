"""Compare the quality of several ranks with that of one machine, or with gensim's.

    python -m benchmarks.ranks CORPUS [--ranks 2 4 8] [--baseline gensim] [--seeds 3] [--words N] [--pairs FILE …]

The ranks are threads of this process: what they compute is what processes compute, but their seconds say nothing.
CORPUS is a text file with one sentence per line. The exit code is 1 if a measure is inferior.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import gensim.models

from benchmarks.common import ALL_WORDS, beginning, settings_of
from tests.distributed.thread_group import ThreadGroup, run_ranks
from torch_w2v import Word2Vec
from torch_w2v.compare import compare, pairs_file
from torch_w2v.compare.contenders import Maker
from torch_w2v.compare.gold import SHIPPED


def on_ranks(size: int) -> Maker:
    """Return a maker of models that so many ranks train."""

    def make(**settings: Any) -> Word2Vec:
        class OnRanks(Word2Vec):
            def train(self, corpus_iterable: Any = None, *args: Any, **kwargs: Any) -> tuple[int, int]:
                def program(group: ThreadGroup) -> tuple[Word2Vec, tuple[int, int]]:
                    model = Word2Vec(**settings, distributed=group)
                    model.build_vocab(corpus_iterable)
                    return model, model.train(corpus_iterable, *args, **kwargs)

                model, trained = run_ranks(size, program)[0]
                self.wv, self.syn1neg = model.wv, model.syn1neg
                return trained

        return OnRanks(**settings)

    return make


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--ranks", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--baseline", choices=("one", "gensim"), default="one", help="default: one rank")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs of each contender (default 3)")
    parser.add_argument("--words", type=int, default=ALL_WORDS, help="use at most so many words, the first ones")
    parser.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="more sets of scored word pairs")
    parser.add_argument("--settings", nargs="+", default=[], metavar="NAME=VALUE", help="arguments of Word2Vec")
    args = parser.parse_args()
    sentences = beginning(args.corpus, args.words)
    settings = settings_of(args.settings)
    result = compare(
        sentences,
        (),
        args.seeds,
        gold=[*SHIPPED, *map(pairs_file, args.pairs)],
        variants={f"{size} ranks": on_ranks(size) for size in args.ranks},
        baseline=Word2Vec if args.baseline == "one" else gensim.models.Word2Vec,
        workers=1,
        progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True),
        **settings,
    )
    print("\n".join(result.lines()), flush=True)
    return int(bool(result.inferior))


if __name__ == "__main__":
    sys.exit(main())
