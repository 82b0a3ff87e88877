"""Models on disk are plain gensim models: a gensim without this package opens them, and this package opens gensim's.

One of a user's own subclass keeps its class, as in gensim.
"""

from __future__ import annotations

import copy
import operator
import os
import pickle
import re
import sys
from typing import Any

from gensim import utils
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.files import path_of, read_whole, save_object
from torch_w2v.options import accelerate, set_state, state_of
from torch_w2v.slots import set_attributes


def save(
    model: PlainWord2Vec,
    fname_or_handle: Any,
    separately: Any = None,
    sep_limit: int = 10 * 1024**2,
    ignore: Any = frozenset(),
    pickle_protocol: int = utils.PICKLE_PROTOCOL,
) -> None:
    """Write a model as gensim would; the arguments after `model` are those of gensim's `SaveLoad.save`.

    A file, with the array files beside it, is replaced as `files.replacing` says: a save that fails or is interrupted
    leaves an older model as it was, also when that one is mapped.
    """
    # Not `PlainWord2Vec.__new__`, which makes one of our models while `torch_w2v.accel` is installed.
    plain = object.__new__(_class_in_file(type(model)))
    set_state(plain, state_of(model))
    if type(plain) is PlainWord2Vec:
        accelerate(plain, False)  # the file is gensim's
    # gensim takes the large arrays off what it saves and puts them back; after a failure, not always.
    plain.wv = copy.copy(plain.wv)
    if hasattr(plain.wv, "expandos"):
        # gensim does not load a model without counts of all words; those of vectors that were added by hand are 0.
        plain.wv.expandos = dict(plain.wv.expandos)
        plain.wv.allocate_vecattrs()
    if not isinstance(fname_or_handle, (str, os.PathLike)):
        # Not `plain.save`, which would be this function again for a class of the user's.
        utils.SaveLoad.save(
            plain,
            fname_or_handle,
            separately=separately,
            sep_limit=sep_limit,
            ignore=ignore,
            pickle_protocol=pickle_protocol,
        )
        return
    save_object(plain, path_of(fname_or_handle), separately, sep_limit, ignore, pickle_protocol)


def _class_in_file(cls: type[PlainWord2Vec]) -> type[PlainWord2Vec]:
    """Return the class that the file of a model names: a user's own, if it can be found by its name, or gensim's."""
    if cls.__module__.partition(".")[0] != "torch_w2v":
        try:
            found = operator.attrgetter(cls.__qualname__)(sys.modules.get(cls.__module__))
        except AttributeError:
            found = None
        if found is cls:
            return cls
    return PlainWord2Vec


def _as_class(model: Any, cls: type[PlainWord2Vec]) -> Any:
    """Return a model as one of a subclass: itself, or where the subclass has slots, a new one with its attributes."""
    try:
        model.__class__ = cls
    except TypeError:
        attributes = vars(model)
        model = object.__new__(cls)
        set_attributes(model, attributes)
    return model


def load(cls: type[PlainWord2Vec], fname: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the model in a file, ready to train.

    Args:
        cls: the class of the result. A model of a user's own subclass keeps its class, as in gensim.
        fname: str or path.
        args, kwargs: of gensim's `Word2Vec.load`.

    Raises:
        AttributeError: not a Word2Vec model.
        pickle.UnpicklingError, EOFError: no pickle, or a part of one.
    """
    path = path_of(fname)
    try:
        model = read_whole(path, lambda: PlainWord2Vec.load(path, *args, **kwargs))
    except AttributeError as e:
        if not re.match("Model of type .*KeyedVectors'> can't be loaded", str(e)):
            raise
        reader = "torch_w2v.load_vectors" if path.endswith(".kv") else "gensim.models.KeyedVectors.load"
        raise AttributeError(f"{e}; it holds vectors only: {reader}(path) reads them") from e
    except (pickle.UnpicklingError, EOFError) as e:
        raise type(e)(
            f"{path}: is no model that save() has written, or is damaged: {e}; torch_w2v.load_vectors(path) reads "
            "files of vectors"
        ) from e
    # While `torch_w2v.accel` is installed, what comes out of the file of a plain model is already one of ours.
    if type(model) is PlainWord2Vec or issubclass(cls, type(model)):
        model = _as_class(model, cls)
        accelerate(model, False)
        # gensim takes a row for the token's name where tokens are integers.
        if model.negative and hasattr(model.wv, "expandos"):
            model.make_cum_table()
    elif type(model).__module__.startswith("gensim."):
        raise AttributeError(f"Model of type {type(model)} can't be loaded by {cls}; load it with its own class")
    return model
