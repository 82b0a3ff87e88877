"""The report of `benchmarks.gpu`, and the time that is left for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from timeit import default_timer

import torch

from benchmarks.common import Corpus
from torch_w2v.compare import Gold


@dataclass
class Session:
    """One run of all parts.

    Attributes:
        device: to run on.
        corpus: to train on.
        small: use tiny sizes, to see that every part runs; the figures mean nothing.
        out: path of the report, a Markdown file.
        deadline: time of `default_timer()` after which no part is begun.
        gold: sets of human judgements.
        skipped: the parts that no time was left for.
    """

    device: torch.device
    corpus: Corpus
    small: bool
    out: str
    deadline: float
    gold: Sequence[Gold]
    skipped: list[str] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        """Print lines and append them to the report at once, so that an interrupted run has what it measured."""
        with open(self.out, "a", encoding="utf8") as file:
            for line in lines:
                print(line, flush=True)
                file.write(line + "\n")

    def table(self, *heads: str) -> Callable[..., None]:
        """Begin a table, and return a function that adds a row of cells."""
        self.say("", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}")
        return lambda *cells: self.say(f"| {' | '.join(map(str, cells))} |")

    def time_for(self, seconds: float, what: str) -> bool:
        """Return whether a part of this length can still be done; if not, the report will name it."""
        if self.small or default_timer() + seconds < self.deadline:
            return True
        self.skipped.append(what)
        return False

    def seconds(self, run: Callable[[], object], least: float = 0.3) -> float:
        """Time a function.

        Args:
            run: called once without being timed, then as often as fits into `least` seconds.
            least: seconds.

        Returns:
            Seconds of the fastest call.
        """
        run()
        best, spent = float("inf"), 0.0
        while spent < (0 if self.small else least) or best == float("inf"):
            self.synchronize()
            start = default_timer()
            run()
            self.synchronize()
            best = min(best, default_timer() - start)
            spent += best
        return best

    def synchronize(self) -> None:
        """Wait until the device has done everything that was launched."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
