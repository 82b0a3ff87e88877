"""Models on disk are plain gensim models: a gensim without this package opens them, and the other way round."""

from __future__ import annotations

import copy
import os
from typing import Any

import gensim.models
from gensim import utils

from torch_w2v.files import is_uri, replacing_with_siblings


def save(
    state: dict[str, Any], fname_or_handle: Any, separately: Any = None, sep_limit: int = 10 * 1024**2,
    ignore: Any = frozenset(), pickle_protocol: int = utils.PICKLE_PROTOCOL,
) -> None:  # fmt: skip
    """Write a model's state as a `gensim.models.Word2Vec`; the arguments after `state` are `SaveLoad.save`'s.

    A local file, with the array files beside it, is written in a temporary folder and then moved into place, the main
    file last: a save that fails or is interrupted leaves an older model as it was, also when that one is mapped.
    """
    plain = gensim.models.Word2Vec.__new__(gensim.models.Word2Vec)
    plain.__dict__.update(state)
    # gensim takes the large arrays off what it saves and puts them back; after a failure, not always.
    plain.wv = copy.copy(plain.wv)
    is_path = isinstance(fname_or_handle, (str, os.PathLike))
    target = os.fspath(fname_or_handle) if is_path else fname_or_handle
    if not is_path or is_uri(target) or (os.path.exists(target) and not os.path.isfile(target)):  # /dev/null, say
        plain.save(target, separately=separately, sep_limit=sep_limit, ignore=ignore, pickle_protocol=pickle_protocol)
        return
    plain.add_lifecycle_event(
        "saving", fname_or_handle=target, separately=str(separately), sep_limit=sep_limit, ignore=ignore
    )
    with replacing_with_siblings(target) as temporary:
        plain._smart_save(temporary, separately, sep_limit, ignore, pickle_protocol)


def load(fname: str, *args: Any, **kwargs: Any) -> Any:
    """The model in `fname`, of whatever gensim class it is."""
    return gensim.models.Word2Vec.load(fname, *args, **kwargs)
