from __future__ import annotations

import gzip
import inspect
import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gensim.models
import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess

import torch_w2v
from tests.helpers import heed_ctrl_c
from torch_w2v import cli, formats
from torch_w2v.cli import errors
from torch_w2v.cli import options as cli_options

ROOT = Path(__file__).parents[1]
FAST = ["--vector-size", "8", "--epochs", "1", "--workers", "1"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "lee.txt"
    with open(datapath("lee_background.cor"), encoding="utf8") as lines:
        path.write_text("".join(" ".join(simple_preprocess(line)) + "\n" for line in lines), encoding="utf8")
    return path


@pytest.fixture(scope="module")
def vectors(corpus: Path) -> Path:
    path = corpus.with_name("vectors.kv")
    assert cli.main(["train", str(corpus), "-o", str(path), "--quiet", *FAST]) == 0
    return path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process; gives exit code, stdout, stderr."""

    def run(*argv: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(arg) for arg in argv])
        except SystemExit as e:
            code = int(e.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


Command = Callable[..., tuple[int, str, str]]


def one_line(err: str) -> str:
    """The only line of stderr."""
    (line,) = err.splitlines()
    return line


# --- the options are the constructor's


def test_every_constructor_argument_of_a_plain_type_is_an_option_with_its_default(corpus: Path) -> None:
    args = cli.parser().parse_args(["train", str(corpus), "-o", "x.kv"])
    parameters = inspect.signature(torch_w2v.Word2Vec).parameters
    assert {name: getattr(args, name) for name in args.options} == {
        name: parameters[name].default for name in args.options
    }
    left_out = {"sentences", "corpus_file", "hashfxn", "trim_rule", "callbacks"}
    assert set(parameters) - set(args.options) == left_out
    assert set(cli_options.HELP) == set(args.options)


def test_options_reach_the_model(corpus: Path, tmp_path: Path, command: Command) -> None:
    given = {
        "vector_size": 12, "alpha": 0.03, "window": 3, "min_count": 7, "max_vocab_size": 100_000, "sample": 0.01,
        "seed": 5, "workers": 1, "min_alpha": 0.002, "sg": 0, "hs": 0, "negative": 4, "ns_exponent": 0.5,
        "cbow_mean": 0, "epochs": 2, "null_word": 0, "sorted_vocab": 0, "batch_words": 5000, "comment": "a note",
        "max_final_vocab": 500, "device": "cpu", "engine": "torch_batched", "cbow_gradient": "exact",
        "corpus_cache": "disk",
    }  # fmt: skip
    options = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    path = tmp_path / "x.model"
    code, out, _ = command("train", corpus, "-o", path, *options, "--no-shrink-windows", "--compute-loss")
    assert code == 0
    assert re.findall(r"epoch \d: mean loss \d\.\d{4}", out)
    model = torch_w2v.Word2Vec.load(path)
    assert {name: getattr(model, name) for name in given} == given
    assert model.shrink_windows is False
    assert model.compute_loss is True
    assert set(given) | {"shrink_windows", "compute_loss"} == set(cli_options.constructor_options())


# --- what is written


@pytest.mark.parametrize("suffix", list(formats.FORMATS))
def test_each_format_is_read_by_gensim_and_by_neighbours(
    suffix: str, corpus: Path, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / f"out{suffix}"
    code, out, _ = command("train", corpus, "-o", path, *FAST)
    assert code == 0
    assert f"{path}: " in out
    assert os.listdir(tmp_path) == [path.name]
    if suffix == ".kv":
        found = KeyedVectors.load(str(path))
    elif suffix == ".model":
        found = gensim.models.Word2Vec.load(str(path)).wv
    else:
        found = KeyedVectors.load_word2vec_format(path, binary=".bin" in suffix)
    model = torch_w2v.Word2Vec(corpus_file=corpus, vector_size=8, epochs=1, workers=1)
    assert found.index_to_key == model.wv.index_to_key
    np.testing.assert_allclose(found.vectors, model.wv.vectors, atol=1e-6)
    code, out, _ = command("neighbours", path, "australia", "--topn", "2")
    assert code == 0
    expected = [word for word, _ in found.most_similar("australia", topn=2)]
    assert re.findall(r"^ +\d  (\S+) +-?\d\.\d{3}$", out, flags=re.MULTILINE) == expected


def test_large_arrays_beside_the_file_move_with_it(corpus: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "big.kv"
    model = torch_w2v.Word2Vec(vector_size=11_000)
    model.wv.add_vectors([str(row) for row in range(1000)], np.ones((1000, 11_000), np.float32))
    formats.FORMATS[".kv"].write(model, str(path))
    assert sorted(os.listdir(tmp_path)) == ["big.kv", "big.kv.vectors.npy"]
    assert KeyedVectors.load(str(path), mmap="r").vectors.sum() == 11_000_000
    path.unlink()  # the array alone is somebody's too
    code, _, err = command("train", corpus, "-o", path, *FAST)
    assert code == 2
    assert "big.kv.vectors.npy: exists; --overwrite replaces it" in one_line(err)


def test_a_compressed_corpus_gives_the_same(corpus: Path, tmp_path: Path, vectors: Path, command: Command) -> None:
    packed = tmp_path / "lee.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes()))
    assert command("train", packed, "-o", tmp_path / "x.kv", "--quiet", *FAST) == (0, "", "")
    ours, theirs = KeyedVectors.load(str(tmp_path / "x.kv")), KeyedVectors.load(str(vectors))
    np.testing.assert_array_equal(ours.vectors, theirs.vectors)
    assert command("train", packed, "-o", tmp_path / "sg.kv", "--sg", "1", "--quiet", *FAST) == (0, "", "")


def test_progress_is_on_stderr(corpus: Path, tmp_path: Path, command: Command) -> None:
    _, out, err = command("train", corpus, "-o", tmp_path / "x.kv", *FAST)
    assert "EPOCH 0: training on" in err
    assert "lifecycle event" not in err
    assert len(out.splitlines()) == 1


# --- an existing file


def test_an_existing_file_is_kept_without_overwrite(corpus: Path, tmp_path: Path, command: Command) -> None:
    path = tmp_path / "x.txt"
    path.write_text("precious")
    code, _, err = command("train", corpus, "-o", path, *FAST)
    assert code == 2
    assert one_line(err) == f"torch-w2v: error: {path}: exists; --overwrite replaces it"
    assert path.read_text() == "precious"
    assert command("train", corpus, "-o", path, "--overwrite", "--quiet", *FAST)[0] == 0
    assert len(KeyedVectors.load_word2vec_format(path)) > 0


@pytest.mark.parametrize("suffix", [".kv", ".txt.gz", ".model"])
def test_a_failed_save_leaves_the_old_file(
    suffix: str, corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text("precious")

    def full(*args: object, **kwargs: object) -> None:
        if suffix == ".txt.gz":
            Path(str(args[1])).write_text("half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((KeyedVectors, "save_word2vec_format") if suffix == ".txt.gz" else (pickle, "dump")), full)
    code, _, err = command("train", corpus, "-o", path, "--overwrite", "--quiet", *FAST)
    assert code == 1
    assert "cannot be written" in one_line(err)
    assert "No space left on device" in err
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == [path.name]


def test_ctrl_c_leaves_nothing_behind(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.kv"
    path.write_text("precious")
    command = [sys.executable, "-m", "torch_w2v", "train", str(corpus), "-o", str(path), "--overwrite"]
    process = subprocess.Popen(
        [*command, "--epochs", "100000", "--workers", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=heed_ctrl_c,  # noqa: PLW1509
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "EPOCH 0:" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "torch-w2v: error: interrupted"
    assert "Traceback" not in err
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x.kv"]


# --- mistakes: one line on stderr, no traceback, before any training


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", [], "has no words"),
        ("\n \n", [], "has no words"),
        ("a a a b", [], "no word occurs 5 times or more, the most frequent 3 times: give a smaller --min-count"),
        ("a b " * 9, ["--max-final-vocab", "0"], "or a larger --max-final-vocab"),
        ("a " * 9, ["--window", "0"], "window=0: must be an integer of at least 1"),
        ("a " * 9, ["--window", "x"], "argument --window: invalid int value: 'x'"),
        ("a " * 9, ["--epochs", "0"], "--epochs 0: must be at least 1"),
        ("a " * 9, ["--seed", "-1"], "--seed -1: must be at least 0"),
        ("a " * 9, ["--negative", "0"], "--negative 0 trains nothing without --hs 1"),
        ("a " * 9, ["--sg", "2"], "argument --sg: invalid choice"),
        ("a " * 9, ["--engine", "warp"], "engine='warp': must be one of 'auto'"),
        ("a " * 9, ["--device", "abacus"], "device='abacus': must be 'auto' or a torch device"),
        ("a " * 9, ["--vectors", "9"], "unrecognized arguments: --vectors 9"),
    ],
)
def test_bad_corpora_and_options(text: str, options: list[str], message: str, tmp_path: Path, command: Command) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(text)
    code, out, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet", *options)
    assert (code, out) == (2, "")
    assert message in one_line(err)
    assert os.listdir(tmp_path) == ["corpus.txt"]


def test_bad_paths(corpus: Path, tmp_path: Path, command: Command) -> None:
    good = tmp_path / "x.kv"
    folder = tmp_path / "folder.kv"
    folder.mkdir()
    for given, output, message in [
        (tmp_path / "none.txt", good, "none.txt: No such file or directory"),
        (folder, good, "there is no file in this folder"),
        ("/dev/null", good, "must be a regular file"),
        (corpus, tmp_path / "x.vec", "x.vec: the suffix must be one of .kv, .txt, .txt.gz, .bin, .bin.gz, .model"),
        (corpus, tmp_path / ".kv", "the suffix must be one of"),
        (corpus, tmp_path / "none" / "x.kv", "there is no folder"),
        (corpus, folder, "folder.kv: is a folder"),
        (corpus, corpus, "lee.txt: is the corpus"),
    ]:
        code, out, err = command("train", given, "-o", output, "--overwrite")
        assert (code, out) == (2, "")
        assert message in one_line(err)
    assert os.listdir(tmp_path) == ["folder.kv"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_found_before_training(
    corpus: Path, tmp_path: Path, command: Command
) -> None:
    tmp_path.chmod(0o500)
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv")
    assert code == 2
    assert "cannot write to the folder" in one_line(err)


def test_the_folder_is_tried_before_training(
    corpus: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    code, out, err = command("train", corpus, "-o", tmp_path / "x.kv")
    assert (code, out) == (2, "")
    assert f"cannot write to the folder {tmp_path}: Permission denied" in one_line(err)


def test_text_that_is_not_utf8(tmp_path: Path, command: Command) -> None:
    corpus = tmp_path / "latin.txt"
    corpus.write_bytes(b"good line\nna\xefve line\n")
    code, _, err = command("train", corpus, "-o", tmp_path / "x.kv", "--quiet")
    assert code == 2
    assert "line 2, byte 12 of" in one_line(err)
    assert "must be UTF-8" in err


def test_a_truncated_gz_corpus(corpus: Path, tmp_path: Path, command: Command) -> None:
    packed = tmp_path / "lee.txt.gz"
    packed.write_bytes(gzip.compress(corpus.read_bytes())[:-1000])
    code, _, err = command("train", packed, "-o", tmp_path / "x.kv", "--quiet")
    assert code == 2
    assert "lee.txt.gz: cannot be read: " in one_line(err)


# --- neighbours


def test_unknown_words_do_not_keep_the_others_from_an_answer(vectors: Path, command: Command) -> None:
    code, out, err = command("neighbours", vectors, "xyzzy", "the", "plugh", "of", "--topn", "3")
    assert code == 1
    assert re.fullmatch(r"torch-w2v: error: not among the [\d,]+ words of \S+vectors.kv: xyzzy, plugh", one_line(err))
    lines = out.splitlines()
    assert len(lines) == 8
    assert (lines[0], lines[4]) == ("the", "of")


@pytest.mark.parametrize("suffix", list(formats.FORMATS))
@pytest.mark.parametrize("content", [b"", b"hello world\n", b"\x80\x04N.", b"3 4\na 1 2 3 4\n"])
def test_damaged_vectors(suffix: str, content: bytes, tmp_path: Path, command: Command) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    code, out, err = command("neighbours", path, "word")
    assert (code, out) == (2, "")
    assert one_line(err).startswith(f"torch-w2v: error: {path}: ")


def test_neighbours_mistakes(vectors: Path, command: Command) -> None:
    for argv, message in [
        (["none.kv", "a"], "none.kv: no such file"),
        (["none.vec", "a"], "none.vec: the suffix must be one of"),
        ([vectors, "a", "--topn", "0"], "--topn 0: must be at least 1"),
        ([vectors], "the following arguments are required: WORD"),
    ]:
        code, out, err = command("neighbours", *argv)
        assert (code, out) == (2, "")
        assert message in one_line(err)


def test_a_reader_that_leaves_early_is_no_error(vectors: Path) -> None:
    script = f"{sys.executable} -m torch_w2v neighbours {vectors} the --topn 1000 | head -1"
    done = subprocess.run(script, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("the\n", "")


# --- the README


def test_the_example_in_the_readme_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[('")


def test_the_commands_in_the_readme_are_understood() -> None:
    lines = re.findall(r"^    torch-w2v (.*)$", (ROOT / "README.md").read_text(encoding="utf8"), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["train", "neighbours", "encode", "compare", "demo"]
    for line in lines:
        assert cli.parser().parse_args(shlex.split(line)).run


def test_compare_prints_a_verdict_a_measure(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "mine.tsv"
    pairs.write_text(
        "".join(
            f"{one}\tthe\t{i}\n"
            for i, one in enumerate(["of", "to", "in", "and", "on", "for", "said", "is", "at", "as"])
        )
    )
    options = ["--engines", "torch_batched:1", "--seeds", "2", "--pairs", str(pairs), "--report", str(tmp_path / "r")]
    assert cli.main(["compare", str(corpus), *FAST, *options]) in (0, errors.FAILED)
    out, err = capsys.readouterr()
    verdicts = [line for line in out.splitlines() if line.startswith("torch_batched:1")][1:]
    assert {line.split()[1] for line in verdicts} >= {"held-out", "neighbours@10", "cosines", "mine"}
    assert "seed 2 of 2: torch_batched:1 is measured" in err
    assert (tmp_path / "r" / "report.html").stat().st_size > 10_000
    assert cli.main(["compare", str(corpus), *FAST, *options]) == errors.BAD_INPUT  # the report is not replaced
    assert "report.html: exists" in capsys.readouterr().err


def test_compare_exits_with_1_where_a_measure_is_inferior(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--engines", "torch_batched", "--seeds", "2", "--vector-size", "8", "--workers", "1", "--epochs", "8"]
    assert cli.main(["compare", str(corpus), *options, "--alpha", "0.05", "--cbow-gradient", "exact", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert "inferior" in {verdict["verdict"] for verdict in found["verdicts"]}
    assert found["arguments"]["alpha"] == 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engines", "fast"], "engine='fast': must be one of"),
        (["--engines", "gensim"], "at least one engine"),
        (["--seeds", "0"], "seeds=0: must be at least 1"),
        (["--pairs", "missing.tsv"], "missing.tsv"),
        (["--held-out", "2"], "held_out=2.0: must be a share"),
        (["--epochs", "0"], "--epochs 0: must be at least 1"),
        (["--min-count", "100000"], "no word occurs min_count=100000 times"),
        (["--negative", "0"], "nothing to compare"),
    ],
)
def test_compare_says_what_is_wrong(
    corpus: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["compare", str(corpus), "--engines", "torch_batched", *options]) in (
        errors.BAD_INPUT,
        errors.FAILED,
    )
    assert message in capsys.readouterr().err


# --- encode


def test_encode_and_train(corpus: Path, tmp_path: Path, command: Command) -> None:
    encoded = tmp_path / "lee.w2v"
    code, out, err = command("encode", corpus, "-o", encoded)
    assert code == 0, err
    assert re.fullmatch(
        rf"{re.escape(str(encoded))}: [\d,]+ words in 300 sentences, [\d,]+ different ones, 0\.\d MB, in \d+\.\d s",
        out.strip(),
    )
    for name, source in (("text", corpus), ("encoded", encoded)):
        options = ["--epochs", "1", "--vector-size", "8", "--workers", "1", "--quiet", "--engine", "torch_batched"]
        code, _, err = command("train", source, "-o", tmp_path / f"{name}.txt", *options)
        assert code == 0, err
    assert (tmp_path / "text.txt").read_text() == (tmp_path / "encoded.txt").read_text()
    before = encoded.read_bytes()
    for arguments, message in [
        ((corpus, "-o", encoded), "lee.w2v: exists; --overwrite replaces it"),
        ((corpus, "-o", tmp_path / "lee.bin"), "lee.bin: must end in .w2v"),
        ((encoded, "-o", tmp_path / "more.w2v"), "lee.w2v: is encoded already"),
        ((corpus, "-o", tmp_path / "more.w2v", "--workers", "0"), "--workers 0: must be at least 1"),
        ((tmp_path / "none", "-o", tmp_path / "more.w2v"), "none: No such file or directory"),
        ((corpus, "-o", tmp_path / "none" / "more.w2v"), "there is no folder"),
    ]:
        code, out, err = command("encode", *arguments)
        assert (code, out) == (2, "")
        assert message in one_line(err)
    assert encoded.read_bytes() == before
    encoded.write_bytes(before[:-1])
    code, _, err = command("train", encoded, "-o", tmp_path / "x.kv")
    assert code == 2
    assert "is cut off or damaged" in one_line(err)
