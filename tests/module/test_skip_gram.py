"""`SkipGramNegativeSampling`: its loss and gradients are the formula's, and its step is gensim's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors, Word2Vec
from torch import Tensor

from tests.module.cases import (
    PAIR_INPUT_ROWS,
    PAIR_OUTPUT_ROWS,
    PAIRS,
    D,
    dense_gradients,
    make,
    reference_of_pairs,
    rows_named,
)
from torch_w2v.module import CBOWNegativeSampling, SkipGramNegativeSampling

INPUTS, TARGET, NEGATIVES = PAIRS


def skip_gram(**options: Any) -> Any:
    return make(SkipGramNegativeSampling, **options)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("form", ["logsigmoid", "bce"])
def test_loss_is_the_formula(skip: bool, form: str) -> None:
    model = skip_gram(skip_target_negatives=skip, loss=form)
    expected = reference_of_pairs(model, skip=skip)
    assert np.abs(expected - reference_of_pairs(model, skip=not skip)).max() > 0.1  # the option changes this batch
    np.testing.assert_allclose(model.loss(*PAIRS, reduction="none").detach(), expected, rtol=1e-12)
    np.testing.assert_allclose(model.loss(*PAIRS, reduction="sum").detach(), expected.sum(), rtol=1e-12)
    np.testing.assert_allclose(model(*PAIRS).detach(), expected.mean(), rtol=1e-12)
    as_lists = [part.tolist() for part in PAIRS]
    np.testing.assert_allclose(model(*as_lists).detach(), expected.mean(), rtol=1e-12)


@pytest.mark.parametrize("sparse", [True, False])
def test_it_is_cbow_with_one_context_word(sparse: bool) -> None:
    models = [skip_gram(sparse=sparse), make(CBOWNegativeSampling, sparse=sparse)]
    results = []
    for model, inputs in zip(models, (INPUTS, INPUTS[:, None]), strict=True):
        loss = model(inputs, TARGET, NEGATIVES)
        loss.backward()
        results.append((loss.detach(), *dense_gradients(model)))
        assert rows_named(model.input.weight.grad) == PAIR_INPUT_ROWS
        assert rows_named(model.output.weight.grad) == PAIR_OUTPUT_ROWS
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", ["logsigmoid", "bce"])
def test_gradcheck_on_both_tables(loss: str) -> None:
    model = skip_gram(loss=loss)

    def of_tables(W_in: Tensor, W_out: Tensor) -> Tensor:
        return torch.func.functional_call(model, {"input.weight": W_in, "output.weight": W_out}, PAIRS)

    assert torch.autograd.gradcheck(
        of_tables, [table.weight.detach().clone().requires_grad_() for table in (model.input, model.output)]
    )


def test_sgd_on_one_pair_after_the_other_is_gensims_update() -> None:
    """gensim's: one sample after the other moves the output row; the input row gets the sum of errors at the end."""
    alpha = 0.3
    model = skip_gram(reduction="sum")
    W_in, W_out = (table.weight.detach().numpy().copy() for table in (model.input, model.output))
    optimizer = torch.optim.SGD(model.parameters(), lr=alpha)
    # No negative twice: gensim would read its row again, and the module computes all scores of a pair at once.
    for word, target, negatives in [(1, 0, [1, 0, 4]), (4, 5, [6, 7, 1]), (2, 2, [8, 3, 1]), (1, 3, [6, 1, 4])]:
        error = np.zeros(D)
        for sample, label in [(target, 1), *((n, 0) for n in negatives if n != target)]:
            g = (label - 1 / (1 + math.exp(-W_out[sample] @ W_in[word]))) * alpha
            error += g * W_out[sample]
            W_out[sample] += g * W_in[word]
        W_in[word] += error
        optimizer.zero_grad()
        model([word], [target], [negatives]).backward()
        optimizer.step()
    np.testing.assert_allclose(model.input.weight.detach(), W_in, rtol=1e-12)
    np.testing.assert_allclose(model.output.weight.detach(), W_out, rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_compiled_module_has_equal_loss_and_gradients(sparse: bool) -> None:
    torch.compiler.reset()
    eager, model = (skip_gram(dtype=torch.float32, sparse=sparse) for _ in range(2))
    found = [function(*PAIRS) for function in (eager, torch.compile(model, fullgraph=True, backend="aot_eager"))]
    for loss in found:
        loss.backward()
    torch.testing.assert_close(*found)
    for one, other in zip(dense_gradients(eager), dense_gradients(model), strict=True):
        torch.testing.assert_close(one, other)


def test_tables_start_as_gensims_and_are_saved_as_gensims(tmp_path: Any) -> None:
    words = ["a", "b", "c", "d", "e"]
    gensim_model = Word2Vec([words], vector_size=7, min_count=1, seed=42, epochs=1, sg=1)
    gensim_model.init_weights()
    model = SkipGramNegativeSampling(5, 7, seed=42)
    np.testing.assert_array_equal(model.input.weight.detach(), gensim_model.wv.vectors)
    np.testing.assert_array_equal(model.output.weight.detach(), gensim_model.syn1neg)
    model.save_word2vec_format(tmp_path / "vectors.txt", words)
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt")
    np.testing.assert_array_equal(loaded.vectors, gensim_model.wv.vectors)


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((INPUTS + 2, TARGET, NEGATIVES), IndexError, "^inputs holds the index 9: must be at least 0 and below vocab"),
        ((INPUTS, TARGET - 1, NEGATIVES), IndexError, "^target holds the index -1: .* vocab_size = 9$"),
        ((INPUTS, TARGET, NEGATIVES + 1), IndexError, "^negatives holds the index 9"),
        (([], [], torch.zeros(0, 3).long()), ValueError, r"^target has shape \(0,\): must be \(B,\) with B >= 1$"),
        (
            (INPUTS[:3], TARGET, NEGATIVES),
            ValueError,
            r"^inputs has shape \(3,\): must be \(4,\), the shape of target$",
        ),
        ((INPUTS[:, None], TARGET, NEGATIVES), ValueError, r"^inputs has shape \(4, 1\): must be \(4,\)"),
        ((INPUTS, TARGET, NEGATIVES[:, 0]), ValueError, r"^negatives has shape \(4,\): must be \(4, K\) with K >= 1$"),
        ((["cat"], [1], [[2]]), TypeError, "^inputs cannot be made a tensor of integer indices"),
        ((INPUTS.float(), TARGET, NEGATIVES), TypeError, "^inputs has the type torch.float32: must be integer word"),
    ],
)
def test_batch_errors(batch: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        skip_gram()(*batch)


def test_unvalidated_batches_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch_w2v.module.skip_gram.check_rows", lambda *_args, **_rows: pytest.fail("looked"))
    skip_gram(validate=False)(*PAIRS)
    with pytest.raises(pytest.fail.Exception, match="looked"):
        skip_gram()(*PAIRS)
