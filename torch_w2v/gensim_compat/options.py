"""The attributes that a model has beyond gensim's: options of the constructor, and what the last `train()` found.

A program that was written for gensim may have attributes of the same names, for purposes of its own. So the public
names of a model that `torch_w2v.accel` made are the program's, and so are those that a subclass defines: options and
results are then kept under names that are ours alone.
"""

from __future__ import annotations

from typing import Any

DEFAULTS: dict[str, Any] = {
    "device": "auto",
    "engine": "auto",
    "cbow_gradient": "gensim",
    "corpus_cache": "auto",
    "column": None,
    "distributed": False,
    "shard": "cut",
    "progress": False,
    "training_losses": (),
    "diverged": False,
}

# How all that a model has for us alone begins; nothing of it is saved.
PREFIX = "_w2v_"
_ACCELERATED = PREFIX + "accelerated"


def accelerate(model: Any) -> None:
    """Leave the public names of a model to the program, which was written for gensim."""
    vars(model)[_ACCELERATED] = True


def is_accelerated(model: Any) -> bool:
    """Return whether `accelerate` was called for a model."""
    return _ACCELERATED in vars(model)


def option(model: Any, name: str) -> Any:
    """Return an attribute of `DEFAULTS`."""
    if _is_the_programs(model, name):
        return vars(model).get(PREFIX + name, DEFAULTS[name])
    return getattr(model, name)


def set_option(model: Any, name: str, value: Any) -> None:
    """Set an attribute of `DEFAULTS`."""
    if _is_the_programs(model, name):
        vars(model)[PREFIX + name] = value
    else:
        setattr(model, name, value)


def _is_the_programs(model: Any, name: str) -> bool:
    if is_accelerated(model):
        return True
    for cls in type(model).__mro__:
        if cls.__module__.startswith("torch_w2v."):
            return False
        if name in vars(cls):
            return True
    return False
