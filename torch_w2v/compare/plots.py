"""The plots of a comparison; they need matplotlib, but no display."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch_w2v.compare.contenders import GENSIM
from torch_w2v.compare.results import Comparison
from torch_w2v.compare.verdict import DIFFERS, INFERIOR, NOT_INFERIOR, UNDECIDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# colour of each verdict
COLOURS = {NOT_INFERIOR: "#1a7f37", INFERIOR: "#c62828", UNDECIDED: "#9a6700", DIFFERS: "#0969da"}
# maximum number of panels per row of a figure
_COLUMNS = 4


def _figure(row_height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, up to `_COLUMNS` of them per row; `row_height` is in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an optional extra

    rows, columns = -(-panels // _COLUMNS), min(panels, _COLUMNS)
    figure = Figure(figsize=(9, row_height * rows), layout="constrained")
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in all_axes[panels:]:
        axes.set_visible(False)
    return figure, all_axes[:panels]


def differences(result: Comparison) -> Figure:
    """Plot the differences in units of the margin, so that measures of different scales share one axis."""
    shown = [v for v in result.verdicts if math.isfinite(v.difference)]
    figure, (axes,) = _figure(1.2 + 0.35 * max(len(shown), 1))
    for row, v in enumerate(reversed(shown)):
        ends = [v.difference - v.low, v.high - v.difference] if math.isfinite(v.low) else [0, 0]
        axes.errorbar(
            v.difference / v.margin,
            row,
            xerr=[[end / v.margin] for end in ends],
            fmt="o",
            capsize=3,
            color=COLOURS[v.verdict],
        )
    axes.set_yticks(range(len(shown)), [f"{v.contender}: {v.measure}" for v in reversed(shown)])
    axes.axvline(0, color="#59636e", linewidth=1)
    axes.axvline(-1, color=COLOURS[INFERIOR], linewidth=1, linestyle="--")
    axes.set_xlabel("better than gensim →   (in units of the margin; dashed: the margin)")
    return figure


def scores(result: Comparison) -> Figure:
    """Plot the score of every run, one panel per measure."""
    measures = list(dict.fromkeys(v.measure for v in result.verdicts))
    names = result.contenders
    figure, panels = _figure(3, max(len(measures), 1))
    for axes, measure in zip(panels, measures, strict=False):
        for x, name in enumerate(names):
            values = [run.scores[measure] for run in result.runs if run.contender == name and measure in run.scores]
            axes.plot([x] * len(values), values, "o", alpha=0.6, color="#59636e" if name == GENSIM else "#0969da")
        axes.set_title(measure, fontsize=10)
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.tick_params(labelsize=8)
    return figure


def speeds(result: Comparison) -> Figure:
    """Plot the median speed of training of each contender."""
    figure, (axes,) = _figure(0.8 + 0.4 * len(result.contenders))
    names = result.contenders[::-1]
    bars = axes.barh(names, [result.speed(name) for name in names], color="#0969da", height=0.6)
    axes.bar_label(bars, [f"{result.speed(name):.2f}" for name in names], padding=3)
    axes.set_xlabel("million words of the corpus per second of training (median)")
    return figure
