"""Read a corpus through every function of word ids, and put its sentences together again."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.helpers import KERNEL
from torch_w2v.corpus import text
from torch_w2v.corpus.word_ids import GrowingVocabulary

SPACES = [chr(c) for c in range(0x110000) if chr(c).isspace()]
with_fixtures = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
needs_library = pytest.mark.skipif(not KERNEL, reason="needs the compiled library")


def counting_ids():
    """A dictionary of ids in the order of first occurrence, and the function that looks words up in it."""
    ids = defaultdict(itertools.count().__next__)
    return ids, lambda words: [ids[word] for word in words]


def sentences_of(parts, words):
    """The sentences as lists of words; checks the types and shapes of the parts."""
    parts = list(parts)
    words, sentences = list(words), []
    for tokens, lengths in parts:
        assert (tokens.dtype, lengths.dtype) == (np.int32, np.int64)
        assert lengths.sum() == len(tokens)
        edges = [0, *np.cumsum(lengths).tolist()]
        sentences += [[words[token] for token in tokens[low:high]] for low, high in itertools.pairwise(edges)]
    return sentences


def read_file(path, monkeypatch, block, threads=2, max_length=10_000):
    """The sentences and the distinct words of a file, which are the same for every function of word ids."""
    monkeypatch.setattr(text, "BLOCK", block)
    ids, word_ids = counting_ids()
    sentences = sentences_of(text.Text([str(path)], max_length).parts(word_ids, threads), ids)
    vocabulary = GrowingVocabulary("\n")
    assert sentences_of(text.Text([str(path)], max_length).parts(vocabulary, threads), vocabulary) == sentences
    assert list(vocabulary) == list(ids)
    return sentences, list(ids)
