"""What callbacks have measured in an epoch: `Evaluate` puts it here, and the others find it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

LOSS = "loss"

# Not an attribute of the model, which would be saved and copied with it.
_values: WeakKeyDictionary[PlainWord2Vec, dict[str, float]] = WeakKeyDictionary()


# what stands for names that are not known in advance
ANY = "*"
# the names of the values that callbacks measure
_announced: WeakKeyDictionary[PlainWord2Vec, set[str]] = WeakKeyDictionary()


def announce(model: PlainWord2Vec, names: Iterable[str]) -> None:
    """Say, when a call begins, what will be measured in its epochs."""
    _announced.setdefault(model, set()).update(names)


def announced(model: PlainWord2Vec) -> set[str]:
    """Return what the callbacks that have begun before will measure."""
    return _announced.get(model, set())


def begin_epoch(model: PlainWord2Vec) -> None:
    """Forget the values of the epoch before; every callback does this when an epoch begins."""
    if _values.get(model):
        _values[model] = {}


def values_of(model: PlainWord2Vec) -> dict[str, float]:
    """Return name -> value of the present epoch, a dictionary that grows until the epoch has ended."""
    return _values.setdefault(model, {})


class LossOfEpoch:
    """The loss of each epoch, whichever class trains.

    It is the mean per pair of target and sample, in nats. gensim's class has only a sum over the epoch, and only with
    `compute_loss=True`.
    """

    def __init__(self) -> None:
        self._before = 0.0

    def begin(self, model: PlainWord2Vec) -> None:
        """Begin an epoch."""
        self._before = float(model.running_training_loss)

    def end(self, model: PlainWord2Vec) -> float:
        """Return the loss of the epoch that ends; nan where it is not known."""
        losses = getattr(model, "training_losses", ())
        if losses:
            return float(losses[-1])
        return float(model.running_training_loss) - self._before if model.compute_loss else math.nan
