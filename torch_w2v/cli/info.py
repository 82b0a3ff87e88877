"""`torch-w2v info`: say what is in a file, and how it was trained."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from torch_w2v import corpus
from torch_w2v.cli import checks
from torch_w2v.cli.errors import CommandError, describe
from torch_w2v.cli.options import PICKLES, Commands
from torch_w2v.cli.output import print_json
from torch_w2v.facts import facts_of
from torch_w2v.files import path_of
from torch_w2v.formats import FORMATS, vectors_of

_FIRST = 10  # most frequent words that are shown


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "info",
        help="say what is in a file, and how it was trained",
        description=(
            "Say what is in FILE, a model, vectors or an encoded corpus, and how it was trained, as far as the file "
            f"says. {PICKLES}"
        ),
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "file", type=path_of, metavar="FILE", help=f"a .w2v file, or one that ends in {', '.join(FORMATS)}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what is in a file.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: the file cannot be read, or is of no known format.
    """
    try:
        if args.file.endswith(".w2v") or (os.path.isfile(args.file) and corpus.is_encoded(args.file)):
            facts = _of_corpus(corpus.EncodedFile(args.file))
        else:
            facts = _of_vectors(args.file)
    except (ValueError, OSError) as e:
        raise CommandError(describe(e)) from e
    facts = {"file": args.file, "bytes": os.path.getsize(args.file) if os.path.exists(args.file) else None, **facts}
    if args.json:
        print_json(facts)
    else:
        print("\n".join(_lines(facts)))
    return 0


def _of_corpus(source: corpus.EncodedFile) -> dict[str, Any]:
    most = np.argsort(-source.counts, kind="stable")[:_FIRST]
    return {
        "holds": "an encoded corpus",
        "words": int(source.counts.sum()),
        "sentences": len(source.offsets) - 1,
        "different_words": len(source.words),
        "most_frequent": [str(source.words[row]) for row in most],
    }


def _of_vectors(path: str) -> dict[str, Any]:
    model = checks.load(path)
    vectors = vectors_of(model)
    facts = facts_of(model)
    norms = np.linalg.norm(vectors.vectors, axis=1)
    return {
        "holds": "vectors" if model is vectors else "a model, which can be trained further",
        **facts,
        "dtype": str(vectors.vectors.dtype),
        # JSON has no nan.
        "mean_length": float(norms.mean()) if len(norms) and np.isfinite(norms).all() else None,
        "finite": bool(np.isfinite(norms).all()),
        "first_words": [str(word) for word in vectors.index_to_key[:_FIRST]],
    }


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    arguments = facts.pop("arguments", {})
    for name, value in facts.items():
        yield f"{name.replace('_', ' '):18}{_text(value)}"
    if arguments:
        yield "trained with"
        for name, value in arguments.items():
            yield f"  {name:16}{_text(value)}"
    elif "words" not in facts:
        yield "how it was trained is not in the file; .model, .npz and .safetensors files have it"


def _text(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
