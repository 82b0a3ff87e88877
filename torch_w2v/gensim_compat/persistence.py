"""Models on disk are plain gensim models: a gensim without this package opens them, and this package opens gensim's."""

from __future__ import annotations

import copy
import os
from typing import Any

import gensim.models
from gensim import utils

from torch_w2v.files import is_uri, replacing_with_siblings

# attributes that a gensim model does not have, with their defaults
EXTRAS: dict[str, Any] = {
    "device": "auto",
    "engine": "auto",
    "cbow_gradient": "gensim",
    "corpus_cache": "auto",
    "training_losses": (),
}
# attributes of a call that is running; never saved
_TRANSIENT = ("_train_call", "_corpus", "_epoch_state")


def state_of(model: gensim.models.Word2Vec) -> dict[str, Any]:
    """Return the attributes of a model that are saved."""
    return {name: value for name, value in vars(model).items() if name not in _TRANSIENT}


def save(
    model: gensim.models.Word2Vec,
    fname_or_handle: Any,
    separately: Any = None,
    sep_limit: int = 10 * 1024**2,
    ignore: Any = frozenset(),
    pickle_protocol: int = utils.PICKLE_PROTOCOL,
) -> None:
    """Write a model as a `gensim.models.Word2Vec`; the arguments after `model` are those of gensim's `SaveLoad.save`.

    A local file, with the array files beside it, is written in a temporary folder and then moved into place, the main
    file last: a save that fails or is interrupted leaves an older model as it was, also when that one is mapped.
    """
    plain = gensim.models.Word2Vec.__new__(gensim.models.Word2Vec)
    vars(plain).update(state_of(model))
    # gensim takes the large arrays off what it saves and puts them back; after a failure, not always.
    plain.wv = copy.copy(plain.wv)
    is_path = isinstance(fname_or_handle, (str, os.PathLike))
    target = os.fspath(fname_or_handle) if is_path else fname_or_handle
    # /dev/null, for example, exists and is not a regular file.
    if not is_path or is_uri(target) or (os.path.exists(target) and not os.path.isfile(target)):
        plain.save(target, separately=separately, sep_limit=sep_limit, ignore=ignore, pickle_protocol=pickle_protocol)
        return
    plain.add_lifecycle_event(
        "saving", fname_or_handle=target, separately=str(separately), sep_limit=sep_limit, ignore=ignore
    )
    with replacing_with_siblings(target) as temporary:
        plain._smart_save(temporary, separately, sep_limit, ignore, pickle_protocol)


def load(cls: type[gensim.models.Word2Vec], fname: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the model in a file as an instance of `cls`, ready to train.

    Args:
        cls: the class of the result.
        fname: str or path.
        args, kwargs: of gensim's `Word2Vec.load`.

    Raises:
        AttributeError: not a Word2Vec model.
    """
    model = gensim.models.Word2Vec.load(os.fspath(fname), *args, **kwargs)
    if type(model) is not gensim.models.Word2Vec and not isinstance(model, cls):
        raise AttributeError(f"Model of type {type(model)} can't be loaded by {cls}; load it with its own class")
    model.__class__ = cls
    for name, value in EXTRAS.items():
        vars(model).setdefault(name, value)
    if model.negative and hasattr(model.wv, "expandos"):
        model.make_cum_table()
    return model
