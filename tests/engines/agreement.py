"""Comparisons: engines with the specification, it with its transcriptions, and a chunk with its halves."""

import functools

import numpy as np
import pytest

from tests.engines.cases import case, run
from tests.engines.shapes import is_long, name_of
from tests.helpers import ENGINES
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.engines.plan import Layout

OTHERS = [name for name in ENGINES if name != "reference"]


def with_engines(every):
    """Each of the options with each engine, named; long ones are slow where the engine is."""
    return [
        pytest.param(
            engine,
            options,
            marks=pytest.mark.slow if engine == "torch_batched" and is_long(options) else [],
            id=f"{engine}-{name_of(options)}",
        )
        for options in every
        for engine in OTHERS
    ]


def layouts_of(engine, negative):
    yield Layout(64, 8, negative, 1)
    if engine == "torch_batched":
        yield Layout(64, 1, 32, 4)
        yield Layout(7, 3, 2, 2)


def agree(engine, **options):
    # torch_batched can be held to float64; fused kernels work in float32, in another order of additions.
    exact = engine == "torch_batched"
    layouts = [options.pop("layout")] if "layout" in options else layouts_of(engine, options.get("negative", 5))
    for layout in layouts:
        one, want = specified(layout, **options)
        got = run(engine, one.wide() if exact else one)
        tolerance = {"rtol": 1e-9, "atol": 1e-12} if exact else float32_tolerance(one, got, want)
        for table, wanted in zip(got[:2], want[:2], strict=True):
            np.testing.assert_allclose(table, wanted, **tolerance)
        np.testing.assert_allclose(got[2], want[2], rtol=1e-6)


@functools.lru_cache(maxsize=1)
def specified(layout, **options):
    """Return a case with tables of float32, and what the specification makes of it in float64.

    It is the slowest part of a comparison, and several engines have the same case one after the other.
    """
    one = case(layout=layout, **options)
    return one, run("reference", one.wide())


def float32_tolerance(one, got, want):
    """How far float32 tables may lie from those of the specification in float64.

    A row that is added to thousands of times, each time rounded to float32, can end further away than the usual
    tolerance, whatever computes it. A kernel that does not meet that is compared with the specification in float32: it
    may err by twice as much as that does at worst.
    """
    usual = {"rtol": 1e-5, "atol": 1e-6}
    if all(np.allclose(table, wanted, **usual) for table, wanted in zip(got[:2], want[:2], strict=True)):
        return usual
    rounded = run("reference", one)
    rounding = max(np.abs(table - wanted).max() for table, wanted in zip(rounded[:2], want[:2], strict=True))
    assert rounding < 1e-5, "float32 hides too much of what this case is to show: let its rows move more slowly"
    return usual | {"atol": max(usual["atol"], 2 * rounding)}


def same_as_its_halves(engine, whole):
    """A chunk of two sentences of 64 words, cut into two calls: draws belong to the place in the corpus."""
    inputs, outputs, _ = run(engine, whole)
    (begin, end), tables = whole.rates, whole.tables
    middle = (begin + end) / 2
    for part, rates in enumerate([(begin, middle), (middle, end)]):
        half = whole.changed(
            tables=tables,
            rates=Rates(*rates),
            tokens=whole.chunk.tokens[64 * part : 64 * part + 64],
            offsets=np.array([0, 64]),
            end=64,
            position=whole.chunk.position + 64 * part,
        )
        tables = Tables(*run(engine, half)[:2])
    np.testing.assert_allclose(tables.inputs, inputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tables.outputs, outputs, rtol=1e-5, atol=1e-6)


def same_as_transcription(transcribe, **options):
    """Compare the specification with a transcription of it; the tables before, and what the specification returns.

    Args:
        transcribe: returns inputs, outputs and the result for a case.
        options: as for `case`.
    """
    one = case(dtype=np.float64, **options)
    inputs, outputs, result = run("reference", one)
    want_inputs, want_outputs, want = transcribe(one)
    np.testing.assert_allclose(inputs, want_inputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outputs, want_outputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result, want, rtol=1e-9)
    return one.tables, inputs, outputs, result
