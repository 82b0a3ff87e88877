"""The loss of `CBOWNegativeSampling`, its gradients, its initial tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import Word2Vec
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.module.cases import (
    FORMS,
    INPUT_ROWS,
    NEGATIVES,
    OUTPUT_ROWS,
    TARGET,
    V,
    dense_gradients,
    make,
    reference,
    rows_named,
)
from torch_w2v.module import CBOWNegativeSampling, pad_contexts


@pytest.mark.parametrize("cbow_mean", [True, False])
@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("form", ["logsigmoid", "bce"])
def test_loss_is_the_formula(cbow_mean: bool, skip: bool, form: str) -> None:
    model = make(cbow_mean=cbow_mean, skip_target_negatives=skip, loss=form)
    expected = reference(model, skip=skip)
    assert np.abs(expected - reference(model, skip=not skip)).max() > 0.1  # the option changes this batch
    for arguments in FORMS.values():
        np.testing.assert_allclose(model.loss(*arguments, reduction="none").detach(), expected, rtol=1e-12)
        np.testing.assert_allclose(model.loss(*arguments, reduction="sum").detach(), expected.sum(), rtol=1e-12)
        # three of the four targets have a context
        np.testing.assert_allclose(model(*arguments).detach(), expected.sum() / 3, rtol=1e-12)


def test_loss_of_known_scores() -> None:
    model = CBOWNegativeSampling(3, 2)  # output table zeros: every sigmoid is 1/2
    batch = ([[1, 2]], [0], [[1, 2, 1]])
    assert model(*batch).item() == pytest.approx(4 * math.log(2))
    with torch.no_grad():
        model.input.weight.copy_(torch.tensor([[9.0, 9.0], [1.0, 0.0], [3.0, 2.0]]))  # mean of words 1, 2: (2, 1)
        model.output.weight.copy_(torch.tensor([[1.0, 1.0], [0.0, -2.0], [1.0, 0.0]]))
    np.testing.assert_allclose(model.logits(*batch).logits.detach(), [[3, -2, 2, -2]])
    expected = math.log1p(math.exp(-3)) + 2 * math.log1p(math.exp(-2)) + math.log1p(math.exp(2))
    assert model(*batch).item() == pytest.approx(expected)


def test_loss_stays_finite_for_huge_scores() -> None:
    model = CBOWNegativeSampling(2, 1)
    with torch.no_grad():
        model.input.weight.fill_(100.0)
        model.output.weight.copy_(torch.tensor([[-100.0], [100.0]]))
    for form in ("logsigmoid", "bce"):
        loss = model.loss([[0]], [0], [[1]], form=form)
        assert loss.item() == pytest.approx(20_000)
        loss.backward()
        assert all(gradient.isfinite().all() for gradient in dense_gradients(model))


@pytest.mark.parametrize("skip", [True, False])
def test_loss_equals_bce_with_logits_loss(skip: bool) -> None:
    model = make(skip_target_negatives=skip)
    gradients = []
    for form in ("ours", "ours as bce", "torch"):
        model.zero_grad()
        if form == "torch":
            logits, labels, weight = model.logits(*FORMS["padded"])
            loss = nn.BCEWithLogitsLoss(weight=weight, reduction="sum")(logits, labels)
        else:
            loss = model.loss(*FORMS["padded"], reduction="sum", form="bce" if "bce" in form else "logsigmoid")
        loss.backward()
        gradients.append((loss.detach(), *dense_gradients(model)))
    for others in gradients[1:]:
        for one, other in zip(gradients[0], others, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


# --- gradients


@pytest.mark.parametrize("cbow_mean", [True, False])
@pytest.mark.parametrize("loss", ["logsigmoid", "bce"])
@pytest.mark.parametrize("form", ["padded", "offsets"])
def test_gradcheck_on_both_tables(cbow_mean: bool, loss: str, form: str) -> None:
    model = make(cbow_mean=cbow_mean, loss=loss)

    def of_tables(W_in: Tensor, W_out: Tensor) -> Tensor:
        return torch.func.functional_call(model, {"input.weight": W_in, "output.weight": W_out}, FORMS[form])

    tables = [table.weight.detach().clone().requires_grad_() for table in (model.input, model.output)]
    assert torch.autograd.gradcheck(of_tables, tables)


@pytest.mark.parametrize("cbow_mean", [True, False])
@pytest.mark.parametrize("sparse", [True, False])
def test_three_forms_of_contexts_have_the_same_gradients(cbow_mean: bool, sparse: bool) -> None:
    results = []
    for arguments in FORMS.values():
        model = make(cbow_mean=cbow_mean, sparse=sparse)
        model(*arguments).backward()
        results.append(dense_gradients(model))
        # the gradient does not even name padding, a target without context, or its negatives
        assert rows_named(model.input.weight.grad) == INPUT_ROWS
        assert rows_named(model.output.weight.grad) == OUTPUT_ROWS
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-14)


def test_full_rectangle_needs_no_mask() -> None:
    model = make()
    contexts = torch.tensor([[1, 2], [3, 4]])
    batch = (TARGET[:2], NEGATIVES[:2])
    torch.testing.assert_close(model(contexts, *batch), model(contexts, *batch, torch.ones(2, 2)))
    torch.testing.assert_close(model(contexts.int(), *(x.int() for x in batch)), model(contexts.numpy(), *batch))


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, V - 1), max_size=5), min_size=1, max_size=6).filter(any), st.booleans())
def test_any_ragged_batch_agrees_in_three_forms(contexts: list[list[int]], cbow_mean: bool) -> None:
    model = make(cbow_mean=cbow_mean)
    B = len(contexts)
    target, negatives = torch.arange(B) % V, torch.arange(2 * B).reshape(B, 2) % V
    padded, mask = pad_contexts(contexts)
    offsets = np.concatenate(([0], np.cumsum([len(context) for context in contexts])[:-1]))
    flat = np.concatenate([np.array(context, dtype=np.int64) for context in contexts])
    losses = [
        model.loss(*arguments, reduction="none").detach()
        for arguments in (
            (contexts, target, negatives),
            (padded, target, negatives, mask),
            (flat, target, negatives, None, offsets),
        )
    ]
    assert torch.equal(losses[0] == 0, torch.tensor([not context for context in contexts]))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-12, atol=0)
    torch.testing.assert_close(losses[0], losses[2], rtol=1e-12, atol=0)


def test_unvalidated_batch_without_context_is_zero_not_nan() -> None:
    model = make(validate=False)
    loss = model(torch.full((2, 3), -1), TARGET[:2], NEGATIVES[:2], torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert all(gradient.eq(0).all() for gradient in dense_gradients(model))


def test_sparse_adam_leaves_words_outside_the_batch_alone() -> None:
    model = make(sparse=True)
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.1)
    everything = ([[7, 8], [8, 7]], [7, 8], [[8, 2], [7, 2]])  # so that words 7 and 8 have momentum in both tables
    model(*everything).backward()
    optimizer.step()
    before = [table.weight.detach().clone() for table in (model.input, model.output)]
    optimizer.zero_grad()
    model(*FORMS["padded"]).backward()
    optimizer.step()
    for table, old, trained in zip((model.input, model.output), before, (INPUT_ROWS, OUTPUT_ROWS), strict=True):
        assert rows_named(table.weight.detach() - old) == trained


# --- initial tables


def test_init_gensim_is_gensims_to_the_bit() -> None:
    gensim_model = Word2Vec([["a", "b", "c", "d", "e"]], vector_size=7, min_count=1, seed=42, epochs=1)
    gensim_model.init_weights()
    model = CBOWNegativeSampling(5, 7, seed=42)
    np.testing.assert_array_equal(model.input.weight.detach(), gensim_model.wv.vectors)
    np.testing.assert_array_equal(model.output.weight.detach(), gensim_model.syn1neg)


@pytest.mark.parametrize(("init", "half_width", "output_drawn"), [("word2vec", 0.5, False), ("uniform", 0.5, True)])
def test_init_ranges(init: str, half_width: float, output_drawn: bool) -> None:
    model = CBOWNegativeSampling(2000, 10, init=init)
    W_in, W_out = model.input.weight.detach() * 10, model.output.weight.detach() * 10
    for table in [W_in, W_out] if output_drawn else [W_in]:
        assert 0.99 * half_width < table.abs().max() <= half_width
        assert abs(float(table.mean())) < 0.01
        assert float(table.var()) == pytest.approx((2 * half_width) ** 2 / 12, rel=0.05)
    assert bool(W_out.any()) == output_drawn
    assert not torch.equal(W_in, W_out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 2.5}, r"^vocab_size=2\.5: must be an integer"),
        ({"vocab_size": "5"}, "^vocab_size='5': must be an integer"),
        ({"seed": -1}, "^seed=-1: must be at least 0$"),
        ({"dtype": torch.int32}, r"^dtype=torch\.int32: must be a floating-point type"),
        ({"vocab_size": 0}, "^vocab_size=0: must be at least 1$"),
        ({"vector_size": 0}, "^vector_size=0: must be at least 1$"),
        ({"init": "xavier"}, r"^init='xavier': must be one of 'gensim', 'word2vec', 'uniform'$"),
        ({"loss": "hinge"}, "^loss='hinge': must be one of"),
        ({"reduction": "max"}, "^reduction='max': must be one of"),
    ],
)
def test_constructor_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        CBOWNegativeSampling(**{"vocab_size": 3, "vector_size": 2, **options})
