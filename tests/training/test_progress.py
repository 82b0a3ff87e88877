"""What training logs as gensim does: lines of progress, ends of epochs, warnings about the corpus."""

import logging
import re
import time

import pytest

from tests.helpers import CountingCorpus, both_classes, messages, ours, words
from tests.processes import python
from torch_w2v.training import epoch as training
from torch_w2v.training import planning

EPOCH_END = r"EPOCH (\d): training on (\d+) raw words \((\d+) effective words\) took \d+\.\ds, \d+ effective words/s"
PROGRESS = r"EPOCH 0 - PROGRESS: at \d+\.\d\d%% (%s), \d+ words/s, in_qsize %s, out_qsize \d"


@both_classes
def test_lines_at_the_end_of_an_epoch(cls, caplog):
    caplog.set_level(logging.INFO)
    model = ours(cls=cls)
    model.build_vocab(words())
    trained, raw = model.train(words(), total_examples=300, epochs=2)
    lines = [re.fullmatch(EPOCH_END, line) for line in messages(caplog, logger="gensim") if line.startswith("EPOCH")]
    assert [line[1] for line in lines] == ["0", "1"]
    assert [int(line[2]) for line in lines] == [raw // 2] * 2
    assert sum(int(line[3]) for line in lines) == trained
    event = model.lifecycle_events[-1]
    assert re.match(rf"training on {raw} raw words \({trained} effective words\) took ", event["msg"])


class Slow(CountingCorpus):
    def __iter__(self):
        for sentence in super().__iter__():
            time.sleep(0.005)
            yield sentence


@both_classes
def test_progress_by_examples(cls, caplog, monkeypatch):
    monkeypatch.setattr(planning, "SMALLEST_CHUNK", 1)
    caplog.set_level(logging.INFO)
    model = ours(cls=cls, batch_words=10)
    model.build_vocab(words())
    model.train(Slow(words()), total_examples=300, epochs=1, report_delay=0.1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert len(lines) >= 2
    assert all(re.fullmatch(PROGRESS % ("examples", r"\d"), line) for line in lines), lines


def test_progress_by_words_and_without_totals(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    model = ours(batch_words=10)
    model.build_vocab(words())
    total = model.corpus_total_words
    model.train(words(), total_words=total, epochs=1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert lines
    assert all(re.fullmatch(PROGRESS % ("words", "0"), line) for line in lines), lines
    caplog.clear()
    model.train(words(), total_examples=0, epochs=1)
    assert "PROGRESS" not in caplog.text


def test_progress_in_file_mode(caplog, tmp_path, monkeypatch):
    path = tmp_path / "corpus.txt"
    path.write_text("".join(" ".join(sentence) + "\n" for sentence in words()))
    model = ours(batch_words=10)
    model.build_vocab(corpus_file=path)
    monkeypatch.setattr(training.Totals, "elapsed", 2.0)
    caplog.set_level(logging.INFO)
    model.train(corpus_file=path, total_words=model.corpus_total_words, epochs=1)
    lines = [line for line in messages(caplog, logger="gensim") if "PROGRESS" in line and "EPOCH" in line]
    assert lines
    assert all(re.fullmatch(PROGRESS % ("words", "-1"), line) for line in lines), lines


@both_classes
@pytest.mark.parametrize(
    ("totals", "expected"),
    [
        ({"total_examples": 299}, "EPOCH 0: supplied example count (300) did not equal expected count (299)"),
        ({"total_words": 7}, "EPOCH 0: supplied raw word count (2092) did not equal expected count (7)"),
        ({"total_examples": 300, "total_words": 2092}, None),
    ],
    ids=["examples", "words", "right"],
)
def test_warning_when_the_corpus_is_not_the_one_announced(cls, totals, expected, caplog):
    model = ours(cls=cls)
    model.build_vocab(words())
    caplog.clear()
    model.train(words(), epochs=1, **totals)
    assert messages(caplog, logging.WARNING, "gensim") == ([expected] if expected else [])


EMPTY = (
    "train() called with an empty iterator (if not intended, "
    "be sure to provide a corpus that offers restartable iteration = an iterable)."
)


@both_classes
def test_warning_for_an_empty_iterator(cls, caplog):
    model = ours(cls=cls, alpha=0.02, min_alpha=0.02)
    model.build_vocab(words())
    caplog.clear()
    assert model.train([], total_examples=0, epochs=1) == (0, 0)
    assert EMPTY in messages(caplog, logging.WARNING, model.__class__.__module__.split(".")[0])
    caplog.clear()
    # It comes only before the first training.
    assert model.train([], total_examples=0, epochs=1) == (0, 0)
    assert EMPTY not in caplog.text


@both_classes
def test_an_iterator_ends_after_its_first_epoch(cls, caplog):
    model = ours(cls=cls)
    model.build_vocab(words())
    caplog.clear()
    _, raw = model.train(iter(words()), total_examples=300, epochs=3)
    assert raw == model.corpus_total_words
    assert caplog.text.count(EMPTY) == 2


def test_generator_for_one_epoch():
    model = ours(epochs=1)
    model.build_vocab(sentence for sentence in words())
    _, raw = model.train((sentence for sentence in words()), total_examples=300, epochs=1)
    assert raw == 2092


QUIET = """
from tests.helpers import ours, words
for options in ({"sg": 0}, {"sg": 1}, {"hs": 1}, {"engine": "auto"}):
    model = ours(**options)
    model.build_vocab(words())
    model.train([["other"]], total_examples=5, epochs=1)
    model.train(words(), total_examples=3, epochs=1)
"""


def test_silent_unless_logging_is_configured():
    done = python(QUIET)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_training_time_is_added_up():
    model = ours(words())
    first = model.total_train_time
    assert first > 0
    model.train(words(), total_examples=300, epochs=1)
    assert model.total_train_time > first
