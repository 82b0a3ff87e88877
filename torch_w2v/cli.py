"""The command `torch-w2v`: train, neighbours, demo, compare, encode."""

from __future__ import annotations

import argparse
import errno
import glob
import inspect
import json
import logging
import lzma
import os
import pickle
import shutil
import sys
import tempfile
import types
import typing
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from timeit import default_timer
from typing import Any, NoReturn

from gensim.models import KeyedVectors

from torch_w2v import Word2Vec, __version__, compare, corpus, demo, encoded_file, engines, quality, report
from torch_w2v.corpus import is_uri
from torch_w2v.engines import ENGINES
from torch_w2v.store import CACHES

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130

# What reading a corpus raises (smart_open names the package that a remote one needs), and what a file of vectors
# raises that is damaged, or is not what its name says.
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError, ImportError, NotImplementedError)
_DAMAGED = (*_UNREADABLE, ValueError, MemoryError, LookupError, AttributeError, TypeError, pickle.UnpicklingError)

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
_CORPUS = (
    "UTF-8 text, a sentence a line, words between white space (.gz, .bz2, .xz, .zst too); a folder of such files, "
    "a pattern in quotes such as 'texts/*.gz', or a URI"
)
_ZERO_OR_ONE = ("sg", "hs", "cbow_mean", "null_word", "sorted_vocab")


class CommandError(Exception):
    """Ends the command with one line on stderr and an exit code."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Format:
    """A kind of file for vectors, known by its suffix: what it is, how to write it (model, path), how to read it."""

    what: str
    write: Callable[[Word2Vec, str], None]
    read: Callable[[str], Any]


def _vectors(save: Callable[[KeyedVectors, str], None]) -> Callable[[Word2Vec, str], None]:
    """A writer of a model's vectors, with the manners of `Word2Vec.save`.

    It writes to a temporary folder beside the path, then moves what is there into place, the main file last: a save
    that fails or is interrupted leaves an older file as it was.
    """

    def write(model: Word2Vec, path: str) -> None:
        folder, name = os.path.split(path)
        model.wv.lifecycle_events = None  # gensim would keep the name of the temporary folder in the file
        temporary = tempfile.mkdtemp(prefix=f".{name}.", dir=folder or ".")
        try:
            save(model.wv, os.path.join(temporary, name))
            for written in sorted(os.listdir(temporary), key=lambda file: file == name):
                os.replace(os.path.join(temporary, written), os.path.join(folder, written))
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    return write


def _word2vec(what: str, binary: bool) -> Format:
    return Format(
        what,
        _vectors(lambda vectors, path: vectors.save_word2vec_format(path, binary=binary)),
        lambda path: KeyedVectors.load_word2vec_format(path, binary=binary),
    )


FORMATS = {
    ".kv": Format("gensim KeyedVectors", _vectors(KeyedVectors.save), KeyedVectors.load),
    ".txt": _word2vec("word2vec's text format", binary=False),
    ".txt.gz": _word2vec("word2vec's text format, compressed", binary=False),
    ".bin": _word2vec("word2vec's binary format", binary=True),
    ".bin.gz": _word2vec("word2vec's binary format, compressed", binary=True),
    ".model": Format("a whole gensim Word2Vec, to train on", Word2Vec.save, Word2Vec.load),
}


def format_of(path: str) -> Format:
    """The format that `path`'s suffix names.

    Raises:
        CommandError: none of `FORMATS`.
    """
    for suffix, kind in FORMATS.items():
        if path.endswith(suffix) and os.path.basename(path) != suffix:
            return kind
    raise CommandError(f"{path}: the suffix must be one of {', '.join(FORMATS)}")


class _Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def constructor_options() -> dict[str, tuple[type, Any]]:
    """name -> (type, default) of each argument of `Word2Vec` that can be given on a command line."""
    found = {}
    for name, parameter in inspect.signature(Word2Vec, eval_str=True).parameters.items():
        union = isinstance(parameter.annotation, types.UnionType)
        kind = typing.get_args(parameter.annotation)[0] if union else parameter.annotation
        if kind in (int, float, str, bool):
            found[name] = (kind, parameter.default)
    return found


def _add_options(parser: argparse.ArgumentParser, names: Sequence[str], **other_defaults: Any) -> None:
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


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = _Parser(prog="torch-w2v", description="Word2Vec as gensim's, trained on torch_w2v's engines.")
    top.add_argument("--version", action="version", version=f"torch_w2v {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)

    one = commands.add_parser("train", help="train vectors on a text file", allow_abbrev=False, description=(
        "Train on CORPUS. Options are the arguments of gensim's Word2Vec."))  # fmt: skip
    one.set_defaults(run=train, options=tuple(constructor_options()))
    one.add_argument("corpus", metavar="CORPUS", help=f"{_CORPUS}; or what `encode` wrote")
    kinds = "; ".join(f"{suffix}: {kind.what}" for suffix, kind in FORMATS.items())
    one.add_argument("-o", "--output", required=True, metavar="FILE", help=f"the vectors; the suffix says how. {kinds}")
    one.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    one.add_argument("--quiet", action="store_true", help="show warnings and errors only")
    _add_options(one, one.get_default("options"))

    two = commands.add_parser("neighbours", help="the nearest neighbours of words", allow_abbrev=False, description=(
        "Print the nearest neighbours of each WORD by cosine similarity. "
        ".kv and .model files are pickles: open only those you trust."))  # fmt: skip
    two.set_defaults(run=neighbours)
    two.add_argument("vectors", metavar="VECTORS", help=f"a file that ends in {', '.join(FORMATS)}")
    two.add_argument("words", metavar="WORD", nargs="+")
    two.add_argument("--topn", type=int, default=10, help="neighbours a word (default 10)")

    three = commands.add_parser("demo", help="gensim beside torch_w2v on a small corpus", allow_abbrev=False,
        description="Train gensim and torch_w2v on the Wikipedia articles that gensim's wheel carries; about a minute.",
    )  # fmt: skip
    shared = ("epochs", "workers", "seed")
    three.set_defaults(run=run_demo, options=shared)
    _add_options(three, shared, workers=demo.cores(), **demo.SETTINGS)
    _add_options(three, ("engine", "device"))

    four = commands.add_parser("compare", help="is the quality that of gensim, on your corpus?", allow_abbrev=False,
        description=(
            "Train gensim and torch_w2v on CORPUS with the same arguments and several seeds, and compare seconds, "
            "memory and quality. Exits with 1 where a measure is inferior. The corpus is held in memory."),
    )  # fmt: skip
    names = tuple(name for name in constructor_options() if name not in ("engine", "sg", "hs"))
    four.set_defaults(run=run_compare, options=names)
    four.add_argument("corpus", metavar="CORPUS", help=_CORPUS)
    some = f"of {', '.join(ENGINES)}; cpu:2 gives one its own number of workers (default auto)"
    four.add_argument("--engines", default="auto", metavar="NAME,…", help=some)
    four.add_argument("--seeds", type=int, default=3, help="runs of each, from --seed on (default 3)")
    four.add_argument("--pairs", nargs="+", default=[], metavar="FILE", help="word pairs with a score, tab-separated")
    four.add_argument("--analogies", nargs="+", default=[], metavar="FILE", help="questions in word2vec's format")
    four.add_argument("--held-out", type=float, default=compare.HELD_OUT, metavar="SHARE",
                      help=f"of the sentences, for the loss (default {compare.HELD_OUT})")  # fmt: skip
    four.add_argument("--json", action="store_true", help="print JSON instead of tables")
    four.add_argument("--report", metavar="DIR", help="write a page with plots, DIR/report.html (needs matplotlib)")
    _add_options(four, names, workers=demo.cores())

    five = commands.add_parser("encode", help="read text once, for any number of models", allow_abbrev=False,
        description="Write CORPUS in numbers: Word2Vec(corpus_file=FILE) and `train FILE` then read no text.",
    )  # fmt: skip
    five.set_defaults(run=encode)
    five.add_argument("corpus", metavar="CORPUS", help=_CORPUS)
    five.add_argument("-o", "--output", required=True, metavar="FILE", help="must end in .w2v")
    five.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    five.add_argument("--quiet", action="store_true", help="show warnings and errors only")
    five.add_argument("--workers", type=int, default=demo.cores(), help="threads that split text (default all cores)")
    return top


def train(args: argparse.Namespace) -> int:
    """`train`: all that can be known to be wrong is said before the corpus is read."""
    kind = format_of(args.output)
    _check_corpus(args.corpus)
    _check_output(args.output, args.corpus, args.overwrite)
    if args.epochs < 1:
        raise CommandError(f"--epochs {args.epochs}: must be at least 1")
    if args.seed < 0:
        raise CommandError(f"--seed {args.seed}: must be at least 0")
    if not args.negative and not args.hs:
        raise CommandError("--negative 0 trains nothing without --hs 1")
    model = _construct({name: getattr(args, name) for name in args.options})
    # gensim's own engines neither decompress a corpus_file nor read all of it (piskvorky/gensim#2693).
    source = {"corpus_iterable": _files(args.corpus)} if args.sg or args.hs else {"corpus_file": args.corpus}
    with _log_lines(logging.WARNING if args.quiet else logging.INFO), model._one_reading():
        try:
            model.build_vocab(**source, keep_raw_vocab=True)
        except _UNREADABLE as e:
            raise CommandError(f"{args.corpus}: cannot be read: {e}") from e
        _check_vocabulary(model, args)
        model.raw_vocab.clear()
        model.train(
            **source, total_examples=model.corpus_count, total_words=model.corpus_total_words, epochs=model.epochs,
            compute_loss=model.compute_loss,
        )  # fmt: skip
    try:
        kind.write(model, args.output)
    except OSError as e:
        raise CommandError(f"{args.output}: cannot be written: {e}", FAILED) from e
    if not args.quiet:
        for epoch, loss in enumerate(model.training_losses, 1):
            print(f"epoch {epoch}: mean loss {loss:.4f}")
        if model.compute_loss and not model.training_losses:
            print(f"gensim's running loss: {model.get_latest_training_loss():.0f}")
        print(
            f"{args.output}: {len(model.wv):,} words of {model.vector_size} dimensions, trained in "
            f"{model.total_train_time:.1f} s on {model.epochs} x {model.corpus_total_words:,} words"
        )
    return 0


def _construct(arguments: dict[str, Any]) -> Word2Vec:
    try:
        return Word2Vec(**arguments)
    except (ValueError, TypeError, RuntimeError) as e:
        raise CommandError(str(e)) from e


def encode(args: argparse.Namespace) -> int:
    """`encode`."""
    if not args.output.endswith(".w2v"):
        raise CommandError(f"{args.output}: must end in .w2v")
    if args.workers < 1:
        raise CommandError(f"--workers {args.workers}: must be at least 1")
    _check_corpus(args.corpus)
    _check_output(args.output, args.corpus, args.overwrite)
    source = _files(args.corpus)
    if isinstance(source, encoded_file.EncodedFile):
        raise CommandError(f"{args.corpus}: is encoded already")
    start = default_timer()
    with _log_lines(logging.WARNING if args.quiet else logging.INFO):
        try:
            found = encoded_file.write(source, args.output, args.workers, progress_per=100_000)
        except _UNREADABLE as e:
            raise CommandError(f"{args.corpus}: cannot be encoded into {args.output}: {e}") from e
    if not args.quiet:
        words, seconds = int(found.counts.sum()), default_timer() - start
        print(
            f"{args.output}: {words:,} words in {found.sentences:,} sentences, {len(found.words):,} different ones, "
            f"{os.path.getsize(args.output) / 1e6:,.1f} MB, in {seconds:.1f} s"
        )
    return 0


def _files(path: str) -> corpus.Text | encoded_file.EncodedFile:
    try:
        return corpus.files(path)
    except (ValueError, OSError) as e:
        raise CommandError(str(e)) from e


def _check_corpus(path: str) -> None:
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise CommandError(f"{path}: must be a regular file or a folder of them")
    try:
        paths = corpus.paths_of(path)
    except TypeError as e:
        what = "there is no file in this folder" if os.path.isdir(path) else os.strerror(errno.ENOENT)
        raise CommandError(f"{path}: {what}") from e
    try:
        for one in paths:
            if not is_uri(one):
                open(one, "rb").close()
    except OSError as e:
        raise CommandError(f"{e.filename}: {e.strerror}") from e
    _files(path)


def _check_output(path: str, corpus: str, overwrite: bool) -> None:
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise CommandError(f"{path}: there is no folder {folder}")
    if os.path.isdir(path):
        raise CommandError(f"{path}: is a folder")
    if os.path.exists(path) and os.path.exists(corpus) and os.path.samefile(path, corpus):
        raise CommandError(f"{path}: is the corpus")
    # gensim keeps large arrays beside the file, as FILE.vectors.npy and so on.
    there = [path] if os.path.lexists(path) else sorted(glob.glob(f"{glob.escape(path)}.*.np[yz]"))
    if there and not overwrite:
        raise CommandError(f"{there[0]}: exists; --overwrite replaces it")
    try:
        os.rmdir(tempfile.mkdtemp(dir=folder))
    except OSError as e:
        raise CommandError(f"{path}: cannot write to the folder {folder}: {e.strerror}") from e


def _check_vocabulary(model: Word2Vec, args: argparse.Namespace) -> None:
    if not model.corpus_total_words:
        raise CommandError(f"{args.corpus}: has no words")
    if not len(model.wv):
        most = max(model.raw_vocab.values(), default=0)
        raise CommandError(
            f"{args.corpus}: no word occurs {model.effective_min_count} times or more, the most frequent {most} times: "
            f"give a smaller --min-count{' or a larger --max-final-vocab' if args.max_final_vocab is not None else ''}"
        )


@contextmanager
def _log_lines(level: int) -> Iterator[None]:
    """Show gensim's log lines and ours on stderr, from `level` on, without gensim's dumps of its life cycle."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(lambda record: record.funcName != "add_lifecycle_event")
    loggers = [logging.getLogger(name) for name in ("gensim", "torch_w2v")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (old, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(old)
            logger.propagate = propagate


def load_vectors(path: str) -> KeyedVectors:
    """The vectors in a file of one of `FORMATS`.

    Raises:
        CommandError: no such file, an unknown suffix, or not what the suffix says.
    """
    kind = format_of(path)
    if not is_uri(path) and not os.path.isfile(path):
        raise CommandError(f"{path}: no such file")
    try:
        found = kind.read(path)
    except _DAMAGED as e:
        raise CommandError(f"{path}: is not {kind.what}, or is damaged: {type(e).__name__}: {e}") from e
    vectors = getattr(found, "wv", found)
    if not isinstance(vectors, KeyedVectors):
        raise CommandError(f"{path}: holds a {type(found).__name__}, not {kind.what}")
    return vectors


def neighbours(args: argparse.Namespace) -> int:
    """`neighbours`: the known words are answered also when others are not known."""
    if args.topn < 1:
        raise CommandError(f"--topn {args.topn}: must be at least 1")
    vectors = load_vectors(args.vectors)
    unknown = [word for word in args.words if word not in vectors.key_to_index]
    for word in args.words:
        if word in vectors.key_to_index:
            nearest = vectors.most_similar(word, topn=args.topn)
            width = max([len(str(key)) for key, _ in nearest], default=0)
            print(word)
            for rank, (key, similarity) in enumerate(nearest, 1):
                print(f"{rank:4}  {key!s:{width}}  {similarity:6.3f}")
    if unknown:
        raise CommandError(f"not among the {len(vectors):,} words of {args.vectors}: {', '.join(unknown)}", FAILED)
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """`demo`: see `torch_w2v.demo`."""
    if args.epochs < 1:
        raise CommandError(f"--epochs {args.epochs}: must be at least 1")
    settings = {name: getattr(args, name) for name in args.options}
    ours = {"engine": args.engine, "device": args.device}
    _construct({**settings, **ours})
    demo.run(sys.stdout, sys.stderr, ours=ours, **settings)
    return 0


def run_compare(args: argparse.Namespace) -> int:
    """`compare`: see `torch_w2v.compare`."""
    _check_corpus(args.corpus)
    if args.epochs < 1:
        raise CommandError(f"--epochs {args.epochs}: must be at least 1")
    progress = demo.Progress(sys.stderr)
    try:
        gold = [*quality.SHIPPED, *map(quality.pairs_file, args.pairs), *map(quality.analogies_file, args.analogies)]
        if args.report:
            report.check(args.report)
        settings = {name: getattr(args, name) for name in args.options}
        device, gradient = settings.pop("device"), settings.pop("cbow_gradient")
        cache = settings.pop("corpus_cache")
        makers = compare.contenders_named(args.engines.split(","), device, cbow_gradient=gradient, corpus_cache=cache)
        progress.phase("reading the corpus")
        try:
            sentences = [list(map(sys.intern, sentence)) for sentence in _files(args.corpus)]
        except _UNREADABLE as e:
            raise CommandError(f"{args.corpus}: cannot be read: {e}") from e
        result = compare.compare(
            sentences, (), args.seeds, gold=gold, variants=makers, held_out=args.held_out, progress=progress.phase,
            **settings,
        )  # fmt: skip
    except (ValueError, RuntimeError, TypeError, ImportError) as e:
        raise CommandError(str(e)) from e
    finally:
        progress.end()
    if args.json:
        print(json.dumps(result.as_dict(), indent=1))
    else:
        print("\n".join(result.lines()))
    if args.report:
        print(f"report: {report.write(result, args.report)}", file=sys.stderr)
    return FAILED if result.inferior else 0


def _fatal() -> tuple[type[Exception], ...]:
    """What no command can mend, told without a traceback."""
    return (OSError, *engines.no_memory())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code: 0, 1 failure, 2 bad input, 130 interrupted."""
    args = parser().parse_args(argv)
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except CommandError as e:
        message, code = str(e), e.code
    except KeyboardInterrupt:
        message, code = "interrupted", INTERRUPTED
    except BrokenPipeError:  # as in `torch-w2v neighbours … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except _fatal() as e:
        message, code = f"{type(e).__name__}: {e}", FAILED
    print(f"torch-w2v: error: {' '.join(message.split())}", file=sys.stderr)
    return code
