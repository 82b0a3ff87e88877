import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.distributed.thread_group import run_ranks
from torch_w2v import Word2Vec
from torch_w2v.corpus.counting import count_words
from torch_w2v.distributed import counting

# texts that UTF-8 has no code for, and such as are longer than a byte
LETTERS = ["a", "b", "c", "d", "", "\ud800", "é" * 300, "\n"]


def parts_of(sentences, cuts):
    """Return sentences cut into parts."""
    edges = [0, *sorted(min(cut, len(sentences)) for cut in cuts), len(sentences)]
    return [sentences[low:high] for low, high in itertools.pairwise(edges)]


@given(
    sentences=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=12),
    cuts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
)
def test_the_merged_scan_is_that_of_one_machine(sentences, cuts):
    parts = parts_of(sentences, cuts)
    whole = count_words(sentences, 1, 10_000)
    for scan, words in run_ranks(
        len(parts), lambda group: counting.merged(group, count_words(parts[group.rank], 1, 10_000), 5)
    ):
        assert list(scan.words) == list(whole.words)
        assert np.array_equal(scan.counts, whole.counts)
        assert (scan.sentences, words) == (whole.sentences, whole.counts.sum())


@given(
    sentences=st.lists(st.lists(st.sampled_from(LETTERS), max_size=4), max_size=12),
    cuts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    least=st.integers(2, 4),
)
def test_words_that_all_ranks_add_up_are_the_frequent_ones_of_one_machine(sentences, cuts, least):
    parts = parts_of(sentences, cuts)
    whole = count_words(sentences, 1, 10_000)
    frequent = whole.counts >= least
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_GATHERED", -1)
        patch.setattr(counting, "BLOCK", 3)
        results = run_ranks(
            len(parts), lambda group: counting.merged(group, count_words(parts[group.rank], 1, 10_000), least)
        )
    for scan, words in results:
        assert list(scan.words) == [word for word, stays in zip(whole.words, frequent, strict=True) if stays]
        assert np.array_equal(scan.counts, whole.counts[frequent])
        assert (scan.sentences, words) == (whole.sentences, whole.counts.sum())


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ({}, True),
        ({"max_final_vocab": 3}, True),
        ({"trim_rule": lambda word, count, least: 0}, False),
        ({"keep_raw_vocab": True}, False),
        ({"min_count": 1}, False),
    ],
)
def test_a_large_vocabulary_is_that_of_one_machine(monkeypatch, options, left_out):
    draw = np.random.default_rng(0)
    sentences = [[f"w{i}" for i in draw.zipf(1.5, 6) % 50] for _ in range(60)]
    options = {"min_count": 3, **options}
    arguments = {name: options.pop(name) for name in ("trim_rule", "keep_raw_vocab") if name in options}

    def build(group):
        model = Word2Vec(vector_size=4, distributed=group, **options)
        model.build_vocab(sentences, **arguments)
        return model

    alone = build(False)
    monkeypatch.setattr(counting, "MOST_GATHERED", 1)
    added = []
    monkeypatch.setattr(
        counting, "_added_by_all", lambda *args, do=counting._added_by_all: added.append(args) or do(*args)
    )
    for model in run_ranks(3, build):
        assert model.wv.index_to_key == alone.wv.index_to_key
        assert np.array_equal(model.wv.expandos["count"], alone.wv.expandos["count"])
        assert (model.corpus_count, model.corpus_total_words) == (alone.corpus_count, alone.corpus_total_words)
    assert bool(added) == left_out


def test_ranks_that_name_unlike_corpora_are_told(tmp_path):
    for name, lines in (("one", 30), ("other", 20)):
        (tmp_path / name).write_text("a b c\n" * lines)

    def program(group):
        Word2Vec(corpus_file=tmp_path / ("one", "other")[group.rank], min_count=1, distributed=group)

    with pytest.raises(ValueError, match="rank 0 a text of size 180, rank 1 a text of size 120; give all the same"):
        run_ranks(2, program)


def test_ranks_that_name_a_list_in_other_orders_are_told():
    sentences = [[f"w{i}", f"w{i + 1}"] for i in range(50)]

    def program(group):
        Word2Vec(sentences[:: 1 - 2 * group.rank], min_count=1, distributed=group)

    with pytest.raises(ValueError, match="rank 0 a list of size 50, rank 1 a list of size 50 with other sentences, or"):
        run_ranks(2, program)
