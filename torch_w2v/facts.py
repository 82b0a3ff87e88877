"""What the attributes of a model say about its training, for files and model cards."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gensim import __version__ as gensim_version
from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

# Arguments of the training, in the order in which they are shown.
ARGUMENTS = (
    *("sg", "hs", "negative", "window", "shrink_windows", "cbow_mean", "alpha", "min_alpha", "epochs", "sample"),
    *("ns_exponent", "min_count", "max_final_vocab", "seed", "workers", "comment"),
    *("engine", "device", "cbow_gradient", "compute_loss"),
)


def facts_of(model: PlainWord2Vec | KeyedVectors) -> dict[str, Any]:
    """Return what is known about vectors and their training, as JSON can hold it.

    Args:
        model: a model, of gensim or ours; or vectors, of which only little is known, unless they come from a file
            that has the facts.

    Returns:
        `vectors` and `dimensions`, numbers. For a model also `arguments`, a dict; `corpus_words` and
        `corpus_sentences`, numbers, absent where an old gensim has not saved them; `train_seconds`, of the last call
        of `train`; `losses`, the mean loss per epoch, estimated from a sample without `compute_loss`, absent where an
        epoch has none; and `gensim`, its version.
    """
    if isinstance(model, KeyedVectors):
        facts = dict(getattr(model, "facts", {}))
        return facts | {"vectors": len(model), "dimensions": model.vector_size}
    facts = {"vectors": len(model.wv), "dimensions": model.vector_size, "gensim": gensim_version}
    arguments = {name: _plain(getattr(model, name)) for name in ARGUMENTS if hasattr(model, name)}
    facts["arguments"] = {name: value for name, value in arguments.items() if value is not None}
    for name, attribute in (("corpus_words", "corpus_total_words"), ("corpus_sentences", "corpus_count")):
        count = getattr(model, attribute, 0)
        # An old gensim has not saved it, and the present one has None in its place.
        if count is not None:
            facts[name] = int(count)
    facts["train_seconds"] = round(float(getattr(model, "total_train_time", 0.0)), 3)
    losses = [float(loss) for loss in getattr(model, "training_losses", ())]
    # An epoch that trained on nothing has no loss, and JSON has no nan.
    if losses and all(map(math.isfinite, losses)):
        facts["losses"] = [round(loss, 6) for loss in losses]
    return facts


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; None for what it cannot."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else None
