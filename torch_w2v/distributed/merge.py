"""How what the ranks have learnt apart becomes one model: saturating sums, direction by direction.

A row with n gradients between two exchanges does not move by their sum: its loss has the curvature a = alpha λ e along
a direction, e the mean square along it of the vectors that the row is multiplied with, so the row goes the share
1 - exp(-a n) of the way to where these gradients would take it. The gradients of all ranks one after another, on one
machine, would take it the share 1 - exp(-a Σn) to the mean of these places, weighted by n. So a rank sends, for each
row and along each direction, its move d divided by that saturation,

    q = d x / (1 - exp(-x)),  x = alpha λ n e,

and n; what all ranks then apply is

    Σq (1 - exp(-X)) / X,     X = alpha λ (Σn) e.

Rare rows (x near 0) are thus summed, frequent ones averaged, and a row that only one rank has met is taken as it is.
The directions with the largest e have factors of their own, and all others one in common: one direction, which acts as
a bias, has some fifty times the mean e, so one factor for all would either diverge there or stand still elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Directions with factors of their own.
DIRECTIONS = 8
# The factors λ of context rows and of output rows, found by experiment. With .07 for the latter the loss of 8 ranks is
# lower by .3 %, and a vocabulary of five words diverges at alpha=.1; with .15 it is higher by .35 %.
INPUT_RATE, OUTPUT_RATE = 1.0, 0.1
# Rows from which the moments are computed: the most frequent ones, which are nearly all that counts.
MOMENT_ROWS = 20_000


@dataclass(frozen=True)
class Curvature:
    """The directions of one table and what a gradient counts along each.

    Attributes:
        directions: (m, D) float32, orthonormal rows.
        rates: (m + 1,) float32, alpha λ e for each direction, and for all others.
    """

    directions: np.ndarray
    rates: np.ndarray


def shares_moved(x: np.ndarray) -> np.ndarray:
    """Return (1 - exp(-x)) / x, 1 at 0."""
    return np.where(x < 1e-4, 1 - x / 2, -np.expm1(-x) / np.maximum(x, 1e-4))


def sent(moves: np.ndarray, gradients: np.ndarray, curvature: Curvature) -> np.ndarray:
    """Return what a rank sends: moves divided by their saturation.

    What goes along a leading direction is sent beside the rest: it is so much larger that rounding it would drown the
    rest.

    Args:
        moves: (n, D).
        gradients: (n,) number of gradients of each row.
        curvature: of the table.

    Returns:
        (n, D + m + 1): all directions divided as the common ones are, what the m leading ones have beside that, and the
        numbers of gradients.
    """
    factors = 1 / shares_moved(np.multiply.outer(gradients, curvature.rates))
    rest = factors[:, -1:]
    along = moves @ curvature.directions.T
    return np.hstack([moves * rest, along * (factors[:, :-1] - rest), gradients[:, None]])


def applied(sums: np.ndarray, curvature: Curvature) -> np.ndarray:
    """Return by what the rows move, (n, D), where all ranks together have sent `sums`, (n, D + m + 1)."""
    m, D = curvature.directions.shape
    factors = shares_moved(np.multiply.outer(sums[:, -1], curvature.rates))
    common, rest = sums[:, :D], factors[:, -1:]
    along = common @ curvature.directions.T
    leading = (along + sums[:, D : D + m]) * factors[:, :-1] - along * rest
    return common * rest + leading @ curvature.directions


@dataclass(frozen=True)
class Problem:
    """What the curvature depends on besides the tables.

    Attributes:
        kept: (V,) each word's share of the kept tokens.
        drawn: (V,) each word's share of the negatives.
        negative: negative samples per target.
        context: expected context words per target.
        cbow_mean: the hidden layer is the mean of the context rows; otherwise their sum.
        exact_gradient, skip_gram: as in `Objective`.
    """

    kept: np.ndarray
    drawn: np.ndarray
    negative: int
    context: float
    cbow_mean: bool = True
    exact_gradient: bool = False
    skip_gram: bool = False

    def gradients(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected numbers of gradients of the rows of both tables.

        Args:
            counts: (V,) how often each word was kept.
        """
        pairs = counts * self.context
        targets = pairs if self.skip_gram else counts
        return pairs, targets + self.negative * self.drawn * targets.sum()

    def moments(self, inputs: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (D, D) second moments, times λ, of what the rows of each table are multiplied with.

        Args:
            inputs, outputs: (n, D) float32, the rows of the words in `kept` and `drawn`.
        """
        kept, drawn = (np.asarray(shares, np.float32) for shares in (self.kept, self.drawn))
        targets = (outputs * (kept + self.negative * drawn)[:, None]).T @ outputs
        of_inputs = (inputs * kept[:, None]).T @ inputs
        if self.skip_gram:
            return INPUT_RATE * targets, OUTPUT_RATE * of_inputs
        mean = kept @ inputs
        square = np.outer(mean, mean)
        # The mean of C context rows; C is small for many targets, where the window shrinks.
        hidden = square + (of_inputs - square) * (1.5 / self.context)
        if not self.cbow_mean:
            hidden *= self.context**2
        # How far a context row's gradient moves the hidden layer: each row gets the whole error, or 1 / C of it.
        whole_error = self.cbow_mean != self.exact_gradient
        share = (1 / self.context if self.cbow_mean else 1.0) * (1.0 if whole_error else 1 / self.context)
        return INPUT_RATE * share * targets, OUTPUT_RATE * hidden


def direction_count(D: int) -> int:
    """Return how many directions of rows of D floats have factors of their own; one factor is left for the others."""
    return min(DIRECTIONS, D - 1)


def curvature(moments: np.ndarray) -> Curvature:
    """Return the leading directions of a second moment, (D, D), for alpha = 1.

    Where it is not finite, training has diverged, which the end of the epoch notices: until then any directions do.
    """
    moments = moments.astype(np.float64)
    values, vectors = np.linalg.eigh(moments if np.isfinite(moments).all() else np.eye(len(moments)))
    first = len(values) - direction_count(len(values))
    rates = np.clip(np.append(values[first:], values[:first].mean()), 0, np.finfo(np.float32).max)
    return Curvature(np.ascontiguousarray(vectors[:, first:].T, np.float32), rates.astype(np.float32))
