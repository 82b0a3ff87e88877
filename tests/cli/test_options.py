from __future__ import annotations

import inspect
import re
from pathlib import Path

import torch_w2v
from tests.cli.running import Command
from tests.helpers import DEFAULT_ENGINE
from torch_w2v import cli
from torch_w2v.cli.options import constructor_options, documented_arguments


def test_every_constructor_argument_of_a_plain_type_is_an_option_with_its_default(corpus: Path) -> None:
    args = cli.parser().parse_args(["train", str(corpus), "-o", "x.kv"])
    parameters = inspect.signature(torch_w2v.Word2Vec).parameters
    # Under torchrun several processes train one model, unless an option says otherwise.
    defaults = {name: parameters[name].default for name in args.options} | {"distributed": None}
    assert {name: getattr(args, name) for name in args.options} == defaults
    left_out = {"sentences", "corpus_file", "hashfxn", "trim_rule", "callbacks", "progress"}
    assert set(parameters) - set(args.options) == left_out
    documented = documented_arguments(inspect.getdoc(torch_w2v.Word2Vec) or "")
    assert set(documented) == set(parameters)


def test_options_reach_the_model(corpus: Path, tmp_path: Path, command: Command) -> None:
    given = {
        "vector_size": 12, "alpha": 0.03, "window": 3, "min_count": 7, "max_vocab_size": 100_000, "sample": 0.01,
        "seed": 5, "workers": 1, "min_alpha": 0.002, "sg": 0, "hs": 0, "negative": 4, "ns_exponent": 0.5,
        "cbow_mean": 0, "epochs": 1, "null_word": 0, "sorted_vocab": 0, "batch_words": 5000, "comment": "a note",
        "max_final_vocab": 500, "device": "cpu", "engine": DEFAULT_ENGINE, "cbow_gradient": "exact",
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
    elsewhere = {"shrink_windows", "compute_loss", "checkpoint", "checkpoint_every", "column", "distributed", "shard"}
    assert set(given) | elsewhere == set(constructor_options())
