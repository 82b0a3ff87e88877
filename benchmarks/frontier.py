"""Speed against agreement with gensim, for several layouts of the CPU kernel: what the default was chosen from.

    python -m benchmarks.frontier CORPUS [--words 3000000] [--seeds 3] [--layouts 64,16,6 32,16,5 ...] [--plot FILE.svg]

CORPUS is a text file with one sentence per line. A layout T,S,N has blocks of T targets with S sets of N negatives
(docs/explanation/algorithm.md). Speeds are by processor time, so that other programs disturb them little; one worker.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

import gensim.models

import torch_w2v
from benchmarks.common import ALL_WORDS, beginning
from torch_w2v.compare import compare
from torch_w2v.compare.comparison import OVERLAP
from torch_w2v.compare.contenders import GENSIM, Maker
from torch_w2v.engines import layouts
from torch_w2v.engines.plan import Layout
from torch_w2v.report.figures import BLUE, GREY, RED, figure

LAYOUTS = ("64,8,5", "64,16,5", "64,16,6", "64,16,7", "64,32,5", "32,8,6", "32,16,5", "32,32,5", "16,16,5")

Seconds = dict[str, list[float]]


def timed(model: gensim.models.Word2Vec, seconds: list[float]) -> gensim.models.Word2Vec:
    """Return the model, whose `train()` appends its processor time to `seconds`."""
    train = model.train

    def timed_train(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        result = train(*args, **kwargs)
        seconds.append(time.process_time() - start)
        return result

    model.train = timed_train
    return model


def with_layout(name: str, seconds: Seconds) -> Maker:
    """Return a maker of models on the engine `cpu` with the layout T,S,N. The last one that is called holds for all."""
    T, S, N = map(int, name.split(","))

    def make(**settings: Any) -> gensim.models.Word2Vec:
        layouts.one_block_per_step = lambda workload: Layout(T=T, S=S, N=N, B=1, fresh=True)
        return timed(torch_w2v.Word2Vec(**{**settings, "engine": "cpu"}), seconds.setdefault(name, []))

    return make


def plot(rows: list[tuple[str, float, float, float]], path: str) -> None:
    """Draw speed (times gensim's) against agreement, one point per layout.

    Args:
        rows: layout, ratio of speeds, difference in neighbours@10, half its interval.
        path: of the picture.
    """
    made, (axes,) = figure(4.2, 1)
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axhline(-0.005, color=RED, linewidth=1, linestyle="--")
    for name, ratio, difference, half in rows:
        axes.errorbar(ratio, difference, yerr=half, fmt="o", color=BLUE, capsize=3)
        axes.annotate(name, (ratio, difference), xytext=(6, 4), textcoords="offset points", fontsize=8)
    axes.set_xlabel("speed, times gensim's (processor time, one worker)", fontsize=9)
    axes.set_ylabel(f"{OVERLAP}: difference from gensim", fontsize=9)
    made.savefig(path, bbox_inches="tight")


def main(argv: Sequence[str] | None = None) -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--words", type=int, default=ALL_WORDS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--layouts", nargs="+", default=LAYOUTS)
    parser.add_argument("--plot", help="picture to write")
    args = parser.parse_args(argv)
    seconds: Seconds = {GENSIM: []}
    # What the makers set is undone at the end.
    with mock.patch.object(layouts, "one_block_per_step", layouts.one_block_per_step):
        result = compare(
            beginning(args.corpus, args.words),
            engines=(),
            seeds=args.seeds,
            baseline=lambda **settings: timed(gensim.models.Word2Vec(**settings), seconds[GENSIM]),
            variants={name: with_layout(name, seconds) for name in args.layouts},
            progress=lambda text: print(text, file=sys.stderr, flush=True),
            workers=1,
        )
    verdicts = {(v.contender, v.measure): v for v in result.verdicts}
    measures = list(dict.fromkeys(v.measure for v in result.verdicts))
    gensims = statistics.median(seconds[GENSIM])
    print("| T,S,N | speed |", " | ".join(measures), "|\n|---|---|" + "---|" * len(measures))
    rows = []
    for name in args.layouts:
        ratio = gensims / statistics.median(seconds[name])
        of = [verdicts[name, measure] for measure in measures]
        print(
            f"| {name} | {ratio:.1f} |",
            " | ".join(f"{v.difference:+.4f} ({v.low:+.4f} … {v.high:+.4f})" for v in of),
            "|",
        )
        overlap = verdicts[name, OVERLAP]
        rows.append((name, ratio, overlap.difference, (overlap.high - overlap.low) / 2))
    if args.plot:
        plot(rows, args.plot)


if __name__ == "__main__":
    main()
