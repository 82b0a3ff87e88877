"""Options of the commands, derived from the arguments of `Word2Vec`."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from typing import Any

from torch_w2v.corpus.store import CACHES
from torch_w2v.engines import ENGINES
from torch_w2v.word2vec import Word2Vec

# One line for each option; names, types and defaults are those of `Word2Vec`'s constructor.
HELP = {
    "vector_size": "dimensions of a vector",
    "alpha": "learning rate at the beginning",
    "window": "furthest distance between a word and its context",
    "min_count": "ignore words that occur less often",
    "max_vocab_size": "prune rare words while counting when there are more words than this",
    "sample": "subsampling threshold of frequent words; 0 keeps all",
    "seed": "of the initial vectors and of all draws",
    "workers": "threads",
    "min_alpha": "learning rate at the end",
    "sg": "1: skip-gram (trained by gensim's own engine)",
    "hs": "1: hierarchical softmax (trained by gensim's own engine)",
    "negative": "negative samples a word",
    "ns_exponent": "negatives are drawn in proportion to count**NS_EXPONENT",
    "cbow_mean": "1: mean of the context vectors; 0: their sum",
    "epochs": "passes over the corpus",
    "null_word": "1: add gensim's null word",
    "sorted_vocab": "1: words in order of frequency",
    "batch_words": "words in a batch of gensim's; ours are ten times that",
    "compute_loss": "compute the loss and show the mean of each epoch",
    "comment": "a text kept in the saved model",
    "max_final_vocab": "keep at most this many words, the most frequent",
    "shrink_windows": "draw each word's window from 1 to WINDOW",
    "device": "'auto', or a torch device such as 'cpu' or 'cuda:0'",
    "engine": f"one of {', '.join(ENGINES)}",
    "cbow_gradient": "'gensim', or 'exact' for the derivative of the loss",
    "corpus_cache": f"where the corpus is kept in numbers: one of {', '.join(CACHES)}",
}
CORPUS = (
    "UTF-8 text, a sentence a line, words between white space (.gz, .bz2, .xz, .zst too); a folder of such files, "
    "a pattern in quotes such as 'texts/*.gz', or a URI"
)
_ZERO_OR_ONE = ("sg", "hs", "cbow_mean", "null_word", "sorted_vocab")


def constructor_options() -> dict[str, tuple[type, Any]]:
    """name -> (type, default) of each argument of `Word2Vec` that can be given on a command line."""
    kinds = {"int": int, "float": float, "str": str, "bool": bool}
    options = {}
    for name, parameter in inspect.signature(Word2Vec).parameters.items():
        # The annotations are strings, such as 'int | None'.
        kind = kinds.get(parameter.annotation.partition(" | ")[0])
        if kind is not None:
            options[name] = (kind, parameter.default)
    return options


def add_options(parser: argparse.ArgumentParser, names: Sequence[str], **other_defaults: Any) -> None:
    options = constructor_options()
    for name in names:
        kind, default = options[name]
        default = other_defaults.get(name, default)
        more: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        if name in _ZERO_OR_ONE:
            more["choices"] = (0, 1)
        text = HELP.get(name, "as in Word2Vec").replace("%", "%%")
        shown = "" if default is None or kind is bool else f" (default {default})"
        parser.add_argument(f"--{name.replace('_', '-')}", default=default, help=text + shown, **more)
