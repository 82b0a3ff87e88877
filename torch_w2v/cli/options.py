"""Options of the commands, derived from the constructor of `Word2Vec`."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Sequence
from typing import Any

from torch_w2v.files import path_of
from torch_w2v.word2vec import Word2Vec

Commands = argparse._SubParsersAction  # what `ArgumentParser.add_subparsers` returns

CORPUS = (
    "UTF-8 text with one sentence per line and white space between words (.gz, .bz2, .xz and .zst are decompressed), "
    "or .parquet (see --column); a folder of such files; a pattern in quotes such as 'texts/*.gz'; a URI; - for stdin"
)
PICKLES = ".kv and .model files are pickles: open only those you trust."
# The groups of the help, and the arguments of each; `EXPERT` has what is in no other.
COMMON, SAMPLING, EXPERT, ENGINE = "common options", "sampling", "expert options", "engine"
INPUT, OUTPUT, WATCHING = "input", "output", "watching and evaluating"
GROUPS = {
    COMMON: ("vector_size", "window", "epochs", "min_count", "alpha", "workers", "seed", "sg"),
    SAMPLING: ("sample", "negative", "ns_exponent", "shrink_windows"),
    ENGINE: ("engine", "device", "cbow_gradient", "distributed", "shard"),
    INPUT: ("column", "corpus_cache", "max_final_vocab", "max_vocab_size"),
    OUTPUT: ("comment", "checkpoint", "checkpoint_every"),
    WATCHING: ("compute_loss",),
}
# A command decides by its terminal whether to show progress.
_NOT_AN_OPTION = ("progress",)
_PATHS = ("checkpoint",)
_ZERO_OR_ONE = ("sg", "hs", "cbow_mean", "null_word", "sorted_vocab")


def constructor_options() -> dict[str, tuple[type, Any]]:
    """Return the arguments of `Word2Vec` that can be given on a command line.

    Returns:
        name -> (type, default) of each argument that is a number, a string or a flag.
    """
    kinds = {"int": int, "float": float, "str": str, "bool": bool}
    options = {}
    for name, parameter in inspect.signature(Word2Vec).parameters.items():
        # The annotations are strings, such as 'int | None'.
        kind = kinds.get(parameter.annotation.partition(" | ")[0])
        if kind is not None and name not in _NOT_AN_OPTION:
            options[name] = (kind, parameter.default)
    return options


def documented_arguments(docstring: str) -> dict[str, str]:
    """Return what a docstring in Google's style says about each argument.

    Args:
        docstring: as `inspect.getdoc` returns it.

    Returns:
        name -> text on one line, without the full stop at its end.
    """
    _, _, rest = docstring.partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", rest, maxsplit=1)[0]  # until the indentation ends
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}\S.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()).removesuffix(".") for name, text in entries}


def add_constructor_options(parser: argparse.ArgumentParser, names: Sequence[str], **other_defaults: Any) -> None:
    """Add arguments of `Word2Vec` to a parser as options, with the help of its docstring; `chosen_options` reads them.

    Args:
        parser: of one command.
        names: of the arguments, a selection of `constructor_options()`.
        other_defaults: defaults that differ from those of the constructor.
    """
    options = constructor_options()
    texts = documented_arguments(inspect.getdoc(Word2Vec) or "")
    for name in names:
        kind, default = options[name]
        default = other_defaults.get(name, default)
        how: dict[str, Any] = {"type": path_of if name in _PATHS else kind}
        if kind is bool:
            how = {"action": argparse.BooleanOptionalAction}
        if name in _ZERO_OR_ONE:
            how["choices"] = (0, 1)
        text = texts.get(name, "as in Word2Vec").replace("%", "%%")
        if default is None:
            text = text.partition("; None ")[0]  # what None means: on a command line, that the option is not given
        elif kind is not bool:
            text += f" (default {default})"
        title = next((title for title, own in GROUPS.items() if name in own), EXPERT)
        group(parser, title).add_argument(f"--{name.replace('_', '-')}", default=default, help=text, **how)
    parser.set_defaults(options=(*(parser.get_default("options") or ()), *names))


def chosen_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments for `Word2Vec` that `add_constructor_options` added, with their values."""
    return {name: getattr(args, name) for name in args.options}


def group(parser: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """Return the group of options with a title, a new one if there is none."""
    found = next((one for one in parser._action_groups if one.title == title), None)
    return found or parser.add_argument_group(title)


def add_output(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Add the output file and what belongs to writing it: --output, --overwrite, --quiet."""
    output = group(parser, OUTPUT)
    output.add_argument("-o", "--output", required=True, type=path_of, metavar="FILE", help=help_text)
    output.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    output.add_argument("--quiet", action="store_true", help="show only warnings and errors")
