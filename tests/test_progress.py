"""The line of progress, in a terminal and elsewhere."""

import io
import math
import re
import sys

import pytest

from tests.helpers import ours, same, words
from torch_w2v import progress
from torch_w2v.training import watching


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(watching, "INTERVAL", 0.0)
    monkeypatch.setattr(progress, "INTERVAL", 0.0)


def test_elsewhere_than_in_a_terminal_there_is_a_line_per_epoch(capsys):
    ours(words(), epochs=2, min_count=20, progress=True)
    vocabulary, *epochs = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"vocabulary: \d+ words, which occur [\d,]+ times; min_count=20 leaves out \d+ words, \d.*% of the corpus",
        vocabulary,
    )
    line = r"epoch %d of 2: 2,092 words in \d+\.\d s, .+ words/s, loss 0\.\d{4}, alpha 0\.\d{5}"
    assert len(epochs) == 2
    assert all(re.fullmatch(line % number, text) for number, text in enumerate(epochs, 1)), epochs


def test_train_decides_for_itself(capsys):
    model = ours(words(), progress=True)
    capsys.readouterr()
    model.train(words(), total_examples=300, epochs=1, progress=False)
    assert capsys.readouterr().err == ""
    ours(words()).train(words(), total_examples=300, epochs=1, progress=True)
    assert "epoch 1 of 1" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["without tqdm", "tqdm"])
def test_in_a_terminal_one_line_stays(package, often, monkeypatch, tmp_path):
    if package == "tqdm":
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    path = tmp_path / "corpus.txt"
    path.write_text("a b c d e f\n" * 3000)
    ours(corpus_file=path, progress=True, epochs=2, batch_words=100)
    shown = terminal.getvalue()
    lines = [re.split(r"\r", line)[-1].replace("\033[K", "") for line in shown.split("\n")]
    assert "reading 100%" in shown.replace("  ", " ")
    assert lines[0].startswith("vocabulary: 6 words, which occur 18,000 times")
    assert re.fullmatch(r"epoch 2 of 2 100%.* words/s, 0:0\d, loss 0\.\d{4}", lines[1].rstrip())
    assert lines[2:] == [""]
    assert "left" in shown


def test_an_interrupted_line_ends(often, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = Terminal()
    with progress.ProgressLine(terminal) as line:
        line.train(watching.Progress(1, 2, 0.25, 10, 1.0, 1.0, 3.0, 0.1, 0.5, False, 10, 1.0, 0.5))
    assert terminal.getvalue().endswith("epoch 1 of 2  25%, 1 words/s, 0:03 left, loss 0.5000\n")


def test_numbers_and_clocks():
    assert list(map(progress.number, (0, 950, 12_345, 4_560_000, 7e9))) == ["0", "950", "12.3 k", "4.56 M", "7.00 G"]
    assert list(map(progress.clock, (0.4, 67, 3723, math.nan))) == ["0:00", "1:07", "1:02:03", "?"]


class Broken(io.StringIO):
    """A stream on a full disk, which may be a terminal, or one that is closed."""

    def __init__(self, is_terminal, error):
        super().__init__()
        self.is_terminal, self.error = is_terminal, error
        if isinstance(error, ValueError):
            self.close()

    def isatty(self):
        return self.is_terminal

    def write(self, text):
        raise self.error

    flush = write


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed")])
@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("has_tqdm", [False, True])
def test_a_stderr_that_cannot_be_written_to(has_tqdm, is_terminal, error, monkeypatch):
    if has_tqdm:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
        monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "stderr", Broken(is_terminal, error))
    assert same(ours(words(), progress=True), ours(words()))


def test_no_stderr(monkeypatch):
    """As in a program of Windows without a console, and in a service."""
    monkeypatch.setattr(sys, "stderr", None)
    assert same(ours(words(), progress=True), ours(words()))
    assert same(ours(words(), progress=True, hs=1, negative=0), ours(words(), hs=1, negative=0))


def test_a_closed_stderr(monkeypatch):
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    assert same(ours(words(), progress=True), ours(words()))
