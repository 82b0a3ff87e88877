"""Lists of words of any hashable type are encoded, with the compiled library and without it."""

import itertools
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpus.reading import counting_ids, read_file, sentences_of, with_fixtures
from tests.helpers import ENGINES, both_classes, ours, same, words
from torch_w2v import native
from torch_w2v.corpus import bindings, lists
from torch_w2v.corpus.word_ids import GrowingVocabulary

WORDS = st.one_of(
    st.text("ab\0 \n", max_size=12),
    st.text(max_size=3),
    st.sampled_from(["\ud800", "", "long" * 20, 0, 1, 1.0, True]),
    st.integers(),
    st.tuples(st.integers(0, 1)),
    st.binary(max_size=2),
)


@pytest.fixture(autouse=True)
def no_corpus_is_short(monkeypatch):
    """Lists of a few words, too, are joined and split as long ones are; what is short is looked up word by word."""
    monkeypatch.setattr(lists, "SHORT", 0)


LISTS = st.lists(st.lists(WORDS, max_size=9), max_size=30)
STRINGS = st.lists(st.lists(st.text("ab\n ", max_size=9), max_size=9), max_size=30)


@with_fixtures
@given(st.one_of(LISTS, STRINGS), st.sampled_from([list, tuple, deque]), st.integers(1, 12), st.sampled_from([0, 20]))
def test_lists_of_anything_hashable(monkeypatch, sentences, kind, batch, short):
    monkeypatch.setattr(lists, "BATCH", batch)
    monkeypatch.setattr(lists, "SHORT", short)
    ids, word_ids = counting_ids()
    assert sentences_of(lists.parts_of(map(kind, sentences), word_ids), ids) == sentences
    assert list(ids) == list(dict.fromkeys(itertools.chain.from_iterable(sentences)))
    vocabulary = GrowingVocabulary("\0")
    assert sentences_of(lists.parts_of(map(kind, sentences), vocabulary), vocabulary) == sentences
    assert list(vocabulary) == list(ids)


@with_fixtures
@given(LISTS)
def test_without_the_library_nothing_changes(tmp_path, monkeypatch, sentences):
    def parts():
        return [list(map(list, zip(*part, strict=False))) for part in lists.parts_of(sentences, counting_ids()[1])]

    expected = parts()
    path = tmp_path / "corpus.txt"
    path.write_text("a b\n\nc a\n")
    with monkeypatch.context() as patch:
        patch.setattr(native, "available", lambda: False)
        found = parts()
        assert read_file(path, patch, 5) == ([["a", "b"], ["c", "a"]], ["a", "b", "c"])
        tokens, counts = np.array([1, 0, 1], np.int32), np.zeros(3, np.int64)
        bindings.count_tokens(tokens, counts)
        assert counts.tolist() == [1, 2, 0]
        assert bindings.remap(tokens, np.array([7, -1], np.int32)).tolist() == [-1, 7, -1]
        with pytest.raises(ValueError, match="a token lies outside the 1 words"):
            bindings.remap(tokens, np.array([7], np.int32))
    assert found == expected


class Buffers:
    """A corpus that yields a few list objects in turn, with other words each time, and empties them at the end."""

    def __init__(self, sentences, buffers, kind=list):
        self.sentences, self.buffers, self.kind = sentences, buffers, kind

    def __iter__(self):
        buffers = [self.kind() for _ in range(self.buffers)]
        for buffer, sentence in zip(itertools.cycle(buffers), self.sentences, strict=False):
            buffer.clear()
            buffer.extend(sentence)
            yield buffer
        for buffer in buffers:
            buffer.clear()


@pytest.mark.parametrize("kind", [list, deque, type("Derived", (list,), {})])
@pytest.mark.parametrize("buffers", [1, 2, 50])
def test_one_list_that_comes_again_and_again(buffers, kind, monkeypatch):
    monkeypatch.setattr(lists, "BATCH", 100)
    corpus = words(200)
    for sentences in (corpus, [[len(word) for word in sentence] for sentence in corpus]):
        ids, word_ids = counting_ids()
        assert sentences_of(lists.parts_of(Buffers(sentences, buffers, kind), word_ids), ids) == sentences


@pytest.mark.parametrize("options", [{"engine": engine} for engine in ENGINES] + [{"hs": 1, "negative": 0}], ids=str)
def test_vocabulary_and_training_of_one_list_that_comes_again_and_again(options):
    assert same(ours(Buffers(words(60), 1), **options), ours(words(60), **options))


def test_the_number_of_a_sentence_that_is_wrong():
    for wrong in (5, ["a", []], map(str, "ab"), None):
        sentences = [["a"], [], ["b", "c"], wrong, ["d"]]
        with pytest.raises(TypeError, match="sentence #3 must be a list of words"):
            list(lists.parts_of(iter(sentences), counting_ids()[1]))


def test_lists_that_are_false():
    class Sentence(list):
        def __bool__(self):
            return False

    ids, word_ids = counting_ids()
    assert sentences_of(lists.parts_of([["a"], Sentence("bc"), []], word_ids), ids) == [["a"], ["b", "c"], []]


class Folded(str):
    """A token that is equal to itself in other letters."""

    __slots__ = ()

    def __eq__(self, other):
        return isinstance(other, Folded) and self.lower() == other.lower()

    def __hash__(self):
        return hash(self.lower())


class Named(str):
    """A subclass of str as equal as str."""

    __slots__ = ()


@both_classes
def test_words_with_an_equality_of_their_own_are_counted_by_it(cls):
    model = ours([[Folded(word) for word in ("a", "B", "A", "c")], [Folded("b"), "a"]] * 9, cls=cls)
    assert {word: model.wv.get_vecattr(word, "count") for word in model.wv.index_to_key} == {
        Folded("a"): 18, Folded("b"): 18, Folded("c"): 9, "a": 9,
    }  # fmt: skip
    assert model.corpus_total_words == 54
    # as words of the vocabulary too
    assert model.train([[Folded("B"), Folded("C"), "b"]] * 9, total_examples=9, epochs=1)[1] == 27


@pytest.mark.parametrize("kind", [Named, np.str_])
def test_words_that_are_equal_as_str_are_joined_as_str(kind, monkeypatch):
    monkeypatch.setattr(lists, "_look_up", None)
    assert same(ours([list(map(kind, sentence)) for sentence in words()]), ours(words()))
