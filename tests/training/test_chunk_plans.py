"""A part of a corpus whose words repeat more than the rest is trained in a layout of its own."""

import numpy as np
import pytest

import torch_w2v
from tests.helpers import CountingCorpus
from torch_w2v.corpus.chunks import Chunk
from torch_w2v.corpus.repetition import repetition_of_chunk
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.training import planning

TEXT, RUNS = 0, 1


def sentences(kinds):
    """Return sentences of 60 words, a chunk of 10,000 words of each kind in turn."""
    draw = np.random.default_rng(0)
    found = []
    for kind in kinds:
        for _ in range(167):
            words = draw.integers(0, 2000, 60) if kind == TEXT else np.repeat(draw.integers(0, 2000, 3), 20)
            found.append(list(map(str, words)))
    return found


@pytest.fixture
def layouts(monkeypatch):
    """The layouts of the chunks that were trained on, in order."""
    used, train = [], CpuEngine.train

    def recording(self, tables, chunk, rates, plan):
        used.append(plan.layout)
        return train(self, tables, chunk, rates, plan)

    monkeypatch.setattr(CpuEngine, "train", recording)
    return used


@pytest.mark.parametrize("kind", [list, CountingCorpus])
def test_runs_that_come_late_have_the_layout_of_runs(kind, layouts):
    corpus = kind(sentences([TEXT, TEXT, RUNS, TEXT]))
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.1, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    assert len(layouts) == 8
    assert [layout.S == layout.T for layout in layouts[:4]] == [False, False, True, False]
    # A list is known as a whole from the second epoch on, but the layout is chosen once.
    assert layouts[4:] == layouts[:4]


@pytest.mark.parametrize(("kind", "looks"), [(list, 4), (CountingCorpus, 8)])
def test_a_corpus_that_cannot_change_is_looked_at_once(kind, looks, layouts, monkeypatch):
    positions = []

    def counting(chunk, *arguments):
        positions.append(chunk.position)
        return repetition_of_chunk(chunk, *arguments)

    monkeypatch.setattr(planning, "repetition_of_chunk", counting)
    corpus = kind(sentences([TEXT, RUNS, TEXT, TEXT]))
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.1, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    assert len(positions) == looks
    assert len(layouts) == 8
    assert layouts[4:] == layouts[:4]
    assert layouts[1] != layouts[0]


def test_what_repeats_from_the_beginning_is_not_looked_at_again(layouts, monkeypatch):
    corpus = sentences([RUNS, TEXT])
    monkeypatch.setattr("torch_w2v.training.planning.repetition_of_chunk", None)
    torch_w2v.Word2Vec(corpus, min_count=1, vector_size=8, alpha=0.1, sample=0, engine="cpu", epochs=1)
    assert len(set(layouts)) == 1
    assert layouts[0].S == layouts[0].T


@pytest.mark.parametrize("kind", [TEXT, RUNS])
@pytest.mark.parametrize("window", [1, 10, 50, 300])
def test_the_quick_look_errs_upwards(kind, window):
    corpus = sentences([kind])
    words = {word: i for i, word in enumerate(sorted({word for sentence in corpus for word in sentence}))}
    tokens = np.array([words[word] for sentence in corpus for word in sentence], np.int32)
    offsets = np.arange(0, len(tokens) + 1, 60)
    keep = np.full(len(words), 2**32 - 1, np.uint32)
    chunk = Chunk(tokens, offsets, 0, len(tokens), 0, len(corpus))
    reading = chunk, keep, window, True, 1.0, min(window + 1.0, 60.0)
    actual = repetition_of_chunk(*reading, 0.0)
    assert actual > 1
    assert repetition_of_chunk(*reading, 0.9 * actual) == actual
    assert repetition_of_chunk(*reading, 4 * actual) == 0
