"""Time torch_w2v's engines beside gensim: same corpus, same arguments, interleaved runs in one process.

    python benchmarks/bench.py [CORPUS] [--engines torch_batched ...] [--epochs 2] [--reps 3] [--quality]

CORPUS is a plain text file with one sentence a line; without it, the demo's corpus, which is small. Exits with 1 if an
engine is slower than a plain autograd loop.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from timeit import default_timer
from typing import Any

import gensim
import gensim.models
import torch
from gensim.models.word2vec import LineSentence
from torch.utils.data import DataLoader

from torch_w2v import CBOWNegativeSampling, Word2Vec, engines
from torch_w2v.cli.demo import demo_corpus
from torch_w2v.cli.options import constructor_options
from torch_w2v.compare.gold import SHIPPED
from torch_w2v.dataset import CBOWDataset
from torch_w2v.engines import torch_engine as on_torch
from torch_w2v.system import cores

NOT_TIMED = ("auto", "reference")  # a choice, and the specification, which is made to be read
ARGUMENTS = ("vector_size", "window", "negative", "sample", "min_count", "alpha")
BATCH = 1024  # of the plain loop

NOTES = """\
M raw words/s: median of the runs (lowest-highest). Timed is train() alone, on vocabularies made beforehand. `train` is
all of it: ours encodes a list or a corpus_file in the first epoch and keeps it, gensim does so in every epoch. `later`
leaves the first epoch out, for both: of ours that is the kernel, fed from memory. `ratio`: to gensim's faster mode."""


@dataclass
class Corpus:
    """A corpus in memory (equal words are one object), in a file, and its words' counts."""

    path: str
    sentences: list[list[str]]
    counts: dict[str, int]
    words: int


def read(path: str) -> Corpus:
    intern = sys.intern
    sentences = [list(map(intern, sentence)) for sentence in LineSentence(path)]
    counts = dict(Counter(chain.from_iterable(sentences)).most_common())
    return Corpus(path, sentences, counts, sum(counts.values()))


@contextmanager
def corpus_at(path: str | None) -> Iterator[Corpus]:
    """The corpus in `path`, or the demo's in a temporary file."""
    if path:
        yield read(path)
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf8") as file:
        file.writelines(" ".join(sentence) + "\n" for sentence in demo_corpus())
        file.flush()
        yield read(file.name)


@contextmanager
def ends_of_epochs(model: gensim.models.Word2Vec) -> Iterator[list[float]]:
    """When each epoch ends. No callback: ours would bring the vectors back for it after every epoch."""
    found: list[float] = []
    log = model._log_epoch_end

    def noted(*args: Any, **kwargs: Any) -> None:
        found.append(default_timer())
        log(*args, **kwargs)

    model._log_epoch_end = noted
    try:
        yield found
    finally:
        del model._log_epoch_end


@dataclass
class Contender:
    """One implementation, fed in one way, and what its runs gave."""

    name: str
    mode: str
    make: Callable[..., gensim.models.Word2Vec]
    train: list[float] = field(default_factory=list)
    later: list[float] = field(default_factory=list)
    quality: list[tuple[float, ...]] = field(default_factory=list)

    def run(self, corpus: Corpus, seed: int, epochs: int, quality: bool) -> None:
        """Train a new model; only `train()` is timed."""
        model = self.make(seed=seed)
        model.build_vocab_from_freq(corpus.counts, corpus_count=len(corpus.sentences))
        is_list = self.mode == "list"
        source = {"corpus_iterable": corpus.sentences} if is_list else {"corpus_file": corpus.path}
        start = default_timer()
        with ends_of_epochs(model) as ends:
            model.train(**source, total_examples=len(corpus.sentences), total_words=corpus.words, epochs=epochs)
        self.train.append(corpus.words * epochs / (default_timer() - start) / 1e6)
        if epochs > 1:
            self.later.append(corpus.words * (epochs - 1) / (ends[-1] - ends[0]) / 1e6)
        if quality:
            self.quality.append(tuple(gold.score(model.wv) for gold in SHIPPED))


def plain_loop(corpus: Corpus, settings: dict[str, Any], words: int) -> float:
    """M raw words/s of the obvious loop: autograd, torch.optim.SGD, a DataLoader, on the first `words` words."""
    kept = {word: count for word, count in corpus.counts.items() if count >= settings["min_count"]}
    sentences, n = [], 0
    for sentence in corpus.sentences:
        if n >= words:
            break
        sentences.append(sentence)
        n += len(sentence)
    dataset = CBOWDataset(
        sentences, list(kept.values()), key_to_index={word: i for i, word in enumerate(kept)},
        window=settings["window"], negative=settings["negative"], sample=settings["sample"],
    )  # fmt: skip
    model = CBOWNegativeSampling(len(kept), settings["vector_size"], sparse=True, reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=settings["alpha"])
    start = default_timer()
    for batch in DataLoader(dataset, batch_size=BATCH, collate_fn=dataset.collate):
        optimizer.zero_grad()
        model(*batch).backward()
        optimizer.step()
    return n / (default_timer() - start) / 1e6


def spread(values: list[float]) -> str:
    if not values:
        return "-"
    digits = 2 if max(values) >= 0.1 else 4
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def row(*cells: str) -> str:
    return f"{cells[0]:16}{cells[1]:13}" + "".join(f"{cell:>21}{ratio:>7}" for cell, ratio in (cells[2:4], cells[4:6]))


def report(contenders: list[Contender], plain: list[float]) -> list[str]:
    """The table, and below it a line for each engine that is slower than the plain loop."""
    print(f"\n{NOTES}\n")
    print(row("", "", "train", "ratio", "later", "ratio"))
    theirs = [c for c in contenders if c.name == "gensim"]
    best_train, best_later = (max(median(getattr(c, part)) for c in theirs) for part in ("train", "later"))
    for c in contenders:
        later = f"{median(c.later) / best_later:.2f}" if c.later else "-"
        print(row(c.name, c.mode, spread(c.train), f"{median(c.train) / best_train:.2f}", spread(c.later), later))
    if contenders[0].quality:
        print(f"\nquality, mean of the runs (a seed each): {', '.join(gold.name for gold in SHIPPED)}")
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
    parser.add_argument("--device", default="auto")
    parser.add_argument("--epochs", type=int, default=2, help="of each run; one epoch gives no `later` (default 2)")
    parser.add_argument("--reps", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--workers", type=int, default=cores(), help="default: all cores")
    parser.add_argument("--quality", action="store_true", help="score the vectors of each run")
    parser.add_argument("--plain-words", type=int, default=20_000, help="words that the plain loop trains on")
    for name in ARGUMENTS:
        kind, default = constructor_options()[name]
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default)
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
    settings = {name: getattr(args, name) for name in ARGUMENTS}
    common = {**settings, "workers": args.workers}

    def theirs(seed: int) -> gensim.models.Word2Vec:
        return gensim.models.Word2Vec(seed=seed, **common)

    def ours(engine: str) -> Callable[..., gensim.models.Word2Vec]:
        return lambda seed: Word2Vec(seed=seed, engine=engine, device=args.device, **common)

    makers = {"gensim": theirs, **{engine: ours(engine) for engine in args.engines}}
    print(
        f"torch {torch.__version__}, gensim {gensim.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, {cores()} cores; device {args.device}"
        + (f"; load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else "")
    )
    print(", ".join(f"{name}={value}" for name, value in {**common, "epochs": args.epochs}.items()))
    with corpus_at(args.corpus) as corpus:
        print(f"{corpus.words:,} words in {len(corpus.sentences):,} sentences, {len(corpus.counts):,} different words")
        contenders = [Contender(name, mode, make) for name, make in makers.items() for mode in ("list", "corpus_file")]
        warm = Corpus(corpus.path, corpus.sentences[:2000], corpus.counts, corpus.words)
        for c in contenders[::2]:  # what happens once in a process, and a processor's waking up, is not timed
            Contender(c.name, "list", c.make).run(warm, 1, 1, False)
        plain = []
        for rep in range(args.reps):
            for c in contenders:
                c.run(corpus, rep + 1, args.epochs, args.quality)
                print(f"run {rep + 1}  {c.name} {c.mode}: {c.train[-1]:.3f} M words/s", flush=True)
            with on_torch.threads(args.workers, all_cores=True):
                plain.append(plain_loop(corpus, settings, args.plain_words))
            print(f"run {rep + 1}  plain loop: {plain[-1]:.4f} M words/s", flush=True)
    slower = report(contenders, plain)
    for line in slower:
        print(line, file=sys.stderr)
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
