"""`torch-w2v encode`: encode a corpus of text once, to train any number of models on it."""

from __future__ import annotations

import argparse
import os
from timeit import default_timer

from torch_w2v import corpus
from torch_w2v.cli import checks, spool
from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.cli.logs import log_lines
from torch_w2v.cli.options import CORPUS, Commands, add_output
from torch_w2v.corpus import encoded_file
from torch_w2v.corpus.store import NO_SPACE, CacheError
from torch_w2v.files import path_of
from torch_w2v.system import cores


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "encode",
        help="encode a corpus once, to train any number of models on it",
        description=(
            "Encode CORPUS into a file of token ids. `torch-w2v train FILE` and Word2Vec(corpus_file=FILE) then read "
            "no text."
        ),
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument("corpus", type=path_of, metavar="CORPUS", help=CORPUS)
    add_output(parser, "file for the encoded corpus, which must end in .w2v")
    parser.add_argument("--column", metavar="NAME", help="column of .parquet files; see `torch-w2v train --help`")
    parser.add_argument(
        "--workers", type=int, default=cores(), help="number of threads that split text (default: all cores)"
    )


def run(args: argparse.Namespace) -> int:
    """Encode a corpus and print its sizes.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument or a file is wrong.
    """
    if not args.output.endswith(".w2v"):
        raise CommandError(f"{args.output}: must end in .w2v")
    checks.check_at_least("--workers", args.workers, 1)
    checks.check_output(args.output, args.overwrite, (), args.corpus)
    with spool.corpus_path(args.corpus) as path:
        return _encode(args, path)


def _encode(args: argparse.Namespace, path: str) -> int:
    source = checks.resolve_corpus(path, args.column)
    if isinstance(source, corpus.EncodedFile):
        raise CommandError(f"{args.corpus}: is encoded already")
    start = default_timer()
    with log_lines(args.quiet):
        try:
            scan = encoded_file.write(source, args.output, args.workers, progress_per=100_000)
        except CacheError as e:
            raise CommandError(str(e.strerror), FAILED) from e
        except OSError as e:
            if e.errno not in NO_SPACE:
                raise CommandError(f"{args.corpus}: cannot be encoded into {args.output}: {e}") from e
            raise CommandError(f"{args.output}: cannot be written: {e.strerror}", FAILED) from e
        except (encoded_file.WordError, corpus.NoWordsError) as e:
            raise CommandError(f"{args.corpus}: cannot be encoded into {args.output}: {e}") from e
        except checks.unreadable(path) as e:
            raise CommandError(f"{args.corpus}: cannot be encoded into {args.output}: {checks.explain(e)}") from e
    if not args.quiet:
        megabytes = os.path.getsize(args.output) / 1e6
        print(
            f"{args.output}: {int(scan.counts.sum()):,} words in {scan.sentences:,} sentences, {len(scan.words):,} "
            f"different ones, {megabytes:,.1f} MB, in {default_timer() - start:.1f} s"
        )
    return 0
