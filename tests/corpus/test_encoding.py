"""Encoding loses nothing, and cuts a stream of sentences where it cuts a whole corpus."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from torch_w2v.corpus.encoding import concatenate, encode

VOCABULARY = {"a": 0, "b": 1, "c": 2, "d": 3}
SENTENCES = st.lists(st.lists(st.sampled_from("abcd?"), max_size=12), max_size=25)
SIZES = st.integers(1, 15)


@given(SENTENCES, SIZES)
def test_encode_keeps_everything(sentences, size):
    runs = list(encode(sentences, VOCABULARY, size))
    position, lengths = 0, []
    for run in runs:
        assert run.position == position
        assert (run.tokens.dtype, run.offsets.dtype) == (np.int32, np.int64)
        assert run.offsets[0] == 0
        assert run.offsets[-1] == len(run.tokens)
        position += len(run.tokens)
        lengths += np.diff(run.offsets).tolist()
    expected = [VOCABULARY.get(word, -1) for sentence in sentences for word in sentence]
    assert np.concatenate([[], *(run.tokens for run in runs)]).tolist() == expected
    assert lengths == [len(sentence) for sentence in sentences]
    for run in runs[:-1]:  # ends with the sentence that brings it to `size`
        assert len(run.tokens) >= size > run.offsets[-2]


@given(SENTENCES, SIZES)
def test_a_stream_is_cut_as_a_whole_corpus(sentences, size):
    streamed = list(encode(sentences, VOCABULARY, size))
    whole = concatenate([(run.tokens, np.diff(run.offsets)) for run in streamed])
    static = list(whole.runs(size))
    assert len(static) == len(streamed)
    for one, other in zip(static, streamed, strict=True):
        assert one.position == other.position
        np.testing.assert_array_equal(one.tokens, other.tokens)
        np.testing.assert_array_equal(one.offsets, other.offsets)
