"""Skip-gram: every engine against the specification, with the same draws, on odd shapes."""

import dataclasses

import numpy as np
import pytest

from tests.engines.agreement import OTHERS, agree, same_as_its_halves, with_engines
from tests.engines.cases import case, run
from tests.engines.shapes import GRID, name_of, odd_shape, pairwise
from torch_w2v.engines.plan import Layout

BLOCK = Layout(T=16, S=1, N=32, G=4, fresh=True)
PARTS = Layout(T=16, S=3, N=8, G=4, fresh=True)
OPTIONS = [
    {},
    {"shrink_windows": False},
    {"sample": False, "unknown": 0},
    {"loss_every": 0},
    {"loss_every": 3},
    {"lengths": (5001,), "V": 1000, "alpha": (1e-3, 9e-4)},
    {"lengths": (150, 63), "window": 500, "V": 1000, "alpha": (1e-4, 9e-5), "size": 0.05},
    *({"lengths": lengths} for lengths in ((), (0,), (1,), (2,), (1,) * 200, (2,) * 100, (63, 64, 65, 128))),
    {"lengths": (300,), "begin": 100, "end": 210},
    {"position": 2**40},
    {"unknown": 1.0},
    {"window": 10**6, "alpha": (1e-3, 9e-4)},
    {"lengths": (8,) * 300, "V": 1000},
    {"alpha": (0.0, 0.0)},
    # negatives with scores above 6, which are skipped
    {"size": 1.2, "D": 100, "alpha": (1e-4, 9e-5)},
    {"size": 2.0, "D": 9, "lengths": (60, 5), "alpha": (1e-4, 9e-5)},
    {"layout": Layout(T=16, S=2, N=28, G=4, fresh=True), "window": 10, "D": 100, "V": 1000},
    {"layout": Layout(T=1, S=4, N=5, G=4, fresh=True), "lengths": (60, 1, 5)},
    {"layout": Layout(T=5, S=1, N=3, G=4, fresh=True)},
    {"layout": Layout(T=13, S=7, N=12, G=4, fresh=True), "D": 300, "V": 16},
    {"layout": Layout(T=16, S=1, N=500, G=4, fresh=True), "negative": 100},
    # inputs that are apart: stretches of 64 and what is left of them, words that come again, a part of a chunk
    *(
        {"layout": Layout(T, S, N, G=4, fresh=True, stride=stride), **options}
        for T, S, N, stride, options in (
            (16, 1, 32, 4, {"V": 1000}),
            (16, 2, 16, 32, {"lengths": (700, 3, 900), "V": 1000, "alpha": (5e-3, 4e-3)}),
            (5, 1, 3, 7, {"lengths": (36, 1, 35), "sample": False, "unknown": 0}),
            (7, 1, 12, 3, {"lengths": (300,), "begin": 100, "end": 210, "V": 3}),
            (16, 1, 32, 32, {"lengths": ()}),
            (16, 1, 32, 32, {"lengths": (1,)}),
            (13, 3, 12, 300, {"lengths": (20, 31), "window": 500, "V": 1000, "alpha": (1e-4, 9e-5)}),
            (1, 4, 5, 9, {}),
            (16, 1, 32, 100, {"lengths": (5001,), "V": 1000, "alpha": (1e-3, 9e-4)}),
        )
    ),
    # negatives that are met in turn
    *(
        {"lengths": (25, 5), "layout": Layout(T, S, N, G=4, fresh=True), "negative": 50, **options}
        for T, S, N, options in (
            (1, 5, 24, {"V": 3, "window": 20, "alpha": (0.1, 0.09)}),
            (6, 2, 200, {"V": 7, "D": 21, "alpha": (0.02, 0.01)}),
        )
    ),
]


def shape(*row):
    """Options for a row of `GRID`. Every pair adds to a row: long windows with long sentences drown float32."""
    return odd_shape(*row) | ({"lengths": (0, 1, 2, 63, 0, 7, 60, 1)} if row[1] == 500 else {})


def agrees(engine, **options):
    layout = options.pop("layout", PARTS if options.get("window", 5) > 5 else BLOCK)
    if engine == "torch_batched":
        for B in (1, 3):
            agree(engine, skip_gram=True, layout=dataclasses.replace(layout, B=B, fresh=False, stride=1), **options)
    else:
        agree(engine, skip_gram=True, layout=layout, **options)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("row", pairwise(GRID), ids=name_of)
def test_shapes(engine, row):
    """D, window, negative, V: every pair of values."""
    agrees(engine, **shape(*row))


@pytest.mark.slow
@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("row", GRID, ids=name_of)
def test_all_shapes(engine, row):
    agrees(engine, **shape(*row))


@pytest.mark.parametrize(("engine", "options"), with_engines(OPTIONS))
def test_options(engine, options):
    agrees(engine, **options)


def test_factors_of_rows():
    agrees("torch_batched", scales=True, layout=PARTS)


@pytest.mark.parametrize("engine", ["reference", *OTHERS])
def test_two_chunks_equal_their_halves(engine):
    layout = Layout(T=16, S=1, N=12, G=4, fresh=engine != "torch_batched")
    whole = case(lengths=(64, 64), sample=False, V=100, skip_gram=True, layout=layout)
    # no word is in a block three times: so the blocks are the same
    whole = whole.changed(tokens=np.arange(128, dtype=np.int32) % 100)
    same_as_its_halves(engine, whole)


def test_a_stride_is_refused_where_inputs_are_taken_as_they_come():
    with pytest.raises(ValueError, match="stride=2: engine 'torch_batched' takes inputs as they come"):
        run("torch_batched", case(skip_gram=True, layout=Layout(T=16, S=1, N=32, stride=2)))


def test_cbow_has_no_stride():
    with pytest.raises(ValueError, match="stride=2: only skip-gram has inputs that are apart"):
        case(layout=Layout(stride=2))
