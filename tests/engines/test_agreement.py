"""Every engine against the reference, with the same draws, on odd shapes."""

import dataclasses
import itertools

import numpy as np
import pytest

from tests.engines.cases import case, run
from tests.engines.shapes import GRID, OPTIONS, is_long, name_of, odd_shape, pairwise
from tests.helpers import ENGINES
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.engines.plan import Layout

OTHERS = [name for name in ENGINES if name != "reference"]
# blocks as wide windows get them, but short, and with slow moves for the longest (see `odd_shape`)
FRESH = [
    *(
        {"D": D, "window": window, "V": V, "layout": Layout(32, 32, 5, G=G, fresh=True), "alpha": (1e-3, 9e-4)}
        for (D, V), window, G in itertools.product(((1, 50), (100, 1000)), (5, 500), (1, 2, 4))
    ),
    *(
        options | {"layout": Layout(32, 32, options.get("negative", 5), G=2, fresh=True)}
        for options in (
            {"cbow_mean": False},
            {"exact_gradient": True},
            {"cbow_mean": False, "exact_gradient": True},
            {"shrink_windows": False},
            {"scales": True, "window": 40},
            {"loss_every": 0},
            {"V": 1},
            {"V": 2},
            {"negative": 20, "D": 300},
            {"negative": 1},
            {"lengths": (300,), "begin": 100, "end": 210, "window": 50},
            {"lengths": (1,) * 200},
            {"lengths": ()},
            {"unknown": 1.0},
            {"position": 2**40},
            {"window": 10**6, "alpha": (1e-3, 9e-4)},
            {"lengths": (1501, 63), "window": 500, "V": 1000, "alpha": (2e-5, 1e-5)},
        )
    ),
    # Sets that targets share lie at a distance of S.
    *(
        options | {"layout": Layout(T, S, options.get("negative", 5), fresh=True), "alpha": (1e-3, 9e-4)}
        for (T, S), options in zip(
            itertools.cycle([(32, 8), (64, 16), (24, 7)]),
            [
                {},
                {"V": 1},
                {"cbow_mean": False},
                {"exact_gradient": True},
                {"shrink_windows": False, "D": 100},
                {"scales": True, "window": 40},
                {"loss_every": 0},
                {"window": 500, "V": 1000, "lengths": (300, 3, 90)},
                {"negative": 20, "D": 300, "V": 1000},
                {"lengths": (300,), "begin": 100, "end": 210, "window": 50},
                {"lengths": (1, 2) * 100},
                {"lengths": (8,) * 300, "V": 1000},
                {"unknown": 1.0},
                {"lengths": ()},
                {"size": 2.0, "D": 100},
                {"size": 2.0, "D": 100, "cbow_mean": False, "alpha": (1e-4, 9e-5)},
            ],
            strict=False,
        )
    ),
    {"layout": Layout(7, 7, 2, G=3)},
    {
        "layout": Layout(256, 256, 5, G=2, fresh=True),
        "lengths": (700, 3, 300),
        "window": 500,
        "V": 1000,
        "D": 100,
        "alpha": (1e-3, 9e-4),
    },
]


def layouts_of(engine, negative):
    yield Layout(64, 8, negative, 1)
    if engine == "torch_batched":
        yield Layout(64, 1, 32, 4)
        yield Layout(7, 3, 2, 2)


def agree(engine, **options):
    # torch_batched can be held to float64; fused kernels work in float32, in another order of additions.
    exact = engine == "torch_batched"
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if exact else {"rtol": 1e-5, "atol": 1e-6}
    layouts = [options.pop("layout")] if "layout" in options else layouts_of(engine, options.get("negative", 5))
    for layout in layouts:
        one = case(dtype=np.float64 if exact else np.float32, layout=layout, **options)
        want_inputs, want_outputs, want = run("reference", one.wide())
        inputs, outputs, result = run(engine, one)
        np.testing.assert_allclose(inputs, want_inputs, **tolerance)
        np.testing.assert_allclose(outputs, want_outputs, **tolerance)
        np.testing.assert_allclose(result, want, rtol=1e-6)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("shape", pairwise(GRID), ids=name_of)
def test_shapes(engine, shape):
    """D, window, negative, V: every pair of values."""
    agree(engine, **odd_shape(*shape))


@pytest.mark.slow
@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("shape", GRID, ids=name_of)
def test_all_shapes(engine, shape):
    agree(engine, **odd_shape(*shape))


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        pytest.param(
            engine,
            options,
            marks=pytest.mark.slow if engine == "torch_batched" and is_long(options) else [],
            id=f"{engine}-{name_of(options)}",
        )
        for engine in OTHERS
        for options in OPTIONS
    ],
)
def test_options(engine, options):
    agree(engine, **options)


@pytest.mark.parametrize("options", FRESH, ids=name_of)
@pytest.mark.parametrize("engine", OTHERS)
def test_hidden_layers_that_follow_the_errors(engine, options):
    if engine == "torch_batched":
        options = {**options, "layout": dataclasses.replace(options["layout"], G=1)}
    agree(engine, **options)


def test_layouts_that_torch_batched_does_not_take():
    with pytest.raises(ValueError, match=r"G=2: engine 'torch_batched' takes G=1 only"):
        run("torch_batched", case(layout=Layout(32, 32, 5, G=2)))


@pytest.mark.parametrize("engine", ["reference", *OTHERS])
def test_two_chunks_equal_their_halves(engine):
    """Draws belong to the place in the corpus: a chunk may be cut into several calls."""
    whole = case(lengths=(64, 64), sample=False, unknown=0)
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
