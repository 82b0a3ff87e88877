"""A corpus that cannot change is read once; any other is read in every epoch."""

import threading
import time

import gensim.models.callbacks
import numpy as np
import pytest
from gensim.models.word2vec import LineSentence

from tests.corpus.forms import SENTENCES, TEXT, brown, line_sentence, path_line_sentences, text8
from tests.helpers import ENGINES, CountingCorpus, both_classes, ours, same
from torch_w2v.corpus import CorpusCache, encoded_file, encoding, files, text

VOCABULARY = {"a": 0, "b": 1, "c": 2}
POLICIES = ["auto", "memory", "disk", "off"]


def tokens(cache, source, vocabulary=VOCABULARY, size=1):
    """The tokens of one epoch, by run."""
    return [run.read().tokens.tolist() for run in cache.runs(source, vocabulary, size)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT)
    return path


# ---- as models see it ----


@pytest.mark.parametrize("engine", ENGINES[1:])  # `reference` takes its chunks as `torch_batched` does
@pytest.mark.parametrize("form", [line_sentence, path_line_sentences, text8, brown])
def test_gensims_readers_are_read_once(form, engine, tmp_path, opened):
    """Once for the vocabulary and for all epochs."""
    reader = form(tmp_path / "corpus")
    model = ours(reader, engine, epochs=3)
    assert set(opened.values()) == {1}, opened
    assert same(model, ours(list(reader), engine, epochs=3))


def test_lists_are_read_once():
    class Counted(str):
        hashed = 0

        def __hash__(self):
            Counted.hashed += 1
            return super().__hash__()

    sentences, hashed = [[Counted("a"), 1, "c"]] * 50, []  # not all str: each word is looked up
    for epochs in (1, 7):
        before = Counted.hashed
        ours(sentences, epochs=epochs)
        hashed.append(Counted.hashed - before)
    assert hashed[0] == hashed[1]
    assert 50 <= hashed[0] < 100


@pytest.mark.parametrize("cls", [list, LineSentence])
def test_subclasses_of_static_forms_are_read_in_every_epoch(cls, path):
    class Shuffled(cls):
        epochs = 0

        def __iter__(self):
            type(self).epochs += 1
            return super().__iter__()

    ours(Shuffled(SENTENCES if cls is list else str(path)), epochs=4)
    assert Shuffled.epochs == 5


@both_classes
def test_every_epoch_sees_what_an_iterable_returns_then(cls):
    """Walks and shuffles rely on it: words that come in the second epoch only are trained on."""

    class Walks(CountingCorpus):
        def __iter__(self):
            yield from super().__iter__()
            if self.iterations == 2:
                yield from [["late", "w1", "w2"]] * 20

    model = ours(cls=cls, sample=0)
    model.build_vocab([*SENTENCES, ["late"]])
    start = model.wv["late"].copy()
    model.train(Walks(SENTENCES), total_examples=len(SENTENCES), epochs=1)
    np.testing.assert_array_equal(model.wv["late"], start)
    model.train(Walks(SENTENCES), total_examples=len(SENTENCES), epochs=2)
    assert (model.wv["late"] != start).any()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", ["file", "list", "stream"])
def test_models_are_the_same_wherever_the_corpus_is_cached(kind, policy, path, from_list, opened):
    source = {"file": None, "list": SENTENCES, "stream": CountingCorpus(SENTENCES)}[kind]
    for engine in ENGINES[1:]:
        model = ours(source, engine, corpus_file=path if kind == "file" else None, corpus_cache=policy)
        assert same(model, from_list[engine])
    if kind == "file":
        assert opened[path.name] == len(ENGINES[1:]) * (1 + model.epochs if policy == "off" else 1)


def test_a_vocabulary_that_grows_while_training(path):
    """A callback extends the vocabulary: the corpus is read again, with the new words."""

    class Extend(gensim.models.callbacks.CallbackAny2Vec):
        def on_epoch_end(self, model):
            if "late" not in model.wv:
                model.build_vocab([["late", "w1"]] * 5, update=True)

    models = [
        ours(source, corpus_file=file, callbacks=[Extend()], corpus_cache=policy)
        for source, file in ((None, path), (SENTENCES, None), (CountingCorpus(SENTENCES), None))
        for policy in ("auto", "disk", "off")
    ]
    assert all(same(model, models[0]) for model in models[1:])
    assert "late" in models[0].wv


@pytest.mark.parametrize("many_calls", [False, True], ids=["callback", "between calls"])
def test_a_word_that_is_renamed_while_training(many_calls, path):
    """The dictionary stays the same object, of the same length."""

    def rename(model):
        if "w1" in model.wv:
            row = model.wv.key_to_index.pop("w1")
            model.wv.key_to_index["renamed"] = row
            model.wv.index_to_key[row] = "renamed"

    class Renaming(gensim.models.callbacks.CallbackAny2Vec):
        def on_epoch_end(self, model):
            rename(model)

    def trained(corpus, policy):
        model = ours(corpus_cache=policy)
        with model.reading_once():
            model.build_vocab(**corpus)
            totals = {"total_examples": model.corpus_count, "total_words": model.corpus_total_words}
            if not many_calls:
                model.train(**corpus, **totals, epochs=3, callbacks=[Renaming()])
            for _ in range(2 * many_calls):
                model.train(**corpus, **totals, epochs=1)
                rename(model)
        return model

    models = [
        trained(corpus, policy)
        for corpus in (
            {"corpus_file": path},
            {"corpus_iterable": SENTENCES},
            {"corpus_iterable": CountingCorpus(SENTENCES)},
        )
        for policy in ("auto", "disk", "off")
    ]
    assert all(same(model, models[0]) for model in models[1:])
    assert "renamed" in models[0].wv


def test_lists_may_change_between_build_vocab_and_train():
    sentences = [list(sentence) for sentence in SENTENCES]
    model = ours()
    before = set(vars(model))
    model.build_vocab(sentences)
    del sentences[20:]
    assert model.train(sentences, total_examples=20, epochs=1)[1] == sum(map(len, sentences))
    assert not [name for name in set(vars(model)) - before if isinstance(vars(model)[name], CorpusCache)]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("encoded", [False, True])
def test_reading_once(encoded, policy, path, from_list, opened, monkeypatch):
    """One block reads the corpus once, for the vocabulary and for several calls of train()."""
    corpus_file, checked = path, []
    if encoded:
        corpus_file = path.with_suffix(".w2v")
        encoded_file.write(files(path), corpus_file, 1)
        check = encoded_file.EncodedFile.__init__
        monkeypatch.setattr(
            encoded_file.EncodedFile, "__init__", lambda self, path: checked.append(path) or check(self, path)
        )
        opened.clear()

    def build_and_train(model):
        model.build_vocab(corpus_file=corpus_file)
        for epochs in (1, 2):
            model.train(corpus_file=corpus_file, total_words=model.corpus_total_words, epochs=epochs)

    model, other = (ours(corpus_cache=policy) for _ in range(2))
    with model.reading_once():
        build_and_train(model)
    assert opened[path.name] == (0 if encoded else 4 if policy == "off" else 1)
    assert len(checked) == encoded
    build_and_train(other)
    assert same(model, other)


def test_another_corpus_in_a_callback_is_not_taken_for_the_scanned_one():
    class Nested(gensim.models.callbacks.CallbackAny2Vec):
        raw_words = 0

        def on_train_begin(self, model):
            if not self.raw_words:
                self.raw_words = 1
                self.raw_words = model.train([["w1", "w2"]] * 10, total_examples=10, epochs=1)[1]

    nested = Nested()
    model = ours(SENTENCES, epochs=1, callbacks=[nested])
    assert nested.raw_words == 20
    assert model.corpus_count == len(SENTENCES)


# ---- the cache alone ----


@pytest.mark.parametrize("policy", ["auto", "memory", "disk"])
@pytest.mark.parametrize("scanned", [False, True])
def test_a_static_corpus_is_encoded_once(scanned, policy):
    source, cache = [["a", "b"], [], ["c", "?"]], CorpusCache(policy)
    if scanned:
        scan = cache.scan(source, keep=True)
        assert (list(scan.words), scan.counts.tolist(), scan.sentences) == (["a", "b", "c", "?"], [1] * 4, 3)
        source.clear()
    first = tokens(cache, source, size=2)
    source.clear()
    assert tokens(cache, source, size=2) == first == [[0, 1], [2, -1]]


def test_an_empty_corpus():
    assert tokens(CorpusCache(), []) == []


@pytest.mark.parametrize("keep", [False, True])
def test_the_policy_off_keeps_nothing(keep):
    source, cache = [["a"]], CorpusCache("off")
    cache.scan(source, keep=keep)
    assert tokens(cache, source) == [[0]]
    source.append(["b"])
    assert tokens(cache, source) == [[0], [1]]


def test_a_scan_that_is_not_kept():
    source, cache = [["a"]], CorpusCache()
    cache.scan(source)
    source.append(["b"])
    assert tokens(cache, source) == [[0], [1]]


def test_an_epoch_that_failed_is_read_again():
    source, cache = [["a"], 5], CorpusCache()
    with pytest.raises(TypeError, match=r"^sentence #1 must be a list of words"):
        tokens(cache, source)
    source[1] = ["b"]
    assert tokens(cache, source) == [[0], [1]]


def test_an_epoch_that_was_left_is_read_again():
    source, cache = [["a"], ["b"], ["c"]], CorpusCache()
    runs = cache.runs(source, VOCABULARY, 1)
    assert next(runs).read().tokens.tolist() == [0]
    runs.close()
    assert tokens(cache, source) == [[0], [1], [2]]


@pytest.mark.parametrize(("corpus", "looks"), [([["a", "b"], ["c"]], 0), ([["a", "b"]] * 9, 3)])
def test_a_few_words_are_encoded_anew_sooner_than_all_of_a_vocabulary_are_looked_at(corpus, looks, monkeypatch):
    """Where a callback may change it."""
    seen = []
    items = encoding._items
    monkeypatch.setattr(encoding, "_items", lambda vocabulary: seen.append(1) or items(vocabulary))
    vocabulary = {"a": 0, "b": 1, "c": 2, "d": 3}
    cache, versions = CorpusCache(), set()
    for row in (0, 0, 7):
        vocabulary["a"] = row
        assert [run[0] for run in tokens(cache, corpus, vocabulary, 99)] == [row]
        encoded, _ = cache.peek(corpus, iter(()))
        assert len(encoded.tokens) == sum(map(len, corpus))
        versions.add(cache.vocabulary_version)
    assert len(versions) == (2 if looks else 3)
    assert bool(seen) == bool(looks)


@pytest.mark.parametrize("policy", POLICIES)
def test_another_corpus_is_not_taken_for_the_one_that_is_kept(policy):
    one, other, cache = [["a"], ["b"]], [["a"], ["b"]], CorpusCache(policy)
    cache.scan(one, keep=True)
    other.append(["c"])
    for source, expected in ((other, [[0], [1], [2]]), (one, [[0], [1]]), (other, [[0], [1], [2]])):
        assert tokens(cache, source) == expected
        assert tokens(cache, iter(source)) == expected


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("encoded", [False, True])
def test_another_vocabulary_is_noticed(encoded, scanned, policy, tmp_path):
    """Also one of the same size."""
    cache = CorpusCache(policy)
    source = [["a", "b"], ["c"]]
    if encoded:
        (tmp_path / "a.txt").write_text("a b\nc\n")
        encoded_file.write(files(tmp_path / "a.txt"), tmp_path / "a.w2v", 1)
        source = cache.open(tmp_path / "a.w2v")
    if scanned:
        cache.scan(source, keep=True)
    growing = {"a": 0, "b": 1}
    assert tokens(cache, source, growing) == [[0, 1], [-1]]
    assert tokens(cache, source, growing) == [[0, 1], [-1]]
    growing["c"] = 2
    assert tokens(cache, source, growing) == [[0, 1], [2]]
    assert tokens(cache, source, {"b": 0, "a": 1, "c": 2}) == [[1, 0], [2]]
    assert tokens(cache, source, growing) == [[0, 1], [2]]


def test_a_scan_takes_the_place_of_what_was_kept():
    one, other, cache = [["a"]], [["b"]], CorpusCache()
    assert tokens(cache, one) == [[0]]
    cache.scan(other, keep=True)
    one.append(["c"])
    other.clear()
    assert tokens(cache, other) == [[1]]
    assert tokens(cache, one) == [[0], [2]]


def test_equal_paths_are_opened_once(path, monkeypatch):
    cache = CorpusCache()
    source = cache.open(path)
    assert isinstance(source, text.Text)
    assert cache.open(str(path)) is source
    assert cache.open(source) is source
    both = [path, str(path)]
    assert cache.open(both) is cache.open(tuple(both)) is not source
    assert both == [path, str(path)]
    monkeypatch.chdir(path.parent)
    assert cache.open(path.name).paths == [path.name]


def test_files_read_in_the_same_way_are_one_corpus(path, opened):
    cache = CorpusCache()
    cache.scan(LineSentence(str(path)), keep=True)
    vocabulary = {"w1": 0}
    assert len(tokens(cache, LineSentence(str(path)), vocabulary)) > 1
    assert opened[path.name] == 1
    tokens(cache, LineSentence(str(path), max_sentence_length=3), vocabulary)
    assert opened[path.name] == 2


def test_stop_ends_an_epoch_from_another_thread():
    class Waiting:
        released = threading.Event()

        def __iter__(self):
            yield ["a"]
            self.released.wait(10)
            yield ["b"]

    cache, seen = CorpusCache(), []
    cache.stop()  # nothing is being read
    thread = threading.Thread(target=lambda: seen.extend(tokens(cache, Waiting())))
    thread.start()
    deadline = time.monotonic() + 10
    while cache._reading is None and time.monotonic() < deadline:
        time.sleep(0.01)
    cache.stop()
    thread.join(5)
    Waiting.released.set()
    assert not thread.is_alive()
    assert seen in ([], [[0]])
