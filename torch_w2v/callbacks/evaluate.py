"""Evaluate a model after its epochs: word pairs, analogies, held-out loss, neighbours, and functions of your own."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeAlias

from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.callbacks.history import COLUMNS
from torch_w2v.callbacks.values import ANY, announce, begin_epoch, values_of
from torch_w2v.checks import check_at_least, check_several
from torch_w2v.compare.gold import Gold, analogies_file, check_gold, pairs_file, quiet_gensim
from torch_w2v.corpus import Corpus
from torch_w2v.files import path_of
from torch_w2v.json_values import json_value
from torch_w2v.user_warnings import warn

logger = logging.getLogger("torch_w2v.callbacks")

HELD_OUT = "held-out loss"

Paths: TypeAlias = "str | os.PathLike[str] | Iterable[str | os.PathLike[str]]"


class Evaluate(CallbackAny2Vec):
    """Evaluates a model at the end of its epochs, and after the last one.

    Args:
        pairs: path of a file of word pairs with a score (tab-separated), or several. The value is Spearman's rank
            correlation, named as the file without its suffix.
        analogies: path of a file of analogy questions in word2vec's format, or several. The value is the share of right
            answers.
        held_out: sentences that are not trained on, in a list or what else can be read again and again. The value,
            'held-out loss', is the mean loss in nats per pair of target and sample; it imports torch, and needs `hs=0,
            negative>0`.
        neighbours: words whose nearest neighbours are kept in the attribute `neighbours`. Training warns of unknown
            ones.
        functions: name -> function of the model that returns a number.
        every: evaluate after every so many epochs, and after the last one.
        topn: number of neighbours.
        gold: sets of `torch_w2v.compare`, such as `SHIPPED`.

    Attributes:
        results: a dictionary per evaluation: 'epoch', the number of the epoch from 1, and name -> value; nan where too
            little of a file is known.
        neighbours: a dictionary per evaluation: word -> list of (word, similarity); unknown words are left out.

    Raises:
        ValueError: there is nothing to evaluate, two values have one name, or a line of a file is not what it must be.
        TypeError: `held_out` has strings instead of lists of words, or can be read once only; `gold` has anything but
            sets; or an argument is of a wrong type.
        OSError: a file cannot be read.

    Warns:
        RuntimeWarning: a word of `neighbours` is not in the vocabulary.
    """

    def __init__(
        self,
        pairs: Paths = (),
        analogies: Paths = (),
        held_out: Corpus | None = None,
        neighbours: Iterable[Hashable] = (),
        functions: Mapping[str, Callable[[Any], float]] | None = None,
        every: int = 1,
        topn: int = 10,
        gold: Sequence[Gold] = (),
    ) -> None:
        check_at_least(1, every=every, topn=topn)
        _check_held_out(held_out)
        check_several("words", neighbours=neighbours)
        if functions is not None and not isinstance(functions, Mapping):
            raise TypeError(f"functions={functions!r}: must be a dictionary of name -> function of the model")
        for name, function in dict(functions or {}).items():
            if not callable(function):
                raise TypeError(f"functions[{name!r}]={function!r}: must be a function of the model")
        self._gold = [
            *check_gold(gold),
            *map(pairs_file, _paths(pairs=pairs)),
            *map(analogies_file, _paths(analogies=analogies)),
        ]
        self._held_out = held_out
        self._words = [neighbours] if isinstance(neighbours, str) else list(neighbours)
        self._functions = dict(functions or {})
        self._every, self._topn = every, topn
        if not (self._gold or self._words or self._functions or held_out is not None):
            raise ValueError("nothing to evaluate: give pairs, analogies, held_out, neighbours or functions")
        names = [*COLUMNS, *self.names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"{', '.join(map(repr, twice))}: two values have this name; give another file (its name "
                f"without the suffix counts) or function. A history has {', '.join(COLUMNS)} already"
            )
        self._epoch = 0
        self.results: list[dict[str, float]] = []
        self.neighbours: list[dict[Hashable, list[tuple[str, float]]]] = []

    @property
    def names(self) -> list[str]:
        """The names of the values."""
        held_out = [HELD_OUT] if self._held_out is not None else []
        return [*(gold.name for gold in self._gold), *held_out, *self._functions]

    def on_train_begin(self, model: PlainWord2Vec) -> None:
        """Begin anew."""
        if self._held_out is not None and (model.hs or not model.negative):
            raise ValueError(
                f"held_out: the loss is that of negative sampling, not of hs={model.hs}, negative={model.negative}; "
                "leave it out, or give functions={...}"
            )
        if unknown := [word for word in self._words if word not in model.wv.key_to_index]:
            warn(
                f"neighbours: {', '.join(map(repr, unknown[:5]))}{', …' if len(unknown) > 5 else ''} not in the "
                "vocabulary, and left out: too rare for min_count, or written otherwise"
            )
        self._epoch, self.results, self.neighbours = 0, [], []
        announce(model, self.names if type(self).evaluate is Evaluate.evaluate else [ANY])

    def on_epoch_begin(self, model: PlainWord2Vec) -> None:
        """Begin an epoch."""
        begin_epoch(model)
        self._epoch += 1

    def on_epoch_end(self, model: PlainWord2Vec) -> None:
        """Evaluate, if it is this epoch's turn."""
        if self._epoch % self._every and self._epoch != model.epochs:
            return
        values = self.evaluate(model)
        values_of(model).update(values)
        self.results.append({"epoch": self._epoch, **values})
        if self._words:
            known = [word for word in self._words if word in model.wv.key_to_index]
            self.neighbours.append({word: model.wv.most_similar(word, topn=self._topn) for word in known})
        if values:
            text = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
            logger.info("epoch %d: %s", self._epoch, text)

    def evaluate(self, model: PlainWord2Vec) -> dict[str, float]:
        """Return name -> value for a model as it is now."""
        with quiet_gensim():
            values = {gold.name: gold.score(model.wv) for gold in self._gold}
        if self._held_out is not None:
            from torch_w2v.compare.measures import held_out_loss  # noqa: PLC0415  imports torch

            values[HELD_OUT] = held_out_loss(model, self._held_out)
        for name, function in self._functions.items():
            value = function(model)
            try:
                values[name] = float(value)
            except (TypeError, ValueError):
                raise TypeError(f"functions[{name!r}] must return a number, got {value!r}") from None
        return values

    def why_no_score(self, model: PlainWord2Vec) -> dict[str, str]:
        """Return name -> reason for the files of which too little is known to score."""
        reasons = {gold.name: gold.why_no_score(model.wv) for gold in self._gold}
        return {name: reason for name, reason in reasons.items() if reason}

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps; nan is kept as None."""
        return {"epoch": self._epoch, "results": json_value(self.results)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        self._epoch = state["epoch"]
        self.results = [{k: math.nan if v is None else v for k, v in row.items()} for row in state["results"]]


def _check_held_out(sentences: Any) -> None:
    wanted = "must be sentences as lists of words, or an iterable of such lists"
    if sentences is not None and not hasattr(sentences, "__iter__"):
        raise TypeError(f"held_out={sentences!r}: {wanted}")
    # An iterator of a class of Python's own may begin anew.
    if isinstance(sentences, Iterator) and not isinstance(type(sentences).__iter__, FunctionType):
        raise TypeError(f"held_out: a {type(sentences).__name__} can be read once only: give a list of its sentences")
    if isinstance(sentences, Sequence):
        if not len(sentences):
            raise ValueError(f"held_out: has no sentences; {wanted}")
        if isinstance(sentences[0], str):
            raise TypeError(f"held_out: {sentences[0]!r} is a str: {wanted} (text.split())")


def _paths(**argument: Paths) -> list[str]:
    [paths] = argument.values()
    if isinstance(paths, (str, os.PathLike)):
        return [path_of(paths)]
    check_several("paths of files", **argument)
    return [path_of(path) for path in paths]
