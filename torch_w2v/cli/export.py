"""`torch-w2v export`: write vectors in the form that another library reads."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import arrays, export, extras
from torch_w2v.cli import checks
from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.cli.options import PICKLES, Commands, add_output
from torch_w2v.export import embedding, hub, index, projector, sentence_model
from torch_w2v.files import path_of
from torch_w2v.formats import FORMATS, vectors_of

Model: TypeAlias = PlainWord2Vec | KeyedVectors


@dataclass(frozen=True)
class Folder:
    """A form that is a folder.

    Attributes:
        description: a noun phrase for the help.
        files: names of the files that are written.
        save: writes a model or vectors into the folder, with options, and returns a line to print, or None.
        options: the options that it takes.
        check: raises ImportError if a package that it needs is not installed.
    """

    description: str
    files: Sequence[str]
    save: Callable[..., Any]
    options: Sequence[str] = ()
    check: Callable[[], object] = lambda: None


def _save_projector(model: Model, folder: str, **options: Any) -> str:
    written = export.save_projector(model, folder, **options)
    return f"{written:,} of {len(vectors_of(model)):,} words"


def _save_index(model: Model, folder: str) -> str:
    report = export.save_index(model, folder)
    line = f"{report.words:,} words, built in {report.build_seconds:.1f} s"
    if not report.queries:
        return f"{line}; too few to measure the recall"
    return (
        f"{line}; recall@{index.NEIGHBOURS} {report.recall:.4f} over {report.queries:,} words, "
        f"{report.queries / report.index_seconds:,.0f} queries/s (exact: {report.queries / report.exact_seconds:,.0f})"
    )


_TEXT_OPTIONS = ("lowercase", "split")
FOLDERS = {
    "embedding": Folder(
        "the state of PyTorch's nn.Embedding or nn.EmbeddingBag, and the row of each word",
        embedding.FILES,
        export.save_embedding,
        ("padding",),
    ),
    "projector": Folder(
        "tables for the Embedding Projector and TensorBoard", projector.FILES, _save_projector, ("limit",)
    ),
    "sentence-transformers": Folder(
        "a StaticEmbedding that SentenceTransformer(FOLDER) loads",
        sentence_model.FILES,
        export.save_static_embedding,
        _TEXT_OPTIONS,
        arrays.check_safetensors,
    ),
    "model2vec": Folder(
        "the same folder, which model2vec's StaticModel.from_pretrained(FOLDER) loads",
        sentence_model.FILES,
        export.save_static_embedding,
        _TEXT_OPTIONS,
        arrays.check_safetensors,
    ),
    "hub": Folder(
        "the same with a model card, to upload to Hugging Face's hub",
        hub.FILES,
        export.save_hub_folder,
        (*_TEXT_OPTIONS, "name", "license", "language"),
        arrays.check_safetensors,
    ),
    "index": Folder(
        "an index for fast approximate search with usearch, and its measured recall",
        index.FILES,
        _save_index,
        (),
        lambda: extras.check("usearch", "index", "an index"),
    ),
}
FILES = {suffix.removeprefix("."): suffix for suffix in FORMATS if suffix != ".model"}


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "export",
        help="write vectors in the form that another library reads",
        description=f"Write the vectors of VECTORS in the form that another library reads. {PICKLES}",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "vectors", type=path_of, metavar="VECTORS", help=f"file that ends in one of {', '.join(FORMATS)}"
    )
    folders = "; ".join(f"{name}: {form.description}" for name, form in FOLDERS.items())
    parser.add_argument(
        "--to",
        required=True,
        choices=(*FOLDERS, *FILES),
        metavar="FORM",
        help=f"a folder ({folders}); or a file with the suffix {', '.join(FILES)}",
    )
    add_output(parser, "folder or file to write, as FORM is one or the other")
    parser.add_argument("--padding", action="store_true", default=None, help="embedding: add a row of zeros at the end")
    parser.add_argument(
        "--limit",
        type=int,
        help=f"projector: write at most this many words, the most frequent ones (default {projector.LIMIT:,})",
    )
    parser.add_argument(
        "--lowercase", action="store_true", default=None, help="models of sentences: change texts to lower case"
    )
    parser.add_argument(
        "--split",
        choices=tuple(sentence_model.SPLITS),
        help="models of sentences: split texts at white space (the default), or at punctuation too",
    )
    parser.add_argument("--name", help="hub: title of the model card (default: the folder's name)")
    parser.add_argument("--license", metavar="ID", help="hub: license of the vectors, such as cc-by-sa-4.0")
    parser.add_argument("--language", metavar="CODE", nargs="+", help="hub: languages of the words, such as en")


def run(args: argparse.Namespace) -> int:
    """Export vectors; what can be checked is checked before they are loaded.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument or a file is wrong, a package is missing, or the output cannot be written.
    """
    options = _options(args)
    try:
        if args.to in FOLDERS:
            FOLDERS[args.to].check()
        else:
            FORMATS[FILES[args.to]].check()
    except ImportError as e:
        raise CommandError(str(e)) from e
    _check_output(args)
    model = checks.load(args.vectors)
    save = FOLDERS[args.to].save if args.to in FOLDERS else FORMATS[FILES[args.to]].save
    try:
        line = save(model, args.output, **options)
    except OSError as e:
        raise CommandError(f"{args.output}: cannot be written: {e}", FAILED) from e
    except (ValueError, TypeError) as e:
        raise CommandError(f"{args.vectors}: {e}") from e
    if not args.quiet:
        print(f"{args.output}: {line or f'{len(vectors_of(model)):,} words'}")
    return 0


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given.

    Raises:
        CommandError: FORM does not take one of them.
    """
    names = sorted({name for form in FOLDERS.values() for name in form.options})
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    takes = FOLDERS[args.to].options if args.to in FOLDERS else ()
    for name in given:
        if name not in takes:
            forms = ", ".join(form for form, folder in FOLDERS.items() if name in folder.options)
            raise CommandError(f"--{name} is an option of {forms}, not of --to {args.to}")
    if "limit" in given:
        checks.check_at_least("--limit", given["limit"], 1)
    return given


def _check_output(args: argparse.Namespace) -> None:
    reads = args.vectors, *glob.glob(f"{glob.escape(args.vectors)}.*.np[yz]")
    if args.to in FOLDERS:
        checks.check_output_folder(args.output, FOLDERS[args.to].files, args.overwrite, reads)
        return
    if not args.output.endswith(FILES[args.to]) or os.path.basename(args.output) == FILES[args.to]:
        raise CommandError(f"{args.output}: --to {args.to} writes a file that ends in {FILES[args.to]}")
    checks.check_output(args.output, args.overwrite, reads)
