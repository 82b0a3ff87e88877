"""Messages of the Python API in the spelling of the command line."""

from __future__ import annotations

import pytest

from torch_w2v.cli import checks
from torch_w2v.cli.options import constructor_options


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("window=0: must be at least 1", "--window 0: must be at least 1"),
        (
            "checkpoint_every=5.0 needs a file to write to: give checkpoint=PATH, too",
            "--checkpoint-every 5.0 needs a file to write to: give --checkpoint PATH, too",
        ),
        (
            "engine='gensim' with cbow_gradient='exact': use another engine, or cbow_gradient='gensim'",
            "--engine gensim with --cbow-gradient exact: use another engine, or --cbow-gradient gensim",
        ),
        ("checkpoint='a folder/': must be", "--checkpoint 'a folder/': must be"),
        ("device='': must be", "--device '': must be"),
        ("distributed=True: no; shrink_windows=False", "--distributed: no; --no-shrink-windows"),
        ("the sum of count**ns_exponent", "the sum of count**ns_exponent"),
        ("TORCH_W2V_ISA='avx512': this machine", "TORCH_W2V_ISA='avx512': this machine"),
        ("runs/seed=1/c: is a folder", "runs/seed=1/c: is a folder"),
        ("checkpoint='runs/seed=1/c': is a folder", "--checkpoint runs/seed=1/c: is a folder"),
    ],
)
def test_arguments_are_named_as_options(message: str, expected: str) -> None:
    assert checks.as_options(message, constructor_options()) == expected


def test_names_that_are_no_options_stay() -> None:
    assert checks.as_options("hs=1 and negative=0", ["negative"]) == "hs=1 and --negative 0"
