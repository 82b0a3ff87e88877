import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v.corpus.store import Encoded
from torch_w2v.distributed.intervals import Intervals


@given(
    lengths=st.lists(st.integers(0, 9), max_size=30),
    shares=st.lists(st.floats(0, 1), max_size=8),
    run=st.integers(1, 20),
)
def test_every_sentence_is_in_the_interval_in_which_it_begins(lengths, shares, run):
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    total = int(offsets[-1])
    tokens = np.arange(total, dtype=np.int32)
    ends = [share * total for share in sorted(shares)] + [float(total)]
    seen = []
    for number, runs in enumerate(Intervals(Encoded(tokens, offsets, 100).runs(run), ends)):
        for part in runs:
            assert part.tokens.tolist() == list(range(part.position - 100, part.position - 100 + len(part.tokens)))
            for low, high in zip(part.offsets[:-1].tolist(), part.offsets[1:].tolist(), strict=True):
                begin = part.position - 100 + low
                assert number == len(ends) - 1 or begin < ends[number]
                assert number == 0 or begin >= ends[number - 1]
                seen.append(high - low)
    assert seen == lengths
