"""One `train()` call as a whole: what is observed between epochs, what fits on a device, what is imported."""

import logging
import threading
import warnings

import numpy as np
import pytest
import torch
from gensim.models.callbacks import CallbackAny2Vec

import torch_w2v
from tests.helpers import KERNEL, messages, ours, same, topics, trainable, weights, words
from tests.processes import python
from torch_w2v import Word2Vec, engines, system
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.cpu.private_rows import ThreadTables
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.engines.triton.engine import TritonEngine
from torch_w2v.training import checkpoints, frequencies, interrupts, planning
from torch_w2v.training.measured import Measured

THREADS_OF = planning.threads_of  # as it is outside of these tests (conftest.py)


def test_a_small_corpus_has_the_same_model_for_any_number_of_workers(monkeypatch, caplog):
    """One thread trains it, whatever gensim's default of three is."""
    monkeypatch.setattr(planning, "threads_of", THREADS_OF)
    monkeypatch.setattr(system, "cores", lambda: 4)
    with caplog.at_level(logging.INFO):
        assert same(*(ours(words(30_000), workers=workers, epochs=2) for workers in (1, 3)))
    assert [text for text in messages(caplog) if "workers train" in text] == [
        "1 of 3 workers train: more would overwrite one another's updates"
    ]


def test_more_workers_than_cores_share_none(monkeypatch, caplog):
    monkeypatch.setattr(planning, "threads_of", THREADS_OF)
    monkeypatch.setattr(planning, "WORDS_PER_THREAD", 1000)
    monkeypatch.setattr(system, "cores", lambda: 2)
    with caplog.at_level(logging.INFO):
        ours(words(30_000), workers=3, epochs=1)
    assert "2 of 3 workers train: more would use the same cores" in messages(caplog)


@pytest.mark.skipif(not KERNEL, reason="needs the C++ library")
@pytest.mark.parametrize("sg", [0, 1])
def test_threads_have_copies_of_frequent_rows_in_every_epoch(sg, monkeypatch):
    """Also where the tables stay with the engine from one epoch to the next. Skip-gram has none."""
    opened = []

    class Recorded(ThreadTables):
        @classmethod
        def opened(cls, tables, sharing, thread):
            opened.append((sharing.rows, thread))
            return ThreadTables.opened(tables, sharing, thread)

    monkeypatch.setattr(cpu, "ThreadTables", Recorded)
    draw = np.random.default_rng(0)
    corpus = [[str(word) for word in sentence] for sentence in draw.zipf(1.4, (10_000, 15)) % 400]
    ours(corpus, workers=2, epochs=3, sample=0, sg=sg, engine="cpu")
    if sg:
        assert not opened
        return
    # A thread may find that the other one has done all.
    assert {thread for _, thread in opened} <= {0, 1}
    assert 0 < len({rows for rows, _ in opened}) == 1
    assert len(opened) >= 3


def test_vectors_that_are_observed_between_epochs_are_trained():
    """By a subclass, and by an iterator; test_callbacks.py has callbacks."""
    seen = []

    class Observing(torch_w2v.Word2Vec):
        def _log_epoch_end(self, *args, **kwargs):
            seen.append(self.wv.vectors.copy())
            super()._log_epoch_end(*args, **kwargs)

    class Sentences:
        def __iter__(self):
            seen.append(model.wv.vectors.copy())
            return iter(topics())

    model = ours(topics(), cls=Observing, epochs=3)
    assert len({array.tobytes() for array in seen}) == 3
    assert np.array_equal(seen[-1], model.wv.vectors)
    seen.clear()
    model = ours()
    model.build_vocab(topics())
    model.train(Sentences(), total_examples=600, epochs=3)
    assert len({array.tobytes() for array in seen}) == 3


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_a_callback_may_choose_another_engine():
    class Alternate(CallbackAny2Vec):
        def on_epoch_end(self, model):
            model.engine = {"cpu": "torch_batched", "torch_batched": "reference", "reference": "cpu"}[model.engine]

    model = ours(topics(100), engine="cpu", epochs=5, callbacks=[Alternate()])
    assert model.engine == "reference"
    assert trainable(model, topics(100))


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_few_words_of_a_large_vocabulary_are_trained_in_place(monkeypatch):
    """What training costs goes by its words, whatever the sentences that the vocabulary comes from are like."""
    copied = []
    load_tables = CpuEngine.load_tables

    def load(self, tables, *args):
        loaded = load_tables(self, tables, *args)
        copied.append(loaded is not tables)
        return loaded

    monkeypatch.setattr(CpuEngine, "load_tables", load)
    vocabulary = [f"w{i}" for i in range(20_000)]
    lines = [vocabulary[i : i + 20] for i in range(0, 20_000, 20)]
    few = lines[:600]

    # one sentence; sentences as long as those that are trained on; as many as these, and long
    long = [vocabulary[i % 20 * 1000 : (i % 20 + 1) * 1000] for i in range(600)]
    for scanned in ([vocabulary], lines, long):
        model = Word2Vec(min_count=1, vector_size=4, sample=0, workers=1, engine="cpu")
        model.build_vocab(scanned)
        for corpus, epochs in ((few, 1), (few, 6), (few * 8, 1)):
            model.train(corpus, total_examples=len(corpus), epochs=epochs)
    assert copied == [False, False, True] * 3


class FullDevice(TritonEngine):
    """The engine of a GPU, on the CPU, where the tables do not fit."""

    def __init__(self):
        super().__init__("cuda")

    def load_array(self, array):
        return torch.from_numpy(array)

    def load_table(self, table, previous=None):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.60 GiB.")


class FullForChunks(FullDevice):
    """The same where the tables fit, but no chunk."""

    def load_table(self, table, previous=None):
        return torch.from_numpy(table.copy())

    def train(self, tables, chunk, rates, plan):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.60 GiB.")


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_out_of_memory_before_the_tables_are_loaded_is_explained_too(monkeypatch):
    monkeypatch.setattr(planning, "training_plan", lambda *_: np.empty(1 << 57))
    with pytest.raises(
        MemoryError, match="out of memory while training the vectors of 16 words with vector_size="
    ) as e:
        ours(topics(), engine="cpu")
    assert "Unable to allocate" in str(e.value.__cause__)


@pytest.mark.parametrize("engine", [FullDevice, FullForChunks])
def test_out_of_memory_explains_what_is_needed_and_leaves_the_model_usable(engine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1_000_000_000, 80_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3_000_000_000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2_000_000_000)
    model = ours(topics())
    before = [array.copy() for array in weights(model)]
    with monkeypatch.context() as patch:
        patch.setattr(engines, "choose", lambda *_: engine())
        with pytest.raises(torch.OutOfMemoryError) as raised:
            model.train(topics(), total_examples=600, epochs=1)
    message = str(raised.value)
    assert "the vectors of 16 words with vector_size=8 need 0.00 GB" in message
    assert "of the device's 80.00 GB, 2.00 GB are free" in message
    assert "smaller vector_size, a higher min_count, a max_final_vocab, or device='cpu'" in message
    assert all(map(np.array_equal, before, weights(model)))
    assert trainable(model, topics())


def long_sentence():
    """A corpus with a sentence longer than chunks, whose neighbours reach to its begin or not."""
    return [["the"] * 180 + [word for sentence in topics(400) for word in sentence], *topics(50)]


class CachingTokens(TorchBatchedEngine):
    """As on a device that has memory for tokens."""

    def token_cache_bytes(self):
        return 10**9


@pytest.mark.parametrize("cache", ["memory", "off"])
def test_tokens_that_stay_on_a_device_train_the_same_model(monkeypatch, cache):
    """Also where a list changes from epoch to epoch and is read anew."""

    class Rotate(CallbackAny2Vec):
        def on_epoch_end(self, model):
            if cache == "off":
                sentences.append(sentences.pop(0))

    models = []
    for engine in (TorchBatchedEngine, CachingTokens):
        sentences = long_sentence()
        with monkeypatch.context() as patch:
            patch.setattr(engines, "choose", lambda *_, engine=engine: engine("cpu"))
            patch.setattr(planning, "SMALLEST_CHUNK", 1)
            models.append(
                ours(sentences, batch_words=5, sample=1e-3, epochs=3, corpus_cache=cache, callbacks=[Rotate()])
            )
    assert same(*models)


LONG = """
import sys
import torch_w2v
from torch_w2v.training import planning, session
planning.SMALLEST_CHUNK = 1
masks = []
keep_mask = session.keep_mask
session.keep_mask = lambda *arguments: masks.append(arguments) or keep_mask(*arguments)
sentence = [f"w{i % 50}" for i in range(3000)]
model = torch_w2v.Word2Vec([sentence], vector_size=8, min_count=1, batch_words=10, window=3, engine="cpu")
print(len(masks) > 10, model.corpus_total_words, "torch" in sys.modules)
"""


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
def test_a_sentence_longer_than_two_chunks_needs_no_torch_on_the_cpu():
    """Its pieces carry neighbours, for which subsampling is computed outside the kernel."""
    done = python(LONG)
    assert (done.stdout.split(), done.stderr) == (["True", "3000", "False"], "")


@pytest.mark.parametrize("trained_before", [False, True])
def test_an_epoch_without_words_is_in_the_log(trained_before, caplog):
    model = ours()
    model.build_vocab(words())
    if trained_before:
        model.train(words(), total_examples=300, epochs=1)
    caplog.clear()
    # an iterator, which has nothing left for the second epoch
    with pytest.warns(RuntimeWarning, match="can be read only once, as an iterator"):
        model.train(map(list, words()), total_examples=300, epochs=2)
    (line,) = messages(caplog, logging.WARNING)
    assert line.startswith(
        f"epoch 2 has no words, but the vocabulary has {len(model.wv)}: "
        if trained_before
        else "train() called with an empty iterator (if not intended, "
    )
    caplog.clear()
    with pytest.warns(RuntimeWarning, match=r"^train\(\) had no words in an epoch"):
        model.train([[]] * 300, total_examples=300, epochs=1)
    (line,) = messages(caplog, logging.WARNING)
    assert line.startswith("epoch 1 has no words, ")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.train([], total_examples=0, epochs=1)  # an empty batch of a stream


class Read:
    """An iterable that notes which thread reads it in each epoch."""

    def __init__(self, sentences):
        self.sentences, self.by = sentences, []

    def __iter__(self):
        self.by.append(threading.current_thread())
        yield from self.sentences


@pytest.mark.parametrize("times", [1, 20])
def test_an_iterable_of_few_words_is_read_by_the_thread_that_trains_it(times, monkeypatch):
    def trained(corpus):
        model = ours()
        model.build_vocab(words())
        model.train(corpus, total_words=model.corpus_total_words, epochs=3)
        return model

    here, corpus = threading.current_thread(), Read(words() * times)
    model = trained(corpus)
    # So is one that is longer than was said: it may belong to the thread that began it.
    assert [thread is here for thread in corpus.by] == [True] * 3
    monkeypatch.setattr(planning, "reads_ahead", lambda *_: True)
    assert same(model, trained(Read(words() * times)))


@pytest.mark.skipif(not KERNEL, reason="the other engines train on one thread")
def test_workers_that_wait_for_an_iterable_that_is_called_short_are_in_the_log(monkeypatch, caplog):
    monkeypatch.setattr(planning, "threads_of", lambda *_: 2)
    model = ours(workers=2, engine="cpu")
    model.build_vocab(words())
    with caplog.at_level(logging.INFO):
        model.train(Read(words() * 20), total_words=model.corpus_total_words, epochs=1)
    assert "1 of 2 workers train: more would wait for a corpus that its totals call short" in caplog.text


@pytest.mark.parametrize("options", [{}, {"sg": 1}, {"hs": 1}, {"engine": "gensim"}], ids=str)
def test_a_corpus_that_can_be_read_only_once_is_a_warning(options):
    with pytest.warns(RuntimeWarning, match="can be read only once, as an iterator"):
        ours(map(list, words()), **options)


def test_an_epoch_without_known_words_is_in_the_log(caplog):
    model = ours()
    model.build_vocab(words())
    model.train([["other", "words"]] * 9, total_examples=9, epochs=1)
    assert messages(caplog, logging.WARNING) == [
        "epoch 1 trained on none of its 18 words: they are not in the vocabulary, or subsampling left none (sample=0 "
        "keeps all)"
    ]


def test_a_call_that_cannot_begin_leaves_nothing_on_the_model(tmp_path, monkeypatch):
    model = ours()
    model.build_vocab(words(20))
    before = set(vars(model))

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupts.Interrupts, "_receive_signals", fail)
    with pytest.raises(KeyboardInterrupt):
        model.train(words(20), total_examples=20, epochs=1, checkpoint=tmp_path / "c")
    assert set(vars(model)) == before


def test_an_interrupted_call_whose_checkpoint_fails_leaves_right_queries(tmp_path, monkeypatch):
    class Interrupting(CallbackAny2Vec):
        def on_epoch_end(self, model):
            model.wv.fill_norms()
            model.wv.vectors *= 2
            raise KeyboardInterrupt

    def fail(*_):
        raise RuntimeError("cannot save")

    model = ours()
    model.build_vocab(words(20))
    monkeypatch.setattr(checkpoints.KeptCheckpoints, "save", fail)
    with pytest.raises(RuntimeError, match="cannot save"):
        model.train(words(20), total_examples=20, epochs=2, checkpoint=tmp_path / "c", callbacks=[Interrupting()])
    assert model.wv.norms is None
    assert "_w2v_call" not in vars(model)


@pytest.mark.parametrize("name", ["cum_table", "sample_int"])
def test_draws_follow_what_is_changed_in_place(name):
    """As in gensim, whose threads read these arrays in every epoch."""
    sentences, changed, fresh = words(50), ours(sample=0.01), ours(sample=0.01)
    for model in (changed, fresh):
        model.build_vocab(sentences)
    frequencies.frequencies_of(changed).busiest_output(5)
    planning.training_plan(changed, engines.choose(changed.engine, "cpu", 8), Measured())
    for model in (changed, fresh):
        array = model.cum_table if name == "cum_table" else model.wv.expandos["sample_int"]
        array[:] = np.linspace(2**20, 2**31 - 1, len(array)).astype(array.dtype)
        model.train(sentences, total_examples=50, epochs=1)
    assert same(changed, fresh)
