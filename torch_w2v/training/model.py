"""What training needs of a model: gensim's attributes and methods, and the few that are ours."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from gensim.models import KeyedVectors

from torch_w2v.corpus import CorpusCache


class TrainedModel(Protocol):
    """A model during `train()`. All is gensim's `Word2Vec`'s, but for the last two attributes.

    What it has beyond these (`engine`, `training_losses`, …) is for `options`.

    Attributes:
        wv: the vocabulary and the context rows, `wv.vectors` (V, D) float32.
        syn1neg: the output rows, (V, D) float32.
        cum_table: (V,) uint32, cumulative frequencies of the negatives.
        running_training_loss: sum of the losses of all epochs.
        corpus_count, corpus_total_words: numbers of sentences and of words of the vocabulary's corpus; None
            in a model that gensim 3.4 or older has saved, whose words were not counted.
        _w2v_corpus: the corpus of the call.
        _w2v_part: which part of it this rank trains on, and of how many; None for all of it.
    """

    wv: KeyedVectors
    syn1neg: np.ndarray
    cum_table: np.ndarray
    vector_size: int
    window: int
    negative: int
    sg: int
    hs: int
    cbow_mean: int
    shrink_windows: bool
    sample: float
    seed: int | None
    epochs: int
    alpha: float
    min_alpha: float
    workers: int
    batch_words: int
    compute_loss: bool
    running_training_loss: float
    total_train_time: float
    min_alpha_yet_reached: float
    train_count: int
    corpus_count: int | None
    corpus_total_words: int | None
    _w2v_corpus: CorpusCache
    _w2v_part: tuple[int, int] | None

    def _get_next_alpha(self, epoch_progress: float, cur_epoch: int) -> float: ...

    def _log_progress(self, *args: Any) -> None: ...

    def _log_epoch_end(self, *args: Any) -> None: ...

    def _log_train_end(self, *args: Any) -> None: ...

    def _clear_post_train(self) -> None: ...
