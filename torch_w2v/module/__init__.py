"""Word2vec with negative sampling as an `nn.Module`, for a training loop of your own: CBOW and skip-gram.

A module holds the two tables of word2vec and computes the loss, whose gradient (by autograd) is exact; optimizer,
schedule and loop are the caller's. The matching datasets are in `torch_w2v.dataset` and can be imported from here as
well.
"""

from torch_w2v.dataset import (
    CBOWBatch,
    CBOWDataset,
    NegativePool,
    SkipGramBatch,
    SkipGramDataset,
    collate_cbow,
    collate_skip_gram,
    pad_contexts,
)
from torch_w2v.module.cbow import CBOWNegativeSampling
from torch_w2v.module.skip_gram import SkipGramNegativeSampling
from torch_w2v.module.two_tables import PairLogits

__all__ = [
    "CBOWBatch",
    "CBOWDataset",
    "CBOWNegativeSampling",
    "NegativePool",
    "PairLogits",
    "SkipGramBatch",
    "SkipGramDataset",
    "SkipGramNegativeSampling",
    "collate_cbow",
    "collate_skip_gram",
    "pad_contexts",
]
