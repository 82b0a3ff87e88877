"""The pages of loops of your own: their scripts learn, and our modules make none of the mistakes that they list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from gensim.models import KeyedVectors
from torch import Tensor, nn

from tests.docs.pages import ROOT, execute
from tests.module import cases
from tests.module.cases import make, rows_named
from torch_w2v.module import CBOWNegativeSampling, SkipGramNegativeSampling
from torch_w2v.module.two_tables import NegativeSampling, PairLogits

GUIDE = ROOT / "docs" / "guide"
PAGE = GUIDE / "custom-loop.md"


class Twin(NamedTuple):
    """One of the two modules, and its batch of `tests.module.cases`."""

    cls: type[NegativeSampling]
    batch: tuple[Any, ...]
    input_rows: set[int]
    output_rows: set[int]
    mean_loss: Callable[[Any], float]


CBOW = Twin(
    CBOWNegativeSampling,
    cases.FORMS["padded"],
    cases.INPUT_ROWS,
    cases.OUTPUT_ROWS,
    lambda model: cases.reference(model).sum() / 3,  # three of the four targets have a context
)
SKIP_GRAM = Twin(
    SkipGramNegativeSampling,
    cases.PAIRS,
    cases.PAIR_INPUT_ROWS,
    cases.PAIR_OUTPUT_ROWS,
    lambda model: cases.reference_of_pairs(model).mean(),
)


# Each mistake is made by a class to put in front of the module, whose check must then fail.


class NumpyInForward(NegativeSampling):
    def _score(self, h: Tensor, *arguments: Any) -> PairLogits:
        return super()._score(torch.from_numpy(h.detach().numpy()), *arguments)


class SumBeforeLogSigmoid(NegativeSampling):
    def _loss(self, scores: PairLogits, *_options: Any) -> Tensor:
        logits, _, weight = scores
        log_sigmoid = nn.functional.logsigmoid
        negatives = (logits[:, 1:] * weight[:, 1:]).sum(dim=1)
        return -(log_sigmoid(logits[:, 0]) + log_sigmoid(-negatives)).mul(weight[:, 0]).sum() / weight[:, 0].sum()


class SigmoidBeforeBCEWithLogits(NegativeSampling):
    def _loss(self, scores: PairLogits, *_options: Any) -> Tensor:
        logits, labels, weight = scores
        bce = nn.BCEWithLogitsLoss(weight=weight, reduction="sum")
        return bce(torch.sigmoid(logits), labels) / weight[:, 0].sum()


class OneTable(NegativeSampling):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.output = self.input


def check_gradient_reaches_both_tables(twin: Twin) -> None:
    model = make(twin.cls)
    model(*twin.batch).backward()
    for table in (model.input, model.output):
        assert table.weight.grad is not None
        assert table.weight.grad.abs().max() > 0.01


def check_each_negative_has_its_own_log_sigmoid(twin: Twin) -> None:
    model = make(twin.cls)
    assert model(*twin.batch).item() == pytest.approx(twin.mean_loss(model))


def check_perfect_scores_cost_nothing(twin: Twin) -> None:
    model: Any = twin.cls(3, 1)
    with torch.no_grad():
        model.input.weight.fill_(10.0)
        model.output.weight.copy_(torch.tensor([[2.0], [-2.0], [-2.0]]))  # scores +20, -20, -20
    for form in ("logsigmoid", "bce"):
        inputs = [[1]] if issubclass(twin.cls, CBOWNegativeSampling) else [1]
        assert model.loss(inputs, [0], [[1, 2]], form=form).item() < 1e-6


def check_tables_are_separate(twin: Twin) -> None:
    model = make(twin.cls)
    assert len(list(model.parameters())) == 2
    model(*twin.batch).backward()
    assert rows_named(model.input.weight.grad) == twin.input_rows
    assert rows_named(model.output.weight.grad) == twin.output_rows
    # each table has rows that the other has not
    assert twin.input_rows - twin.output_rows
    assert twin.output_rows - twin.input_rows


MISTAKES = {  # title on the page -> a module that makes the mistake, and the check that finds it
    "numpy in the forward pass": (NumpyInForward, check_gradient_reaches_both_tables),
    "Summing the negatives before the log-sigmoid": (SumBeforeLogSigmoid, check_each_negative_has_its_own_log_sigmoid),
    "Sigmoid before `BCEWithLogitsLoss`": (SigmoidBeforeBCEWithLogits, check_perfect_scores_cost_nothing),
    "One table for both roles": (OneTable, check_tables_are_separate),
}


@pytest.mark.parametrize("twin", [CBOW, SKIP_GRAM], ids=["cbow", "skip_gram"])
@pytest.mark.parametrize(
    ("mistake", "check"), MISTAKES.values(), ids=[wrong.__name__ for wrong, _ in MISTAKES.values()]
)
def test_the_module_makes_no_mistake_of_the_page(
    mistake: type[NegativeSampling], check: Callable[[Twin], None], twin: Twin
) -> None:
    check(twin)
    wrong = type(mistake.__name__, (mistake, twin.cls), {})
    with pytest.raises(AssertionError):
        check(twin._replace(cls=wrong))


def test_every_mistake_of_the_page_is_checked() -> None:
    titles = re.findall(r"^\d\. \*\*(.+)\.\*\*", PAGE.read_text(encoding="utf8"), re.MULTILINE)
    assert titles == list(MISTAKES)


def test_the_loop_of_the_page_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    execute(PAGE, EPOCHS=3)
    losses = [float(loss) for loss in re.findall(r"mean loss (\S+)", capsys.readouterr().out)]
    assert len(losses) == 3
    assert losses[-1] < losses[0] - 0.3
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt")) == 1750


def test_the_loop_of_skip_gram_finds_the_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = execute(GUIDE / "skip-gram-loop.md")
    assert names["share"] > 0.95
    losses = [float(loss) for loss in re.findall(r"mean loss (\S+)", capsys.readouterr().out)]
    assert losses[-1] < losses[0] - 0.5
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "nodes.txt")) == 200
