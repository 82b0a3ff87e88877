"""Is a measure worse than gensim's? One-sided, with a margin fixed beforehand and an interval over the seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95  # one-sided; the interval that is shown holds the true difference with 90 %

NOT_INFERIOR, INFERIOR, UNDECIDED, DIFFERS = "not inferior", "inferior", "undecided", "differs"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one measure of one contender.

    Attributes:
        contender: its name.
        measure: its name.
        gensim: mean of gensim's runs.
        ours: mean of the contender's runs.
        difference: of the means, with the sign that makes a positive difference better than gensim.
        low: lower end of the interval of the difference (Welch's t over the seeds); nan with one seed.
        high: upper end of the interval.
        margin: how far below 0 the difference may lie and still count as the same quality.
        verdict: 'not inferior' if low > -margin, 'inferior' if high < -margin, otherwise 'undecided'. A measure of
            agreement with gensim that would be 'inferior' is 'differs' where the held-out loss is better than gensim's
            beyond its own interval: another model, and not a worse one.
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

    @property
    def interval(self) -> str:
        """The interval as text; a dash where there is none."""
        return "-" if math.isnan(self.low) else f"{self.low:+.4f} … {self.high:+.4f}"


def welch(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Compute an interval for the difference of two means.

    Each end is wrong with probability 1 - `CONFIDENCE`. B. L. Welch, "The generalization of 'Student's' problem when
    several different population variances are involved", Biometrika 34 (1947).

    Args:
        ours: values, one per seed.
        theirs: values, one per seed; as many or not.

    Returns:
        The difference of the means, and the lower and the upper end; the ends are nan if a side has one value.
    """
    from scipy.stats import t  # noqa: PLC0415  slow to import; gensim depends on scipy

    difference = statistics.mean(ours) - statistics.mean(theirs)
    if min(len(ours), len(theirs)) < 2:
        return difference, float("nan"), float("nan")
    squares = [statistics.variance(side) / len(side) for side in (ours, theirs)]  # squared standard errors
    if not sum(squares):
        return difference, difference, difference
    freedom = sum(squares) ** 2 / sum(
        square**2 / (len(side) - 1) for square, side in zip(squares, (ours, theirs), strict=True)
    )
    half = float(t.ppf(CONFIDENCE, freedom)) * math.sqrt(sum(squares))
    return difference, difference - half, difference + half


def judge(
    contender: str,
    measure: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    margin: float,
    less_is_better: bool,
) -> Verdict:
    """Judge one measure.

    Args:
        contender: its name.
        measure: its name.
        ours: the contender's values, one per seed; a nan (a run that diverged) makes the verdict 'inferior'.
        theirs: gensim's values, one per seed.
        margin: how much worse the mean may be and still count as the same quality; in the unit of the measure.
        less_is_better: whether smaller values are better, as for a loss.

    Returns:
        The verdict, with the means and the interval that it rests on.
    """
    mean_of_theirs = statistics.mean(theirs)
    if not all(map(math.isfinite, ours)):
        nan = float("nan")
        return Verdict(contender, measure, mean_of_theirs, nan, nan, nan, nan, margin, INFERIOR)
    sign = -1 if less_is_better else 1
    difference, low, high = welch([sign * x for x in ours], [sign * x for x in theirs])
    verdict = NOT_INFERIOR if low > -margin else INFERIOR if high < -margin else UNDECIDED
    return Verdict(contender, measure, mean_of_theirs, statistics.mean(ours), difference, low, high, margin, verdict)
