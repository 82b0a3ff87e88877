"""What is checked before the work begins: a wrong argument or file ends a command at once, with one line."""

from __future__ import annotations

import argparse
import errno
import glob
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gensim.models import KeyedVectors
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import corpus, formats
from torch_w2v.cli import spool
from torch_w2v.cli.errors import FAILED, CommandError, describe
from torch_w2v.cli.options import constructor_options
from torch_w2v.corpus import places
from torch_w2v.corpus.sources import why_no_files
from torch_w2v.corpus.store import CacheError
from torch_w2v.files import check_writable, is_one_of, is_uri
from torch_w2v.training import call_arguments, checkpoint_file
from torch_w2v.word2vec import Word2Vec

# An argument in a message of the Python API, in which a path may have a name of this form, too.
_ARGUMENT = re.compile(r"(?<![\w./\\'\"-])(\w+)=(True\b|False\b|'[^']*')?")


def as_options(message: str, names: Iterable[str]) -> str:
    """Return a message of the Python API in the spelling of the command line: `window=0` as `--window 0`.

    Args:
        message: which names arguments.
        names: of the arguments that are options of the command; others are left as they are.
    """
    known = set(names)

    def option(match: re.Match[str]) -> str:
        name, value = match[1], match[2] or ""
        if name not in known:
            return match[0]
        name = name.replace("_", "-")
        if value in ("True", "False"):
            return f"--{'' if value == 'True' else 'no-'}{name}"
        return f"--{name} {shlex.quote(value[1:-1]) if value else ''}"

    return _ARGUMENT.sub(option, message)


def check_at_least(option: str, value: int, least: int) -> None:
    """Check the value of an option.

    Raises:
        CommandError: `value` is less than `least`.
    """
    if value < least:
        raise CommandError(f"{option} {value}: must be at least {least}")


def check_limits(options: argparse.Namespace) -> None:
    """Check the options that limit the vocabulary.

    Raises:
        CommandError: one of them is less than 1.
    """
    for name in ("max_vocab_size", "max_final_vocab"):
        if getattr(options, name) is not None:
            check_at_least(f"--{name.replace('_', '-')}", getattr(options, name), 1)


def construct(arguments: dict[str, Any]) -> Word2Vec:
    """Construct an untrained model.

    Args:
        arguments: of `Word2Vec`.

    Returns:
        The model.

    Raises:
        CommandError: the constructor refuses them.
    """
    try:
        return Word2Vec(**arguments)
    except (ValueError, TypeError, RuntimeError) as e:
        raise CommandError(as_options(str(e), constructor_options())) from e


def load(path: str) -> PlainWord2Vec | KeyedVectors:
    """Load a model or vectors.

    Args:
        path: of the file.

    Returns:
        What `torch_w2v.formats.load` returns.

    Raises:
        CommandError: the file cannot be read, or needs a package that is not installed.
    """
    try:
        return formats.load(path)
    except (ValueError, OSError, ImportError) as e:
        raise CommandError(describe(e)) from e
    except unreadable(path) as e:
        raise CommandError(f"{path}: cannot be read: {explain(e)}") from e


def resolve_corpus(path: str, column: str | None = None) -> corpus.Opened:
    """Find the files of a corpus, open each once, and verify an encoded one.

    Args:
        path: a file, a folder, a pattern or a URI; URIs are not opened.
        column: of .parquet files.

    Returns:
        The corpus, which the whole command works with, so that nothing is resolved or verified again.

    Raises:
        CommandError: there is no such file, or one cannot be read, or an encoded one is damaged.
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise CommandError(
            f"{path}: must be a regular file or a folder of them; the standard input takes a stream: … | torch-w2v … -"
        )
    try:
        return corpus.files(path, column)
    except TypeError as e:
        if glob.has_magic(path) and not os.path.lexists(path):
            raise CommandError(why_no_files(path)) from e
        reason = "there is no file in this folder" if os.path.isdir(path) else os.strerror(errno.ENOENT)
        raise CommandError(f"{path}: {reason}") from e
    except (ValueError, OSError, ImportError) as e:
        raise CommandError(describe(e)) from e
    except unreadable(path) as e:
        raise CommandError(f"{path}: cannot be read: {explain(e)}") from e


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn errors of reading a corpus in this block into errors of the command.

    Args:
        path: of the corpus, for the message.

    Raises:
        CommandError: the corpus cannot be read, or not be cached.
    """
    try:
        yield
    except CommandError:
        raise
    except CacheError as e:
        raise CommandError(str(e.strerror), FAILED) from e
    except unreadable(path) as e:
        raise CommandError(f"{path}: cannot be read: {explain(e)}") from e


def unreadable(path: str) -> tuple[type[Exception], ...]:
    """Return the errors of reading a file or a URI; those of a URI are of whatever library reads it."""
    return (Exception,) if is_uri(path) else (*formats.UNREADABLE, corpus.RowError)


def explain(error: Exception) -> str:
    """Return the message of an error of reading, with its type where that is another library's."""
    known = isinstance(error, (*formats.UNREADABLE, corpus.RowError))
    return str(error) if known else f"{type(error).__name__}: {error}"


def check_not_read(path: str, reads: Sequence[str | int], source: str | None = None) -> None:
    """Check that a file to be written is none that the command reads, and that the next run would not read it, either.

    Args:
        path: of the file, which need not exist.
        reads: paths, or descriptors of open files, that the command reads.
        source: path of the corpus, if it reads one: a file, a folder, a pattern, or '-' for the standard input.

    Raises:
        CommandError: why not, and what to do.
    """
    if source == spool.STDIN:
        reads, source = (*reads, *spool.descriptor()), None
    if is_one_of(path, reads) or places.is_read(path, source):
        raise CommandError(f"{path}: is what the command reads: choose another path")
    if reason := places.why_read_next(path, source):
        raise CommandError(f"{path}: {reason}")


def check_output(path: str, overwrite: bool, reads: Sequence[str | int], source: str | None = None) -> None:
    """Check that a file can be written.

    Args:
        path: of the file.
        overwrite: whether the file may exist.
        reads, source: as for `check_not_read`.

    Raises:
        CommandError: there is no such folder, the file exists, is read, or `files.replacing` would fail.
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise CommandError(f"{path}: there is no folder {folder}")
    if os.path.isdir(path):
        raise CommandError(f"{path}: is a folder")
    # gensim keeps large arrays beside the file, as FILE.vectors.npy and so on.
    arrays = sorted(glob.glob(f"{glob.escape(path)}.*.np[yz]"))
    for file in (path, *arrays):
        check_not_read(file, reads, source)
    existing = [path] if os.path.lexists(path) else arrays
    if existing and not overwrite:
        raise CommandError(f"{existing[0]}: exists; --overwrite replaces it")
    for file in (path, *arrays):
        try:
            check_writable(file)
        except OSError as e:
            raise CommandError(f"{file}: cannot be written: {e.strerror}") from e


def check_output_folder(folder: str, names: Sequence[str], overwrite: bool, reads: Sequence[str]) -> None:
    """Check that files can be written into a folder, which need not exist.

    Args:
        folder: the path.
        names: of the files.
        overwrite: whether they may exist.
        reads: paths that the command reads.

    Raises:
        CommandError: the parent is no folder, a file exists, is read, or `files.replacing` would fail.
    """
    parent = os.path.dirname(os.path.abspath(folder))
    if not os.path.isdir(parent):
        raise CommandError(f"{folder}: there is no folder {parent}")
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise CommandError(f"{folder}: exists, and is no folder")
    for name in names:
        check_not_read(os.path.join(folder, name), reads)
    existing = [name for name in names if os.path.lexists(os.path.join(folder, name))]
    if existing and not overwrite:
        raise CommandError(f"{os.path.join(folder, existing[0])}: exists; --overwrite replaces it")
    tried = [os.path.join(folder, name) for name in names] if os.path.isdir(folder) else [os.path.abspath(folder)]
    for file in tried:
        try:
            check_writable(file)
        except OSError as e:
            raise CommandError(f"{file}: cannot be written: {e.strerror}") from e


def check_checkpoint(
    path: str | None, every: float, reads: Sequence[str], writes: Sequence[str | None], source: str
) -> None:
    """Check that a checkpoint can be written.

    Args:
        path: of the file; None for no checkpoints.
        every: seconds between two.
        reads: paths that the command reads.
        writes: paths of its other outputs; None for one that is not asked for.
        source: path of the corpus.

    Raises:
        CommandError: what is wrong.
    """
    for file in () if path is None else (path, checkpoint_file.previous_of(path)):
        written = any(other is not None and os.path.realpath(file) == os.path.realpath(other) for other in writes)
        if written or is_one_of(file, (*reads, source)):
            raise CommandError(
                f"--checkpoint {path}: {file} is also an input or another output; give a file of its own"
            )
    try:
        call_arguments.check(path, every, corpus_file=source)
    except ValueError as e:
        raise CommandError(as_options(str(e), constructor_options())) from e
    except OSError as e:
        raise CommandError(f"{path}: cannot be written: {e.strerror}") from e


def check_space(path: str, size: int) -> None:
    """Check that a file has space beside the older one, which is replaced when the new one is complete.

    Args:
        path: of the file.
        size: in bytes, at least.

    Raises:
        CommandError: its disk has less.
    """
    folder = os.path.dirname(os.path.realpath(path))
    free = shutil.disk_usage(folder).free
    if size > free:
        raise CommandError(
            f"{path}: needs {size / 1e6:,.0f} MB, but the disk of {folder} has only {free / 1e6:,.0f} MB free"
        )
