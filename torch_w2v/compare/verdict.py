"""Is a measure worse than gensim's? One-sided, with a margin fixed beforehand and an interval over the seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # one-sided: the interval shown holds the true difference with 90 %

NOT_INFERIOR, INFERIOR, UNDECIDED = "not inferior", "inferior", "undecided"


@dataclass(frozen=True)
class Verdict:
    """One measure of one contender, beside gensim's.

    Attributes:
        contender, measure: which.
        gensim, ours: means over the seeds.
        difference: ours less gensim's, turned round where less is better: above 0 is better than gensim.
        low, high: the interval of the difference (Welch's t over the seeds); nan with one seed.
        margin: how far below 0 still counts as the same.
        verdict: 'not inferior' where low > -margin, 'inferior' where high < -margin, else 'undecided'.
    """

    contender: str
    measure: str
    gensim: float
    ours: float
    difference: float
    low: float
    high: float
    margin: float
    verdict: str


def welch(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Difference of the means, and the ends of its interval: each is wrong with probability 1 - `CONFIDENCE`.

    B. L. Welch, "The generalization of Student's problem…", Biometrika 34 (1947). One value on a side: nan ends.
    """
    from scipy.stats import t  # noqa: PLC0415  gensim's own dependency; slow to import

    difference = statistics.mean(ours) - statistics.mean(theirs)
    if min(len(ours), len(theirs)) < 2:
        return difference, float("nan"), float("nan")
    parts = [statistics.variance(side) / len(side) for side in (ours, theirs)]
    if not sum(parts):
        return difference, difference, difference
    freedom = sum(parts) ** 2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (ours, theirs), strict=True))
    half = float(t.ppf(CONFIDENCE, freedom)) * math.sqrt(sum(parts))
    return difference, difference - half, difference + half


def judge(
    contender: str, measure: str, ours: Sequence[float], theirs: Sequence[float], margin: float, less_is_better: bool
) -> Verdict:
    """The verdict over the runs of one measure; a run that diverged (nan) makes it 'inferior'."""
    if not all(map(math.isfinite, ours)):
        nan = float("nan")
        return Verdict(contender, measure, statistics.mean(theirs), nan, nan, nan, nan, margin, INFERIOR)
    sign = -1 if less_is_better else 1
    difference, low, high = welch([sign * x for x in ours], [sign * x for x in theirs])
    verdict = NOT_INFERIOR if low > -margin else INFERIOR if high < -margin else UNDECIDED
    return Verdict(
        contender, measure, statistics.mean(theirs), statistics.mean(ours), difference, low, high, margin, verdict
    )
