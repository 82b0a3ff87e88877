"""gensim's Word2Vec with a faster training engine: CBOW with negative sampling on torch."""

import logging

from torch_w2v.module import CBOWNegativeSampling
from torch_w2v.word2vec import Word2Vec

__version__ = "0.1.0"
__all__ = ["CBOWNegativeSampling", "Word2Vec", "__version__"]

logging.getLogger(__name__).addHandler(logging.NullHandler())
