"""How many cores one interpreter can feed: epochs of the CPU engine with a kernel that returns at once.

    python -m benchmarks.dispatch CORPUS [--workers 1 8 64] [--epochs 4]

CORPUS is a plain text file with one sentence per line. It is trained on from memory, and from the .w2v file of
`torch-w2v encode`. Beside the kernel, each thread reads its chunks from the file and maps their tokens to rows, without
the interpreter's lock; here both are done in the first epoch only. What is left is the interpreter's work, which one
core at a time can do; the words it hands out per second of processor time, divided by those that the kernel trains on
one core, is the number of cores that are kept busy.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from benchmarks.common import median
from torch_w2v import Word2Vec
from torch_w2v.cli import main as command
from torch_w2v.corpus import Chunk
from torch_w2v.engines.cpu import engine


def returns_at_once(isa: str, skip_gram: bool) -> Callable[[object], int]:
    """Return a kernel that does nothing, for any instruction set."""
    return lambda call: 0


def words_per_second(path: str, workers: int, epochs: int, batch_words: int, works: bool) -> float:
    """Return the words of the corpus per second of processor time, by the median of the epochs after the first.

    Args:
        path: of the corpus, text or .w2v.
        workers: number of threads.
        epochs: two or more.
        batch_words: as the constructor's; chunks have ten times as many words.
        works: let the kernel work.
    """
    model = Word2Vec(workers=workers, min_count=5, seed=1, epochs=epochs, batch_words=batch_words, engine="cpu")
    with model.reading_once():
        model.build_vocab(corpus_file=path)
        times: list[float] = []
        log = model._log_epoch_end

        def record(*args: Any, **kwargs: Any) -> None:
            times.append(time.process_time())
            log(*args, **kwargs)

        model._log_epoch_end = record
        kernel, read = engine.kernel, Chunk.read
        known: dict[int, Chunk] = {}

        def read_once(chunk: Chunk) -> Chunk:
            if chunk.position not in known:
                known[chunk.position] = read(chunk)
            return known[chunk.position]

        with (
            mock.patch.object(engine, "kernel", kernel if works else returns_at_once),
            mock.patch.object(Chunk, "read", read if works else read_once),
        ):
            model.train(corpus_file=path, total_words=model.corpus_total_words, epochs=epochs)
    epoch = median([end - begin for begin, end in itertools.pairwise(times)])
    return float(model.corpus_total_words) / epoch


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 8, 64], help="numbers of threads (default 1 8 64)"
    )
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each run, of which the first is not timed")
    args = parser.parse_args()
    one_core = words_per_second(args.corpus, 1, 2, 10_000, works=True)
    print(f"the kernel on one core: {one_core / 1e6:.2f} M words/s\n")
    print("| corpus | batch_words | workers | M words/s handed out | cores |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        encoded = os.path.join(folder, "corpus.w2v")
        if command(["encode", args.corpus, "--output", encoded, "--quiet"]):
            return 1
        for name, path in (("text, in memory", args.corpus), (".w2v", encoded)):
            for batch_words in (10_000, 50_000):
                for workers in args.workers:
                    speed = words_per_second(path, workers, args.epochs, batch_words, works=False)
                    cells = (name, batch_words, workers, f"{speed / 1e6:.0f}", f"{speed / one_core:.0f}")
                    print(f"| {' | '.join(map(str, cells))} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
