"""TrainingPlan: all that an engine needs to know beside the tables and the tokens, validated once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_w2v import streams
from torch_w2v.store import CACHES

MAX_WINDOW = 1_000_000  # keeps (2**32 - 1) * window inside int64 with room to spare
CAP = 32 * 0.025  # gradients of one row, times alpha, that may be summed at full size in a step (docs/algorithm.md)
MOST_BLOCKS = 3  # of a step, whose errors count as having different directions


def check_arguments(
    *,
    vector_size: int,
    window: int,
    negative: int,
    workers: int,
    alpha: float,
    min_alpha: float,
    sample: float,
    ns_exponent: float,
    batch_words: int,
    cbow_gradient: str,
    corpus_cache: str = "auto",
) -> None:
    """Refuse what gensim would hang, crash or silently train nothing on.

    Raises:
        ValueError: what was given, what is allowed, how to mend it.
    """
    for name, value, least in (("vector_size", vector_size, 1), ("window", window, 1), ("negative", negative, 0),
                               ("workers", workers, 1), ("batch_words", batch_words, 1)):  # fmt: skip
        if value < least:
            raise ValueError(f"{name}={value}: must be an integer of at least {least}")
    if window > MAX_WINDOW:
        raise ValueError(f"window={window}: at most {MAX_WINDOW}; a window longer than the sentences changes nothing")
    for name, number in (("alpha", alpha), ("min_alpha", min_alpha), ("ns_exponent", ns_exponent)):
        if not math.isfinite(number):
            raise ValueError(f"{name}={number}: must be a finite number")
    if not 0 <= (sample or 0) < math.inf:
        raise ValueError(f"sample={sample}: must be 0 (no subsampling), a share below 1 such as 1e-3, or a word count")
    if cbow_gradient not in ("gensim", "exact"):
        raise ValueError(
            f"cbow_gradient={cbow_gradient!r}: must be 'gensim' (each context row gets gensim's update) "
            "or 'exact' (the derivative of the loss)"
        )
    if corpus_cache not in CACHES:
        raise ValueError(f"corpus_cache={corpus_cache!r}: must be one of {', '.join(map(repr, CACHES))}")


@dataclass(frozen=True)
class Layout:
    """How kept tokens are grouped into updates.

    A block is T consecutive targets. Target t of a block uses negative set t mod S; each of the S sets holds N
    negatives, weighted negative / N. A step is B blocks taken evenly across the chunk: its context rows are read once
    at the start and updated once at the end; its output rows are read and updated set by set, or G sets at once.
    With `fresh`, hidden layers follow what the errors of the block's earlier groups of sets do to the context rows
    (docs/algorithm.md), so that blocks may be long where windows are wide.
    """

    T: int = 64
    S: int = 8
    N: int = 5
    B: int = 1
    G: int = 1
    fresh: bool = False

    @property
    def targets_together(self) -> float:
        """Targets whose gradients are computed from the same output rows."""
        return self.B * self.G * self.T / self.S

    @property
    def targets_in_flight(self) -> float:
        """Targets whose gradients are computed from the same hidden context: a step, or what `fresh` leaves of it."""
        return self.targets_together if self.fresh else self.B * self.T


@dataclass(frozen=True)
class TrainingPlan:
    """What an engine trains with; everything but the tables, the tokens and the learning rate.

    Attributes:
        window, negative, cbow_mean, shrink_windows, compute_loss: as gensim's constructor.
        exact_gradient: the derivative of the loss for the context rows, instead of gensim's update.
        layout: how targets are grouped.
        keep: (V,) int32 with the bits of gensim's uint32 `sample_int`: keep a token when keep[w] >= its draw.
        noise: (V, 2) int32 alias table of the negatives (`streams.alias_table`).
        input_scale: (V,) float32 factor on every update of a context row, or empty when all are 1.
        output_scale: (V,) float32 factor on every update of an output row, or empty when all are 1.
        seed: of the draws.
    """

    window: int
    negative: int
    cbow_mean: bool
    shrink_windows: bool
    compute_loss: bool
    exact_gradient: bool
    layout: Layout
    keep: np.ndarray
    noise: np.ndarray
    input_scale: np.ndarray
    output_scale: np.ndarray
    seed: int

    def __post_init__(self) -> None:
        V = len(self.keep)
        if self.window < 1 or self.negative < 1:
            raise ValueError(f"window={self.window}, negative={self.negative}: an engine needs both to be at least 1")
        if min(self.layout.T, self.layout.S, self.layout.N, self.layout.B, self.layout.G) < 1:
            raise ValueError(f"{self.layout}: every size must be at least 1")
        for name, array, shape, dtype in (
            ("keep", self.keep, (V,), np.int32),
            ("noise", self.noise, (V, 2), np.int32),
            ("input_scale", self.input_scale, (len(self.input_scale) and V,), np.float32),
            ("output_scale", self.output_scale, (len(self.output_scale) and V,), np.float32),
        ):
            if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
                raise ValueError(
                    f"{name}: {array.shape} {array.dtype} given, contiguous {shape} {np.dtype(dtype)} needed"
                )

    def arguments(self, train_count: int, epoch: int) -> dict[str, Any]:
        """The operator's arguments that stay the same for one pass over the corpus (`engines.operator`)."""
        return {
            "keep": self.keep,
            "noise": self.noise,
            "input_scale": self.input_scale,
            "output_scale": self.output_scale,
            "token_stream": streams.key(self.seed, train_count, epoch, streams.TOKEN),
            "noise_stream": streams.key(self.seed, train_count, epoch, streams.NOISE),
            "window": self.window,
            "negative": self.negative,
            "cbow_mean": self.cbow_mean,
            "exact_gradient": self.exact_gradient,
            "shrink_windows": self.shrink_windows,
            "compute_loss": self.compute_loss,
            "T": self.layout.T,
            "S": self.layout.S,
            "N": self.layout.N,
            "B": self.layout.B,
            "G": self.layout.G,
            "fresh": self.layout.fresh,
        }


def row_scales(
    kept_share: np.ndarray,
    noise_share: np.ndarray,
    layout: Layout,
    negative: int,
    context: float,
    lockf: np.ndarray,
    alpha: float,
    whole_sums: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Factors on the updates of context rows and of output rows; an empty array where all are 1.

    A row that collects n gradients in one step is moved by min(1, cap / (alpha n)) of their sum, n being its expected
    number: without this, large synchronous steps diverge on frequent words. docs/algorithm.md has the caps. The first
    factors have gensim's `vectors_lockf` too.

    Args:
        kept_share: (V,) each word's share of the kept tokens.
        noise_share: (V,) each word's share of the negatives.
        layout: its targets in flight are what makes n grow.
        negative: negatives per target.
        context: expected context words per target.
        lockf: gensim's `vectors_lockf`, used as lockf[w % len(lockf)].
        alpha: the learning rate at its highest.
        whole_sums: each row of a sum gets the whole gradient (`cbow_gradient='exact'`), not its share of it, and so
            moves the hidden layer further.
    """
    n_input = layout.targets_in_flight * context * kept_share
    n_output = layout.targets_together * (kept_share + negative * noise_share)

    def scale(n: np.ndarray, cap: float, factor: np.ndarray | float) -> np.ndarray:
        full: np.ndarray = (cap / np.maximum(abs(alpha) * n, cap) * factor).astype(np.float32)
        return full if (full != 1).any() else np.zeros(0, np.float32)

    cap = CAP
    if layout.B > 1 and not whole_sums:
        # A hidden layer moves by the mean of what its context rows move by: that must not be too much, one row may be.
        # The errors of a single block's neighbours have one direction, so there the cap is that of an output row.
        mean = CAP * min(layout.B, MOST_BLOCKS)
        cap = min(2 * mean, _cap_for_mean(kept_share, abs(alpha) * n_input, mean))
    return scale(n_input, cap, lockf[np.arange(len(kept_share)) % len(lockf)]), scale(n_output, CAP, 1.0)


def _cap_for_mean(share: np.ndarray, moves: np.ndarray, most: float) -> float:
    """The highest cap for which the mean of min(moves, cap), weighted by `share` (of a sum of 1), is at most `most`."""
    if (share * moves).sum() <= most:
        return math.inf
    order = np.argsort(-moves)
    share, moves = share[order], moves[order]
    capped = np.cumsum(share)  # the share of the first words, were they at the cap
    rest = np.append(np.cumsum((share * moves)[::-1])[::-1][1:], 0.0)  # and what the others contribute
    means = capped * moves + rest  # with the cap at each word's own; it falls from word to word
    below = max(1, int(np.searchsorted(-means, -most)))
    return float((most - rest[below - 1]) / capped[below - 1])
