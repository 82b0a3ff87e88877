"""What the tests share: the engines, corpora whose answers are known, small models, child processes."""

import functools
import importlib.util
import logging
import os
import random
import shutil
import signal
from pathlib import Path

import gensim.models
import numpy as np
import pytest

import torch_w2v
from torch_w2v import native
from torch_w2v.engines import devices

# Without a C++ compiler there is no fused kernel, and its tests are skipped with the reason.
KERNEL = ("cpu",) if native.available() else ()
# Without torch the kernel works all the same: `make test-versions` has environments without it.
TORCH = ("reference", "torch_batched") if importlib.util.find_spec("torch") else ()
# All engines of a CPU: for tests whose assertions depend on what an engine does.
ENGINES = (*TORCH, *KERNEL)
# What engine="auto" takes on a CPU: for tests whose assertions do not.
DEFAULT_ENGINE = ENGINES[-1]
ROOT = Path(__file__).parent.parent
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def _engines_of_a_gpu():
    """Return the engines of the GPU that is there; torch, which takes seconds, is imported only where there may be one.

    Child processes of the tests import this file.
    """
    if devices.best_device() != "cuda":
        return ()
    import torch  # noqa: PLC0415

    from torch_w2v.engines.triton import engine as triton  # noqa: PLC0415

    return ("triton",) if triton.why_unusable(torch.device("cuda")) is None else ()


GPU = _engines_of_a_gpu()

# The specification takes seconds for a training; tests/engines compares it with the others, option by option.
on_each_engine = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=pytest.mark.slow) if name == "reference" else name for name in ENGINES]
)
on_workers = pytest.mark.parametrize("workers", [1, 3])


def both_classes(test):
    """Run a test on gensim's class and on ours, because it describes what users of gensim rely on."""
    classes = [gensim.models.Word2Vec, torch_w2v.Word2Vec]
    return pytest.mark.parametrize("cls", classes, ids=["gensim", "torch_w2v"])(test)


def words(n=300, seed=0):
    """Return `n` sentences of up to 15 words, some of them empty; the vocabulary has about 40 words and a long tail."""
    return [list(sentence) for sentence in _words(n, seed)]


@functools.cache
def _words(n, seed):
    draw = random.Random(seed)
    return [[f"w{min(int(draw.expovariate(0.12)), 40)}" for _ in range(draw.randrange(15))] for _ in range(n)]


def topics(n=600, seed=0, size=8):
    """Return `n` sentences of six words of topic a or b: the words nearest to a0 must be other a's."""
    draw = random.Random(seed)
    return [[f"{topic}{draw.randrange(size)}" for _ in range(6)] for topic in draw.choices("ab", k=n)]


def ours(sentences=None, engine=DEFAULT_ENGINE, cls=torch_w2v.Word2Vec, **options):
    """Return a small model of `cls` that trains on one thread of the CPU."""
    small = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 2, "seed": 3}
    if issubclass(cls, torch_w2v.Word2Vec):
        small |= {"engine": engine, "device": "cpu"}
    return cls(sentences, **{**small, **options})


def weights(model):
    """Return every array of a model that training changes."""
    return [model.wv.vectors, *(getattr(model, name) for name in ("syn1neg", "syn1") if hasattr(model, name))]


def same(one, other):
    """Return whether two models agree bit for bit, vocabulary included."""
    return one.wv.index_to_key == other.wv.index_to_key and all(
        np.array_equal(x, y) for x, y in zip(weights(one), weights(other), strict=True)
    )


def trainable(model, sentences):
    """Return whether a model can be trained and queried: another epoch changes it and leaves it finite."""
    before = model.wv.vectors.copy()
    model.train(sentences, total_examples=len(sentences), epochs=1)
    model.wv.most_similar(model.wv.index_to_key[0])
    return bool(np.isfinite(model.wv.vectors).all() and (model.wv.vectors != before).any())


class KilledError(BaseException):
    """What the fixture `killed_after` ends a call with, as a kill would: nothing is written any more."""


class CountingCorpus:
    """A restartable corpus that counts how often it was begun, and the sentences it has yielded."""

    def __init__(self, sentences):
        self.sentences, self.iterations, self.yielded = sentences, 0, 0

    def __iter__(self):
        self.iterations += 1
        for sentence in self.sentences:
            self.yielded += 1
            yield sentence


class FailingCorpus(CountingCorpus):
    """A corpus that raises in the middle of each iteration after the first `good_iterations`.

    The scan for the vocabulary is an iteration too.
    """

    def __init__(self, sentences, error, good_iterations=1):
        super().__init__(sentences)
        self.error, self.good_iterations = error, good_iterations

    def __iter__(self):
        for i, sentence in enumerate(super().__iter__()):
            if i == len(self.sentences) // 2 and self.iterations > self.good_iterations:
                raise self.error
            yield sentence


def messages(caplog, level=logging.INFO, logger="torch_w2v"):
    """Return the messages of one logger and those below it, at `level` and above."""
    return [r.getMessage() for r in caplog.records if r.name.split(".")[0] == logger and r.levelno >= level]


def heed_ctrl_c():
    """Let a child process take SIGINT, which a shell lets its background jobs ignore, and a test run may be one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
