"""What `engine="auto"` costs without the C++ library, beside gensim.

    python -m benchmarks.fallback corpus.txt

The constructor with a corpus is timed, vocabulary included, with the library hidden from this process. Then gensim's
own engine trains, so the ratio should be 1; below 0.95 the program fails.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gensim.models

import torch_w2v
from torch_w2v import native
from torch_w2v.system import cores

LEAST = 0.95


def hide_library() -> None:
    """Make this process one in which the C++ library was not installed."""

    def refuse() -> None:
        raise RuntimeError("hidden")

    native.available = lambda: False  # type: ignore[assignment]
    native.library = refuse  # type: ignore[assignment]


def seconds(make: Callable[..., Any], **options: Any) -> float:
    """Return how long it takes to make a model."""
    start = time.perf_counter()
    make(**options)
    return time.perf_counter() - start


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--reps", type=int, default=3, help="runs of each, in turns (default 3)")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=cores())
    arguments = parser.parse_args()
    hide_library()
    warnings.simplefilter("ignore", RuntimeWarning)
    with open(arguments.corpus, encoding="utf8") as lines:
        sentences = [line.split() for line in lines]
    common = {"workers": arguments.workers, "epochs": arguments.epochs, "min_count": 5}
    print(f"| corpus | gensim {gensim.__version__}, s | torch_w2v without its library, s | ratio |")
    print("|---|---|---|---|")
    slow = False
    for name, corpus in (("list", {"sentences": sentences}), ("corpus_file", {"corpus_file": str(arguments.corpus)})):
        taken: dict[str, list[float]] = {"gensim": [], "ours": []}
        for _ in range(arguments.reps):
            taken["gensim"].append(seconds(gensim.models.Word2Vec, **corpus, **common))
            taken["ours"].append(seconds(torch_w2v.Word2Vec, **corpus, **common, device="cpu"))
        theirs, ours = (statistics.median(taken[who]) for who in ("gensim", "ours"))
        slow = slow or theirs / ours < LEAST
        print(f"| {name} | {theirs:.2f} | {ours:.2f} | {theirs / ours:.2f} |", flush=True)
    sys.exit(slow)


if __name__ == "__main__":
    main()
