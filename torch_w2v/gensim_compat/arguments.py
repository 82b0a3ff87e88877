"""Refuse what gensim would hang, crash or silently train nothing on."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import system
from torch_w2v.corpus.store import CACHES
from torch_w2v.options import DEFAULTS, option

GRADIENTS = ("gensim", "exact")
ONE_WORD_TREE = (
    "hs=1: a vocabulary of one word has no Huffman tree, so there is nothing to train: give a corpus with more words, "
    "a smaller min_count, or hs=0"
)
SHARDS = ("cut", "given")

# what `check` looks at
CHECKED = (
    "vector_size",
    "window",
    "negative",
    "workers",
    "batch_words",
    "alpha",
    "min_alpha",
    "sample",
    "ns_exponent",
    "cbow_gradient",
    "corpus_cache",
    "seed",
)
# Powers of two that these must be below, so that what the kernels multiply by them (rows, bytes) does not overflow.
_BELOW = {"vector_size": 31, "negative": 20}
_LEAST = {"vector_size": 1, "window": 1, "negative": 0, "workers": 1, "batch_words": 0}


def _whole(value: Any) -> int:
    """Return an integer; gensim takes no float here."""
    return int(value) if isinstance(value, str) else operator.index(value)


def _size(value: Any) -> int:
    """Return an integer that is no truth value, which gensim does not take for a shape."""
    if isinstance(value, bool):
        raise TypeError
    return _whole(value)


def _number(value: Any) -> Any:
    """Return a number as it is, which gensim keeps so."""
    return float(value) if isinstance(value, str) or not np.isscalar(value) else value


def _real(value: Any) -> Any:
    """Return a number that can be compared with others as it is, which gensim keeps so."""
    if isinstance(value, np.ndarray):
        value = value.item()
    if np.iscomplexobj(value):
        raise TypeError
    bool(value < 0)  # a TypeError for a list
    return value


def _real_whole(value: Any) -> Any:
    """Return a number as it is; gensim takes any for these, but a string must be an integer."""
    return int(value) if isinstance(value, str) else _real(value)


def _real_number(value: Any) -> Any:
    """Return a number as it is; a string as a float."""
    return float(value) if isinstance(value, str) else _real(value)


def _seed(value: Any) -> Any:
    """Return a seed as it is; integers of any sequence, which numpy's generators take, as a list."""
    return [operator.index(part) for part in value] if isinstance(value, _SEVERAL) else value


_SEVERAL = (list, tuple, range, np.ndarray)
_SEED = "an integer of at least 0 and below 2**32, a list of such integers, or None"
# Those that must be numbers, most of which gensim converts; and those that may be None.
_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "vector_size": _size,
    **dict.fromkeys(("window", "workers", "sg", "hs", "negative", "cbow_mean", "batch_words"), int),
    **dict.fromkeys(("alpha", "min_alpha", "report_delay"), float),
    "ns_exponent": _number,
}
_WHOLE = ("min_count", "max_vocab_size", "max_final_vocab", "total_examples", "total_words", "corpus_count")
# What training computes with: Python's numbers do not overflow, and a checkpoint holds all of their digits.
_NUMBERS_IF_GIVEN: dict[str, Callable[[Any], Any]] = {
    "epochs": _whole,
    **dict.fromkeys(("start_alpha", "end_alpha"), float),
    **dict.fromkeys(_WHOLE, _real_whole),
    "sample": _real_number,
    "seed": _seed,
}


def numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with all numbers among them converted as gensim converts them: from strings, too.

    Args:
        values: arguments of the constructor, of `train()` or of `build_vocab()`, by name.

    Raises:
        TypeError, ValueError: the argument, what was given, what is allowed.
    """
    converted = dict(values)
    for name, value in values.items():
        kind = _NUMBERS.get(name) or (_NUMBERS_IF_GIVEN.get(name) if value is not None else None)
        if kind is None:
            continue
        try:
            converted[name] = kind(value)
        except (TypeError, ValueError, OverflowError) as e:
            whole = kind in (int, _whole, _size) or (kind is _real_whole and isinstance(value, str))
            what = "an integer" if whole else _SEED if kind is _seed else "a number"
            raise (TypeError if isinstance(e, TypeError) else ValueError)(f"{name}={value!r}: must be {what}") from e
    return converted


def of_model(model: PlainWord2Vec) -> dict[str, Any]:
    """Return the attributes that `check` looks at, which may have been set since the constructor.

    Raises:
        TypeError, ValueError: as `numbers`.
    """
    values = {name: option(model, name) if name in DEFAULTS else getattr(model, name) for name in CHECKED}
    _refuse_strings(model, (*_NUMBERS, *_NUMBERS_IF_GIVEN))
    return numbers(values)


def _refuse_strings(model: PlainWord2Vec, names: Iterable[str]) -> None:
    for name in names:
        if isinstance(getattr(model, name, None), str):
            raise TypeError(
                f"{name}={getattr(model, name)!r}: must be a number, not a string, when it is set after construction"
            )


def of_vocabulary(model: PlainWord2Vec, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments of `build_vocab()` and its like, checked, with all numbers among them converted.

    What is None or 0 there is an attribute of the model, which is checked, too.

    Args:
        model: its vocabulary is about to be made.
        given: arguments, by name.

    Raises:
        TypeError, ValueError: the argument, what was given, what is allowed.
    """
    converted = numbers(given)
    check_trim_rule(given.get("trim_rule"))
    names = ("min_count", "sample", "max_vocab_size", "max_final_vocab")
    own = {name: getattr(model, name, None) for name in names}
    _refuse_strings(model, names)
    own = numbers(own)
    if (converted.get("min_count") or own["min_count"]) is None:
        raise TypeError("min_count=None: must be an integer")
    check_sample(converted.get("sample") or own["sample"])
    return converted


def check_frequencies(word_freq: Any) -> None:
    """Check the words and counts that `build_vocab_from_freq()` is given.

    Raises:
        TypeError: what was given, and what is allowed.
    """
    wanted = "must be a dictionary from words to their counts"
    if not isinstance(word_freq, Mapping):
        raise TypeError(f"word_freq is a {type(word_freq).__name__}: {wanted}; dict(…) makes one of pairs")
    try:
        sum(word_freq.values())
    except TypeError as e:
        word = next(word for word, count in word_freq.items() if isinstance(count, str) or not np.isscalar(count))
        raise TypeError(f"word_freq[{word!r}]={word_freq[word]!r}: {wanted}, which are numbers") from e


def check(values: Mapping[str, Any]) -> None:
    """Check arguments of the constructor, or attributes of a model that is to be trained.

    Args:
        values: at least those of `CHECKED`, by name.

    Raises:
        ValueError: what was given, what is allowed, how to mend it.
    """
    for name, least in _LEAST.items():
        if int(values[name]) < least:
            hint = f"; workers={system.cores()} uses all cores of this machine" if name == "workers" else ""
            raise ValueError(f"{name}={int(values[name])}: must be an integer of at least {least}{hint}")
    for name, bits in _BELOW.items():
        if int(values[name]) >= 2**bits:
            raise ValueError(f"{name}={int(values[name])}: must be below 2**{bits}")
    if values["seed"] is not None:
        _check_seed(values["seed"])
    for name in ("alpha", "min_alpha", "ns_exponent"):
        if not math.isfinite(values[name]):
            raise ValueError(f"{name}={values[name]}: must be a finite number")
        if values[name] < 0 and name != "ns_exponent":
            raise ValueError(f"{name}={values[name]}: must be at least 0; below it, training unlearns")
    check_sample(values["sample"])
    if values["cbow_gradient"] not in GRADIENTS:
        raise ValueError(
            f"cbow_gradient={values['cbow_gradient']!r}: must be 'gensim' (each context row gets gensim's update) "
            "or 'exact' (the derivative of the loss)"
        )
    if values.get("shard", "cut") not in SHARDS:
        raise ValueError(
            f"shard={values['shard']!r}: must be 'cut' (all ranks name the same corpus, and each reads its part) or "
            "'given' (each rank names a corpus of its own)"
        )
    if values["corpus_cache"] not in CACHES:
        raise ValueError(f"corpus_cache={values['corpus_cache']!r}: must be one of {', '.join(map(repr, CACHES))}")
    # gensim's constructor takes anything here as long as it does not train
    if values.get("sentences") is not None or values.get("corpus_file") is not None:
        for name in ("epochs", "min_count"):
            if values[name] is None:
                raise TypeError(f"{name}=None: must be an integer")
        check_trim_rule(values["trim_rule"])
        check_callbacks(values["callbacks"])


def _check_seed(seed: Any) -> None:
    several = isinstance(seed, _SEVERAL)
    try:
        numbers = [operator.index(number) for number in (seed if several else [seed])]
    except TypeError as e:
        raise TypeError(f"seed={seed!r}: must be {_SEED}") from e
    if several and not numbers:
        raise ValueError(f"seed={seed!r}: must be {_SEED}")
    if not all(0 <= number < 2**32 for number in numbers):
        raise ValueError(f"seed={seed}: must be at least 0 and below 2**32, or None")


def check_flags(**flags: Any) -> None:
    """Check arguments that are on or off, which any other value would turn on.

    Raises:
        TypeError: what was given, and what is allowed.
    """
    for name, value in flags.items():
        if value not in (True, False):
            raise TypeError(f"{name}={value!r}: must be True or False")


def check_sample(sample: Any) -> None:
    """Check the threshold of subsampling.

    Raises:
        ValueError: what was given, and what is allowed.
    """
    if not 0 <= (sample or 0) < math.inf:
        raise ValueError(f"sample={sample}: must be 0 (no subsampling), a share below 1 such as 1e-3, or a word count")


def check_trim_rule(trim_rule: Any) -> None:
    """Check a rule for the words that stay.

    Raises:
        TypeError: what was given, and what is allowed.
    """
    if trim_rule is not None and not callable(trim_rule):
        raise TypeError(f"trim_rule={trim_rule!r}: must be a function of a word, its count and min_count")


def check_callbacks(callbacks: Any) -> None:
    """Check callbacks of the constructor or of `train()`, as far as that can be done without using them up.

    Raises:
        TypeError: what was given, and what is allowed.
    """
    are_listed = isinstance(callbacks, (list, tuple))
    # A single one may be iterable, as a History is.
    is_iterable = hasattr(callbacks, "__iter__") or hasattr(callbacks, "__getitem__")
    if not are_listed and (not is_iterable or hasattr(callbacks, "on_epoch_end")):
        raise TypeError(f"callbacks: {callbacks!r} is a {type(callbacks).__name__}: must be a list of callbacks")
    for callback in callbacks if are_listed else ():
        if isinstance(callback, type) or not hasattr(callback, "on_epoch_end"):
            raise TypeError(
                f"callbacks: {callback!r} is a {type(callback).__name__}: each must be an object with the methods of "
                "gensim's CallbackAny2Vec"
            )


def check_progress_per(value: Any) -> None:
    """Check how many sentences lie between two lines of progress; gensim takes any number but 0.

    Raises:
        TypeError, ValueError: what was given, and what is allowed.
    """
    try:
        is_zero = not (math.isnan(value) or value)
    except TypeError as e:
        raise TypeError(f"progress_per={value!r}: must be a number of sentences, more than 0") from e
    if is_zero:
        raise ValueError(f"progress_per={value}: must be a number of sentences, more than 0")


def check_totals(totals: Mapping[str, Any]) -> None:
    """Check how many sentences or words `train()` is told of.

    Raises:
        ValueError: a number below 0, or none at all: the learning rate would go the wrong way.
    """
    for name, value in totals.items():
        if isinstance(value, (int, float, np.number)) and not value >= 0:
            raise ValueError(f"{name}={value}: must be a number of at least 0")


def check_gensims_engine(reason: str | None, checkpoint: str | None, distributed: object) -> None:
    """Refuse what gensim's own engine cannot, where it is to train.

    Args:
        reason: why it is; None where an engine of this package is.
        checkpoint, distributed: arguments of the constructor.

    Raises:
        ValueError: what was given, and how to mend it.
    """
    asked = {"checkpoint": (checkpoint, "has no checkpoints"), "distributed": (distributed, "trains on one machine")}
    for name, (value, lack) in asked.items():
        if reason and value:
            raise ValueError(
                f"{name}={value!r}: {reason}, and gensim's own engine {lack}; leave it out, or have an engine of "
                "torch_w2v train (hs=0, negative=1 or more, and not engine='gensim')"
            )


def check_own_loop(cls: type, checkpoint: str | None, distributed: object) -> None:
    """Refuse what only our `train()` has, where gensim's `train`, or a loop of a program's own, calls for an epoch.

    Args:
        cls: class of the model.
        checkpoint, distributed: arguments of the constructor.

    Raises:
        ValueError: what was given, and how to mend it.
    """
    for name, value in (("checkpoint", checkpoint), ("distributed", distributed)):
        if value:
            raise ValueError(
                f"{name}={value!r}: only the train() of torch_w2v.Word2Vec has that, but gensim's train(), or a loop "
                f"of {cls.__name__}'s own, was called instead; call torch_w2v.Word2Vec.train(model, …), in a subclass "
                "super().train(…), or leave it out"
            )
