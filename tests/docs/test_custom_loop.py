"""docs/guide/custom-loop.md: its script runs, and our module makes none of the mistakes that it lists."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from tests.helpers import ROOT
from tests.module_batches import FORMS, INPUT_ROWS, OUTPUT_ROWS, make, reference, rows_named
from torch_w2v.module import CBOWNegativeSampling

# Each check must pass for the module and fail for the wrong variant


class NumpyInForward(CBOWNegativeSampling):
    def _hidden(self, contexts: Tensor, mask: Tensor | None, offsets: Tensor | None) -> tuple[Tensor, Tensor]:
        h, active = super()._hidden(contexts, mask, offsets)
        return torch.from_numpy(h.detach().numpy()), active


class SumBeforeLogSigmoid(CBOWNegativeSampling):
    def loss(self, *arguments: Any, **_options: Any) -> Tensor:
        logits, _, weight = self.logits(*arguments)
        log_sigmoid = nn.functional.logsigmoid
        negatives = (logits[:, 1:] * weight[:, 1:]).sum(dim=1)
        return -(log_sigmoid(logits[:, 0]) + log_sigmoid(-negatives)).mul(weight[:, 0]).sum() / weight[:, 0].sum()


class SigmoidBeforeBCEWithLogits(CBOWNegativeSampling):
    def loss(self, *arguments: Any, **_options: Any) -> Tensor:
        logits, labels, weight = self.logits(*arguments)
        bce = nn.BCEWithLogitsLoss(weight=weight, reduction="sum")
        return bce(torch.sigmoid(logits), labels) / weight[:, 0].sum()


class OneTable(CBOWNegativeSampling):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.output = self.input


def check_gradient_reaches_both_tables(cls: type[CBOWNegativeSampling]) -> None:
    model = make(cls)
    model(*FORMS["padded"]).backward()
    for table in (model.input, model.output):
        assert table.weight.grad is not None
        assert table.weight.grad.abs().max() > 0.01


def check_each_negative_has_its_own_log_sigmoid(cls: type[CBOWNegativeSampling]) -> None:
    model = make(cls)
    assert model(*FORMS["padded"]).item() == pytest.approx(reference(model).sum() / 3)


def check_perfect_scores_cost_nothing(cls: type[CBOWNegativeSampling]) -> None:
    model = cls(3, 1)
    with torch.no_grad():
        model.input.weight.fill_(10.0)
        model.output.weight.copy_(torch.tensor([[2.0], [-2.0], [-2.0]]))  # scores +20, -20, -20
    for form in ("logsigmoid", "bce"):
        assert model.loss([[1]], [0], [[1, 2]], form=form).item() < 1e-6


def check_tables_are_separate(cls: type[CBOWNegativeSampling]) -> None:
    model = make(cls)
    assert len(list(model.parameters())) == 2
    model(*FORMS["padded"]).backward()
    # word 5 is only a target, word 2 only a context
    assert rows_named(model.input.weight.grad) == INPUT_ROWS
    assert rows_named(model.output.weight.grad) == OUTPUT_ROWS
    assert 5 not in INPUT_ROWS
    assert 2 not in OUTPUT_ROWS


MISTAKES = [
    (NumpyInForward, check_gradient_reaches_both_tables),
    (SumBeforeLogSigmoid, check_each_negative_has_its_own_log_sigmoid),
    (SigmoidBeforeBCEWithLogits, check_perfect_scores_cost_nothing),
    (OneTable, check_tables_are_separate),
]


@pytest.mark.parametrize(("wrong", "check"), MISTAKES)
def test_tutorial_mistake_is_not_made_here(
    wrong: type[CBOWNegativeSampling], check: Callable[[type[CBOWNegativeSampling]], None]
) -> None:
    check(CBOWNegativeSampling)
    with pytest.raises(AssertionError):
        check(wrong)


def test_the_script_of_the_docs_page_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guide" / "custom-loop.md").read_text(encoding="utf8")
    (script,) = re.findall(r"```python\n(from .*?)```", page, flags=re.DOTALL)
    (tmp_path / "loop.py").write_text(script, encoding="utf8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "loop.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    losses = [float(loss) for loss in re.findall(r"mean loss (\S+)", done.stdout)]
    assert losses[-1] < losses[0] - 0.3
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt")) == 1750


def test_the_docs_page_names_every_check() -> None:
    page = (ROOT / "docs" / "guide" / "custom-loop.md").read_text(encoding="utf8")
    for wrong, check in MISTAKES:
        assert wrong.__name__ in page
        assert check.__name__ in page
