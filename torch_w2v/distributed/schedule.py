"""When the ranks exchange what they have learnt, and which rows: the same on every rank, whatever its share."""

from __future__ import annotations

import math
import os

# An epoch of a corpus of up to this many words has so many exchanges; their number grows slowly with the corpus.
# Measured on corpora of 2, 6 and 17 million words, where an interval of 1/20, 1/30 and 1/42 of an epoch was as good
# as a single machine (docs/development/lab-notes.md).
REFERENCE_WORDS = 2_000_000
EXCHANGES = 20
GROWTH = 0.35

# Rows move in proportion to alpha, so a larger one than this needs more exchanges, up to so many times as many.
USUAL_ALPHA, MOST_FOR_ALPHA = 0.025, 4.0

# TORCH_W2V_EXCHANGES in the environment is a factor of the number of exchanges.
FEWEST, MOST = 0.1, 16.0

# Where several ranks are known to be worse than one: alpha times the repetition of a corpus is above this (English has
# about .2), or the vocabulary has fewer words.
TOO_BURSTY, TOO_FEW_WORDS = 10.0, 50

# Every fourth exchange has all rows.
ALL_ROWS_EVERY = 4
# Others have the most frequent 1/9 of the rows, or a power of two times as many.
PREFIX_SHARE = 9


def exchange_factor() -> float:
    """Return the factor of the number of exchanges that the environment asks for.

    Raises:
        ValueError: TORCH_W2V_EXCHANGES is not a number, or not in its range.
    """
    text = os.environ.get("TORCH_W2V_EXCHANGES", "")
    try:
        factor = float(text or 1)
    except ValueError:
        factor = math.nan
    if not FEWEST <= factor <= MOST:
        raise ValueError(f"TORCH_W2V_EXCHANGES={text!r}: must be a factor from {FEWEST:g} to {MOST:g}")
    return factor


def exchanges_per_epoch(words: float, alpha: float = USUAL_ALPHA, factor: float = 1.0) -> int:
    """Return how often the ranks exchange per epoch.

    Args:
        words: of the corpus, all ranks together.
        alpha: the highest learning rate.
        factor: as `exchange_factor` returns it.
    """
    of_alpha = min(max(abs(alpha) / USUAL_ALPHA, 1.0), MOST_FOR_ALPHA)
    return math.ceil(EXCHANGES * factor * of_alpha * max(words / REFERENCE_WORDS, 1.0) ** GROWTH)


def doubt(alpha: float, repetition: float, V: int) -> str | None:
    """Return why several ranks may be worse than one; None where there is no reason.

    Args:
        alpha: the highest learning rate.
        repetition: of the corpus, see `statistics.repetition`.
        V: number of words in the vocabulary.
    """
    if V < TOO_FEW_WORDS:
        return f"the vocabulary has {V} words only"
    if abs(alpha) * repetition > TOO_BURSTY:
        return (
            f"words repeat so much that alpha={alpha:g} is too large for several ranks; they are as good as one with "
            f"an alpha of at most {TOO_BURSTY / repetition:.2g}"
        )
    return None


def interval_ends(epoch: int, exchanges: int) -> list[float]:
    """Return the places of an epoch at which the ranks exchange, as shares of each rank's words.

    In the first words everything changes fastest, since output rows start at zero: there the intervals are short, and
    grow with what is done.

    Args:
        epoch: number of the epoch in this call of `train`, from 0.
        exchanges: as `exchanges_per_epoch` returns it.

    Returns:
        Ascending shares; the last is 1.
    """
    longest = 1.0 / exchanges
    ends: list[float] = []
    done = 0.0
    while done < 1.0:
        step = longest if epoch else min(longest, max(longest / 32, done / 4))
        # no interval at the end that is shorter than half of the others
        done = 1.0 if done + 1.5 * step > 1.0 else done + step
        ends.append(done)
    return ends


def rows_to_exchange(number: int, is_last: bool, V: int, is_sorted: bool) -> int:
    """Return how many rows of each table an exchange has, from the first one on.

    What goes wrong first are the frequent rows, which all ranks move all the time. So every exchange has the most
    frequent ones, every second one twice as many, and so on.

    Args:
        number: of the exchange within the epoch, from 1.
        is_last: it is the last of the epoch, after which all ranks have the same tables.
        V: number of rows.
        is_sorted: rows are sorted by falling frequency; else every exchange has all.
    """
    if is_last or not is_sorted or number % ALL_ROWS_EVERY == 0:
        return V
    power = (number & -number).bit_length() - 1
    return min(V, math.ceil(V / PREFIX_SHARE) << power)
