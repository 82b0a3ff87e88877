"""Engines with one mistake each, of the kind that an optimisation makes: a comparison must find every one of them."""

from __future__ import annotations

import dataclasses
from typing import Any
from unittest import mock

import torch_w2v
from torch_w2v import engines
from torch_w2v.engines import row_scales
from torch_w2v.engines.plan import Layout, Workload


def with_layout(layout: Layout, cap: float = row_scales.CAP) -> type[torch_w2v.Word2Vec]:
    """Return a class whose engine groups targets by another layout, with as many negatives per set as asked for.

    Args:
        layout: instead of the engine's own.
        cap: instead of `row_scales.CAP`.
    """

    class WithLayout(torch_w2v.Word2Vec):
        def train(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
            engine_class = type(engines.choose(self.engine, self.device, self.vector_size))

            def other_layout(engine: engines.Engine, workload: Workload) -> Layout:
                return dataclasses.replace(layout, N=workload.negative)

            with mock.patch.object(engine_class, "layout", other_layout), mock.patch.object(row_scales, "CAP", cap):
                return super().train(*args, **kwargs)

    return WithLayout


ONE_SET_FOR_NEIGHBOURS = Layout(T=32, S=1)
STEPS_OF_16_384_TARGETS = Layout(T=64, S=1, B=256)
NO_CAP = 1e30  # without effect; with an infinite cap the factors would be inf / inf


def faults(engine: str, alpha: float) -> dict[str, Any]:
    """Return functions that make models with one mistake each.

    Args:
        engine: for the mistakes that any engine can make.
        alpha: of the comparison.

    Returns:
        What the mistake is -> function from the settings of the comparison to an untrained model.
    """

    def maker(cls: type[torch_w2v.Word2Vec] = torch_w2v.Word2Vec, **mistake: Any) -> Any:
        return lambda **settings: cls(**{**settings, "engine": engine, "device": "cpu", **mistake})

    return {
        "one set for 32 neighbours": maker(with_layout(ONE_SET_FOR_NEIGHBOURS)),
        "context gradient divided by C": maker(cbow_gradient="exact"),
        "subsampling off": maker(sample=0),
        "window not shrunk": maker(shrink_windows=False),
        "alpha not decayed": maker(min_alpha=alpha),
        "no cap at 16,384 targets": maker(
            with_layout(STEPS_OF_16_384_TARGETS, NO_CAP), engine="torch_batched", batch_words=50_000
        ),
    }
