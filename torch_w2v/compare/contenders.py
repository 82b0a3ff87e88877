"""The contenders of a comparison: functions that make untrained models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import engines
from torch_w2v.checks import check_several
from torch_w2v.word2vec import Word2Vec

GENSIM = "gensim"  # the name of the contender that the others are compared with

Maker = Callable[..., PlainWord2Vec]  # from the arguments of the constructor to an untrained model


def on_engine(engine: str, **ours: Any) -> Maker:
    """Return a maker of models that train on one engine.

    Args:
        engine: its name.
        ours: arguments of `Word2Vec`, which take precedence over those of the comparison.

    Returns:
        A function from the arguments of the comparison to an untrained model.
    """
    return lambda **settings: Word2Vec(**{**settings, "engine": engine, **ours})


def contenders_named(names: Iterable[str], device: str = "auto", **ours: Any) -> dict[str, Maker]:
    """Return the contenders that names such as 'cpu' or 'cpu:2' stand for.

    Args:
        names: engines, each with its number of workers after a colon if it is not that of the comparison. 'gensim' is
            left out, since every comparison has it.
        device: for all of them, as in `Word2Vec`.
        ours: more arguments of `Word2Vec`, which take precedence over those of the comparison.

    Returns:
        name -> maker, in the order of the names.

    Raises:
        ValueError: an engine is unknown, or its number of workers is not an integer of at least 1.
        RuntimeError: an engine or the device is not available.
        TypeError: a name is not a string.
    """
    check_several("names of engines", engines=names)
    makers = {}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"engines: {name!r} must be a name, such as 'cpu' or 'cpu:2'")
        engine, colon, workers = name.partition(":")
        if name == GENSIM:
            continue
        if colon and not (workers.isdecimal() and int(workers)):
            raise ValueError(f"{name!r}: must be ENGINE or ENGINE:WORKERS, such as 'cpu:2'")
        engines.check(engine, device)
        own_workers = {"workers": int(workers)} if colon else {}
        makers[name] = on_engine(engine, device=device, **own_workers, **ours)
    return makers
