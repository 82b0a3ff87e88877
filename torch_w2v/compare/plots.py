"""The plots of a comparison; they need matplotlib, but no display."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from torch_w2v.compare.contenders import GENSIM
from torch_w2v.compare.results import Comparison
from torch_w2v.compare.verdict import DIFFERS, INFERIOR, NOT_INFERIOR, UNDECIDED, Verdict
from torch_w2v.report.figures import BAND, BLUE, BROWN, GREEN, GREY, RED, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colour and symbol of each verdict
COLOURS = {NOT_INFERIOR: GREEN, INFERIOR: RED, UNDECIDED: BROWN, DIFFERS: BLUE}
MARKERS = {NOT_INFERIOR: "o", INFERIOR: "X", UNDECIDED: "s", DIFFERS: "^"}
SIGNS = {NOT_INFERIOR: "●", INFERIOR: "✖", UNDECIDED: "■", DIFFERS: "▲"}
# Differences are shown up to so many margins; an arrow stands for one that lies beyond.
_FAR = 4.0


def differences(result: Comparison) -> Figure:
    """Plot the differences from gensim, one panel per engine.

    They are in units of their margins, so that measures of different scales share one axis: the band from -1 to 1 is
    what counts as the same quality, and a difference within it looks as small as it is.
    """
    names = [name for name in result.contenders if name != GENSIM]
    most = max([sum(v.contender == name for v in result.verdicts) for name in names], default=1)
    plot, panels = figure(1.1 + 0.32 * max(most, 1), len(names))
    for axes, name in zip(panels, names, strict=True):
        _differences(axes, [v for v in result.verdicts if v.contender == name])
        axes.set_title(f"{name}: difference from gensim, in margins", fontsize=10, loc="left")
    if panels:
        panels[-1].set_xlabel("← worse than gensim        better than gensim →", fontsize=9)
    return plot


def _differences(axes: Axes, verdicts: list[Verdict]) -> None:
    axes.axvspan(-1, 1, color=BAND, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=1)
    axes.axvline(-1, color=RED, linewidth=1, linestyle="--", zorder=1)
    ends = [x / v.margin for v in verdicts for x in (v.low, v.high, v.difference) if math.isfinite(x)]
    reach = min(max([1.6, *(1.1 * abs(end) for end in ends)]), _FAR)
    for row, v in enumerate(reversed(verdicts)):
        colour = COLOURS[v.verdict]
        if not math.isfinite(v.difference):
            axes.text(-reach, row, " diverged", color=colour, va="center", fontsize=8)
            continue
        middle = v.difference / v.margin
        if math.isfinite(v.low):
            low, high = (min(max(x / v.margin, -reach), reach) for x in (v.low, v.high))
            axes.plot([low, high], [row, row], "-", color=colour, linewidth=1.6, zorder=2)
        place = min(max(middle, -reach), reach)
        marker = MARKERS[v.verdict] if place == middle else ("<" if middle < 0 else ">")
        axes.plot(place, row, marker, color=colour, markersize=6, zorder=3, clip_on=False)
        label = f"{v.difference:+.4f} of {v.margin:.4f}"
        axes.annotate(
            label, (1.01, row), xycoords=("axes fraction", "data"), fontsize=8, va="center", color=GREY, zorder=3
        )
    axes.set_yticks(range(len(verdicts)), [v.measure for v in reversed(verdicts)])
    axes.set_ylim(-0.7, len(verdicts) - 0.3)
    axes.set_xlim(-reach, reach)


def scores(result: Comparison) -> Figure:
    """Plot the score of every run, one panel per measure.

    The band is what counts as gensim's quality: the mean of its runs, give or take the margin. It takes a good part of
    the axis, so that a difference within it does not look large.
    """
    margins = {v.measure: v.margin for v in result.verdicts}
    plot, panels = figure(2.6, max(len(margins), 1), 3)
    names = result.contenders
    for axes, (measure, margin) in zip(panels, margins.items(), strict=False):
        values = {name: [run.scores.get(measure, math.nan) for run in result.runs_of(name)] for name in names}
        values = {name: list(filter(math.isfinite, own)) for name, own in values.items()}
        middle = statistics.mean(values[GENSIM])
        axes.axhspan(middle - margin, middle + margin, color=BAND, zorder=0)
        axes.axhline(middle, color=GREY, linewidth=0.8, zorder=1)
        for x, name in enumerate(names):
            colour, marker = (GREY, "D") if name == GENSIM else (BLUE, "o")
            axes.plot([x] * len(values[name]), values[name], marker, alpha=0.7, color=colour, markersize=5, zorder=2)
        every = [value for own in values.values() for value in own]
        reach = max([1.8 * margin, *(1.15 * abs(value - middle) for value in every)])
        axes.set_ylim(middle - reach, middle + reach)
        axes.set_title(measure, fontsize=10)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
        axes.set_xlim(-0.6, len(names) - 0.4)
    return plot


def speeds(result: Comparison) -> Figure:
    """Plot the median speed of training of each contender, with its ratio to gensim's at the bar."""
    names = result.contenders[::-1]
    plot, (axes,) = figure(0.8 + 0.38 * len(names))
    bars = axes.barh(
        names, [result.speed(n) for n in names], color=[GREY if n == GENSIM else BLUE for n in names], height=0.6
    )
    labels = [f"{result.speed(n):.2f} M/s, {result.speed(n) / result.speed(GENSIM):.2f} x gensim" for n in names]
    axes.bar_label(bars, labels, padding=4, fontsize=9)
    axes.margins(x=0.28)
    axes.set_xlabel("million words of the corpus per second of training (median)", fontsize=9)
    return plot
