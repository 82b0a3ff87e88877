"""`torch-w2v train`: train a model on a corpus and save it or its vectors."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

from torch_w2v.callbacks import Evaluate
from torch_w2v.cli import checks, phrases, spool
from torch_w2v.cli.errors import FAILED, INTERRUPTED, CommandError
from torch_w2v.cli.logs import log_lines
from torch_w2v.cli.options import (
    CORPUS,
    GROUPS,
    OUTPUT,
    Commands,
    add_constructor_options,
    add_output,
    chosen_options,
    constructor_options,
    group,
)
from torch_w2v.cli.output import print_json
from torch_w2v.cli.watching import Watched, add_options, watched, write_all
from torch_w2v.corpus import Opened
from torch_w2v.distributed.group import LostRankError, UnlikeRanksError
from torch_w2v.engines.cpu.engine import check_vector_size
from torch_w2v.facts import facts_of
from torch_w2v.files import path_of
from torch_w2v.formats import FORMATS, Format, format_of
from torch_w2v.gensim_compat import arguments
from torch_w2v.gensim_compat.vocabulary import ExponentError
from torch_w2v.progress import clear_line
from torch_w2v.report import page
from torch_w2v.training import checkpoint_file
from torch_w2v.training.interrupts import Terminated
from torch_w2v.user_warnings import DivergenceWarning
from torch_w2v.word2vec import Word2Vec


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "train",
        help="train vectors on a corpus",
        description="Train vectors on CORPUS. The options are the arguments of gensim's Word2Vec.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "corpus",
        type=path_of,
        metavar="CORPUS",
        help=f"{CORPUS}; or a file that `torch-w2v encode` wrote",
    )
    for title in GROUPS:
        group(parser, title)
    formats = "; ".join(f"{suffix}: {kind.description}" for suffix, kind in FORMATS.items())
    add_output(parser, f"file for the vectors, whose suffix names the format ({formats})")
    add_constructor_options(parser, tuple(constructor_options()), distributed=None)
    add_options(parser)
    phrases.add_options(parser)
    group(parser, OUTPUT).add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Train and save; everything that can be checked beforehand is checked before the corpus is read.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument or a file is wrong, or the output cannot be written.
    """
    options = chosen_options(args)
    if options["distributed"] is None:
        options["distributed"] = bool(os.environ.get("TORCHELASTIC_RUN_ID"))
        if options["distributed"] and os.environ.get("RANK") == "0" and not args.quiet:
            print(f"started by torchrun: {os.environ.get('WORLD_SIZE')} processes train one model", file=sys.stderr)
    # The first of several processes speaks for all, and writes; another host may not have its folders.
    speaks = not options["distributed"] or os.environ.get("RANK", "0") == "0"
    output_format = _format_of(args.output)
    checks.check_at_least("--epochs", args.epochs, 1)
    checks.check_at_least("--seed", args.seed, 0)
    checks.check_limits(args)
    if not args.negative and not args.hs:
        raise CommandError("--negative 0 trains nothing without --hs 1")
    options["progress"] = args.progress if args.progress is not None else not (args.quiet or args.verbose)
    path, every = options.pop("checkpoint"), options.pop("checkpoint_every")
    if args.corpus == spool.STDIN and path is not None:
        raise CommandError("--checkpoint needs a corpus that can be read again, not the standard input")
    if args.corpus == spool.STDIN and options["distributed"]:
        raise CommandError("several processes cannot share the standard input: give a file that all of them can read")
    thresholds = phrases.thresholds(args)
    if thresholds is not None and options["distributed"] and args.shard == "given":
        raise CommandError("--phrases and --shard given: each process would join other phrases; join them beforehand")
    model = checks.construct(options)
    try:
        arguments.check_gensims_engine(model._w2v_why_gensim(), path, False)
        if args.engine == "cpu" and model._w2v_ours:
            check_vector_size(args.vector_size)
    except ValueError as e:
        raise CommandError(checks.as_options(str(e), args.options)) from e
    watches = Watched()
    with _as_one(model):
        if speaks:
            checks.check_output(args.output, args.overwrite, args.evaluate, args.corpus)
            writes = args.output, args.history, args.report and os.path.join(args.report, page.FILE)
            checks.check_checkpoint(path, every, args.evaluate, writes, args.corpus)
            watches = watched(args, {"corpus": args.corpus, "vectors": args.output})
        with spool.corpus_path(args.corpus) as name:
            source = checks.resolve_corpus(name, args.column)
            if thresholds is None:
                _run(args, model, source, watches, output_format, path, every, speaks)
            else:
                with phrases.joined(source, args.corpus, *thresholds) as (joined, different):
                    if options["progress"] and speaks:
                        print(f"phrases: {different:,} different ones", file=sys.stderr)
                    _run(args, model, joined, watches, output_format, path, every, speaks)
    if not speaks:
        return 0
    if path is not None:
        checkpoint_file.remove(path)
    write_all(watches, model)
    if args.json:
        print_json({"file": args.output, **facts_of(model), **watches.results()})
    elif not args.quiet:
        _print_result(model, args.output, watches)
    return 0


@contextmanager
def _as_one(model: Word2Vec) -> Iterator[None]:
    """Let what fails on one of several processes in this block end all of them, with one line each.

    Raises:
        CommandError: another process has failed, or was given other arguments or another corpus.
    """
    try:
        with model._w2v_together("torch-w2v train"):
            yield
    except UnlikeRanksError as e:
        raise CommandError(str(e)) from e
    except RuntimeError as e:
        if isinstance(e.__cause__, LostRankError):
            raise CommandError(str(e), FAILED) from e
        raise


def _run(
    args: argparse.Namespace,
    model: Word2Vec,
    source: Opened,
    found: Watched,
    output_format: Format,
    path: str | None,
    every: float,
    speaks: bool,
) -> None:
    """Read the corpus, train, and save; the arguments are those that `run` has checked."""
    with _saying_how_to_go_on(path), log_lines(not (args.verbose and speaks)), model.reading_once():
        with checks.reading(args.corpus):
            # Several processes need not hold all words for one message.
            try:
                model.build_vocab(source, keep_raw_vocab=not model.distributed)
            except ExponentError as e:
                raise CommandError(checks.as_options(str(e), args.options)) from e
        _check_vocabulary(model, args)
        found.check(model)
        if speaks:
            _check_space(model, args.output)
        if path is not None and speaks:
            _check_space(model, path, tables=2)
        model.raw_vocab.clear()
        _train(model, source, found, path, every)
        # Whoever loads the model decides whether to see its progress.
        del model.progress
        if not speaks:
            return
        try:
            output_format.save(model, args.output)
        except OSError as e:
            raise CommandError(f"{args.output}: cannot be written: {e}", FAILED) from e


@contextmanager
def _saying_how_to_go_on(path: str | None) -> Iterator[None]:
    """Say at an interrupt how to go on, where there are checkpoints.

    Args:
        path: of the checkpoint, or None.

    Raises:
        CommandError: training was interrupted, and has a checkpoint.
    """
    try:
        yield
    except (KeyboardInterrupt, Terminated) as e:
        if path is None or not os.path.exists(path):
            raise
        code = e.exit_code if isinstance(e, Terminated) else INTERRUPTED
        raise CommandError(f"interrupted; the same command goes on from the checkpoint {path}", code) from e


def _train(model: Word2Vec, source: Opened, found: Watched, checkpoint: str | None, every: float) -> None:
    """Train a model.

    Raises:
        CommandError: training diverged, the checkpoint is of another training, or an epoch has no value of `--monitor`.
    """
    with _keeping_divergence() as divergence:
        try:
            model.train(
                source,
                total_examples=model.corpus_count,
                total_words=model.corpus_total_words,
                epochs=model.epochs,
                compute_loss=model.compute_loss,
                callbacks=found.callbacks,
                checkpoint=checkpoint,
                checkpoint_every=every,
            )
        except ValueError as e:
            if checkpoint is None and found.stopping is None:
                raise
            raise CommandError(str(e)) from e
    if model.diverged:
        raise CommandError(f"{divergence[0]}. Nothing was written", FAILED)


@contextmanager
def _keeping_divergence() -> Iterator[list[str]]:
    """Show warnings as they come, but for that of training that diverges, which is in the list: it is the error."""
    kept: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", DivergenceWarning)
        show = warnings.showwarning

        def show_or_keep(message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:
            if issubclass(category, DivergenceWarning):
                kept.append(str(message))
                return
            if sys.stderr.isatty():
                sys.stderr.write(clear_line())
            show(message, category, *args, **kwargs)

        warnings.showwarning = show_or_keep
        yield kept


def _format_of(path: str) -> Format:
    try:
        kind = format_of(path)
        kind.check()
    except (ValueError, ImportError) as e:
        raise CommandError(str(e)) from e
    return kind


def _check_vocabulary(model: Word2Vec, args: argparse.Namespace) -> None:
    if not model.corpus_total_words:
        raise CommandError(f"{args.corpus}: has no words")
    if args.hs and len(model.wv) == 1:
        raise CommandError(f"{args.corpus}: {checks.as_options(arguments.ONE_WORD_TREE, args.options)}")
    if not len(model.wv):
        most = max(model.raw_vocab.values(), default=0)
        frequent = f", and the most frequent one occurs {most} times" if most else ""
        remedy = "a smaller --min-count"
        if args.max_final_vocab is not None:
            remedy += " or a larger --max-final-vocab"
        raise CommandError(
            f"{args.corpus}: no word occurs {model.effective_min_count} times or more{frequent}: give {remedy}"
        )


def _check_space(model: Word2Vec, path: str, tables: int = 1) -> None:
    if path.endswith(".model"):
        tables = 2
    if not path.endswith(".gz"):
        checks.check_space(path, 4 * tables * len(model.wv) * model.vector_size)


def _print_result(model: Word2Vec, path: str, found: Watched) -> None:
    if model.compute_loss:
        for epoch, loss in enumerate(model.training_losses, 1):
            print(f"epoch {epoch}: mean loss {loss:.4f}")
    if model.compute_loss and not model.training_losses:
        print(f"gensim's running loss: {model.get_latest_training_loss():.0f}")
    for callback in found.callbacks:
        if isinstance(callback, Evaluate):
            for result in callback.results:
                measured = [f"{k} {value:.4f}" for k, value in result.items() if k != "epoch" and isfinite(value)]
                if measured:
                    print(f"epoch {result['epoch']:.0f}: {', '.join(measured)}")
    stopping, epochs = found.stopping, model.epochs
    if stopping is not None and stopping.stopped_epoch:
        epochs = stopping.stopped_epoch
        print(
            f"stopped after epoch {stopping.stopped_epoch} of {model.epochs}: {stopping.monitor} was best after epoch "
            f"{stopping.best_epoch}, whose vectors these are. alpha fell to {model.min_alpha_yet_reached:.4g}; with "
            f"--epochs {stopping.best_epoch} it falls to {model.min_alpha:g}"
        )
    print(
        f"{path}: {len(model.wv):,} words of {model.vector_size} dimensions, trained in "
        f"{model.total_train_time:.1f} s on {epochs} x {model.corpus_total_words:,} words"
    )
