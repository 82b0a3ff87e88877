"""When gensim's own engine trains: methods that only it calls, and who overrides them; arguments that only it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch_w2v import engines
from torch_w2v.options import option

# A class that overrides one of these trains by code of its own, which our engines would not run.
HOOKS = (
    "_do_train_job",
    "_do_train_epoch",
    "_train_epoch",
    "_train_epoch_corpusfile",
    "_worker_loop",
    "_worker_loop_corpusfile",
    "_job_producer",
    "_get_thread_working_mem",
    "_raw_word_count",
    "_log_epoch_progress",
)


def overridden(model: Any, base: type) -> list[str]:
    """Return the `HOOKS` that a model, or its class, defines for itself.

    Args:
        model: an instance of a subclass of `base`, or such a class.
        base: the class whose hooks are the usual ones.
    """
    cls = model if isinstance(model, type) else type(model)
    own = set().union(*map(vars, cls.__mro__[: cls.__mro__.index(base)]))
    if cls is not model:
        own.update(vars(model))
    return [name for name in HOOKS if name in own]


def why_gensim(model: Any, methods: list[str], given: Mapping[str, Any] | None = None) -> str | None:
    """Return why gensim's own engine trains a model; None if an engine of this package does.

    Args:
        model: a `torch_w2v.Word2Vec`.
        methods: the `HOOKS` that it overrides.
        given: arguments that are no attributes yet.
    """
    names = ("sg", "hs", "negative", "vector_size")
    sg, hs, negative, vector_size = (given[name] if given else getattr(model, name) for name in names)
    if methods:
        return f"{type(model).__name__} overrides {', '.join(methods)}"
    if hs or negative <= 0:
        return f"sg={sg}, hs={hs}, negative={negative}"
    gradient = "gensim" if sg else option(model, "cbow_gradient")  # skip-gram has one gradient
    return engines.why_gensim(option(model, "engine"), option(model, "device"), vector_size, gradient)
