from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors, Word2Vec
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tests.module_batches import (
    CONTEXTS,
    FLAT,
    FORMS,
    INPUT_ROWS,
    MASK,
    NEGATIVES,
    OFFSETS,
    OUTPUT_ROWS,
    PADDED,
    TARGET,
    V,
    dense_gradients,
    make,
    reference,
    rows_named,
)  # fmt: skip
from torch_w2v.module import CBOWDataset, CBOWNegativeSampling, pad_contexts

# --- the loss


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
def test_three_forms_of_contexts_give_the_same_gradients(cbow_mean: bool, sparse: bool) -> None:
    results = []
    for arguments in FORMS.values():
        model = make(cbow_mean=cbow_mean, sparse=sparse)
        model(*arguments).backward()
        results.append(dense_gradients(model))
        # padding, a target without context and its negatives are not even named by the gradient
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


@settings(max_examples=30, deadline=None)
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
    everything = ([[7, 8], [8, 7]], [7, 8], [[8, 2], [7, 2]])  # gives words 7 and 8 momentum in both tables
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


# --- optimizers, torch.compile, learning


TOPICS = [[f"{topic}{i}" for i in range(12)] for topic in "ab"]
WORDS = [word for topic in TOPICS for word in topic]
KEY_TO_INDEX = {word: index for index, word in enumerate(WORDS)}


def topic_sentences(n: int, seed: int = 0) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [rng.choice(TOPICS[rng.integers(2)], size=10).tolist() for _ in range(n)]


def loader(n: int, batch_size: int, **options: Any) -> DataLoader:
    dataset = CBOWDataset(
        topic_sentences(n), np.full(len(WORDS), n * 10 // len(WORDS)), key_to_index=KEY_TO_INDEX, sample=0, **options
    )
    return DataLoader(dataset, batch_size=batch_size, collate_fn=dataset.collate)


@pytest.mark.parametrize(
    ("optimizer", "sparse", "options"),
    [
        (torch.optim.SGD, False, {"lr": 2.0}),
        (torch.optim.SGD, True, {"lr": 2.0}),
        (torch.optim.Adam, False, {"lr": 0.02}),
        (torch.optim.RMSprop, False, {"lr": 0.02}),
        (torch.optim.SparseAdam, True, {"lr": 0.02}),
    ],
)
def test_optimizers_reduce_the_loss(optimizer: Any, sparse: bool, options: dict[str, float]) -> None:
    model = CBOWNegativeSampling(len(WORDS), 16, sparse=sparse)
    optimizer = optimizer(model.parameters(), **options)
    batches = list(loader(40, 50, pool_size=1000))
    start = model(*batches[0]).item()
    for batch in batches * 10:
        optimizer.zero_grad()
        loss = model(*batch)
        loss.backward()
        assert all(table.weight.grad.is_sparse == sparse for table in (model.input, model.output))
        optimizer.step()
    # at the start every sigmoid is 1/2; about half the negatives are of the target's own topic, so 0 is out of reach
    assert 5.5 * math.log(2) < start <= 6 * math.log(2) + 1e-6
    assert model(*batches[0]).item() < 2.6


COMPILED = [
    *itertools.product(["aot_eager"], ["padded", "offsets"], [False, True], [True, False]),
    ("inductor", "padded", False, True),  # one is enough: it takes seconds
]


@pytest.mark.parametrize(("backend", "form", "sparse", "cbow_mean"), COMPILED)
def test_compiled_gives_the_same_loss_and_gradients(backend: str, form: str, sparse: bool, cbow_mean: bool) -> None:
    torch.compiler.reset()
    eager, model = (make(dtype=torch.float32, sparse=sparse, cbow_mean=cbow_mean) for _ in range(2))
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    losses = [function(*FORMS[form]) for function in (eager, compiled)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(losses[0], losses[1])
    for one, other in zip(dense_gradients(eager), dense_gradients(model), strict=True):
        torch.testing.assert_close(one, other)
    if sparse:
        assert rows_named(model.input.weight.grad) == INPUT_ROWS


def share_of_same_topic(model: CBOWNegativeSampling) -> float:
    vectors = model.to_keyed_vectors(WORDS)
    return float(np.mean([other[0] == word[0] for word in WORDS for other, _ in vectors.most_similar(word, topn=5)]))


def test_learns_planted_topics() -> None:
    model = CBOWNegativeSampling(len(WORDS), 16)
    assert share_of_same_topic(model) < 0.75  # by chance about 1/2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in loader(300, 100, pool_size=10_000):
        optimizer.zero_grad()
        model(*batch).backward()
        optimizer.step()
    assert share_of_same_topic(model) > 0.95


# --- saving


def test_word2vec_format_round_trip(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(4, 6, init="uniform")
    keys = ["naïve", "東京", "a-b", "x" * 50]
    for name in ("vectors.txt", "vectors.txt.gz"):
        model.save_word2vec_format(tmp_path / name, keys)
        loaded = KeyedVectors.load_word2vec_format(tmp_path / name)
        assert loaded.index_to_key == keys
        np.testing.assert_array_equal(loaded.vectors, model.input.weight.detach())
    assert (tmp_path / "vectors.txt").read_text(encoding="utf8").startswith("4 6\nnaïve ")
    assert (tmp_path / "vectors.txt.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert sorted(os.listdir(tmp_path)) == ["vectors.txt", "vectors.txt.gz"]


def test_saving_with_counts_orders_by_frequency(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(3, 2)
    model.save_word2vec_format(str(tmp_path / "v.txt"), ["rare", "often", "mid"], counts=[1, 9, 5])
    loaded = KeyedVectors.load_word2vec_format(tmp_path / "v.txt")
    assert loaded.index_to_key == ["often", "mid", "rare"]
    np.testing.assert_array_equal(loaded["rare"], model.input.weight[0].detach())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "v.txt"
    path.write_text("precious")

    def breaks(_self: KeyedVectors, fname: str, **_options: Any) -> None:
        Path(fname).write_text("half a fi")
        raise OSError("disk full")

    def cannot_replace(*_paths: Any) -> None:
        raise OSError("disk full")

    for owner, name, broken in ((KeyedVectors, "save_word2vec_format", breaks), (os, "replace", cannot_replace)):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, broken)
            with pytest.raises(OSError, match="disk full"):
                CBOWNegativeSampling(1, 2).save_word2vec_format(path, ["a"])
        assert path.read_text() == "precious"
        assert os.listdir(tmp_path) == ["v.txt"]


@pytest.mark.parametrize("key", ["two words", "tab\t", "\n", "", "no\u00a0break"])
def test_saving_refuses_white_space_in_keys(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="white space"):
        CBOWNegativeSampling(2, 2).save_word2vec_format(tmp_path / "v.txt", ["a", key])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_to_keyed_vectors_is_a_float32_copy_with_counts(dtype: torch.dtype) -> None:
    model = make(dtype=dtype)
    keys = [f"w{i}" for i in range(V)]
    vectors = model.to_keyed_vectors(keys, counts=range(10, 10 + V))
    assert vectors.vectors.dtype == np.float32
    assert [vectors.get_vecattr(key, "count") for key in keys] == list(range(10, 10 + V))
    before = vectors.vectors.copy()
    np.testing.assert_allclose(before, model.input.weight.detach(), rtol=1e-6)
    with torch.no_grad():
        model.input.weight.zero_()
    np.testing.assert_array_equal(vectors.vectors, before)
    assert len(vectors.most_similar("w0", topn=3)) == 3


# --- errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 0}, "vocab_size=0"),
        ({"vector_size": 0}, "vector_size=0"),
        ({"init": "xavier"}, r"init='xavier' is unknown: choose one of 'gensim', 'word2vec', 'uniform'"),
        ({"loss": "hinge"}, "loss='hinge'"),
        ({"reduction": "max"}, "reduction='max'"),
    ],
)
def test_constructor_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CBOWNegativeSampling(**{"vocab_size": 3, "vector_size": 2, **options})


T, N = TARGET, NEGATIVES


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1], [2], [3], [9]], T, N), IndexError, "contexts holds the index 9"),
        ((torch.tensor([[1], [2], [3], [-1]]), T, N), IndexError, "pass mask if it is padding"),
        ((CONTEXTS, T + 4, N), IndexError, "target holds the index 12"),
        ((CONTEXTS, T, N - 1), IndexError, r"negatives holds the index -1: expected 0 <= index < vocab_size = 9"),
        (([[], [], [], []], T, N), ValueError, "no target of this batch has a context"),
        (([], [], torch.zeros(0, 3)), ValueError, r"target has shape \(0,\)"),
        ((CONTEXTS, T, N[:, :0]), ValueError, r"expected \(4, K\) with K >= 1"),
        ((CONTEXTS, T, N[:3]), ValueError, r"negatives has shape \(3, 3\)"),
        ((CONTEXTS[:3], T, N), ValueError, r"contexts has shape \(3, 3\)"),
        ((PADDED, T, N, MASK[:, :3]), ValueError, "mask has shape"),
        ((PADDED, T, N, MASK, OFFSETS), ValueError, "both mask and offsets"),
        ((CONTEXTS, T, N, MASK), ValueError, "contexts as a list"),
        ((FLAT, T, N), ValueError, "or flat indices with offsets"),
        ((FLAT, T, N, None, OFFSETS[:3]), ValueError, r"offsets \(4,\)"),
        ((FLAT, T, N, None, OFFSETS + 1), ValueError, "offsets must start at 0"),
        ((FLAT, T, N, None, OFFSETS.flip(0)), ValueError, "offsets must start at 0"),
        ((FLAT, T, N, None, torch.tensor([0, 3, 4, 9])), ValueError, "end at or below N = 8"),
        ((CONTEXTS, T.float(), N), TypeError, "target has the type torch.float32"),
        (([["cat"], [1], [2], [3]], T, N), TypeError, "context 0 is .*key_to_index"),
        (([[0.5], [1], [2], [3]], T, N), TypeError, "context 0 is"),
    ],
)
def test_batch_errors(arguments: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()(*arguments)


def test_key_errors(tmp_path: Path) -> None:
    model = CBOWNegativeSampling(2, 2)
    with pytest.raises(ValueError, match="3 keys, but the table has 2 rows"):
        model.to_keyed_vectors(["a", "b", "c"])
    with pytest.raises(ValueError, match="'a' 2 times"):
        model.to_keyed_vectors(["a", "a"])
    with pytest.raises(ValueError, match=r"counts has shape \(3,\)"):
        model.to_keyed_vectors(["a", "b"], counts=[1, 2, 3])
    with pytest.raises(TypeError, match=r"use str\(key\)"):
        model.save_word2vec_format(tmp_path / "v.txt", [0, 1])


def test_pad_contexts() -> None:
    padded, mask = pad_contexts([[3, 4], np.array([], dtype=int), torch.tensor([5])], width=3)
    assert padded.tolist() == [[3, 4, 0], [0, 0, 0], [5, 0, 0]]
    assert mask.tolist() == [[True, True, False], [False] * 3, [True, False, False]]
    assert (padded.dtype, mask.dtype) == (torch.int64, torch.bool)
    assert pad_contexts([[]])[0].shape == (1, 1)
    with pytest.raises(ValueError, match="raise it to 2"):
        pad_contexts([[3, 4]], width=1)
