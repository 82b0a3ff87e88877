"""The report of a comparison: one HTML page with plots that needs no other file."""

from __future__ import annotations

import base64
import html
import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from torch_w2v.compare.contenders import GENSIM
from torch_w2v.compare.results import Comparison
from torch_w2v.compare.verdict import INFERIOR, NOT_INFERIOR, UNDECIDED
from torch_w2v.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILE = "report.html"
_COLUMNS = 4  # most panels per row of a figure
_COLOURS = {NOT_INFERIOR: "#1a7f37", INFERIOR: "#c62828", UNDECIDED: "#9a6700"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .3rem .8rem; text-align: right; }
th { border-bottom: 2px solid #d0d7de; } td { border-bottom: 1px solid #d0d7de; }
th:first-child, td:first-child, .text { text-align: left; } img { max-width: 100%; } .note { color: #59636e; }
"""


def check(folder: str) -> None:
    """Check that a report can be written, and make its folder if there is none.

    Args:
        folder: for the report.

    Raises:
        ImportError: matplotlib is missing; the message has the command that installs it.
        ValueError: the folder cannot be made or written to, or it has a report already.
    """
    try:
        import matplotlib  # noqa: F401, PLC0415  an optional extra
    except ImportError:
        raise ImportError("the report needs matplotlib: pip install 'torch_w2v[report]'") from None
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as e:
        raise ValueError(f"{folder}: cannot make this folder: {e.strerror}") from e
    if not os.access(folder, os.W_OK):
        raise ValueError(f"{folder}: cannot be written to")
    if os.path.lexists(os.path.join(folder, FILE)):
        raise ValueError(f"{os.path.join(folder, FILE)}: exists; move it, or name another folder")


def write(result: Comparison, folder: str) -> str:
    """Write the page.

    Args:
        result: what `compare` returned.
        folder: that `check` has checked.

    Returns:
        The path of the page.
    """
    path = Path(folder) / FILE
    with replacing(path) as temporary:
        Path(temporary).write_text("".join(_page(result)), encoding="utf8")
    return str(path)


def _page(result: Comparison) -> Iterator[str]:
    title = "torch_w2v beside gensim"
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"<h1>{title}</h1><p>{_summary(result)}</p>"
    corpus = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in result.corpus.items())
    for name, text in (
        ("Corpus", corpus),
        ("Arguments", ", ".join(f"{name}={value}" for name, value in result.arguments.items())),
        ("Versions", ", ".join(f"{name} {value}" for name, value in result.versions.items())),
    ):
        yield f'<p class="note"><b>{name}:</b> {html.escape(text)}</p>'
    yield "<h2>Quality</h2>"
    yield _image(_differences(result), "difference from gensim for each measure, with its interval and the margin")
    yield _verdict_table(result)
    yield "".join(f'<p class="note">{html.escape(line)}</p>' for line in result.left_out)
    yield "<h2>Every run</h2>"
    yield _image(_scores(result), "the scores of every run")
    yield "<h2>Speed and memory</h2>"
    yield _image(_speeds(result), "words per second of training")
    yield _run_table(result)
    yield "</html>\n"


def _summary(result: Comparison) -> str:
    counts = {word: sum(v.verdict == word for v in result.verdicts) for word in (NOT_INFERIOR, UNDECIDED, INFERIOR)}
    listed = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return (
        f"{len(result.verdicts)} verdicts: {listed}. A measure is not inferior if the whole 90 % interval of its "
        "difference from gensim lies above minus the margin, inferior if the whole interval lies below, and undecided "
        "otherwise; more seeds make the interval smaller."
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _verdict_table(result: Comparison) -> str:
    rows = [
        [
            html.escape(v.contender),
            html.escape(v.measure),
            f"{v.gensim:.4f}",
            f"{v.ours:.4f}",
            f"{v.difference:+.4f}",
            f"{v.low:+.4f} … {v.high:+.4f}",
            f"{v.margin:.4f}",
            f'<b style="color:{_COLOURS[v.verdict]}">{v.verdict}</b>',
        ]
        for v in result.verdicts
    ]
    return _table(["", "measure", "gensim", "ours", "better by", "90 % interval", "margin", "verdict"], rows)


def _run_table(result: Comparison) -> str:
    rows = [
        [
            html.escape(run.contender),
            str(run.seed),
            f"{run.train_seconds:.2f}",
            f"{run.whole_seconds:.2f}",
            f"{run.words_per_second / 1e6:.2f}",
            "-" if run.peak_bytes is None else f"{run.peak_bytes / 1e6:,.0f}",
        ]
        for run in result.runs
    ]
    return _table(["", "seed", "train, s", "whole, s", "M words/s", "peak, MB"], rows)


def _figure(row_height: float, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure and its panels, up to `_COLUMNS` of them per row; `row_height` is in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415  an optional extra

    rows, columns = -(-panels // _COLUMNS), min(panels, _COLUMNS)
    figure = Figure(figsize=(9, row_height * rows), layout="constrained")
    all_axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in all_axes[panels:]:
        axes.set_visible(False)
    return figure, all_axes[:panels]


def _differences(result: Comparison) -> Figure:
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
            color=_COLOURS[v.verdict],
        )
    axes.set_yticks(range(len(shown)), [f"{v.contender}: {v.measure}" for v in reversed(shown)])
    axes.axvline(0, color="#59636e", linewidth=1)
    axes.axvline(-1, color=_COLOURS[INFERIOR], linewidth=1, linestyle="--")
    axes.set_xlabel("better than gensim →   (in units of the margin; dashed: the margin)")
    return figure


def _scores(result: Comparison) -> Figure:
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


def _speeds(result: Comparison) -> Figure:
    figure, (axes,) = _figure(0.8 + 0.4 * len(result.contenders))
    names = result.contenders[::-1]
    bars = axes.barh(names, [result.speed(name) for name in names], color="#0969da", height=0.6)
    axes.bar_label(bars, [f"{result.speed(name):.2f}" for name in names], padding=3)
    axes.set_xlabel("million words of the corpus per second of training (median)")
    return figure


def _image(figure: Figure, alternative: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<p><img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></p>'
