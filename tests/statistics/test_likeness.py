"""How alike windows are, on corpora whose answer is known."""

import numpy as np
import pytest

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.corpus.store import Encoded
from torch_w2v.statistics import likeness as module
from torch_w2v.statistics.likeness import likeness, likeness_of_chunk

KEPT = np.full(1000, 2**32 - 1, np.uint32)


def of_sentences(words, length, window=5, keep=KEPT, kept_share=1.0):
    """The likeness of words in sentences of one length."""
    words = np.asarray(words, np.int32)
    return likeness(Encoded(words, np.arange(0, len(words) + 1, length)), keep, window, kept_share)


def rows(period, count=400, stays=20):
    """Rows of so many fields, each of which has the same 15 words now and then; all change together."""
    draw = np.random.default_rng(1)
    values = draw.integers(0, 15, (count // stays, period)).repeat(stays, 0)
    return (values + 15 * np.arange(period)).ravel()


@pytest.mark.parametrize("period", [8, 16, 24, 48])
def test_rows_that_stay_are_alike(period):
    """All but those near a change, less what any two rows have in common: a 15th."""
    assert of_sentences(rows(period), 20 * period) > 0.7


def test_other_periods_are_not_seen():
    """Nothing is shared by targets 13 places apart; those 16 apart are of other fields."""
    assert of_sentences(rows(13, stays=10), 130, window=1) < 0.1


def test_words_in_any_order_have_nothing_in_common():
    draw = np.random.default_rng(2)
    assert abs(of_sentences(draw.integers(0, 1000, 20_000), 200, window=50)) < 0.05


def test_words_that_are_everywhere_do_not_count():
    """Nor do those that every window has: every other token is one word."""
    draw = np.random.default_rng(3)
    words = draw.integers(1, 1000, 20_000)
    words[::2] = 0
    assert abs(of_sentences(words, 20)) < 0.1


def test_sentences_end_windows():
    """Rows in sentences of their own: the targets that are alike have windows within their rows."""
    assert of_sentences(rows(16), 16) > 0.75
    assert of_sentences(rows(16), 1) == 0


def test_words_that_subsampling_drops_do_not_count():
    """Every other token, of which half of a window is otherwise, is dropped."""
    words = np.random.default_rng(4).integers(0, 500, 20_000)
    kept = rows(16, count=1260)[:20_000] + 500
    both = np.stack([words, kept], 1).ravel()
    keep = np.where(np.arange(1000) < 500, 0, 2**32 - 1).astype(np.uint32)
    assert of_sentences(both, 640, keep=keep, kept_share=0.5) > 0.75
    assert 0.3 < of_sentences(both, 640) < 0.6


@pytest.mark.parametrize(("of_rows", "alike"), [(5, True), (10, True), (800, False)])
def test_rows_among_other_words_are_alike_too(of_rows, alike):
    """One sentence in so many has twenty rows; all targets of these have most of their context in common."""
    sentences = np.random.default_rng(8).integers(120, 1000, (800, 160))
    sentences[::of_rows] = rows(8, count=20 * 800 // of_rows).reshape(-1, 160)
    assert (of_sentences(sentences.ravel(), 160) > 0.14) == alike


@pytest.mark.parametrize(("length", "window"), [(2, 5), (4, 5), (7, 5), (1000, 2)])
@pytest.mark.parametrize(("words", "exponent"), [(300, 1.0), (1000, 1.2)])
def test_nothing_is_alike_by_chance(words, exponent, length, window):
    """Independent draws, in short sentences, of which targets have few context words, and few different ones."""
    share = np.arange(1.0, words + 1) ** -exponent
    for seed in range(10):
        drawn = np.random.default_rng(seed).choice(words, 42_000, p=share / share.sum())
        assert of_sentences(drawn[: 42_000 // length * length], length, window) < 0.14


def inputs_of(words, length, stride):
    words = np.asarray(words, np.int32)
    corpus = Encoded(words, np.arange(0, len(words) + 1, length))
    return module.likeness_of_inputs(corpus, KEPT, 5, 1.0, stride)


def test_inputs_that_are_alike():
    """Eight rows further on is the same column, at a stride of 32; 37 places on is another one."""
    words = rows(8, count=2000, stays=40)
    assert inputs_of(words, 160, 32) > 0.5
    assert inputs_of(words, 160, 37) > 0.5
    assert abs(inputs_of(np.random.default_rng(2).integers(0, 1000, 20_000), 200, 32)) < 0.05
    assert inputs_of(words[:1900], 190, 32) == 0


@pytest.mark.parametrize("words", [0, 1, 1_999])
def test_little_says_nothing(words):
    assert of_sentences(np.arange(words) % 16, max(words, 1)) == 0


def test_a_corpus_without_known_words():
    assert of_sentences(np.full(5000, -1), 50) == 0
    assert of_sentences(np.arange(5000) % 16, 5000, keep=np.zeros(1000, np.uint32), kept_share=1e-6) == 0


def of_chunk(words, length, enough, window=5, keep=KEPT, kept_share=1.0, stride=0):
    """The likeness of words in sentences of one length as that of a chunk."""
    words = np.asarray(words, np.int32)
    offsets = np.arange(0, len(words) + 1, length)
    chunk = Chunk(words, offsets, 0, len(words), 0, len(offsets) - 1)
    return likeness_of_chunk(chunk, keep, window, kept_share, enough, stride)


def dropped_between(words):
    """Put words that subsampling drops between others; return arguments for `of_chunk`."""
    others = np.random.default_rng(4).integers(0, 100, (len(words), 3))
    keep = np.where(np.arange(1000) < 100, 2**22, 2**32 - 1).astype(np.uint32)
    return {"words": np.column_stack([others, words + 100]).ravel(), "keep": keep, "kept_share": 0.25}


@pytest.mark.parametrize("window", [1, 5, 50])
@pytest.mark.parametrize("period", [8, 16, 24, 48])
@pytest.mark.parametrize("dropped", [False, True])
def test_the_quick_look_at_a_chunk_errs_upwards(period, window, dropped):
    words = rows(period, count=1600, stays=8)
    options = (dropped_between(words % 900) if dropped else {"words": words}) | {"window": window}
    length = 20 * period * (4 if dropped else 1)
    actual = of_chunk(length=length, enough=0.0, **options)
    assert actual == of_sentences(length=length, **options) > 0.5
    assert of_chunk(length=length, enough=0.95 * actual, **options) == actual


@pytest.mark.parametrize("stride", [32, 37])
def test_a_chunk_of_skip_gram(stride):
    words = rows(8, count=2000, stays=40)
    assert of_chunk(words, 160, 0.2, stride=stride) == inputs_of(words, 160, stride) > 0.5
    assert of_chunk(np.random.default_rng(2).integers(0, 1000, 20_000), 200, 0.2, stride=stride) == 0


def test_text_is_not_looked_at_closely(monkeypatch):
    monkeypatch.setattr(module, "likeness", None)
    share = 1 / np.arange(1, 1001)
    share /= share.sum()
    words = np.random.default_rng(5).choice(1000, 100_000, p=share)
    keep = np.minimum(2**32 - 1, 2**32 * np.sqrt(1e-3 / share))
    dropping = {"keep": keep.astype(np.uint32), "kept_share": (keep[words] / 2**32).mean()}
    assert of_chunk(words, 20, 0.14, **dropping) == of_chunk(words, 20, 0.14) == of_chunk(words, 20, 0.14, 50) == 0


@pytest.mark.parametrize("columns", [8, 16, 32, 64, 96])
def test_columns_that_come_again_at_a_distance(columns):
    """Values of a column are drawn anew in each row."""
    draw = np.random.default_rng(6)
    words = (draw.integers(0, 10, (60_000 // columns, columns)) + 10 * np.arange(columns)).ravel() % 1000
    corpus = Encoded(words.astype(np.int32), np.arange(0, len(words) + 1, columns))
    assert module.period(corpus, KEPT, 1.0, 32, 37) == pytest.approx(0.1, abs=0.02)
    assert module.period(corpus, KEPT, 1.0, 37, 32) < 0.01


def test_text_has_no_columns():
    share = 1 / np.arange(1, 1001)
    words = np.random.default_rng(7).choice(1000, 50_000, p=share / share.sum()).astype(np.int32)
    for some in (words, words % 20):
        assert module.period(Encoded(some, np.arange(0, 50_001, 20)), KEPT, 1.0, 32, 37) < 0
    assert module.period(Encoded(words[:100], np.array([0, 100])), KEPT, 1.0, 32, 37) == 0
