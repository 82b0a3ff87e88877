"""Time calls of `train()` on a few sentences, as in a loop that goes on with what comes in, beside gensim.

    python -m benchmarks.calls [--vocabulary 1000] [--sentences 1 10 100 1000] [--calls 200] [--sg 1] [--iterable]
                               [--callback]

The words of the sentences, ten in each, are drawn by Zipf's law. Both models train in turns, with one worker. Printed
is the median processor time of a call, in ms: gensim has threads of its own even then, so that its wall time depends on
how busy the machine is.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator
from time import process_time
from typing import Any

import gensim.models
import numpy as np
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v

LENGTH = 10


def corpus(vocabulary: int, sentences: int, draw: np.random.Generator) -> list[list[str]]:
    share = 1 / np.arange(1, vocabulary + 1)
    words = draw.choice(vocabulary, (sentences, LENGTH), p=share / share.sum())
    return [[f"w{word}" for word in sentence] for sentence in words.tolist()]


class Sentences:
    """Sentences that may be others each time, as far as anyone knows."""

    def __init__(self, sentences: list[list[str]]) -> None:
        self._sentences = sentences

    def __iter__(self) -> Iterator[list[str]]:
        return iter(self._sentences)


def time_of_calls(
    model: Any, sentences: list[list[str]], calls: int, iterable: bool = False, callback: bool = False
) -> list[float]:
    """Return the processor time of each call, in ms."""
    times = []
    given = Sentences(sentences) if iterable else sentences
    callbacks = [CallbackAny2Vec()] if callback else []
    for _ in range(calls):
        start = process_time()
        model.train(given, total_examples=len(sentences), epochs=1, callbacks=callbacks)
        times.append(1000 * (process_time() - start))
    return times


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vocabulary", type=int, default=1000)
    parser.add_argument("--sentences", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--calls", type=int, default=200, help="of each model and size")
    parser.add_argument("--sg", type=int, default=0)
    parser.add_argument("--iterable", action="store_true", help="an iterable in the place of a list")
    parser.add_argument("--callback", action="store_true", help="with a callback, which may look at the model")
    options = parser.parse_args(arguments)
    draw = np.random.default_rng(0)
    seen = [*corpus(options.vocabulary, 3000, draw), [f"w{word}" for word in range(options.vocabulary)]]
    settings = {"min_count": 1, "workers": 1, "epochs": 1, "sg": options.sg}
    models = [package.Word2Vec(seen, **settings) for package in (gensim.models, torch_w2v)]
    print("| sentences | gensim | torch_w2v | ratio |")
    print("|---|---|---|---|")
    for size in options.sentences:
        sentences = corpus(options.vocabulary, size, draw)
        times: list[list[float]] = [[], []]
        for _ in range(max(1, options.calls // 10)):
            for model, times_of_it in zip(models, times, strict=True):
                times_of_it.extend(time_of_calls(model, sentences, 10, options.iterable, options.callback))
        usual, ours = map(statistics.median, times)
        print(f"| {size:,} | {usual:.2f} | {ours:.2f} | {ours / usual:.2f} |", flush=True)


if __name__ == "__main__":
    main()
