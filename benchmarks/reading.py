"""Time the reading of corpora and whole runs beside gensim, and print one table.

    python -m benchmarks.reading CORPUS [--parts scan lists gz prepare import whole] [--reps 3] [--threads 2]

CORPUS is a plain text file with one sentence per line. gensim and torch_w2v run in turns; figures are medians
(lowest-highest). `whole` starts a new Python process for each run, and measures the peak of its memory. The exit code
is 1 if a figure misses what is required.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from timeit import default_timer

import gensim.models
import numpy as np
from gensim.models.word2vec import LineSentence

from benchmarks.common import median, seconds_of, spread
from torch_w2v import Word2Vec, corpus
from torch_w2v.system import cores

VOCABULARY = 1_000_000  # words in `prepare`
WHOLE = """
import sys
from {module} import Word2Vec
from gensim.models.word2vec import LineSentence
source = {{"corpus_file": sys.argv[1]}} if {file} else {{"sentences": list(LineSentence(sys.argv[1]))}}
model = Word2Vec(**source, epochs=5, workers={threads}{more})
assert len(model.wv)
"""


class Table:
    """A table of gensim's figures beside torch_w2v's.

    Attributes:
        missed: number of rows that miss what is required.
    """

    def __init__(self) -> None:
        self.missed = 0
        print("| what | other | torch_w2v | ratio | required |\n|---|---|---|---|---|")

    def row(self, what: str, others: list[float], ours: list[float], required: str, met: bool, unit: str = "s") -> None:
        """Print a row.

        Args:
            what: is measured.
            others: gensim's figures, or those of the program named in `what`.
            ours: torch_w2v's.
            required: of ours, as text.
            met: whether ours are as required.
            unit: of the figures.
        """
        ratio = median(others) / median(ours)
        self.missed += not met
        mark = "" if met else ", missed"
        cells = (what, f"{spread(others)} {unit}", f"{spread(ours)} {unit}", f"{ratio:.1f}", f"{required}{mark}")
        print(f"| {' | '.join(cells)} |", flush=True)

    def faster(self, what: str, others: list[float], ours: list[float], ratio: float) -> None:
        """Print a row of seconds where ours are to be less by this ratio."""
        self.row(what, others, ours, f"{ratio:g}x", median(others) / median(ours) >= ratio)


def turns(reps: int, *calls: Callable[[], float]) -> list[list[float]]:
    """Call functions in turns, and return the figures of each."""
    figures = [[call() for call in calls] for _ in range(reps)]
    return [list(column) for column in zip(*figures, strict=True)]


def scan_file(path: str, reps: int, threads: int, table: Table) -> None:
    others, ours = turns(
        reps,
        lambda: seconds_of(lambda: gensim.models.Word2Vec().scan_vocab(corpus_file=path)),
        lambda: seconds_of(lambda: corpus.CorpusCache("memory", threads).scan(corpus.files(path), keep=True)),
    )
    table.faster("count and encode the file (gensim: count)", others, ours, 10)


def scan_lists(path: str, reps: int, table: Table) -> None:
    sentences = list(itertools.islice(LineSentence(path), 60_000))
    others, ours = turns(
        reps,
        lambda: seconds_of(lambda: gensim.models.Word2Vec().scan_vocab(sentences)),
        lambda: seconds_of(lambda: corpus.CorpusCache("memory").scan(sentences, keep=True)),
    )
    table.faster("count and encode 60,000 lists of str (gensim: count)", others, ours, 2)


def scan_gz(path: str, reps: int, threads: int, table: Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = os.path.join(folder, "corpus.gz")
        with open(path, "rb") as plain, gzip.open(packed, "wb", 6) as file:
            shutil.copyfileobj(plain, file, 1 << 20)
        others, ours = turns(
            reps,
            lambda: seconds_of(lambda: subprocess.run(["zcat", packed], stdout=subprocess.DEVNULL, check=True)),
            lambda: seconds_of(lambda: corpus.CorpusCache("memory", threads).scan(corpus.files(packed), keep=True)),
        )
    met = median(ours) <= 1.3 * median(others)
    table.row("count and encode the file as .gz (other: zcat)", others, ours, "0.77x", met)


def prepare(reps: int, table: Table) -> None:
    counts = np.random.default_rng(0).zipf(1.5, VOCABULARY) % 10**7 + 5
    vocabulary = dict(zip(map(str, range(VOCABULARY)), counts.tolist(), strict=True))

    def run(cls: type) -> float:
        model = cls()
        model.raw_vocab = dict(vocabulary)
        return seconds_of(model.prepare_vocab)

    others, ours = turns(reps, lambda: run(gensim.models.Word2Vec), lambda: run(Word2Vec))
    table.row(f"prepare_vocab, {VOCABULARY:,} words", others, ours, "2 s", median(ours) < 2)


def child(code: str, *arguments: str) -> tuple[float, float]:
    """Run code in a new Python process, and return its seconds and peak MB.

    The peak is read by the process itself, because getrusage would return that of its parent if it is larger.
    """
    report = "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    start = default_timer()
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return default_timer() - start, int(done.stdout.split()[-1]) / 1024


def imports(reps: int, table: Table) -> None:
    others, ours = turns(reps, lambda: child("import gensim.models")[0], lambda: child("import torch_w2v")[0])
    met = median(ours) - median(others) < 0.3
    table.row("import torch_w2v (other: import gensim.models)", others, ours, "0.3 s more", met)


def whole(path: str, reps: int, threads: int, table: Table) -> None:
    def run(module: str, file: bool, more: str = "") -> Callable[[], tuple[float, float]]:
        return lambda: child(WHOLE.format(module=module, file=file, threads=threads, more=more), path)

    kinds = {
        "file": run("gensim.models", True),
        "list": run("gensim.models", False),
        "ours": run("torch_w2v", True),
        "disk": run("torch_w2v", True, ", corpus_cache='disk'"),
    }
    runs = {name: [] for name in kinds}
    for _ in range(reps):
        for name, call in kinds.items():
            runs[name].append(call())
    time = {name: [seconds for seconds, _ in results] for name, results in runs.items()}
    peak = {name: [megabytes for _, megabytes in results] for name, results in runs.items()}
    table.faster("Word2Vec(corpus_file=…, epochs=5), whole process", time["file"], time["ours"], 6)
    table.faster("the same (gensim: a list of lists, read first)", time["list"], time["ours"], 6)
    words = sum(1 for _ in itertools.chain.from_iterable(LineSentence(path)))
    allowance = 4 * words / 2**20 + 64  # the encoded corpus, and some MB
    met = median(peak["ours"]) <= median(peak["file"]) + allowance
    table.row("its peak memory", peak["file"], peak["ours"], f"{allowance:.0f} MB more", met, "MB")
    met = median(peak["disk"]) < median(peak["list"])
    table.row("with corpus_cache='disk' (gensim: the list)", peak["list"], peak["disk"], "less", met, "MB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parts = ("scan", "lists", "gz", "prepare", "import", "whole")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    parser.add_argument("--reps", type=int, default=3, help="number of runs of each (default 3)")
    parser.add_argument("--threads", type=int, default=cores(), help="number of threads (default: all cores)")
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
