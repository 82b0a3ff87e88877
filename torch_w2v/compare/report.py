"""The report of a comparison: one HTML page with plots that needs no other file."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from torch_w2v.compare import plots
from torch_w2v.compare.results import Comparison
from torch_w2v.compare.verdict import DIFFERS, INFERIOR, NOT_INFERIOR, UNDECIDED
from torch_w2v.files import check_writable, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "report.html"
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
    path = os.path.join(folder, FILE)
    if os.path.lexists(path):
        raise ValueError(f"{path}: exists; move it, or name another folder")
    try:
        check_writable(path)
    except OSError as e:
        raise ValueError(f"{path}: cannot be written: {e.strerror}") from e


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
    yield _image(plots.differences(result), "difference from gensim for each measure, with its interval and the margin")
    yield _verdict_table(result)
    yield "".join(f'<p class="note">{html.escape(line)}</p>' for line in result.left_out)
    yield "<h2>Every run</h2>"
    yield _image(plots.scores(result), "the scores of every run")
    yield "<h2>Speed and memory</h2>"
    yield _image(plots.speeds(result), "words per second of training")
    yield _run_table(result)
    yield "</html>\n"


def _summary(result: Comparison) -> str:
    kinds = (NOT_INFERIOR, UNDECIDED, DIFFERS, INFERIOR)
    counts = {kind: sum(v.verdict == kind for v in result.verdicts) for kind in kinds}
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
            f'<b style="color:{plots.COLOURS[v.verdict]}">{v.verdict}</b>',
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


def _image(figure: Figure, alternative: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<p><img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></p>'
