"""The line that says how far reading and training are: in a terminal, in a notebook, and in a file.

In a terminal it is one line that is written anew (by tqdm where that is installed), in Jupyter a bar. Anywhere else, as
in a pipe, there is a line per epoch.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from timeit import default_timer
from typing import Any, Protocol, TextIO

from torch_w2v.training.watching import INTERVAL, Progress


class Bar(Protocol):
    """Something that shows one line, and shows another in its place."""

    def show(self, text: str, share: float, rest: str) -> None:
        """Show what is done: `text`, the share from 0 to 1 (nan if it is not known), and `rest`."""

    def clear(self) -> None:
        """Take the line away until it is shown again, so that something else can be printed."""

    def close(self, keep: bool) -> None:
        """End the line, which stays or not."""


def clear_line() -> str:
    """Return what makes the last line of a terminal empty. Older terminals of Windows know no escape sequences."""
    if os.name == "nt":
        return f"\r{'':{shutil.get_terminal_size().columns - 1}}\r"
    return "\r\033[K"


class PlainBar:
    """A bar that needs no package.

    Args:
        stream: a terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, text: str, share: float, rest: str) -> None:
        """Show a line as long as the terminal is wide; see `Bar`."""
        percentage = "" if math.isnan(share) else f" {share:4.0%}"
        columns = shutil.get_terminal_size().columns
        self._stream.write(f"{clear_line()}{f'{text}{percentage}, {rest}':.{columns - 1}}")
        self._stream.flush()

    def clear(self) -> None:
        """Take the line away; see `Bar`."""
        self._stream.write(clear_line())
        self._stream.flush()

    def close(self, keep: bool) -> None:
        """End the line; see `Bar`."""
        self._stream.write("\n" if keep else clear_line())
        self._stream.flush()


class TqdmBar:
    """A bar by tqdm.

    Args:
        stream: a terminal; None for a bar in a notebook.
    """

    def __init__(self, stream: TextIO | None) -> None:
        if stream is None:
            from tqdm.notebook import tqdm as kind  # noqa: PLC0415  an optional extra
        else:
            from tqdm import tqdm as kind  # noqa: PLC0415

        # tqdm's thread, which redraws bars that are not updated, has nothing to do here.
        quiet = type("_Tqdm", (kind,), {"monitor_interval": 0})
        self._bar: Any = quiet(
            total=1.0,
            file=stream,
            bar_format="{bar}",
            dynamic_ncols=stream is not None,
            mininterval=0,
            leave=True,
        )

    def show(self, text: str, share: float, rest: str) -> None:
        """Show a bar; see `Bar`."""
        known = not math.isnan(share)
        self._bar.bar_format = f"{text} {{percentage:3.0f}}%|{{bar}}| {rest}" if known else f"{text}, {rest}"
        self._bar.n = share if known else 0.0
        self._bar.refresh()

    def clear(self) -> None:
        """Take the line away; see `Bar`."""
        self._bar.clear()

    def close(self, keep: bool) -> None:
        """End the line; see `Bar`."""
        self._bar.leave = keep
        self._bar.close()


def in_notebook() -> bool:
    """Return whether this process is the kernel of a Jupyter notebook."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"


def bar(stream: TextIO) -> Bar | None:
    """Return the bar for a stream, or None where only lines of their own are to be printed."""
    has_tqdm = importlib.util.find_spec("tqdm") is not None
    if stream.isatty():
        return TqdmBar(stream) if has_tqdm else PlainBar(stream)
    if in_notebook():
        return TqdmBar(None) if has_tqdm and importlib.util.find_spec("ipywidgets") else PlainBar(stream)
    return None


class ProgressLine:
    """Shows the phases of reading a corpus and training on it.

    Args:
        stream: where to; None for this process's stderr. Where there is none, or it cannot be written to (a full disk,
            a broken pipe, a closed file), nothing is shown any more.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stderr
        self._bar: Bar | None = None
        self._open = self._training = False
        self._start = self._last = default_timer()

    def read(self, words: int, share: float = math.nan) -> None:
        """Show how far the corpus is read.

        Args:
            words: read so far.
            share: of the corpus, from 0 to 1; nan where its size is not known.
        """
        now = default_timer()
        if not self._open:
            self._begin(now)
        if now >= self._last + INTERVAL:
            self._last = now
            speed = words / max(now - self._start, 1e-9)
            self._show("reading", share, f"{number(words)} words, {number(speed)} words/s")

    def say(self, text: str) -> None:
        """Print a line that stays, above the line of progress."""
        with self._if_it_can_be_written():
            if self._bar is not None:
                self._bar.clear()
            if self._stream is not None:
                print(text, file=self._stream, flush=True)

    def train(self, progress: Progress) -> None:
        """Show how far training is."""
        self._training = True
        if not self._open:
            self._begin(default_timer())
        if self._bar is None:
            if progress.ends_epoch:
                self.say(epoch_line(progress))
            return
        last = progress.epoch == progress.epochs and progress.ends_epoch
        loss = progress.epoch_loss if progress.ends_epoch else progress.loss
        parts = [
            f"{number(progress.words / progress.seconds if last else progress.words_per_second)} words/s",
            clock(progress.seconds) if last else f"{clock(progress.seconds_left)} left",
            *([] if math.isnan(loss) else [f"loss {loss:.4f}"]),
        ]
        self._show(f"epoch {progress.epoch} of {progress.epochs}", progress.share, ", ".join(parts))
        if last:
            self._end(keep=True)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        """End the line, wherever it is; that of an interrupted training stays."""
        self._end(keep=self._training)

    def _begin(self, now: float) -> None:
        self._open, self._start, self._last = True, now, now
        with self._if_it_can_be_written():
            self._bar = None if self._stream is None else bar(self._stream)

    def _show(self, text: str, share: float, rest: str) -> None:
        with self._if_it_can_be_written():
            if self._bar is not None:
                self._bar.show(text, share, rest)

    def _end(self, keep: bool) -> None:
        with self._if_it_can_be_written():
            if self._bar is not None:
                self._bar.close(keep)
        self._bar, self._open = None, False

    @contextmanager
    def _if_it_can_be_written(self) -> Iterator[None]:
        """Show nothing any more after a failure to write in this block, which is no reason to end the training."""
        try:
            yield
        except (OSError, ValueError) as e:
            # A closed file raises a ValueError; any other is a fault.
            if isinstance(e, ValueError) and not getattr(self._stream, "closed", False):
                raise
            self._bar = self._stream = None


def progress_line(shown: bool) -> ProgressLine | None:
    """Return a line of progress if one is to be shown."""
    return ProgressLine() if shown else None


def epoch_line(progress: Progress) -> str:
    """Return a line that says how an epoch went."""
    loss = "" if math.isnan(progress.epoch_loss) else f", loss {progress.epoch_loss:.4f}"
    speed = number(progress.epoch_words / max(progress.epoch_seconds, 1e-9))
    name = f"epoch {progress.epoch} of {progress.epochs}"
    seconds = f"{progress.epoch_seconds:.1f} s"
    return f"{name}: {progress.epoch_words:,} words in {seconds}, {speed} words/s{loss}, alpha {progress.alpha:.5f}"


def number(value: float) -> str:
    """Return a number of things in three digits: '950', '12.3 k', '4.56 M'."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:#.3g}".rstrip(".") + unit
    return f"{value:.0f}"


def clock(seconds: float) -> str:
    """Return a duration as on a clock: '0:07', '1:02:03'; '?' for one that is not known."""
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
