"""The report of a comparison: one HTML page with plots that needs no other file."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator

from torch_w2v.compare import plots
from torch_w2v.compare.contenders import GENSIM
from torch_w2v.compare.results import Comparison
from torch_w2v.compare.verdict import DIFFERS, INFERIOR, NOT_INFERIOR, UNDECIDED
from torch_w2v.report import page
from torch_w2v.report.page import FILE, check

__all__ = ["FILE", "check", "write"]


def write(result: Comparison, folder: str) -> str:
    """Write the page.

    Args:
        result: what `compare` returned.
        folder: that `check` has checked.

    Returns:
        The path of the page.
    """
    return page.write(page.document("torch_w2v beside gensim", _parts(result)), os.path.join(folder, FILE))


def _parts(result: Comparison) -> Iterator[str]:
    yield f"<p>{_summary(result)}</p>"
    corpus = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in result.corpus.items())
    yield page.note(corpus, "Corpus")
    yield page.note(", ".join(f"{name}={value}" for name, value in result.arguments.items()), "Arguments")
    yield page.note(", ".join(f"{name} {value}" for name, value in result.versions.items()), "Versions")
    yield "<h2>Quality</h2>"
    yield page.note(
        "A line is the 90 % interval of a difference, and a symbol its middle: "
        + ", ".join(f"{sign} {verdict}" for verdict, sign in plots.SIGNS.items())
        + ". In the band the quality counts as gensim's; left of the dashed line it is worse by more than the margin."
    )
    yield page.image(
        plots.differences(result), "difference from gensim for each measure, with its interval and the margin"
    )
    yield _verdict_table(result)
    yield "".join(map(page.note, result.left_out))
    yield "<h2>Every run</h2>"
    yield page.note("A dot is a run. The band is the mean of gensim's runs, give or take the margin.")
    yield page.image(plots.scores(result), "the scores of every run")
    yield "<h2>Speed and memory</h2>"
    yield page.image(plots.speeds(result), "words per second of training")
    yield _run_table(result)


def _summary(result: Comparison) -> str:
    kinds = (NOT_INFERIOR, UNDECIDED, DIFFERS, INFERIOR)
    counts = {kind: sum(v.verdict == kind for v in result.verdicts) for kind in kinds}
    listed = ", ".join(f"{n} {word}" for word, n in counts.items() if n)
    return (
        f"{len(result.verdicts)} verdicts: {listed}. A measure is not inferior if the whole 90 % interval of its "
        "difference from gensim lies above minus the margin, inferior if the whole interval lies below, and undecided "
        "otherwise; more seeds make the interval smaller."
    )


def _verdict_table(result: Comparison) -> str:
    rows = [
        [
            html.escape(v.contender),
            html.escape(v.measure),
            f"{v.gensim:.4f}",
            f"{v.ours:.4f}",
            f"{v.difference:+.4f}",
            v.interval,
            f"{v.margin:.4f}",
            f'<b style="color:{plots.COLOURS[v.verdict]}">{plots.SIGNS[v.verdict]} {v.verdict}</b>',
        ]
        for v in result.verdicts
    ]
    return page.table(["", "measure", "gensim", "ours", "better by", "90 % interval", "margin", "verdict"], rows)


def _run_table(result: Comparison) -> str:
    rows = [
        [
            html.escape(run.contender),
            str(run.seed),
            f"{run.train_seconds:.2f}",
            f"{run.whole_seconds:.2f}",
            f"{run.words_per_second / 1e6:.2f}",
            f"{run.words_per_second / 1e6 / result.speed(GENSIM):.2f}",
            "-" if run.peak_bytes is None else f"{run.peak_bytes / 1e6:,.0f}",
        ]
        for run in result.runs
    ]
    return page.table(["", "seed", "train, s", "whole, s", "M words/s", "x gensim", "peak, MB"], rows)
