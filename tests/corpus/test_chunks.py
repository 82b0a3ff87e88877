"""Chunks lose nothing: every token is trained on once, with the window that it has in the uncut corpus."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import ENGINES, ours, words
from torch_w2v import corpus, engines
from torch_w2v.corpus.encoding import encode
from torch_w2v.corpus.file_array import FileArray
from torch_w2v.corpus.store import EncodedOnDisk
from torch_w2v.engines import sampling, streams
from torch_w2v.engines.interface import ChunkResult
from torch_w2v.engines.torch_batched import TorchBatchedEngine

VOCABULARY = {"a": 0, "b": 1, "c": 2, "d": 3}
KEEP = np.array([2**32 - 1, 2**31, 2**30, 0], np.uint32).view(np.int32)  # 1, 1/2, 1/4, (almost) never
STREAM = streams.key(1, 0, 0, streams.TOKEN)
cases = given(
    sentences=st.lists(st.lists(st.sampled_from("aabbbbccd?"), max_size=60), max_size=6),
    size=st.integers(1, 9),
    window=st.integers(1, 6),
    shrink=st.booleans(),
)


def chunks_of(sentences, size, window):
    def kept(tokens, position):
        return streams.keep_mask(tokens, position, KEEP, STREAM)

    runs = encode(sentences, VOCABULARY, size)
    return [chunk for run in runs for chunk in corpus.cut_into_chunks(run, size, window, kept)]


def windows_of(chunk, kept):
    """Place of each trained token -> the token, its context to the left and to the right as places."""
    places = (kept.place + chunk.position).tolist()
    return {
        places[i]: (int(kept.ids[i]), places[low:i], places[i + 1 : high])
        for i, (low, high) in enumerate(zip(kept.low.tolist(), kept.high.tolist(), strict=True))
        if chunk.begin <= kept.place[i] < chunk.end
    }


@cases
def test_chunks_partition_the_corpus(sentences, size, window, shrink):
    chunks = chunks_of(sentences, size, window)
    tokens, position = [], 0
    for chunk in chunks:
        assert chunk.position + chunk.begin == position
        assert 0 <= chunk.begin <= chunk.end <= len(chunk.tokens)
        assert chunk.end - chunk.begin <= 2 * size or np.diff(chunk.offsets).max() >= len(chunk.tokens) - size
        if len(chunk.offsets):
            assert chunk.offsets[0] == 0
            assert chunk.offsets[-1] == len(chunk.tokens)
            assert (np.diff(chunk.offsets) >= 0).all()
        position += chunk.end - chunk.begin
        tokens += chunk.tokens[chunk.begin : chunk.end].tolist()
    assert tokens == [VOCABULARY.get(word, -1) for sentence in sentences for word in sentence]
    assert sum(chunk.examples for chunk in chunks) == len(sentences)


@cases
def test_chunks_carry_whole_windows(sentences, size, window, shrink):
    def windows(chunk):
        tokens, offsets, keep = map(torch.from_numpy, (chunk.tokens, chunk.offsets, KEEP))
        kept = sampling.kept_stream(tokens, offsets, chunk.position, keep, STREAM, window, shrink)
        return windows_of(chunk, kept)

    found = {}
    for chunk in chunks_of(sentences, size, window):
        if chunk.end > chunk.begin:
            found.update(windows(chunk))
    whole = next(encode(sentences, VOCABULARY, 10**9), None)
    if whole is not None:
        assert found == windows(corpus.Chunk(whole.tokens, whole.offsets, 0, len(whole.tokens), 0, len(sentences)))
    else:
        assert not found


def test_long_sentences_are_cut():
    """A piece carries no more of its neighbours than the windows need."""
    chunks = chunks_of([["a"] * 1050], 100, 5)
    assert [chunk.end - chunk.begin for chunk in chunks] == [100] * 9 + [150]
    assert [len(chunk.tokens) for chunk in chunks] == [110] + [120] * 8 + [160]
    assert [chunk.examples for chunk in chunks] == [0] * 9 + [1]


def test_engines_get_whole_windows_in_every_epoch(monkeypatch):
    """One long sentence reaches an engine with the same windows whatever the size of its chunks."""
    long_sentence = [word for sentence in words(60) for word in sentence]

    def windows(batch_words):
        epochs = []

        class Recording(TorchBatchedEngine):
            def train(self, tables, chunk, rates, plan):
                if chunk.position + chunk.begin == 0:
                    epochs.append({})
                epochs[-1].update(windows_of(chunk, sampling.kept_in(chunk, plan)))
                return ChunkResult(0, 0.0, 0.0)

        model = ours(batch_words=batch_words)
        model.build_vocab([long_sentence])
        with monkeypatch.context() as patch:
            patch.setattr(engines, "choose", lambda *_: Recording())
            for _ in range(2):
                model.train([long_sentence], total_examples=1, epochs=2)
        return epochs

    whole, cut = windows(10_000), windows(3)
    assert cut == whole
    assert len(cut) == 4
    assert all(one != other for one, other in itertools.combinations(cut, 2))  # every epoch has its own draws


@pytest.mark.parametrize("engine", ENGINES)
def test_one_long_sentence_trains_every_word_once(engine):
    long_sentence = [word for sentence in words(60) for word in sentence]
    model = ours([long_sentence], engine, batch_words=30, sample=0)
    assert model.corpus_count == 1
    assert model.train([long_sentence], total_examples=1, epochs=1) == (len(long_sentence), len(long_sentence))


def test_chunks_of_a_file_are_read_by_who_trains_them(tmp_path, monkeypatch):
    path = tmp_path / "tokens"
    path.write_bytes(np.arange(12, dtype=np.int32).tobytes())
    with path.open("rb") as file:
        tokens = FileArray(file, 0, np.int32, 12)
    rows = np.arange(12, dtype=np.int32)[::-1].copy()
    encoded = EncodedOnDisk(tokens, np.arange(0, 13, 3), rows)
    with monkeypatch.context() as patch:
        patch.setattr(FileArray, "__getitem__", None)
        chunks = [chunk for run in encoded.runs(4) for chunk in corpus.cut_into_chunks(run, 4, 5, None)]
    read = [chunk.read() for chunk in chunks]
    assert [chunk.tokens.tolist() for chunk in read] == [[11, 10, 9, 8, 7, 6], [5, 4, 3, 2, 1, 0]]
    assert [(chunk.position, chunk.examples, chunk.rows) for chunk in read] == [(0, 2, None), (6, 2, None)]
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(OSError, match="was changed while it was in use"):
        chunks[0].read()
