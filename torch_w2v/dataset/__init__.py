"""Training examples for a PyTorch loop of your own, out of sentences."""

from torch_w2v.dataset.cbow import CBOWBatch, CBOWDataset, CBOWExample, collate_cbow, pad_contexts
from torch_w2v.dataset.negatives import NegativePool
from torch_w2v.dataset.skip_gram import SkipGramBatch, SkipGramDataset, SkipGramExample, collate_skip_gram

__all__ = [
    "CBOWBatch",
    "CBOWDataset",
    "CBOWExample",
    "NegativePool",
    "SkipGramBatch",
    "SkipGramDataset",
    "SkipGramExample",
    "collate_cbow",
    "collate_skip_gram",
    "pad_contexts",
]
