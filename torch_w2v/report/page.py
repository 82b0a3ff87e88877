"""Pages in HTML that need no other file: their style, tables and pictures."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch_w2v import extras
from torch_w2v.files import check_writable, path_of, replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "report.html"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #d0d7de; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; font-size: .9rem; }
th, td { padding: .25rem .8rem; text-align: right; white-space: nowrap; } th { border-bottom: 2px solid #d0d7de; }
td { border-bottom: 1px solid #eaeef2; } th:first-child, td:first-child, .text td, .text th { text-align: left; }
.text td:last-child { white-space: normal; } img { max-width: 100%; } .note { color: #59636e; font-size: .9rem; }
"""


def check(folder: str) -> None:
    """Check that a report can be written, and make its folder if there is none.

    Args:
        folder: for the report.

    Raises:
        ImportError: matplotlib is missing; the message has the command that installs it.
        ValueError: the folder cannot be made or written to, or it has a report already.
    """
    extras.check("matplotlib", "report", "the report")
    folder = path_of(folder)
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


def write(parts: Iterable[str], path: str | os.PathLike[str]) -> str:
    """Write a page; an older one is replaced when it is complete.

    Args:
        parts: what `document` has returned.
        path: of the file.

    Returns:
        The path.
    """
    path, text = path_of(path), "".join(parts)
    with replacing(path) as temporary:
        Path(temporary).write_text(text, encoding="utf8")
    return path


def document(title: str, parts: Iterable[str]) -> Iterable[str]:
    """Yield a page.

    Args:
        title: plain text.
        parts: HTML, below the heading.
    """
    name = html.escape(title)
    yield (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{name}</title><style>{_STYLE}</style><h1>{name}</h1>'
    )
    yield from parts
    yield "</html>\n"


def note(text: str, heading: str = "") -> str:
    """Return a paragraph of plain text in small print, after a heading in bold."""
    bold = f"<b>{html.escape(heading)}:</b> " if heading else ""
    return f'<p class="note">{bold}{html.escape(text)}</p>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], text: bool = False) -> str:
    """Return a table.

    Args:
        head: plain text.
        rows: cells in HTML.
        text: the cells are words rather than numbers.
    """
    cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    kind = ' class="text"' if text else ""
    return f'<div class="wide"><table{kind}><tr>{cells}</tr>{body}</table></div>'


def facts(values: Mapping[str, Any]) -> str:
    """Return a table of names and values."""
    rows = [[html.escape(str(name)), html.escape(str(value))] for name, value in values.items()]
    return table(["", ""], rows, text=True)


def image(figure: Figure, alternative: str) -> str:
    """Return a picture.

    Args:
        figure: of matplotlib.
        alternative: what it shows, in words.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=144)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<p><img alt="{html.escape(alternative)}" src="data:image/png;base64,{data}"></p>'
