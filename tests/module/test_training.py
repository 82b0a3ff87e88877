"""`CBOWNegativeSampling` in training loops: it learns with each optimizer, compiled or not."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tests.engines.shapes import pairwise
from tests.module.cases import FORMS, INPUT_ROWS, dense_gradients, make, rows_named
from torch_w2v.module import CBOWDataset, CBOWNegativeSampling

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


PRODUCT = list(itertools.product(["padded", "offsets"], [False, True], [True, False]))
PAIRWISE = pairwise(PRODUCT)
COMPILED = [
    *(
        pytest.param("aot_eager", *options, marks=[] if options in PAIRWISE else pytest.mark.slow)
        for options in PRODUCT
    ),
    # The others find what cannot be compiled; this one runs what torch generates, which takes seconds.
    pytest.param("inductor", "padded", False, True, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("backend", "form", "sparse", "cbow_mean"), COMPILED)
def test_compiled_module_has_equal_loss_and_gradients(backend: str, form: str, sparse: bool, cbow_mean: bool) -> None:
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
    assert share_of_same_topic(model) < 0.75  # chance is about 1/2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in loader(300, 100, pool_size=10_000):
        optimizer.zero_grad()
        model(*batch).backward()
        optimizer.step()
    assert share_of_same_topic(model) > 0.95
