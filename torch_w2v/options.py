"""The attributes that a model has beyond gensim's: options of the constructor, and what the last `train()` found.

A program that was written for gensim may have attributes of the same names, for purposes of its own. So the public
names of a model that `torch_w2v.accel` made are the program's, and so are those of methods, properties and slots of a
subclass: options and results are then kept under names that are ours alone.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from torch_w2v.slots import set_attributes, slots_of

# As Python's own `__getstate__` returns it: the attributes in `__dict__`, where there are any also those in slots.
State: TypeAlias = "dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]"

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
# Neither saved nor copied: `distributed` is an attribute of this process, the others are results.
_OF_THIS_PROCESS = ("distributed", "training_losses", "diverged")

# How all that a model has for us alone begins.
PREFIX = "_w2v_"
_ACCELERATED = PREFIX + "accelerated"


class Default:
    """The default of an attribute of `DEFAULTS`, as a class attribute; an accelerated model does not have it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner, self._name = owner, name

    def __get__(self, model: Any, cls: type) -> Any:
        if model is None or not is_accelerated(model):
            return DEFAULTS[self._name]
        try:
            return getattr(super(self._owner, model), self._name)
        except AttributeError:
            raise AttributeError(f"{type(model).__name__!r} object has no attribute {self._name!r}") from None


def default() -> Any:
    """Return a `Default`, as a class attribute of any type."""
    return Default()


def accelerate(model: Any, on: bool = True) -> None:
    """Leave the public names of a model or of a class to the program, which was written for gensim.

    Args:
        model: the model, or a class of models.
        on: False to take the names back.
    """
    if on:
        setattr(model, _ACCELERATED, True)
    elif _ACCELERATED in vars(model):
        delattr(model, _ACCELERATED)


def is_accelerated(model: Any) -> bool:
    """Return whether `accelerate` was called for a model or its class."""
    return _ACCELERATED in vars(model) or hasattr(type(model), _ACCELERATED)


def option(model: Any, name: str) -> Any:
    """Return an attribute of `DEFAULTS`."""
    if _is_the_programs(model, name):
        return vars(model).get(PREFIX + name, DEFAULTS[name])
    return getattr(model, name)


def set_option(model: Any, name: str, value: Any) -> None:
    """Set an attribute of `DEFAULTS`, where `option` finds it."""
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
            # A value is another default; a method, a property or a slot cannot be.
            return hasattr(vars(cls)[name], "__get__")
    return False


def state_of(model: Any) -> State:
    """Return the attributes of a model that are saved and copied; a subclass may keep some in slots."""
    state = {name: value for name, value in vars(model).items() if not name.startswith(PREFIX)}
    if not is_accelerated(model):
        state.pop("distributed", None)
    for name, usual in DEFAULTS.items():
        value = vars(model).get(PREFIX + name, usual)
        if name not in _OF_THIS_PROCESS and value != usual:
            state[PREFIX + name] = value
    if _ACCELERATED in vars(model):
        state[_ACCELERATED] = True
    slots = slots_of(model)
    return (state, slots) if slots else state


def set_state(model: Any, state: State) -> None:
    """Give a new model the attributes of another, as `state_of` returned them, or of one of gensim's.

    Args:
        model: the new model. What its class has no slot for is an attribute like all others.
        state: as Python's own `__getstate__` returns it.
    """
    state, slots = state if isinstance(state, tuple) else (state, {})
    vars(model).update(state)
    set_attributes(model, slots)
    # While `torch_w2v.accel` is installed it accelerates every model that gensim's class makes, also one that is being
    # unpickled. A model that was made with our class has all of these attributes, one of a program for gensim hardly
    # ever.
    made_with_ours = all(name in state for name in ("device", "engine", "cbow_gradient", "corpus_cache"))
    if made_with_ours and _ACCELERATED not in state:
        accelerate(model, False)
