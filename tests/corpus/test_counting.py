"""Counting reads a corpus as gensim does: from its beginning to its end, once."""

import pytest
import torch

from tests.helpers import both_classes
from torch_w2v.corpus.counting import count_words


class Rewinding:
    """A reader that returns itself, and begins anew whenever it is asked for an iterator, as one of an open file."""

    def __init__(self, sentences):
        self.sentences, self.next, self.beginnings = sentences, 0, 0

    def __iter__(self):
        self.next = 0
        self.beginnings += 1
        return self

    def __next__(self):
        if self.next == len(self.sentences):
            raise StopIteration
        self.next += 1
        return self.sentences[self.next - 1]


@both_classes
@pytest.mark.parametrize("sentences", [[], [["a", "b"]], [["a", "b"], ["b"], [], ["c"]]], ids=len)
def test_a_reader_that_begins_anew_is_counted_once(cls, sentences):
    reader = Rewinding(sentences)
    total, count = cls(min_count=1).scan_vocab(reader)
    assert (total, count, reader.beginnings) == (sum(map(len, sentences)), len(sentences), 1)


@both_classes
def test_a_reader_that_begins_anew_is_trained_on(cls):
    reader = Rewinding([["a", "b"], ["b"], ["c", "a"]] * 9)
    model = cls(reader, min_count=1, vector_size=4, epochs=3, sample=0)
    assert {word: model.wv.get_vecattr(word, "count") for word in "abc"} == {"a": 18, "b": 18, "c": 9}
    assert (model.corpus_count, model.train(reader, total_examples=27, epochs=2)) == (27, (90, 90))


class Node:
    """A word that is equal to itself only."""


def test_tensors_are_sentences_of_their_numbers():
    found = count_words(torch.tensor([[1, 2, 3], [3, 2, 2]]), 1, 1e9)
    assert (found.words, found.counts.tolist()) == ([1, 2, 3], [1, 3, 2])


def test_words_whose_equals_have_other_hashes_are_refused():
    message = r"^the first word, tensor\(1\), is of the type Tensor, of which equal ones have different hashes"
    with pytest.raises(TypeError, match=message):
        count_words([[torch.tensor(1), torch.tensor(1)]], 1, 1e9)
    node = Node()
    assert count_words([[node, node]], 1, 1e9).counts.tolist() == [2]
