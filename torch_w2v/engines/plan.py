"""TrainingPlan: all that an engine needs to know beside the tables and the tokens, validated once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from torch_w2v.engines import streams


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


