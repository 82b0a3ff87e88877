"""docs/guide/custom-loop.md: its script learns, and our module makes none of the mistakes that it lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from tests.docs.pages import ROOT, execute
from tests.module_batches import FORMS, INPUT_ROWS, OUTPUT_ROWS, make, reference, rows_named
from torch_w2v.module import CBOWNegativeSampling

PAGE = ROOT / "docs" / "guide" / "custom-loop.md"

# Each check must pass for the module and fail for the wrong variant.


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


MISTAKES = {  # title on the page -> a module that makes the mistake, and the check that finds it
    "numpy in the forward pass": (NumpyInForward, check_gradient_reaches_both_tables),
    "Summing the negatives before the log-sigmoid": (SumBeforeLogSigmoid, check_each_negative_has_its_own_log_sigmoid),
    "Sigmoid before `BCEWithLogitsLoss`": (SigmoidBeforeBCEWithLogits, check_perfect_scores_cost_nothing),
    "One table for both roles": (OneTable, check_tables_are_separate),
}


@pytest.mark.parametrize(("wrong", "check"), MISTAKES.values(), ids=[wrong.__name__ for wrong, _ in MISTAKES.values()])
def test_the_module_makes_no_mistake_of_the_page(
    wrong: type[CBOWNegativeSampling], check: Callable[[type[CBOWNegativeSampling]], None]
) -> None:
    check(CBOWNegativeSampling)
    with pytest.raises(AssertionError):
        check(wrong)


def test_every_mistake_of_the_page_is_checked() -> None:
    titles = re.findall(r"^\d\. \*\*(.+)\.\*\*", PAGE.read_text(encoding="utf8"), re.MULTILINE)
    assert titles == list(MISTAKES)


def test_the_loop_of_the_page_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    execute(PAGE)
    losses = [float(loss) for loss in re.findall(r"mean loss (\S+)", capsys.readouterr().out)]
    assert losses[-1] < losses[0] - 0.3
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt")) == 1750
