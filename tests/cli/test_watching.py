"""What `train` reads from elsewhere, evaluates and writes beside the vectors; `info`."""

from __future__ import annotations

import errno
import gzip
import io
import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.cli.running import FAST, Command, one_line
from torch_w2v import Word2Vec, cli
from torch_w2v.cli import checks
from torch_w2v.corpus.columns import Column
from torch_w2v.corpus.encoded_file import EncodedWriter


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["text", "gzip"])
def test_the_standard_input(
    pack: type, corpus: Path, vectors: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(pack(corpus.read_bytes())))
    assert command("train", "-", "-o", tmp_path / "x.kv", "--quiet", *FAST) == (0, "", "")
    found, expected = (KeyedVectors.load(str(path)) for path in (tmp_path / "x.kv", vectors))
    np.testing.assert_array_equal(found.vectors, expected.vectors)


def test_parquet_on_the_standard_input_is_no_text(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr(sys, "stdin", Stdin(b"PAR1" + b" a b c\n" * 100 + b"PAR1"))
    code, _, err = command("train", "-", "-o", tmp_path / "x.kv", "--quiet", "--column", "text", *FAST)
    assert code == 2
    assert "pip install 'torch_w2v[arrow]'" in one_line(err)


def test_other_commands_read_the_standard_input(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(corpus.read_bytes()))
    assert command("encode", "-", "-o", tmp_path / "x.w2v", "--quiet") == (0, "", "")
    code, _, err = command("encode", "-", "-o", tmp_path / "x.w2v", "--quiet")
    assert (code, one_line(err)) == (2, f"torch-w2v: error: {tmp_path / 'x.w2v'}: exists; --overwrite replaces it")
    monkeypatch.setattr(sys, "stdin", Stdin(corpus.read_bytes()))
    code, out, _ = command("compare", "-", "--engines", "cpu", "--seeds", 1, "--json", *FAST)
    assert code in (0, 1)
    assert json.loads(out)["runs"]


def test_underscores_in_the_names_of_options() -> None:
    given = [
        "train",
        "c",
        "-o",
        "x.kv",
        "--vector_size",
        "7",
        "--min_count=3",
        "--comment",
        "a_b",
        "--no-shrink_windows",
    ]
    args = cli.parser().parse_args(given)
    assert (args.vector_size, args.min_count, args.comment, args.shrink_windows) == (7, 3, "a_b", False)


def test_the_help_is_in_groups(command: Command) -> None:
    _, out, _ = command("train", "--help")
    titles = re.findall(r"^(\S.*):$", out, re.MULTILINE)
    assert titles[-7:] == [
        "common options", "sampling", "engine", "input", "output", "watching and evaluating", "expert options",
    ]  # fmt: skip
    assert out.index("\ncommon options:") < out.index("  --vector-size ") < out.index("\nsampling:")


def test_phrases_are_joined(tmp_path: Path, command: Command) -> None:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"w{i} new york v{i}\n" for i in range(100)))
    code, _, err = command("train", text, "-o", tmp_path / "x.kv", "--phrases", "--phrases-threshold", "1", *FAST)
    assert code == 0
    assert re.match(r"phrases: \d+ different ones", err)
    assert "new_york" in KeyedVectors.load(str(tmp_path / "x.kv"))


def test_phrases_of_lists_keep_their_words_whole(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(rows: list[list[object]]) -> tuple[int, str]:
        monkeypatch.setattr(
            checks, "resolve_corpus", lambda *_: Column(rows, "the column", lambda: iter([rows]), False)
        )
        options = ("--quiet", "--phrases", "--phrases-threshold", 1, "--min-count", 1, *FAST)
        code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--overwrite", *options)
        return code, err

    assert train([["new york", "red car", f"v {i}"] for i in range(100)]) == (0, "")
    words = KeyedVectors.load(str(tmp_path / "x.kv")).index_to_key
    assert sorted(words) == sorted(["new york_red car", *(f"v {i}" for i in range(100))])
    for rows, message in (
        ([["a", 1]], "--phrases joins words that are texts, but 1 is of the type int"),
        ([["a", "\ud800"]], r"--phrases cannot be used: the word '\ud800' has half of a surrogate pair"),
        ([["a", "b\n"]], r"--phrases cannot be used: the word 'b\n' is empty or has a line end in it"),
        ([["a"], None], "cannot be read: the column: row 1 is missing (None)"),
    ):
        code, err = train(rows)
        assert (code, message in one_line(err)) == (2, True)


def test_no_space_for_phrases(corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(EncodedWriter, "_write", full)
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", "--phrases", *FAST)
    assert code == 1
    assert "No space left on device: cannot write the corpus with its phrases" in one_line(err)
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", "--phrases", *FAST)
    assert (code, "in any folder: set TMPDIR to another folder" in one_line(err)) == (1, True)


def test_an_error_after_the_phrases_is_not_one_of_reading(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*args: object, **options: object) -> None:
        raise OSError("the machine is on fire")

    monkeypatch.setattr(Word2Vec, "train", train)
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", "--phrases", *FAST)
    assert (code, err) == (1, "torch-w2v: error: OSError: the machine is on fire\n")


def test_evaluation_stopping_history_and_report(corpus: Path, tmp_path: Path, command: Command) -> None:
    pairs = tmp_path / "mine.tsv"
    words = "the said of he in for to was and on is at".split()  # noqa: SIM905
    pairs.write_text("".join(f"{words[i]}\t{words[i + 1]}\t{i}\n" for i in range(11)) * 2)
    code, out, _ = command(
        "train", corpus, "-o", tmp_path / "x.kv", *FAST, "--epochs", 30, "--evaluate", pairs, "simlex-999",
        "--patience", 1, "--history", tmp_path / "h.csv", "--report", tmp_path / "report", "--json",
    )  # fmt: skip
    assert code == 0
    facts = json.loads(out)
    rows = (tmp_path / "h.csv").read_text().splitlines()
    assert rows[0] == "epoch,loss,alpha,words_per_second,seconds,mine,SimLex-999"
    assert 3 <= len(rows) <= 31
    assert len(facts["losses"]) == len(rows) - 1
    assert [e["epoch"] for e in facts["evaluations"]] == list(range(1, len(rows)))
    assert [f"{e['mine']}" for e in facts["evaluations"]] == [row.split(",")[5] for row in rows[1:]]
    assert {e["SimLex-999"] for e in facts["evaluations"]} == {None}
    assert facts["stopped"]["stopped_epoch"] == len(rows) - 1
    assert facts["stopped"]["best"] == max(e["mine"] for e in facts["evaluations"])
    assert "Evaluation after each epoch" in (tmp_path / "report" / "report.html").read_text("utf8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--evaluate", "none.tsv"], "none.tsv: No such file or directory"),
        (["--monitor", "loss"], "--monitor is what --patience looks at: give --patience N, too"),
        (["--patience", 0], "--patience 0: must be at least 1"),
        (["--patience", 2, "--monitor", "men"], "--monitor men: must be one of loss"),
        (["--history", "h.txt"], "--history h.txt: must end in one of .csv, .html"),
        (["--evaluate", "wordsim353", "--patience", 2], "--monitor WordSim-353: only "),
        (["--hs", 1, "--negative", 0, "--patience", 2], "--patience looks at the loss, which --hs 1 has only with"),
        (["--evaluate", "simlex999", "simlex999"], "'SimLex-999': two values have this name"),
        (["--phrases-min-count", 3], "--phrases-min-count 3: is an option of --phrases: give that, too"),
        (["--phrases", "--phrases-threshold", 0], "--phrases-threshold 0.0: must be more than 0"),
    ],
)
def test_mistakes(options: list[object], message: str, corpus: Path, tmp_path: Path, command: Command) -> None:
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--no-progress", *FAST, *options)
    assert code == 2
    assert message in one_line(err)


def test_info(corpus: Path, vectors: Path, tmp_path: Path, command: Command) -> None:
    assert command("train", corpus, "-o", tmp_path / "x.model", "--quiet", "--window", 3, *FAST)[0] == 0
    code, out, _ = command("info", tmp_path / "x.model", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["holds"] == "a model, which can be trained further"
    assert facts["arguments"]["window"] == 3
    assert facts["finite"] is True
    _, out, _ = command("info", tmp_path / "x.model")
    assert re.search(r"^  window +3$", out, re.MULTILINE)
    _, out, _ = command("info", vectors)
    assert "how it was trained is not in the file" in out
    assert command("encode", corpus, "-o", tmp_path / "x.w2v", "--quiet")[0] == 0
    facts = json.loads(command("info", tmp_path / "x.w2v", "--json")[1])
    assert (facts["holds"], facts["most_frequent"][0]) == ("an encoded corpus", "the")
    for name in ("none.kv", "none.w2v"):
        code, _, err = command("info", tmp_path / name)
        assert code == 2
        assert f"{name}: No such file" in one_line(err)


def test_sums_of_words(vectors: Path, command: Command) -> None:
    code, out, _ = command("neighbours", vectors, "--positive", "the", "of", "--negative", "in", "--topn", 3, "--json")
    assert code == 0
    (answer,) = json.loads(out)
    assert answer["words"] == "+the +of -in"
    expected = KeyedVectors.load(str(vectors)).most_similar(["the", "of"], ["in"], topn=3)
    assert [(n["word"], n["similarity"]) for n in answer["neighbours"]] == [
        (w, pytest.approx(s, abs=1e-6)) for w, s in expected
    ]
    code, out, err = command("neighbours", vectors, "--positive", "the", "xyzzy")
    assert (code, out) == (1, "")
    assert one_line(err).endswith(": xyzzy")


def test_a_set_that_is_hardly_known_is_said_at_once(corpus: Path, tmp_path: Path, command: Command) -> None:
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", "--evaluate", "wordsim353", *FAST)
    assert code == 0
    assert "--evaluate WordSim-353: no value, only " in err


def test_a_value_that_is_not_known_is_not_printed(corpus: Path, tmp_path: Path, command: Command) -> None:
    _, out, _ = command("train", corpus, "-o", tmp_path / "x.kv", "--no-progress", "--evaluate", "wordsim353", *FAST)
    assert "nan" not in out
    assert len(out.splitlines()) == 1


def test_epochs_without_a_loss_do_not_end_a_training_that_stops_by_it(tmp_path: Path, command: Command) -> None:
    text = tmp_path / "x.txt"
    text.write_text("a\nb\n" * 50)
    with pytest.warns(RuntimeWarning, match="^EarlyStopping: no epoch had a loss"):
        code, _, _ = command("train", text, "-o", tmp_path / "x.kv", "--quiet", "--patience", 1, *FAST)
    assert code == 0
