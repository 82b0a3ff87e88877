"""The methods of gensim's that only its own training engine calls, and who overrides them."""

from __future__ import annotations

from typing import Any

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
    own = [vars(c) for c in cls.__mro__[: cls.__mro__.index(base)]]
    if cls is not model:
        own.append(vars(model))
    return [name for name in HOOKS if any(name in names for names in own)]
