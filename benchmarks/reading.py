"""How fast corpora are read, and how long a whole run takes, beside gensim: one table.

    python benchmarks/reading.py CORPUS [--parts scan lists gz prepare import whole] [--reps 3] [--threads 2]

CORPUS is a plain text file with one sentence a line. gensim and ours take turns in each repetition; figures are medians
(lowest-highest). `whole` starts a Python of its own for each run, and measures the peak of its memory. Exits with 1
where a figure misses its bar.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from timeit import default_timer

import gensim.models
import numpy as np
from gensim.models.word2vec import LineSentence

from torch_w2v import Word2Vec, corpus
from torch_w2v.system import cores

ROWS = 1_000_000  # words of the vocabulary in `prepare`
WHOLE = """
import sys
from {module} import Word2Vec
from gensim.models.word2vec import LineSentence
source = {{"corpus_file": sys.argv[1]}} if {file} else {{"sentences": list(LineSentence(sys.argv[1]))}}
model = Word2Vec(**source, epochs=5, workers={threads}{more})
assert len(model.wv)
"""


def seconds(call: Callable[[], object]) -> float:
    start = default_timer()
    call()
    return default_timer() - start


def spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f}) {unit}"


class Table:
    """Rows of gensim's figure, ours, their ratio and the bar."""

    def __init__(self) -> None:
        self.missed = 0
        print("| what | other | ours | ratio | bar |\n|---|---|---|---|---|")

    def row(self, what: str, theirs: list[float], mine: list[float], bar: str, met: bool, unit: str = "s") -> None:
        """Print a row."""
        ratio = statistics.median(theirs) / statistics.median(mine)
        self.missed += not met
        mark = "" if met else ", missed"
        print(f"| {what} | {spread(theirs, unit)} | {spread(mine, unit)} | {ratio:.1f} | {bar}{mark} |", flush=True)

    def faster(self, what: str, theirs: list[float], mine: list[float], least: float) -> None:
        """Print a row whose bar is a ratio."""
        ratio = statistics.median(theirs) / statistics.median(mine)
        self.row(what, theirs, mine, f"{least:g}x", ratio >= least)


def turns(reps: int, *calls: Callable[[], float]) -> list[list[float]]:
    """Each call's figures, one of each in every repetition."""
    found = [[call() for call in calls] for _ in range(reps)]
    return [list(column) for column in zip(*found, strict=True)]


def scan_file(path: str, reps: int, threads: int, table: Table) -> None:
    theirs, mine = turns(
        reps,
        lambda: seconds(lambda: gensim.models.Word2Vec().scan_vocab(corpus_file=path)),
        lambda: seconds(lambda: corpus.CorpusCache("memory", threads).scan(corpus.files(path), keep=True)),
    )
    table.faster("count and encode the file (gensim: count)", theirs, mine, 10)


def scan_lists(path: str, reps: int, table: Table) -> None:
    sentences = list(itertools.islice(LineSentence(path), 60_000))
    theirs, mine = turns(
        reps,
        lambda: seconds(lambda: gensim.models.Word2Vec().scan_vocab(sentences)),
        lambda: seconds(lambda: corpus.CorpusCache("memory").scan(sentences, keep=True)),
    )
    table.faster("count and encode 60,000 lists of str (gensim: count)", theirs, mine, 2)


def scan_gz(path: str, reps: int, threads: int, table: Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = os.path.join(folder, "corpus.gz")
        with open(path, "rb") as plain, gzip.open(packed, "wb", 6) as file:
            shutil.copyfileobj(plain, file, 1 << 20)
        theirs, mine = turns(
            reps,
            lambda: seconds(lambda: subprocess.run(["zcat", packed], stdout=subprocess.DEVNULL, check=True)),
            lambda: seconds(lambda: corpus.CorpusCache("memory", threads).scan(corpus.files(packed), keep=True)),
        )
    met = statistics.median(mine) <= 1.3 * statistics.median(theirs)
    table.row("count and encode the file as .gz (other: zcat)", theirs, mine, "0.77x", met)


def prepare(reps: int, table: Table) -> None:
    counts = np.random.default_rng(0).zipf(1.5, ROWS) % 10**7 + 5
    vocabulary = dict(zip(map(str, range(ROWS)), counts.tolist(), strict=True))

    def run(cls: type) -> float:
        model = cls()
        model.raw_vocab = dict(vocabulary)
        return seconds(model.prepare_vocab)

    theirs, mine = turns(reps, lambda: run(gensim.models.Word2Vec), lambda: run(Word2Vec))
    table.row(f"prepare_vocab, {ROWS:,} words", theirs, mine, "2 s", statistics.median(mine) < 2)


def child(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds and peak MB of a Python of its own (getrusage would tell its parent's peak where that is larger)."""
    report = "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    start = default_timer()
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return default_timer() - start, int(done.stdout.split()[-1]) / 1024


def imports(reps: int, table: Table) -> None:
    theirs, mine = turns(reps, lambda: child("import gensim.models")[0], lambda: child("import torch_w2v")[0])
    met = statistics.median(mine) - statistics.median(theirs) < 0.3
    table.row("import torch_w2v (other: import gensim.models)", theirs, mine, "0.3 s more", met)


def whole(path: str, reps: int, threads: int, table: Table) -> None:
    def run(module: str, file: bool, more: str = "") -> Callable[[], tuple[float, float]]:
        return lambda: child(WHOLE.format(module=module, file=file, threads=threads, more=more), path)

    kinds = {
        "file": run("gensim.models", True), "list": run("gensim.models", False), "ours": run("torch_w2v", True),
        "disk": run("torch_w2v", True, ", corpus_cache='disk'"),
    }  # fmt: skip
    runs = {name: [] for name in kinds}
    for _ in range(reps):
        for name, call in kinds.items():
            runs[name].append(call())
    time = {name: [figures[0] for figures in found] for name, found in runs.items()}
    peak = {name: [figures[1] for figures in found] for name, found in runs.items()}
    table.faster("Word2Vec(corpus_file=…, epochs=5), whole process", time["file"], time["ours"], 6)
    table.faster("the same (gensim: a list of lists, read first)", time["list"], time["ours"], 6)
    words = sum(1 for _ in itertools.chain.from_iterable(LineSentence(path)))
    room = 4 * words / 2**20 + 64
    met = statistics.median(peak["ours"]) <= statistics.median(peak["file"]) + room
    table.row("its peak memory", peak["file"], peak["ours"], f"{room:.0f} MB more", met, "MB")
    met = statistics.median(peak["disk"]) < statistics.median(peak["list"])
    table.row("with corpus_cache='disk' (gensim: the list)", peak["list"], peak["disk"], "less", met, "MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parts = ("scan", "lists", "gz", "prepare", "import", "whole")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=cores(), help="default all cores")
    args = parser.parse_args()
    table = Table()
    if "scan" in args.parts:
        scan_file(args.corpus, args.reps, args.threads, table)
    if "lists" in args.parts:
        scan_lists(args.corpus, args.reps, table)
    if "gz" in args.parts:
        scan_gz(args.corpus, args.reps, args.threads, table)
    if "prepare" in args.parts:
        prepare(args.reps, table)
    if "import" in args.parts:
        imports(args.reps, table)
    if "whole" in args.parts:
        whole(args.corpus, args.reps, args.threads, table)
    return int(table.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
