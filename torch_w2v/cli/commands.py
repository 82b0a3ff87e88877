"""The command `torch-w2v`: train, neighbours, demo, compare, encode."""

from __future__ import annotations

import argparse
import errno
import glob
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from timeit import default_timer
from typing import Any

from torch_w2v import corpus, formats
from torch_w2v.cli import demo
from torch_w2v.cli.errors import FAILED, CommandError
from torch_w2v.cli.progress import Progress
from torch_w2v.compare import comparison, measures, report
from torch_w2v.corpus import encoded_file
from torch_w2v.files import is_uri
from torch_w2v.formats import UNREADABLE
from torch_w2v.word2vec import Word2Vec


def train(args: argparse.Namespace) -> int:
    """`train`: all that can be known to be wrong is said before the corpus is read."""
    kind = _format(args.output)
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
    with _log_lines(logging.WARNING if args.quiet else logging.INFO), model.reading_once():
        try:
            model.build_vocab(**source, keep_raw_vocab=True)
        except UNREADABLE as e:
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


def _format(path: str) -> formats.Format:
    try:
        return formats.format_of(path)
    except ValueError as e:
        raise CommandError(str(e)) from e


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
        except UNREADABLE as e:
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


def neighbours(args: argparse.Namespace) -> int:
    """`neighbours`: the known words are answered also when others are not known."""
    if args.topn < 1:
        raise CommandError(f"--topn {args.topn}: must be at least 1")
    try:
        vectors = formats.load_vectors(args.vectors)
    except ValueError as e:
        raise CommandError(str(e)) from e
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
    progress = Progress(sys.stderr)
    try:
        gold = [*measures.SHIPPED, *map(measures.pairs_file, args.pairs), *map(measures.analogies_file, args.analogies)]
        if args.report:
            report.check(args.report)
        settings = {name: getattr(args, name) for name in args.options}
        device, gradient = settings.pop("device"), settings.pop("cbow_gradient")
        cache = settings.pop("corpus_cache")
        makers = comparison.contenders_named(
            args.engines.split(","), device, cbow_gradient=gradient, corpus_cache=cache
        )
        progress.phase("reading the corpus")
        try:
            sentences = [list(map(sys.intern, sentence)) for sentence in _files(args.corpus)]
        except UNREADABLE as e:
            raise CommandError(f"{args.corpus}: cannot be read: {e}") from e
        result = comparison.compare(
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
