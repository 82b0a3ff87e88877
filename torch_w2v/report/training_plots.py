"""The plots of one training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from gensim.models import KeyedVectors

from torch_w2v.report.figures import BLUE, BROWN, GREY, WIDTH, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, float]]

# Words on the map, and how many of them are named where there is room.
MAP_WORDS, MAP_NAMES = 400, 250


def course(rows: Rows, curve: Rows) -> Figure:
    """Plot loss, learning rate and speed over the epochs.

    Args:
        rows: of a `History`, one per epoch.
        curve: its points within the epochs.
    """
    series = [
        ("loss", "mean loss, nats per pair", BLUE, 1.0),
        ("alpha", "learning rate", BROWN, 1.0),
        ("words_per_second", "M words/s", GREY, 1e-6),
    ]
    plot, panels = figure(2.1, len(series), 1, share_x=True)
    for axes, (name, label, colour, unit) in zip(panels, series, strict=True):
        _line(axes, [(p["epochs"], unit * p[name]) for p in curve if not math.isnan(p[name])], colour, "-")
        _line(axes, [(r["epoch"], unit * r[name]) for r in rows if not math.isnan(r[name])], colour, "o")
        axes.set_ylabel(label, fontsize=9)
        axes.grid(axis="y", color="#eaeef2")
    panels[1].set_ylim(bottom=0)
    panels[2].set_ylim(bottom=0)
    panels[-1].set_xlabel("epochs (a dot: the mean of an epoch, or the rate at its end)", fontsize=9)
    _whole_epochs(panels[-1])
    return plot


def evaluations(rows: Rows, names: Sequence[str]) -> Figure:
    """Plot each value of the evaluations over the epochs, one panel per value."""
    plot, panels = figure(2.3, len(names), 3)
    for axes, name in zip(panels, names, strict=True):
        points = [(row["epoch"], row[name]) for row in rows if not math.isnan(row.get(name, math.nan))]
        _line(axes, points, BLUE, "o-")
        if points:
            best = (min if "loss" in name else max)(points, key=lambda point: point[1])
            axes.annotate(f"{best[1]:.4f}", best, (0, 7), textcoords="offset points", ha="center", fontsize=8)
            axes.margins(y=0.25)
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(axis="y", color="#eaeef2")
        _whole_epochs(axes)
    return plot


def word_map(vectors: KeyedVectors) -> Figure:
    """Plot the most frequent words in two dimensions: their vectors of length 1, on the two directions in which they
    differ most (PCA). Names that would cover others are left out, the more frequent word being named.
    """
    count = min(len(vectors), MAP_WORDS)
    places = plane(vectors.vectors[:count])
    plot, (axes,) = figure(7.0)
    axes.scatter(places[:, 0], places[:, 1], s=6, color=BLUE, alpha=0.35, linewidths=0)
    axes.set_axis_off()
    axes.margins(0.04)
    # A name takes this much of the axes' width and height, per letter and per line.
    span = np.maximum(np.ptp(places, axis=0), 1e-12)
    letter, line = span * [0.0078 * 9 / WIDTH, 0.021]
    taken: list[tuple[float, float, float, float]] = []
    for row in range(min(count, MAP_NAMES)):
        name = str(vectors.index_to_key[row])[:24]
        x, y = places[row]
        box = (x, y - line / 2, x + letter * (len(name) + 1), y + line / 2)
        if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
            taken.append(box)
            axes.annotate(name, (x, y), (3, 0), textcoords="offset points", fontsize=7.5, va="center", parse_math=False)
    return plot


def plane(vectors: np.ndarray) -> np.ndarray:
    """Return the places of vectors (n, D) in the plane in which they differ most, (n, 2) float64, by PCA.

    The vectors are brought to length 1 first. Fewer than three, or a single column, have zeros.
    """
    rows = np.asarray(vectors, np.float64)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    rows = rows - rows.mean(0)
    left, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    places = (left * sizes)[:, :2]
    return np.pad(places, ((0, 0), (0, 2 - places.shape[1])))


def _line(axes: Axes, points: Sequence[tuple[float, float]], colour: str, style: str) -> None:
    if points:
        x, y = zip(*points, strict=True)
        axes.plot(x, y, style, color=colour, markersize=4, linewidth=1.2)


def _whole_epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
