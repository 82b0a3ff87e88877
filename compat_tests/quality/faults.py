"""Engines with one mistake each, of the kind that an optimisation makes: a comparison must find every one of them."""

from __future__ import annotations

import dataclasses
from unittest import mock

import torch_w2v
from torch_w2v.engines import row_scales as plan
from torch_w2v.engines.plan import Layout


class Laid(torch_w2v.Word2Vec):
    """Our class with targets grouped in another way."""

    layout: Layout
    cap = plan.CAP

    def _plan(self, engine):
        grouped = dataclasses.replace(
            engine, layout=lambda negative, *more: dataclasses.replace(self.layout, N=negative)
        )
        with mock.patch.object(plan, "CAP", self.cap):
            return super()._plan(grouped)


class OneSetForNeighbours(Laid):
    """32 neighbours share their negatives."""

    layout = Layout(T=32, S=1)


class NoCap(Laid):
    """16,384 targets at once, and frequent rows take every stale gradient."""

    layout = Layout(T=64, S=1, B=256)
    cap = 1e30  # of no effect; with inf the factors would be inf / inf


def wrong(engine, **mistake):
    """Makes models with arguments that nobody asked for."""
    return lambda **settings: torch_w2v.Word2Vec(**{**settings, "engine": engine, "device": "cpu", **mistake})


def faults(engine, alpha):
    """name -> how to make it, on `engine`; `alpha` is that of the comparison."""
    return {
        "one set for 32 neighbours": lambda **settings: OneSetForNeighbours(**settings, engine=engine, device="cpu"),
        "context gradient divided by C": wrong(engine, cbow_gradient="exact"),
        "subsampling off": wrong(engine, sample=0),
        "window not shrunk": wrong(engine, shrink_windows=False),
        "alpha not decayed": wrong(engine, min_alpha=alpha),
        "no cap at 16,384 targets": lambda **settings: NoCap(
            **{**settings, "engine": "torch_batched", "device": "cpu", "batch_words": 50_000}
        ),
    }
