"""Train, save, load, update and resume in one process, again and again: memory, threads and files must not grow.

    python -m benchmarks.soak [--minutes 20] [--words 300000] [--workers 2]

Prints a row per tenth of the time, with the medians of what the process had after each round: resident memory, objects
of Python, threads, open files, and files in its folder. In the first tenth caches are filled. The exit code is 1 if a
figure of the last tenth exceeds that of the second by more than what is allowed, or if the vectors of a round with one
worker are not those of the first round.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

from benchmarks.common import versions, write_sentences
from torch_w2v import Word2Vec
from torch_w2v.system import release_freed_memory

PARTS = 10
# What a figure of the last part may exceed that of the second by; in the units of `Figures`.
ALLOWED = {"resident": 8.0, "objects": 1000.0, "threads": 0.0, "open files": 0.0, "files": 0.0}


class Figures(NamedTuple):
    """What the process has.

    Attributes:
        resident: MB of resident memory.
        objects: number of objects that Python's collector knows.
        threads: number of threads.
        open_files: number of open files.
        files: number of files in the folder of the rounds.
    """

    resident: float
    objects: int
    threads: int
    open_files: int
    files: int


class Interrupting(CallbackAny2Vec):
    """Interrupts training at the end of an epoch.

    Args:
        epoch: number of that epoch, from 1.
    """

    def __init__(self, epoch: int) -> None:
        self.left = epoch

    def on_epoch_end(self, model: Any) -> None:
        """Count the epoch, and interrupt the last one."""
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def corpus(words: int) -> list[list[str]]:
    """Return sentences of ten words of a vocabulary with the frequencies of a language."""
    ids = np.minimum(np.random.default_rng(0).zipf(1.2, words), 20_000)
    return [[f"w{i}" for i in ids[k : k + 10]] for k in range(0, len(ids), 10)]


def figures(folder: str) -> Figures:
    """Return what this process has now."""
    gc.collect()
    release_freed_memory()
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return Figures(
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        len(gc.get_objects()),
        threading.active_count(),
        len(os.listdir("/proc/self/fd")),
        len(os.listdir(folder)),
    )


def one_round(sentences: list[list[str]], path: str, folder: str, workers: int) -> str:
    """Do everything once, and return the SHA-256 of the vectors; what is written is removed.

    Args:
        sentences: to train on.
        path: of the same sentences in a file.
        folder: for what is saved.
        workers: number of threads.
    """
    saved, checkpoint = os.path.join(folder, "saved.model"), os.path.join(folder, "checkpoint")
    options: dict[str, Any] = {"vector_size": 50, "min_count": 2, "epochs": 2, "workers": workers, "device": "cpu"}
    # train, from a file and from a list, and save
    Word2Vec(corpus_file=path, **options).save(saved, sep_limit=100_000)
    Word2Vec(sentences, **options, compute_loss=True).save(saved, sep_limit=100_000)
    # load, with and without a map, and query
    model = Word2Vec.load(saved, mmap="r")
    model = Word2Vec.load(saved)
    model.wv.most_similar("w1")
    # update
    more = [[f"new{i % 50}", *sentence] for i, sentence in enumerate(sentences[::10])]
    model.build_vocab(more, update=True)
    # be interrupted, and resume
    given: dict[str, Any] = {
        "total_examples": len(more),
        "epochs": 3,
        "checkpoint": checkpoint,
        "checkpoint_every": 0.1,
    }
    try:
        model.train(more, callbacks=[Interrupting(2)], **given)
    except KeyboardInterrupt:
        model.train(more, **given)
    model.wv.save_word2vec_format(os.path.join(folder, "vectors.bin"), binary=True)
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    return hashlib.sha256(model.wv.vectors.tobytes()).hexdigest()


def rounds(sentences: list[list[str]], workers: int, seconds: float) -> Iterator[tuple[float, Figures, bool]]:
    """Do rounds for a time, in turn with one worker and with several.

    Yields:
        The second at which each ended, the figures then, and whether the vectors were right.
    """
    begin, first = time.monotonic(), None
    with tempfile.TemporaryDirectory() as outside, tempfile.TemporaryDirectory() as folder:
        path = str(Path(outside) / "corpus.txt")
        write_sentences(sentences, path)
        for number in itertools.count():
            alone = number % 2 == 0
            digest = one_round(sentences, path, folder, 1 if alone else workers)
            if first is None:
                first = digest
            now = time.monotonic() - begin
            yield now, figures(folder), digest == first or not alone
            if now > seconds:
                return


def main() -> int:
    """Run the program, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--words", type=int, default=300_000, help="of the corpus (default 300,000)")
    parser.add_argument("--workers", type=int, default=2, help="in every other round (default 2)")
    args = parser.parse_args()
    print(versions())
    print(f"{args.minutes:g} minutes, {args.words:,} words, {args.workers} workers\n")
    print("| minutes | rounds | resident MB | objects | threads | open files | files |")
    print("|---|---|---|---|---|---|---|", flush=True)
    part, parts, right = 60 * args.minutes / PARTS, [], True
    waiting: list[Figures] = []
    for now, found, same in rounds(corpus(args.words), args.workers, 60 * args.minutes):
        right = right and same
        waiting.append(found)
        if now >= part * (len(parts) + 1):
            middle = Figures(*(statistics.median(column) for column in zip(*waiting, strict=True)))
            parts.append(middle)
            print(
                f"| {now / 60:.1f} | {len(waiting)} | {middle.resident:.1f} | {middle.objects:.0f} | "
                f"{middle.threads:.0f} | {middle.open_files:.0f} | {middle.files:.0f} |",
                flush=True,
            )
            waiting = []
    if len(parts) < 2:
        print("\ntoo short to tell: there must be a round in each tenth of the time")
        return 1
    grown = [
        f"{name}: {before:.1f} to {after:.1f}"
        for (name, most), before, after in zip(ALLOWED.items(), parts[1], parts[-1], strict=True)
        if after - before > most
    ]
    print("\n" + ("grown: " + ", ".join(grown) if grown else "nothing has grown"))
    print(f"vectors of rounds with one worker: {'all the same' if right else 'NOT all the same'}")
    return 1 if grown or not right else 0


if __name__ == "__main__":
    sys.exit(main())
