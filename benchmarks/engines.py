"""Time torch_w2v's engines beside gensim: same corpus, same arguments, runs in turns in one process.

    python -m benchmarks.engines [CORPUS] [--engines torch_batched ...] [--epochs 2] [--reps 3] [--quality]

CORPUS is a plain text file with one sentence per line; by default it is the corpus of the demo, which is small. The
exit code is 1 if an engine is slower than a plain autograd loop.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from timeit import default_timer
from typing import Any

import gensim.models
import torch
from torch.utils.data import DataLoader

from benchmarks.common import Contender, Corpus, corpus_at, median, spread, versions
from torch_w2v import CBOWNegativeSampling, Word2Vec, engines
from torch_w2v.cli.options import add_constructor_options, chosen_options
from torch_w2v.compare.gold import SHIPPED
from torch_w2v.dataset import CBOWDataset
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.system import cores

NOT_TIMED = ("auto", "reference")  # a choice of engine, and the specification, which is not written for speed
ARGUMENTS = ("vector_size", "window", "negative", "sample", "min_count", "alpha", "workers")
BATCH = 1024  # targets per step of the plain loop

NOTES = """\
Figures are millions of words of the corpus per second: median of the runs (lowest-highest). train() alone is timed, on
a vocabulary that was built before. `train` is all of it; torch_w2v encodes a list or a corpus_file in the first epoch
and keeps it, gensim does so in every epoch. `later` leaves out the first epoch. `ratio` is to gensim's faster mode."""


def plain_loop(corpus: Corpus, settings: dict[str, Any], most_words: int) -> float:
    """Time the obvious loop: autograd, torch.optim.SGD and a DataLoader.

    Args:
        corpus: to train on.
        settings: arguments of `Word2Vec`.
        most_words: number of words to train on, the first ones.

    Returns:
        Millions of words per second.
    """
    counts = {word: n for word, n in corpus.counts.items() if n >= settings["min_count"]}
    sentences, words = [], 0
    for sentence in corpus.sentences:
        if words >= most_words:
            break
        sentences.append(sentence)
        words += len(sentence)
    dataset = CBOWDataset(
        sentences,
        list(counts.values()),
        key_to_index={word: i for i, word in enumerate(counts)},
        window=settings["window"],
        negative=settings["negative"],
        sample=settings["sample"],
    )
    model = CBOWNegativeSampling(len(counts), settings["vector_size"], sparse=True, reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["alpha"])
    start = default_timer()
    for batch in DataLoader(dataset, batch_size=BATCH, collate_fn=dataset.collate):
        optimizer.zero_grad()
        model(*batch).backward()
        optimizer.step()
    return words / (default_timer() - start) / 1e6


def row(*cells: str) -> str:
    return f"{cells[0]:16}{cells[1]:13}" + "".join(f"{cell:>21}{ratio:>7}" for cell, ratio in (cells[2:4], cells[4:6]))


def report(contenders: list[Contender], plain: list[float]) -> list[str]:
    """Print the table.

    Args:
        contenders: with their runs; gensim is the first.
        plain: speed of the plain loop in each run, in millions of words per second.

    Returns:
        A sentence for each engine that is slower than the plain loop.
    """
    print(f"\n{NOTES}\n")
    print(row("", "", "train", "ratio", "later", "ratio"))
    gensims = [c for c in contenders if c.name == "gensim"]
    best_train = max(median(c.train) for c in gensims)
    best_later = max(median(c.later) for c in gensims)
    for c in contenders:
        later_ratio = f"{median(c.later) / best_later:.2f}" if c.later else "-"
        train_ratio = f"{median(c.train) / best_train:.2f}"
        print(row(c.name, c.mode, spread(c.train), train_ratio, spread(c.later), later_ratio))
    if contenders[0].quality:
        print(f"\nquality, mean of the runs (one seed per run): {', '.join(gold.name for gold in SHIPPED)}")
        for c in contenders:
            means = [statistics.mean(column) for column in zip(*c.quality, strict=True)]
            print(f"{c.name:16}{c.mode:13}" + "".join(f"{mean:9.3f}" for mean in means))
    print()
    print(row("plain loop", f"batch {BATCH}", spread(plain), f"{median(plain) / best_train:.4f}", "", ""))
    return [
        f"{c.name} ({c.mode}) is slower than a plain autograd loop: {median(c.train):.4f} M words/s"
        for c in contenders
        if c.name != "gensim" and median(c.train) < median(plain)
    ]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    gpu = torch.cuda.is_available()
    timed = [name for name in engines.ENGINES if name not in NOT_TIMED and (gpu or name != "triton")]
    parser.add_argument("corpus", nargs="?", metavar="CORPUS")
    parser.add_argument("--engines", nargs="+", choices=engines.ENGINES, default=timed)
    parser.add_argument("--device", default="auto", help="device of the engines (default auto)")
    parser.add_argument("--epochs", type=int, default=2, help="epochs per run; `later` needs two (default 2)")
    parser.add_argument("--reps", type=int, default=3, help="number of runs of each contender (default 3)")
    parser.add_argument("--quality", action="store_true", help="score the vectors of each run")
    parser.add_argument(
        "--plain-words", type=int, default=20_000, help="number of words for the plain loop (default 20000)"
    )
    add_constructor_options(parser, ARGUMENTS, workers=cores())
    args = parser.parse_args()
    if args.corpus and not os.path.isfile(args.corpus):
        parser.error(f"{args.corpus}: no such file")
    if args.corpus and args.corpus.endswith((".gz", ".bz2", ".xz")):
        parser.error(f"{args.corpus}: must be plain text, because gensim's corpus_file mode reads no other")
    if args.epochs < 1 or args.reps < 1:
        parser.error("--epochs and --reps must be at least 1")
    return args


def main() -> int:
    args = arguments()
    settings = chosen_options(args)

    def gensims(seed: int) -> gensim.models.Word2Vec:
        return gensim.models.Word2Vec(seed=seed, **settings)

    def ours(engine: str) -> Callable[..., gensim.models.Word2Vec]:
        return lambda seed: Word2Vec(seed=seed, engine=engine, device=args.device, **settings)

    makers = {"gensim": gensims, **{engine: ours(engine) for engine in args.engines}}
    load = f"; load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    print(f"{versions()}; device {args.device}{load}")
    print(", ".join(f"{name}={value}" for name, value in {**settings, "epochs": args.epochs}.items()))
    with corpus_at(args.corpus) as corpus:
        print(f"{corpus.words:,} words in {len(corpus.sentences):,} sentences, {len(corpus.counts):,} different words")
        contenders = [Contender(name, mode, make) for name, make in makers.items() for mode in ("list", "corpus_file")]
        # A first run of each, which is not timed, does what happens once per process and wakes the processor up.
        warm_up = Corpus(corpus.path, corpus.sentences[:2000], corpus.counts, corpus.words)
        for name, make in makers.items():
            Contender(name, "list", make).run(warm_up, 1, 1)
        plain = []
        for rep in range(args.reps):
            for c in contenders:
                c.run(corpus, rep + 1, args.epochs, args.quality)
                print(f"run {rep + 1}  {c.name} {c.mode}: {c.train[-1]:.3f} M words/s", flush=True)
            with TorchBatchedEngine("cpu").thread_limit(settings["workers"]):
                plain.append(plain_loop(corpus, settings, args.plain_words))
            print(f"run {rep + 1}  plain loop: {plain[-1]:.4f} M words/s", flush=True)
    slower = report(contenders, plain)
    for line in slower:
        print(line, file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
