"""Train, save, load, update and resume in one process, again and again: memory, threads and files must not grow.

    python -m benchmarks.soak [--minutes 20] [--words 300000] [--workers 2]

Prints a row per tenth of the time, with the medians of what the process had after each round: resident memory, memory
that the C library has given out, objects of Python, threads, open files, and files in its folder. In the first tenth
caches are filled. The exit code is 1 if a figure of the last tenth exceeds that of the second by more than what is
allowed, or if the vectors of a round with one worker are not those of the first round.

Resident memory holds what is freed, too, in pages that are in use for a part; it goes up and down from round to round
by more than a leak would add, so it is the last three tenths whose median is compared, with the highest of the second
to the seventh. What is given out (glibc's `mallinfo2`) has none of that, and is held to less than the size of one table
of the rounds.
"""

from __future__ import annotations

import argparse
import ctypes
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
# What a figure of the last part may exceed that of the second by; in the units of `Figures`. A dictionary of Python's
# that doubles, as its table of texts does once in a while, is 2 MB.
ALLOWED = {"resident": 8.0, "given out": 3.0, "objects": 1000.0, "threads": 0.0, "open files": 0.0, "files": 0.0}
# The parts whose resident memory is compared with that of the last three.
EARLIER = slice(1, 7)


class Figures(NamedTuple):
    """What the process has.

    Attributes:
        resident: MB of resident memory.
        given_out: MB that the C library has given out; 0 where it is not glibc.
        objects: number of objects that Python's collector knows.
        threads: number of threads.
        open_files: number of open files.
        files: number of files in the folder of the rounds.
    """

    resident: float
    given_out: float
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


class _MallocInfo(ctypes.Structure):
    """What glibc's `mallinfo2` returns."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def given_out() -> float:
    """Return how many MB the C library has given out and not got back, 0 where it does not tell."""
    info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if info is None:
        return 0.0
    info.restype = _MallocInfo
    found = info()
    return (found.uordblks + found.hblkhd) / 1e6


def figures(folder: str) -> Figures:
    """Return what this process has now."""
    gc.collect()
    release_freed_memory()
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return Figures(
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        given_out(),
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


def grown(parts: list[Figures]) -> list[str]:
    """Return what has grown by more than is allowed, as phrases.

    Args:
        parts: the medians of each part of the time, `PARTS` of them.
    """
    before, after = parts[1], parts[-1]
    before = before._replace(resident=max(part.resident for part in parts[EARLIER]))
    after = after._replace(resident=statistics.median(part.resident for part in parts[-3:]))
    return [
        f"{name}: {was:.1f} to {now:.1f}"
        for (name, most), was, now in zip(ALLOWED.items(), before, after, strict=True)
        if now - was > most
    ]


def main() -> int:
    """Run the program, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--words", type=int, default=300_000, help="of the corpus (default 300,000)")
    parser.add_argument("--workers", type=int, default=2, help="in every other round (default 2)")
    args = parser.parse_args()
    print(versions())
    print(f"{args.minutes:g} minutes, {args.words:,} words, {args.workers} workers\n")
    print("| minutes | rounds | resident MB | given out MB | objects | threads | open files | files |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    part, parts, right = 60 * args.minutes / PARTS, [], True
    waiting: list[Figures] = []
    for now, after, same in rounds(corpus(args.words), args.workers, 60 * args.minutes):
        right = right and same
        waiting.append(after)
        if now >= part * (len(parts) + 1):
            middle = Figures(*(statistics.median(column) for column in zip(*waiting, strict=True)))
            parts.append(middle)
            print(
                f"| {now / 60:.1f} | {len(waiting)} | {middle.resident:.1f} | {middle.given_out:.2f} | "
                f"{middle.objects:.0f} | {middle.threads:.0f} | {middle.open_files:.0f} | {middle.files:.0f} |",
                flush=True,
            )
            waiting = []
    if len(parts) < PARTS:
        print("\ntoo short to tell: there must be a round in each tenth of the time")
        return 1
    found = grown(parts)
    print("\n" + ("grown: " + ", ".join(found) if found else "nothing has grown"))
    print(f"vectors of rounds with one worker: {'all the same' if right else 'NOT all the same'}")
    return 1 if found or not right else 0


if __name__ == "__main__":
    sys.exit(main())
