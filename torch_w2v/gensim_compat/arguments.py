"""Refuse what gensim would hang, crash or silently train nothing on."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import system
from torch_w2v.corpus.store import CACHES

logger = logging.getLogger("torch_w2v.word2vec")

# (2**32 - 1) * MAX_WINDOW fits into an int64 many times
MAX_WINDOW = 1_000_000
GRADIENTS = ("gensim", "exact")

# what `check` looks at
CHECKED = (
    "vector_size",
    "window",
    "negative",
    "workers",
    "batch_words",
    "alpha",
    "min_alpha",
    "sample",
    "ns_exponent",
    "cbow_gradient",
    "corpus_cache",
)
_LEAST = {"vector_size": 1, "window": 1, "negative": 0, "workers": 1, "batch_words": 1}


def check(values: Mapping[str, Any]) -> None:
    """Check arguments of the constructor, or attributes of a model that is to be trained.

    Args:
        values: at least those of `CHECKED`, by name.

    Raises:
        ValueError: what was given, what is allowed, how to mend it.
    """
    for name, least in _LEAST.items():
        if int(values[name]) < least:
            hint = f"; workers={system.cores()} uses all cores of this machine" if name == "workers" else ""
            raise ValueError(f"{name}={int(values[name])}: must be an integer of at least {least}{hint}")
    window, sample = int(values["window"]), values["sample"]
    if window > MAX_WINDOW:
        raise ValueError(f"window={window}: at most {MAX_WINDOW}; a window longer than the sentences changes nothing")
    for name in ("alpha", "min_alpha", "ns_exponent"):
        if not math.isfinite(values[name]):
            raise ValueError(f"{name}={values[name]}: must be a finite number")
    if not 0 <= (sample or 0) < math.inf:
        raise ValueError(f"sample={sample}: must be 0 (no subsampling), a share below 1 such as 1e-3, or a word count")
    if values["cbow_gradient"] not in GRADIENTS:
        raise ValueError(
            f"cbow_gradient={values['cbow_gradient']!r}: must be 'gensim' (each context row gets gensim's update) "
            "or 'exact' (the derivative of the loss)"
        )
    if values["corpus_cache"] not in CACHES:
        raise ValueError(f"corpus_cache={values['corpus_cache']!r}: must be one of {', '.join(map(repr, CACHES))}")


def check_trainable(model: PlainWord2Vec) -> None:
    """Refuse a model whose arrays do not fit its vocabulary; gensim's threads would crash on it.

    Raises:
        RuntimeError: which arrays do not fit, and what to do.
    """
    V, wv = len(model.wv.index_to_key), model.wv.expandos
    arrays = {"wv.vectors": model.wv.vectors, "wv.expandos['count']": wv.get("count", ())}
    if model.negative:
        arrays.update(syn1neg=getattr(model, "syn1neg", ()), cum_table=model.cum_table)
    if model.hs:
        arrays.update(syn1=getattr(model, "syn1", ()))
        arrays.update({f"wv.expandos[{name!r}]": wv.get(name, ()) for name in ("code", "point")})
    if model.sample:
        arrays["wv.expandos['sample_int']"] = wv.get("sample_int", ())
    rows = {name: 0 if array is None else len(array) for name, array in arrays.items()}
    wrong = [f"{name} has {n} rows" for name, n in rows.items() if n != V]
    for name in ("wv.vectors", "syn1neg", "syn1"):
        columns = np.shape(arrays.get(name, ()))[1:]
        if columns and columns != (model.vector_size,):
            wrong.append(f"{name} has {columns[0]} columns for a vector_size of {model.vector_size}")
    if not len(getattr(model.wv, "vectors_lockf", ())):
        wrong.append("wv.vectors_lockf is missing or empty")
    if wrong:
        raise RuntimeError(
            f"the vocabulary has {V} words, but {', '.join(wrong)}: this model cannot train. "
            "Vectors alone (KeyedVectors) are not enough: call build_vocab(), or load a full model"
        )


def make_writable(model: PlainWord2Vec) -> None:
    """Replace weights that cannot be trained in place by copies.

    Those are weights that came from `load(mmap='r')`, or that are not float32 in rows as gensim's are.
    """
    for owner, name in ((model.wv, "vectors"), (model.wv, "vectors_lockf"), (model, "syn1neg"), (model, "syn1")):
        weights = getattr(owner, name, None)
        if not isinstance(weights, np.ndarray):
            continue
        if weights.dtype != np.float32 or not (weights.flags.writeable and weights.flags.c_contiguous):
            logger.info("%s is read-only (loaded with mmap='r'?) or not float32: training on a copy", name)
            setattr(owner, name, np.array(weights, np.float32, order="C"))
