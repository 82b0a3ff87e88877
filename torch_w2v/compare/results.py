"""The results of a comparison, as text and as plain data."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from torch_w2v.compare.contenders import GENSIM
from torch_w2v.compare.verdict import INFERIOR, Verdict
from torch_w2v.json_values import json_value


@dataclass(frozen=True)
class Run:
    """One training of one contender.

    Attributes:
        contender: its name.
        seed: of the model.
        train_seconds: duration of `train()`.
        whole_seconds: duration of `build_vocab()` and `train()`.
        words_per_second: words of the corpus, times the epochs trained, per second of `train()`.
        peak_bytes: peak memory of the process beyond what it used before; None where the system cannot tell.
        scores: measure -> value; nan where it could not be measured.
    """

    contender: str
    seed: int
    train_seconds: float
    whole_seconds: float
    words_per_second: float
    peak_bytes: int | None
    scores: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`.

    Attributes:
        corpus: sizes: 'sentences' and 'words' trained on, 'held_out_words', 'vocabulary'.
        arguments: of the constructors, and 'seeds'.
        versions: of torch, gensim and Python.
        runs: all of them, in the order in which they ran.
        verdicts: one for each contender beside gensim and each measure.
        left_out: sentences about the measures that have no verdict.
    """

    corpus: dict[str, int]
    arguments: dict[str, Any]
    versions: dict[str, str]
    runs: list[Run]
    verdicts: list[Verdict]
    left_out: list[str] = field(default_factory=list)

    @property
    def inferior(self) -> list[Verdict]:
        """The verdicts that are 'inferior'."""
        return [verdict for verdict in self.verdicts if verdict.verdict == INFERIOR]

    @property
    def contenders(self) -> list[str]:
        """The names of the contenders in the order of their runs, gensim first."""
        return list(dict.fromkeys(run.contender for run in self.runs))

    def runs_of(self, contender: str) -> list[Run]:
        """Return the runs of one contender, one for each seed."""
        return [run for run in self.runs if run.contender == contender]

    def speed(self, contender: str) -> float:
        """Return the median speed of a contender's training, in millions of words per second."""
        return statistics.median(run.words_per_second for run in self.runs_of(contender)) / 1e6

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain dicts and lists, ready for JSON; what could not be measured is None."""
        plain: dict[str, Any] = json_value(asdict(self))
        return plain

    def lines(self) -> Iterator[str]:
        """Yield the result as lines of text: the corpus, a table of speed and memory, a table of verdicts."""
        sizes = self.corpus
        yield (
            f"corpus     {sizes['words']:,} words in {sizes['sentences']:,} sentences to train on, "
            f"{sizes['held_out_words']:,} held out"
        )
        yield f"arguments  {', '.join(f'{name}={value}' for name, value in self.arguments.items())}"
        yield f"versions   {', '.join(f'{name} {value}' for name, value in self.versions.items())}"
        yield ""
        yield from self._speed_lines()
        yield ""
        yield from self._verdict_lines()
        yield from self.left_out

    def _name_width(self) -> int:
        return max(map(len, self.contenders)) + 2

    def _speed_lines(self) -> Iterator[str]:
        width = self._name_width()
        yield f"{'':{width}}{'train, s':>10}{'whole, s':>10}{'M words/s':>11}{'ratio':>7}{'peak, MB':>10}"
        for name in self.contenders:
            runs = self.runs_of(name)
            train = statistics.median(run.train_seconds for run in runs)
            whole = statistics.median(run.whole_seconds for run in runs)
            peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
            peak = f"{max(peaks) / 1e6:,.0f}" if peaks else "-"
            ratio = self.speed(name) / self.speed(GENSIM)
            yield f"{name:{width}}{train:10.2f}{whole:10.2f}{self.speed(name):11.2f}{ratio:7.2f}{peak:>10}"

    def _verdict_lines(self) -> Iterator[str]:
        width = self._name_width()
        measure_width = max([len(verdict.measure) for verdict in self.verdicts], default=0) + 2
        heads = f"{'gensim':>9}{'ours':>9}{'better by':>11}{'90 % interval':>20}{'margin':>9}  verdict"
        yield f"{'':{width}}{'':{measure_width}}{heads}" if self.verdicts else "no measure could be judged"
        for v in self.verdicts:
            yield (
                f"{v.contender:{width}}{v.measure:{measure_width}}{v.gensim:9.4f}{v.ours:9.4f}{v.difference:+11.4f}"
                f"{v.interval:>20}{v.margin:9.4f}  {v.verdict}"
            )
