"""What both datasets share: subsampling as in gensim, draws by epoch whatever the loader's workers, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gensim.models import Word2Vec
from torch.utils.data import DataLoader

from torch_w2v.dataset import CBOWDataset, SkipGramDataset

COUNTS = [5, 4, 3, 2, 1]
DATASETS = [CBOWDataset, SkipGramDataset]


def make(cls: Any, sentences: Any, counts: Any = COUNTS, **options: Any) -> Any:
    return cls(sentences, counts, **{"sample": 0, "pool_size": 1000, **options})


@pytest.mark.parametrize("cls", DATASETS)
def test_subsampling_is_gensims(cls: Any) -> None:
    counts = {"the": 5000, "of": 900, "cat": 60, "rare": 5}
    for sample in (1e-3, 0.05, 20, 0):
        gensim_model = Word2Vec(min_count=1, sample=sample, vector_size=2)
        gensim_model.build_vocab_from_freq(counts)
        expected = gensim_model.wv.expandos["sample_int"] / 2**32
        dataset = make(cls, [], list(counts.values()), sample=sample)
        np.testing.assert_allclose(dataset.keep, expected, atol=1e-6)


def one_epoch(dataset: Any, num_workers: int = 0) -> list[list[list[int]]]:
    loader = DataLoader(dataset, batch_size=None, num_workers=num_workers)
    return sorted([np.atleast_1d(part).tolist() for part in example] for example in loader)


@pytest.mark.parametrize("cls", DATASETS)
def test_set_epoch_fixes_the_draws_whatever_the_workers(cls: Any) -> None:
    sentences = np.arange(30).reshape(5, 6).tolist()
    dataset = make(cls, sentences, np.ones(30), seed=4)
    automatic = [one_epoch(dataset), one_epoch(dataset)]
    assert automatic[0] != automatic[1]
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        assert one_epoch(dataset) == automatic[epoch]
        assert one_epoch(dataset, num_workers=2) == automatic[epoch]
    other = make(cls, sentences, np.ones(30), seed=5)
    other.set_epoch(0)
    assert one_epoch(other) != automatic[0]


@pytest.mark.parametrize(("cls", "persistent"), [(CBOWDataset, False), (CBOWDataset, True), (SkipGramDataset, True)])
def test_epochs_differ_in_workers(cls: Any, persistent: bool) -> None:
    dataset = make(cls, np.arange(30).reshape(5, 6).tolist(), np.ones(30))
    loader = DataLoader(
        dataset, batch_size=64, num_workers=1, collate_fn=dataset.collate, persistent_workers=persistent
    )
    epochs = [[batch.negatives.tolist() for batch in loader] for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    dataset.set_epoch(7)  # reaches workers that already run
    fixed = [[batch.negatives.tolist() for batch in loader] for _ in range(2)]
    assert fixed[0] == fixed[1] != epochs[2]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((iter([[0, 1]]), COUNTS), {}, TypeError, "^sentences is a list_iterator: must be a list of sentences"),
        (("a b", COUNTS), {}, TypeError, "sentences is a str"),
        (([], COUNTS), {"window": 0}, ValueError, "^window=0: must be at least 1$"),
        (([], COUNTS), {"negative": 0}, ValueError, "^negative=0: must be at least 1$"),
        (([], COUNTS), {"window": 2.5}, TypeError, r"^window=2\.5: must be an integer of at least 1$"),
        (([], COUNTS), {"negative": True}, TypeError, "^negative=True: must be an integer"),
        (([], COUNTS), {"pool_size": 1e3}, TypeError, r"^pool_size=1000\.0: must be an integer"),
        (([], COUNTS), {"seed": -1}, ValueError, "^seed=-1: must be at least 0$"),
        (([], COUNTS), {"ns_exponent": float("nan")}, ValueError, "^ns_exponent=nan: must be a finite number"),
        (([], COUNTS), {"sample": -1}, ValueError, "^sample=-1: must be 0"),
        (([], COUNTS), {"sample": float("nan")}, ValueError, "^sample=nan: must be 0"),
        (([], COUNTS), {"pool_size": 0}, ValueError, "^pool_size=0: must be at least 1$"),
        (([], [COUNTS]), {}, ValueError, r"counts has shape \(1, 5\)"),
        (([], []), {}, ValueError, r"counts has shape \(0,\)"),
        (([], [0, 0]), {}, ValueError, "at least one above 0"),
        (([], [1, -1]), {}, ValueError, "finite and >= 0"),
        (([], COUNTS), {"key_to_index": {"a": 5}}, ValueError, "index outside counts"),
        (
            ([], COUNTS),
            {"key_to_index": ["a"]},
            TypeError,
            "^key_to_index is a list: must be a dictionary word -> index; ",
        ),
        (
            ([], COUNTS),
            {"key_to_index": []},
            TypeError,
            r"; \{word: i for i, word in enumerate\(index_to_key\)\} makes",
        ),
    ],
)
def test_constructor_errors(arguments: Any, options: Any, error: type[Exception], message: str) -> None:
    for cls in DATASETS:
        with pytest.raises(error, match=message):
            make(cls, *arguments, **options)


@pytest.mark.parametrize(
    ("sentence", "options", "error", "message"),
    [
        ("cat sat", {"key_to_index": {"cat": 0}}, TypeError, "sentence 1 is a string, 'cat sat'"),
        (["cat"], {}, TypeError, "or pass key_to_index"),
        ([0.5], {}, TypeError, "or pass key_to_index"),
        ([0, 5], {}, IndexError, r"outside \[0, 5\)"),
        ([-1, 0], {}, IndexError, r"outside \[0, 5\)"),
    ],
)
def test_sentence_errors(sentence: Any, options: Any, error: type[Exception], message: str) -> None:
    for cls in DATASETS:
        with pytest.raises(error, match=message):
            list(make(cls, [[], sentence], **options))


@pytest.mark.parametrize("cls", DATASETS)
def test_set_epoch_error(cls: Any) -> None:
    with pytest.raises(ValueError, match=r"^epoch=-1: must be at least 0$"):
        make(cls, []).set_epoch(-1)
    with pytest.raises(TypeError, match=r"^epoch=1\.5: must be an integer"):
        make(cls, []).set_epoch(1.5)
