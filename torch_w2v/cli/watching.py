"""What `torch-w2v train` evaluates, keeps and stops on: its options, and the callbacks that they stand for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gensim.models.callbacks import CallbackAny2Vec

from torch_w2v import extras
from torch_w2v.callbacks import EarlyStopping, Evaluate, History
from torch_w2v.callbacks.values import LOSS
from torch_w2v.cli import checks
from torch_w2v.cli.errors import FAILED, CommandError, describe
from torch_w2v.cli.options import WATCHING, group
from torch_w2v.compare.gold import SHIPPED, Gold, analogies_file, pairs_file
from torch_w2v.files import path_of
from torch_w2v.report import page
from torch_w2v.word2vec import Word2Vec

# The sets in gensim's wheel, by the names that stand for them on a command line.
NAMED = {gold.name.lower().replace("-", ""): gold for gold in SHIPPED}
_HISTORIES = (".csv", ".html")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this module to a parser."""
    options = group(parser, WATCHING)
    options.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show how far it is: one line on a terminal, else one per epoch (default: unless --quiet or --verbose)",
    )
    options.add_argument("--verbose", action="store_true", help="show the log lines of gensim and torch_w2v")
    options.add_argument(
        "--evaluate",
        nargs="+",
        type=path_of,
        default=[],
        metavar="FILE",
        help=(
            "evaluate after each epoch on files of word pairs with a score (tab-separated) or of analogy questions "
            f"(word2vec's format); {', '.join(NAMED)} are those in gensim's wheel"
        ),
    )
    options.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="stop when --monitor has not become better for N epochs, and write the vectors of the best epoch",
    )
    options.add_argument(
        "--monitor",
        metavar="NAME",
        help="what --patience looks at: 'loss' or the name of a file of --evaluate without its suffix "
        "(default: the first of --evaluate, else loss)",
    )
    options.add_argument(
        "--history",
        type=path_of,
        metavar="FILE",
        help="write loss, learning rate, speed and evaluations per epoch to a .csv or .html",
    )
    options.add_argument(
        "--report",
        type=path_of,
        metavar="DIR",
        help="write a page about the training to DIR/report.html; needs matplotlib",
    )


@dataclass
class Watched:
    """The callbacks of a training, and what is to be written after it.

    Attributes:
        callbacks: in the order in which they are called.
        stopping: the one that stops, if there is one.
        write: functions of the trained model that write a file.
        gold: the sets that are evaluated.
    """

    callbacks: list[CallbackAny2Vec] = field(default_factory=list)
    stopping: EarlyStopping | None = None
    write: list[Callable[[Word2Vec], object]] = field(default_factory=list)
    gold: list[Gold] = field(default_factory=list)

    def check(self, model: Word2Vec) -> None:
        """Say which measures the vocabulary gives no value for; refuse to stop on one of them.

        Raises:
            CommandError: which one, and why.
        """
        for gold in self.gold:
            reason = gold.why_no_score(model.wv)
            if reason and self.stopping is not None and gold.name == self.stopping.monitor:
                raise CommandError(f"--monitor {gold.name}: {reason}")
            if reason:
                print(f"--evaluate {gold.name}: no value, {reason}", file=sys.stderr)

    def results(self) -> dict[str, Any]:
        """Return what was measured, as JSON can hold it; a value that is not known is None.

        Returns:
            `evaluations`, a dictionary per evaluation, if there was one; `stopped`, a dictionary, if the call has
            ended early.
        """
        results: dict[str, Any] = {}
        for callback in self.callbacks:
            if isinstance(callback, Evaluate):
                results["evaluations"] = callback.state_dict()["results"]
        stopping = self.stopping
        if stopping is not None and stopping.stopped_epoch:
            names = ("monitor", "best", "best_epoch", "stopped_epoch")
            results["stopped"] = {name: getattr(stopping, name) for name in names}
        return results


def watched(args: argparse.Namespace, facts: dict[str, Any]) -> Watched:
    """Return what the options ask for; everything that can be checked is checked here.

    Args:
        args: the parsed command line.
        facts: more facts for the report.

    Raises:
        CommandError: a file cannot be read or written, or an option is wrong.
    """
    found = Watched()
    try:
        found.gold = list(map(_gold, args.evaluate))
        if found.gold:
            found.callbacks.append(Evaluate(gold=found.gold))
        _add_stopping(args, found)
        if args.history or args.report:
            history = History()
            found.callbacks.append(history)
            if args.history:
                found.write.append(_history_writer(args, history))
            if args.report:
                report = os.path.join(args.report, page.FILE)
                checks.check_not_read(report, args.evaluate, args.corpus)
                if args.history and os.path.realpath(args.history) == os.path.realpath(report):
                    raise CommandError(f"--history {args.history}: is also the page of --report: give another name")
                page.check(args.report)
                found.write.append(lambda model: _report(model, history, args.report, facts))
    except (ValueError, ImportError, OSError) as e:
        raise CommandError(describe(e)) from e
    return found


def _add_stopping(args: argparse.Namespace, found: Watched) -> None:
    names = [LOSS, *(gold.name for gold in found.gold)]
    if args.patience is None:
        if args.monitor is not None:
            raise CommandError("--monitor is what --patience looks at: give --patience N, too")
        return
    checks.check_at_least("--patience", args.patience, 1)
    by_name = {name.lower().replace("-", ""): name for name in names}
    monitor = args.monitor or (names[1] if len(names) > 1 else LOSS)
    monitor = by_name.get(monitor.lower().replace("-", ""))
    if monitor is None:
        raise CommandError(f"--monitor {args.monitor}: must be one of {', '.join(names)}")
    if monitor == LOSS and args.hs and not args.compute_loss:
        raise CommandError(
            "--patience looks at the loss, which --hs 1 has only with --compute-loss: give that, or --monitor NAME"
        )
    found.stopping = EarlyStopping(monitor, args.patience)
    found.callbacks.append(found.stopping)


def _history_writer(args: argparse.Namespace, history: History) -> Callable[[Word2Vec], object]:
    path = args.history
    if not path.endswith(_HISTORIES):
        raise CommandError(f"--history {path}: must end in one of {', '.join(_HISTORIES)}")
    checks.check_output(path, args.overwrite, args.evaluate, args.corpus)
    if path.endswith(".csv"):
        return lambda model: history.to_csv(path)
    extras.check("matplotlib", "report", "--history FILE.html")
    return lambda model: history.to_html(path)


def _report(model: Word2Vec, history: History, folder: str, facts: dict[str, Any]) -> None:
    from torch_w2v.report import training  # noqa: PLC0415  needs matplotlib

    training.write(model, history, os.path.join(folder, page.FILE), facts)


def _gold(path: str) -> Gold:
    """Return the set in a file, or the one in gensim's wheel of that name."""
    named = NAMED.get(path.lower().replace("-", ""))
    if named is not None and not os.path.exists(path):
        return named
    with open(path, encoding="utf8", errors="replace") as lines:
        first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return analogies_file(path) if first.startswith(": ") else pairs_file(path)


def write_all(found: Watched, model: Word2Vec) -> None:
    """Write the history and the report.

    Raises:
        CommandError: a file cannot be written.
    """
    for write in found.write:
        try:
            write(model)
        except OSError as e:
            raise CommandError(f"cannot be written: {describe(e)}", FAILED) from e
