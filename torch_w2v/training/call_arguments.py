"""The arguments that a `train()` call shares with its checkpoint, and with other ranks; and those of checkpoints."""

from __future__ import annotations

import hashlib
import json
import operator
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_w2v import engines
from torch_w2v.corpus import places
from torch_w2v.distributed.group import Group, UnlikeRanksError
from torch_w2v.files import check_writable, is_uri, path_of
from torch_w2v.options import option
from torch_w2v.training import checkpoint_file, manifest
from torch_w2v.training.model import TrainedModel

DEFAULT_INTERVAL = 600.0
# Attributes of a model that decide what a call of `train()` does; `workers` and `corpus_cache` decide only how.
_ARGUMENTS = (
    "vector_size",
    "sg",
    "alpha",
    "min_alpha",
    "window",
    "min_count",
    "max_vocab_size",
    "max_final_vocab",
    "sample",
    "seed",
    "negative",
    "ns_exponent",
    "cbow_mean",
    "null_word",
    "sorted_vocab",
    "batch_words",
    "compute_loss",
    "shrink_windows",
    "cbow_gradient",
    "epochs",
    "train_count",
    "corpus_count",
    "corpus_total_words",
)
_CORPUS = {"corpus_count": "sentences of the corpus", "corpus_total_words": "words of the corpus"}


def check(
    path: str | os.PathLike[str] | None,
    every: float,
    group: Group | None = None,
    sentences: Any = None,
    corpus_file: Any = None,
) -> str | None:
    """Check the arguments `checkpoint` and `checkpoint_every`, and return the path.

    Args:
        path, every: as given.
        group: the ranks that train together, the first of which writes; None for one process.
        sentences, corpus_file: the corpus, which must not have the checkpoint in it.

    Raises:
        ValueError, TypeError: what was given, and what is allowed.
        OSError: the file cannot be written.
    """
    if group is not None and len(set(given := group.from_all(path is not None))) > 1:
        raise UnlikeRanksError(
            f"checkpoint: given on rank {given.index(True)}, but not on rank {given.index(False)}: give it on all ranks"
        )
    if not isinstance(every, (int, float, np.integer, np.floating)):
        raise TypeError(f"checkpoint_every={every!r}: must be a number of seconds, 0 or more")
    if path is None:
        if every != DEFAULT_INTERVAL:
            raise ValueError(f"checkpoint_every={every} needs a file to write to: give checkpoint=PATH, too")
        return None
    if not every >= 0:
        raise ValueError(f"checkpoint_every={every}: must be a number of seconds, 0 or more")
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"checkpoint={path!r}: must be the path of a file, a str or a Path")
    path = path_of(path)
    if not path or "\0" in path or is_uri(path) or os.path.isdir(path) or not os.path.basename(path):
        raise ValueError(f"checkpoint={path!r}: must be the path of a file")
    # A callback may change the folder that the process is in.
    path = os.path.abspath(path)
    for file in (path, checkpoint_file.previous_of(path)):
        reason = places.why_read_next(file, [places.of_sentences(sentences), corpus_file])
        if places.is_read(file, [places.of_sentences(sentences), corpus_file]):
            reason = "is a file of the corpus: choose another path"
        if reason is not None:
            raise ValueError(f"checkpoint={path!r}: {'' if file == path else f'the one before it, {file}, '}{reason}")
    if group is None or group.rank == 0:
        for file in (path, checkpoint_file.previous_of(path)):
            check_writable(file)
    return path


def seed_of(model: TrainedModel) -> int | None:
    """Return the integer that all draws of training follow from; None for a random one.

    Args:
        model: whose seed may also be several integers, which numpy's generators take, as gensim's initial vectors do.
    """
    seed: Any = model.seed
    if isinstance(seed, (list, tuple, range, np.ndarray)):
        return int(np.random.SeedSequence(list(map(operator.index, seed))).generate_state(1)[0])
    return None if seed is None else operator.index(seed)


def encoded_words(model: TrainedModel) -> np.ndarray:
    """Return the words of a vocabulary as a list in JSON, in UTF-8, uint8 (n,).

    Words that are neither texts nor integers are there as Python shows them.
    """
    words = [word if type(word) in (str, int) else repr(word) for word in model.wv.index_to_key]
    return np.frombuffer(json.dumps(words).encode(), np.uint8)


def of_call(
    model: TrainedModel, totals: dict[str, int | None], words: np.ndarray, ranked: bool = False
) -> dict[str, Any]:
    """Return what must be the same in a call that goes on from a checkpoint, as JSON gives it back.

    Args:
        model: with the attributes that gensim's `train` has set.
        totals: the `total_examples` and `total_words` of the call.
        words: as `encoded_words` returns them.
        ranked: this process is one of several ranks.
    """
    engine = engines.choose(option(model, "engine"), option(model, "device"), model.vector_size, ranked)
    digest = hashlib.sha256(words.data)
    digest.update(np.ascontiguousarray(model.wv.expandos["count"], "<i8").data)
    return manifest.as_json(
        {
            **{name: getattr(model, name, None) for name in _ARGUMENTS},
            **totals,
            "engine": engine.name,
            "device": engine.device.partition(":")[0],
            "vocabulary": {"words": len(model.wv.index_to_key), "sha256": digest.hexdigest()},
        }
    )


def differences(
    saved: dict[str, Any], now: dict[str, Any], places: tuple[str, str] = ("in the checkpoint", "in this call")
) -> Iterator[str]:
    """Return what differs between the arguments of two calls, as phrases; `places` says where each is from."""
    for name in sorted(saved.keys() | now.keys()):
        before: Any = saved.get(name)
        here: Any = now.get(name)
        if before == here:
            continue
        if name == "vocabulary":
            number = [f"{value['words']:,} words" for value in (before, here)]
            if number[0] == number[1]:
                number = [
                    "other words, or other counts of them, or another order of equally frequent ones (of a corpus that "
                    "is shuffled anew each time: fix its seed),",
                    number[1],
                ]
            before, here = number
        else:
            before, here = repr(before), repr(here)
        yield f"{_CORPUS.get(name, name)}: {before} {places[0]}, {here} {places[1]}"
