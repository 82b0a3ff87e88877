"""What the tests share: the engines, corpora of known answers, gensim beside ours."""

import logging
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import gensim.models
import numpy as np
import pytest
import torch

import torch_w2v
from torch_w2v import native
from torch_w2v.engines.triton import engine as triton

# Every test of the adapter's promises runs on each. Without a compiler there is no fused kernel, and
# tests/engines/test_cpu.py is skipped with the reason.
KERNEL = ("cpu",) if native.available() else ()
ENGINES = ("reference", "torch_batched", *KERNEL)
GPU = ("triton",) if torch.cuda.is_available() and triton.why_unusable(torch.device("cuda")) is None else ()
ROOT = Path(__file__).parent.parent
COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def both_classes(test):
    """Run a test on gensim's class and on ours: it says what a gensim user relies on."""
    classes = [gensim.models.Word2Vec, torch_w2v.Word2Vec]
    return pytest.mark.parametrize("cls", classes, ids=["gensim", "torch_w2v"])(test)


def words(n=300, seed=0):
    """`n` sentences of up to 15 words, some of them empty, of a vocabulary of about 40 with a long tail."""
    draw = random.Random(seed)
    return [[f"w{min(int(draw.expovariate(0.12)), 40)}" for _ in range(draw.randrange(15))] for _ in range(n)]


def topics(n=600, seed=0, size=8):
    """Sentences of six words of one of two topics, a0… and b0…: a0 must come out nearest to other a's."""
    draw = random.Random(seed)
    return [[f"{topic}{draw.randrange(size)}" for _ in range(6)] for topic in draw.choices("ab", k=n)]


def ours(sentences=None, engine="torch_batched", cls=torch_w2v.Word2Vec, **options):
    """A small model on one thread of the CPU."""
    small = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 2, "seed": 3}
    if issubclass(cls, torch_w2v.Word2Vec):
        small |= {"engine": engine, "device": "cpu"}
    return cls(sentences, **{**small, **options})


def weights(model):
    """Every array that training changes."""
    return [model.wv.vectors, *(getattr(model, name) for name in ("syn1neg", "syn1") if hasattr(model, name))]


def same(one, other):
    """Whether two models agree bit for bit, vocabulary included."""
    return one.wv.index_to_key == other.wv.index_to_key and all(
        np.array_equal(x, y) for x, y in zip(weights(one), weights(other), strict=True)
    )


def trainable(model, sentences):
    """Whether a model can be queried and trained: another pass changes it and leaves it finite."""
    before = model.wv.vectors.copy()
    model.train(sentences, total_examples=len(sentences), epochs=1)
    model.wv.most_similar(model.wv.index_to_key[0])
    return bool(np.isfinite(model.wv.vectors).all() and (model.wv.vectors != before).any())


class Passes:
    """A restartable corpus that counts its passes, and the sentences it has given."""

    def __init__(self, sentences):
        self.sentences, self.passes, self.given = sentences, 0, 0

    def __iter__(self):
        self.passes += 1
        for sentence in self.sentences:
            self.given += 1
            yield sentence


class Failing(Passes):
    """A corpus that raises in the middle of its pass number `when`, counted from 0 (the vocabulary's scan is one)."""

    def __init__(self, sentences, error, when=1):
        super().__init__(sentences)
        self.error, self.when = error, when

    def __iter__(self):
        for i, sentence in enumerate(super().__iter__()):
            if i == len(self.sentences) // 2 and self.passes > self.when:
                raise self.error
            yield sentence


def messages(caplog, level=logging.INFO, logger="torch_w2v"):
    """Messages of one logger and those below it, at `level` and above."""
    return [r.getMessage() for r in caplog.records if r.name.split(".")[0] == logger and r.levelno >= level]


def python(code, *arguments, timeout=60, **environment):
    """Run `code` in a Python of its own, in the repository; gives the finished process."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def heed_ctrl_c():
    """For a child process: what runs in a shell's background, as a test run may, is started deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
