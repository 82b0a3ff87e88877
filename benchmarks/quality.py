"""Quality of our engines beside gensim's on one corpus: several seeds, means, and fixed margins.

    python benchmarks/quality.py CORPUS --engines cpu:1 cpu:2 torch_batched:2 --seeds 3 --pairs men.tsv

Trains gensim and each engine:workers with the same arguments, one after the other for each seed. Prints a row a run,
then the mean difference from gensim per measure, and exits with 1 where a mean is below the margin.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path

import gensim.models
import numpy as np
from gensim.models.word2vec import LineSentence
from gensim.test.utils import datapath

from torch_w2v import Word2Vec

# One-sided, absolute, fixed before any measurement: larger than the noise of three seeds, smaller than what users see.
MARGINS = {"MEN": 0.010, "WordSim-353": 0.020, "SimLex-999": 0.015, "analogies": 0.010}


def scores(wv: gensim.models.KeyedVectors, pairs: list[Path]) -> dict[str, float]:
    """Spearman's rho of each similarity set and the share of analogies (30,000 most frequent words) answered."""
    found = {
        "WordSim-353": wv.evaluate_word_pairs(datapath("wordsim353.tsv"), restrict_vocab=10**9)[1][0],
        "SimLex-999": wv.evaluate_word_pairs(datapath("simlex999.txt"), restrict_vocab=10**9)[1][0],
        "analogies": wv.evaluate_word_analogies(datapath("questions-words.txt"), restrict_vocab=30000)[0],
    }
    for path in pairs:
        name = "MEN" if path.stem == "men" else path.stem
        found[name] = wv.evaluate_word_pairs(str(path), restrict_vocab=10**9)[1][0]
    return {name: float(value) for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="one sentence a line")
    parser.add_argument("--engines", nargs="+", default=["cpu:1", "cpu:2"], metavar="ENGINE:WORKERS")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pairs", type=Path, nargs="*", default=[], help="more similarity sets (word, word, score)")
    parser.add_argument("--gensim-workers", type=int, default=2)
    for name, default in (("vector_size", 100), ("window", 5), ("negative", 5), ("epochs", 5), ("cbow_mean", 1)):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--sample", type=float, default=1e-3)
    parser.add_argument("--min-count", type=int, default=5)
    a = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    options = {
        name: getattr(a, name)
        for name in ("vector_size", "window", "negative", "epochs", "cbow_mean", "sample", "min_count")
    }
    sentences = list(LineSentence(a.corpus))
    runs: dict[str, list[dict[str, float]]] = {}
    for seed in range(1, a.seeds + 1):
        for who in ["gensim", *a.engines]:
            engine, _, workers = who.partition(":")
            if engine == "gensim":
                model = gensim.models.Word2Vec(**options, seed=seed, workers=a.gensim_workers)
            else:
                model = Word2Vec(**options, seed=seed, workers=int(workers or 1), engine=engine, device="cpu")
            model.build_vocab(sentences)
            start = time.perf_counter()
            model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
            seconds = time.perf_counter() - start
            found = scores(model.wv, a.pairs)
            runs.setdefault(who, []).append(found)
            print(f"{who:18s} seed {seed}  {seconds:6.1f} s  ", {k: round(v, 4) for k, v in found.items()}, flush=True)
    inferior = False
    print(f"\nmean difference from gensim over {a.seeds} seeds (margin)")
    for who in a.engines:
        line = []
        for name in runs["gensim"][0]:
            ours, theirs = (np.mean([run[name] for run in runs[w]]) for w in (who, "gensim"))
            margin = MARGINS.get(name)
            low = margin is not None and ours < theirs - margin
            inferior |= low
            line.append(
                f"{name} {ours - theirs:+.4f} ({'-' if margin is None else -margin}){' INFERIOR' if low else ''}"
            )
        print(f"{who:18s}", "  ".join(line))
    return int(inferior)


if __name__ == "__main__":
    sys.exit(main())
