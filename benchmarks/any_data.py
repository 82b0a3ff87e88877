"""Quality beside gensim on data of every kind: the whole family of planted corpora, case by case.

    python -m benchmarks.any_data [--corpora runs10 …] [--settings a.05 …] [--seeds 3] [--sg 1] [--workers 3]
                                  [--ranks 4]

A cell is precision (or the held-out loss where there are no groups) and the largest norm, means over the seeds; a star
marks what is not as good as gensim. `compat_tests/quality/family.py` has the corpora, `scores.py` the measures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import gensim.models

import torch_w2v
from benchmarks.ranks import on_ranks
from compat_tests.quality.family import CORPORA, SETTINGS, applies
from compat_tests.quality.scores import Scores, means, score


def kept(path: Path | None, key: str, compute: Callable[[], Scores]) -> Scores:
    """Return scores from a file of earlier runs, or compute and add them."""
    if path is None:
        return compute()
    known = json.loads(path.read_text()) if path.exists() else {}
    if key not in known:
        known[key] = asdict(compute())
        path.write_text(json.dumps(known))
    return Scores(**known[key])


def main() -> int:
    """Print a line per case; return 1 if one is not as good as gensim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA, metavar="NAME")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=SETTINGS, metavar="NAME")
    parser.add_argument("--engine", default="cpu")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sg", type=int, choices=(0, 1), default=0, help="1 for skip-gram (default 0, CBOW)")
    parser.add_argument("--workers", type=int, default=1, help="threads of both (default 1)")
    parser.add_argument("--ranks", type=int, default=1, help="number of ranks, threads of this process (default 1)")
    parser.add_argument("--gensim", type=Path, help="file that keeps gensim's scores from run to run")
    args = parser.parse_args()
    seeds = range(1, args.seeds + 1)
    failed = cases = 0
    print(f"{'case':24}{'gensim':>14}{args.engine:>16}")

    maker = torch_w2v.Word2Vec if args.ranks == 1 else on_ranks(args.ranks)

    def make(**options: object) -> torch_w2v.Word2Vec:
        return maker(**options, engine=args.engine, sg=args.sg)

    def make_gensim(**options: object) -> gensim.models.Word2Vec:
        return gensim.models.Word2Vec(**options, sg=args.sg)

    for name, setting in ((name, setting) for name in args.corpora for setting in args.settings):
        if not applies(name, setting) or (args.sg and "cbow_mean" in SETTINGS[setting]):
            continue
        theirs = means(
            kept(
                args.gensim,
                f"{name} {setting} {seed}{' sg' * args.sg}{f' {args.workers} workers' * (args.workers > 1)}",
                lambda name=name, setting=setting, seed=seed: score(
                    make_gensim, name, setting, seed, workers=args.workers
                ),
            )
            for seed in seeds
        )
        ours = means(score(make, name, setting, seed, workers=args.workers) for seed in seeds)
        worse = ours.failures(theirs)
        cases, failed = cases + 1, failed + bool(worse)
        print(f"{name + ' ' + setting:24}{theirs!s:>14}{ours!s:>16} {'* ' * bool(worse)}{', '.join(worse)}", flush=True)
    print(f"{cases} cases, {failed} not as good as gensim")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
