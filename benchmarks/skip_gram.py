"""Quality of skip-gram beside gensim's `sg=1` for several shapes of work, on a corpus of your own.

    python -m benchmarks.skip_gram CORPUS [--shapes default w10 …] [--engines cpu …] [--words N] [--keep FOLDER]

CORPUS is a text file with one sentence per line; every fiftieth sentence is held out. Everything runs on one thread.
A row has a shape and an engine: the means of gensim's scores over the seeds, and how far the engine's are above them.
`neighbours@10` and `cosines` are the agreement with gensim's runs of other seeds, less that of gensim with itself. With
--keep the models stay in FOLDER, and those that are there are not trained again: gensim needs most of the time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import gensim.models

import torch_w2v
from benchmarks.common import ALL_WORDS, Shape, beginning
from torch_w2v.compare.comparison import COSINES, LOSS, OVERLAP, split
from torch_w2v.compare.gold import SHIPPED, Gold, quiet_gensim
from torch_w2v.compare.measures import held_out_loss, portrait

SHAPES = {
    "default": Shape(),
    "d300": Shape({"vector_size": 300}),
    "w2": Shape({"window": 2}),
    "w10": Shape({"window": 10}),
    "n15": Shape({"negative": 15}),
    "sample0": Shape({"sample": 0}),
    "sample1e-5": Shape({"sample": 1e-5}),
    "min_count1": Shape({"min_count": 1}),
    "short": Shape(sentence_words=8),
    "alpha.05": Shape({"alpha": 0.05}),
}
GENSIM = "gensim"
Scores = dict[str, float]


def trained(contender: str, settings: Mapping[str, Any], train: list[list[str]], path: Path | None) -> Any:
    """Return a trained model: the one at `path`, if there is one, or a new one, which is saved there.

    Args:
        contender: 'gensim' or the name of an engine.
        settings: arguments of the constructor.
        train: the sentences.
        path: of the model; None saves none.
    """
    if path is not None and path.exists():
        return gensim.models.Word2Vec.load(str(path))
    if contender == GENSIM:
        model = gensim.models.Word2Vec(**settings)
    else:
        model = torch_w2v.Word2Vec(engine=contender, device="cpu", **settings)
    model.build_vocab(train)
    model.train(train, total_examples=model.corpus_count, epochs=model.epochs)
    if path is not None:
        model.save(str(path))
    return model


def measured(models: Mapping[tuple[str, int], Any], gold: list[Gold], held: list[list[str]]) -> dict[str, Scores]:
    """Return the mean scores of each contender.

    Args:
        models: by contender and seed.
        gold: sets of human judgements.
        held: the sentences that were held out.
    """
    portraits = {key: portrait(model.wv) for key, model in models.items()}
    rows: dict[str, list[Scores]] = {}
    for (contender, seed), model in models.items():
        with quiet_gensim():
            scores = {one.name: one.score(model.wv) for one in gold}
        scores[LOSS] = held_out_loss(model, held)
        others = [portraits[GENSIM, other] for name, other in models if name == GENSIM and other != seed]
        own = portraits[contender, seed]
        scores[OVERLAP] = mean(own.overlap(other) for other in others)
        scores[COSINES] = mean(own.correlation(other) for other in others)
        rows.setdefault(contender, []).append(scores)
    return {name: {key: mean(row[key] for row in own) for key in own[0]} for name, own in rows.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), metavar="NAME")
    parser.add_argument("--engines", nargs="*", default=["cpu"], metavar="NAME")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1, 2], metavar="SEED", help="two at least (default 1 2)"
    )
    parser.add_argument("--words", type=int, default=ALL_WORDS, help="use at most so many words, the first ones")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="folder of the trained models")
    parser.add_argument("--train-only", action="store_true", help="train and keep the models, and measure nothing")
    args = parser.parse_args()
    everything = beginning(args.corpus, args.words)
    gold = [one for one in SHIPPED if not one.analogies]
    for number, name in enumerate(args.shapes):
        shape = replace(SHAPES[name], most_words=args.words)
        train, held = split(shape.cut(everything), 0.02)
        models = {}
        for contender, seed in itertools.product((GENSIM, *args.engines), args.seeds):
            settings = {"sg": 1, "workers": 1, "seed": seed, **shape.settings}
            path = args.keep and args.keep / f"{name}-{args.words}-{contender}-{seed}.model"
            models[contender, seed] = trained(contender, settings, train, path)
        if args.train_only:
            continue
        scores = measured(models, gold, held)
        if not number:
            print(f"| shape | | {' | '.join(scores[GENSIM])} |")
            print("|---" * (len(scores[GENSIM]) + 2) + "|")
        print(f"| {name} | {GENSIM} | {' | '.join(f'{value:.4f}' for value in scores[GENSIM].values())} |", flush=True)
        for engine in args.engines:
            differences = [scores[engine][key] - value for key, value in scores[GENSIM].items()]
            print(f"| | {engine} | {' | '.join(f'{value:+.4f}' for value in differences)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
