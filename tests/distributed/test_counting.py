import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.distributed.thread_group import run_ranks
from torch_w2v.corpus.counting import count_words
from torch_w2v.distributed.counting import merged


@given(
    sentences=st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=4), max_size=12),
    cuts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
)
def test_the_merged_scan_is_that_of_one_machine(sentences, cuts):
    edges = [0, *sorted(min(cut, len(sentences)) for cut in cuts), len(sentences)]

    def program(group):
        part = sentences[edges[group.rank] : edges[group.rank + 1]]
        return merged(group, count_words(part, 1, 10_000))

    whole = count_words(sentences, 1, 10_000)
    for scan in run_ranks(len(edges) - 1, program):
        assert list(scan.words) == list(whole.words)
        assert np.array_equal(scan.counts, whole.counts)
        assert scan.sentences == whole.sentences
