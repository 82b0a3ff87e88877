"""What the plots have in common; they need matplotlib, but no display."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, GREY, GREEN, RED, BROWN, BAND = "#0969da", "#59636e", "#1a7f37", "#c62828", "#9a6700", "#ddf4e4"
WIDTH = 9.0  # inches


def figure(row_height: float, panels: int = 1, columns: int = 1, share_x: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels.

    Args:
        row_height: in inches.
        panels: number of them.
        columns: maximum number of panels per row.
        share_x: the panels have the same horizontal axis.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  an optional extra

    columns = max(min(panels, columns), 1)
    rows = max(math.ceil(panels / columns), 1)
    plot = Figure(figsize=(WIDTH, row_height * rows), layout="constrained")
    all_axes = list(plot.subplots(rows, columns, squeeze=False, sharex=share_x).flat)
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    for axes in all_axes[panels:]:
        axes.set_visible(False)
    return plot, all_axes[:panels]
