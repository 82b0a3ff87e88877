"""gensim's Word2Vec with faster training engines, for CBOW and skip-gram with negative sampling.

torch is imported when it is needed: for a training loop of your own, for a GPU, for several processes, and for the
engines 'torch_batched', 'reference' and 'triton'.
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

from torch_w2v.formats import load_vectors
from torch_w2v.version import __version__
from torch_w2v.word2vec import Word2Vec

if TYPE_CHECKING:
    from torch_w2v.module import CBOWNegativeSampling, SkipGramNegativeSampling

__all__ = ["CBOWNegativeSampling", "SkipGramNegativeSampling", "Word2Vec", "__version__", "load_vectors"]

_CLASSES = ("CBOWNegativeSampling", "SkipGramNegativeSampling")
_MODULES = ("accel", "callbacks", "compare", "dataset", "export", "module", "report", "sklearn")

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(importlib.import_module("torch_w2v.module"), name)
    if name in _MODULES:
        try:
            return importlib.import_module(f"torch_w2v.{name}")
        except ImportError as e:
            # Not an ImportError: `help(torch_w2v)` looks at every name, with or without the optional packages.
            raise AttributeError(f"module {__name__!r} cannot load {name!r}: {e}") from e
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_CLASSES, *_MODULES]
