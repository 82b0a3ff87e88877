"""A part of a corpus whose words repeat more than the rest is trained in a layout of its own."""

import warnings

import numpy as np
import pytest

import torch_w2v
from tests.helpers import CountingCorpus
from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.statistics.repetition import OTHER_SENTENCES, repetition_of_chunk
from torch_w2v.training import chunk_plans
from torch_w2v.user_warnings import DivergenceWarning

TEXT, RUNS, EDGES, ROWS = 0, 1, 2, 3


def sentences(kinds):
    """Return sentences, a chunk of 10,000 words of each kind in turn.

    Text and runs have 60 words; edges are pairs, sixty in a row with the same first word; rows have 64, in four times
    sixteen places, most of which stay the same.
    """
    draw = np.random.default_rng(0)
    found = []
    for kind in kinds:
        for _ in range(167):
            words = draw.integers(0, 2000, 60) if kind == TEXT else np.repeat(draw.integers(0, 2000, 3), 20)
            if kind == ROWS:
                words = np.tile(draw.integers(0, 2000, 16), 4)
            if kind == EDGES:
                first = draw.integers(0, 2000)
                found += [[str(first), str(second)] for second in draw.integers(0, 2000, 30)]
            else:
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


@pytest.mark.parametrize("late", [RUNS, EDGES])
@pytest.mark.parametrize("kind", [list, CountingCorpus])
def test_runs_that_come_late_have_the_layout_of_runs(kind, late, layouts):
    corpus = kind(sentences([TEXT, TEXT, late, TEXT]))
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.04, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    assert len(layouts) == 8
    assert [layout.S == layout.T for layout in layouts[:4]] == [False, False, True, False]
    # A list is known as a whole from the second epoch on, but the layout is chosen once.
    assert layouts[4:] == layouts[:4]


@pytest.mark.parametrize("kind", [list, CountingCorpus])
def test_rows_that_come_late_share_no_negatives(kind, layouts):
    corpus = kind(sentences([TEXT, TEXT, TEXT, ROWS, TEXT]))
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, sample=0, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    # the last one is what is left
    assert [layout.S for layout in layouts] == [16, 16, 16, 32, 16, 16] * 2


@pytest.mark.parametrize(("kind", "looks"), [(list, 4), (CountingCorpus, 8)])
def test_a_corpus_that_cannot_change_is_looked_at_once(kind, looks, layouts, monkeypatch):
    positions = []

    def counting(chunk, *arguments):
        positions.append(chunk.position)
        return repetition_of_chunk(chunk, *arguments)

    monkeypatch.setattr(chunk_plans, "repetition_of_chunk", counting)
    corpus = kind(sentences([TEXT, RUNS, TEXT, TEXT]))
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.1, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    assert len(positions) == looks
    assert len(layouts) == 8
    assert layouts[4:] == layouts[:4]
    assert layouts[1] != layouts[0]


@pytest.mark.parametrize(("window", "alpha", "T"), [(5, 0.1, 64), (40, 0.1, 2), (40, 2, 1)])
def test_what_repeats_from_the_beginning_has_one_layout(window, alpha, T, layouts, monkeypatch):
    corpus = sentences([RUNS, TEXT])
    if T != 2:  # nothing is finer: no chunk is looked at
        monkeypatch.setattr("torch_w2v.training.chunk_plans.repetition_of_chunk", None)
    options = {"window": window, "alpha": alpha, "sample": 0, "engine": "cpu", "epochs": 1}
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, **options)
    model.build_vocab(corpus)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        model.train(corpus, total_examples=model.corpus_count, epochs=1)
    assert {(layout.T, layout.S) for layout in layouts} == {(T, T)}


@pytest.mark.parametrize("kind", [list, CountingCorpus])
def test_a_corpus_of_one_chunk_is_looked_at_as_a_whole_only(kind, layouts, monkeypatch):
    monkeypatch.setattr("torch_w2v.training.chunk_plans.repetition_of_chunk", None)
    corpus = kind(sentences([RUNS])[:160])
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.1, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=2)
    assert [layout.S == layout.T for layout in layouts] == [True, True]


@pytest.mark.parametrize("kind", [TEXT, RUNS, EDGES])
@pytest.mark.parametrize("window", [1, 10, 50, 300])
@pytest.mark.parametrize("kept", [1.0, 0.1], ids=["all", "a tenth of half of the words"])
def test_the_quick_look_errs_upwards(kind, window, kept):
    corpus = sentences([kind])
    words = {word: i for i, word in enumerate(sorted({word for sentence in corpus for word in sentence}))}
    tokens = np.array([words[word] for sentence in corpus for word in sentence], np.int32)
    offsets = np.cumsum([0, *map(len, corpus)])
    shares = np.where(np.arange(len(words)) % 2, 1.0, kept)
    kept_share = shares[tokens].mean()
    chunk = Chunk(tokens, offsets, 0, len(tokens), 0, len(corpus))
    context = min(window + 1.0, kept_share * (len(corpus[0]) - 1))
    keep = (shares * (2**32 - 1)).astype(np.uint32)
    reading = chunk, keep, window, True, kept_share, OTHER_SENTENCES, context
    actual = repetition_of_chunk(*reading, 0.0)
    assert actual > 1
    assert repetition_of_chunk(*reading, 0.9 * actual) == actual
    assert repetition_of_chunk(*reading, 4 * actual) == 0


def test_long_sentences_that_come_late_have_more_sets(layouts):
    """Skip-gram: a vocabulary of short sentences, which the first chunk has too, and then of long ones."""
    draw = np.random.default_rng(0)
    short, long = (
        [[str(word) for word in draw.integers(0, 2000, length)] for _ in range(10_000 // length)] for length in (4, 400)
    )
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, sample=0, window=100, sg=1, engine="cpu", workers=1)
    corpus = CountingCorpus(short + long)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=1)
    assert len(layouts) == 2
    assert layouts[1].S > 8 * layouts[0].S


def test_runs_in_the_few_long_sessions_of_a_corpus_are_seen(layouts):
    """CBOW: the quick look at a chunk must not go by the mean length of sentences, which is 3 here."""
    draw = np.random.default_rng(0)

    def part(*, bursty):
        long = np.repeat(draw.integers(0, 2000, 50), 4) if bursty else draw.integers(0, 2000, 200)
        return [list(map(str, long)), *([str(word)] for word in draw.integers(0, 2000, 100))]

    corpus = CountingCorpus([s for bursty in (False, True) for _ in range(34) for s in part(bursty=bursty)])
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, alpha=0.05, sample=0, window=10, engine="cpu", workers=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=1)
    assert [layout.by_set for layout in layouts[:2]] == [False, True]


@pytest.mark.parametrize(("long", "by_set"), [(0, True), (8, False)])
def test_windows_are_not_read_by_themselves_where_most_words_have_long_ones(long, by_set, layouts):
    """The mean sentence has eight context words, the mean word has 250 then."""
    draw = np.random.default_rng(1)
    lengths = [10_000] * long + [4] * 20_000
    corpus = [[str(word) for word in draw.integers(0, 150, length)] for length in lengths]
    options = {"window": 500, "alpha": 1.0, "sample": 0, "engine": "cpu", "epochs": 1}
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, **options)
    model.build_vocab(corpus)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        model.train(corpus, total_examples=model.corpus_count, epochs=1)
    assert {layout.by_set for layout in layouts} == {by_set}


@pytest.mark.parametrize(("epochs", "share"), [(2, True), (9, False)])
def test_skip_gram_whose_inputs_are_alike_late(epochs, share, layouts):
    """They share negatives where few epochs are trained."""
    corpus = sentences([TEXT, TEXT, TEXT, ROWS, TEXT])
    model = torch_w2v.Word2Vec(min_count=1, vector_size=8, sample=0, engine="cpu", workers=1, sg=1)
    model.build_vocab(corpus)
    model.train(corpus, total_examples=model.corpus_count, epochs=epochs)
    assert [layout.T == 1 for layout in layouts[:5]] == [False, False, False, not share, False]
