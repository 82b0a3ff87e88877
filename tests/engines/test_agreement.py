"""Every engine against the reference, with the same draws, on odd shapes."""

import itertools

import numpy as np
import pytest
import torch

from tests.engines.cases import case, run
from tests.helpers import ENGINES
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.torch_ops import OPERATORS

OTHERS = [name for name in ENGINES if name != "reference"]
SHAPES = [
    # One or two rows that a long window adds to thousands of times: what float32 rounds away would drown the check,
    # so these start small and move slowly.
    {"D": D, "window": window, "negative": negative, "V": V}
    | ({"alpha": (2e-5, 1e-5)} if window == 500 else {})
    | ({"size": 0.02} if V < 3 else {})
    for D, window, negative, V in itertools.product((1, 3, 63, 100, 300), (1, 5, 500), (1, 5, 20), (1, 2, 1000))
]
OPTIONS = [
    {"cbow_mean": False},
    {"exact_gradient": True},
    {"cbow_mean": False, "exact_gradient": True},
    {"shrink_windows": False},
    {"scales": True},
    {"sample": False, "unknown": 0},
    {"compute_loss": False},
    {"lengths": (10001,), "V": 1000},
    {"lengths": (10001, 63), "window": 500, "V": 1000, "alpha": (1e-4, 9e-5)},
    *({"lengths": lengths} for lengths in ((), (0,), (1,), (2,), (1,) * 200, (2,) * 100, (63, 64, 65, 128))),
    {"lengths": (300,), "begin": 100, "end": 210},
    {"position": 2**40},
    {"unknown": 1.0},
    {"window": 10**6},
    {"lengths": (8,) * 300, "V": 1000},
    {"alpha": (0.0, 0.0)},
]
# Blocks as wide windows get them, but short, and with a slow start for the longest (see above).
FRESH = [
    *(
        {"D": D, "window": window, "V": V, "layout": Layout(32, 32, 5, G=G, fresh=True), "alpha": (1e-3, 9e-4)}
        for (D, V), window, G in itertools.product(((1, 50), (100, 1000)), (5, 500), (1, 2, 4))
    ),
    *(
        options | {"layout": Layout(32, 32, options.get("negative", 5), G=2, fresh=True)}
        for options in (
            {"cbow_mean": False}, {"exact_gradient": True}, {"cbow_mean": False, "exact_gradient": True},
            {"shrink_windows": False}, {"scales": True, "window": 40}, {"compute_loss": False}, {"V": 1}, {"V": 2},
            {"negative": 20, "D": 300}, {"negative": 1}, {"lengths": (300,), "begin": 100, "end": 210, "window": 50},
            {"lengths": (1,) * 200}, {"lengths": ()}, {"unknown": 1.0}, {"position": 2**40},
            {"window": 10**6, "alpha": (1e-3, 9e-4)},
            {"lengths": (1501, 63), "window": 500, "V": 1000, "alpha": (2e-5, 1e-5)},
        )
    ),
    {"layout": Layout(7, 7, 2, G=3)},
    {"layout": Layout(256, 256, 5, G=2, fresh=True), "lengths": (700, 3, 300), "window": 500, "V": 1000, "D": 100,
     "alpha": (1e-3, 9e-4)},
]  # fmt: skip


def layouts_of(engine, negative):
    yield Layout(64, 8, negative, 1)
    if engine == "torch_batched":
        yield Layout(64, 1, 32, 4)
        yield Layout(7, 3, 2, 2)


def agree(engine, **options):
    # torch_batched can be held to float64; fused kernels work in float32, in another order of additions.
    dtype = torch.float64 if engine == "torch_batched" else torch.float32
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype is torch.float64 else {"rtol": 1e-5, "atol": 1e-6}
    layouts = [options.pop("layout")] if "layout" in options else layouts_of(engine, options.get("negative", 5))
    for layout in layouts:
        tables, arguments = case(dtype=dtype, layout=layout, **options)
        wide = [table.double() for table in tables]
        want_inputs, want_outputs, want = run(OPERATORS["reference"], wide, arguments)
        inputs, outputs, result = run(OPERATORS[engine], tables, arguments)
        np.testing.assert_allclose(inputs.numpy(), want_inputs.numpy(), **tolerance)
        np.testing.assert_allclose(outputs.numpy(), want_outputs.numpy(), **tolerance)
        np.testing.assert_allclose(result.numpy(), want.numpy(), rtol=1e-6)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("options", SHAPES, ids=lambda o: "-".join(map(str, list(o.values())[:4])))
def test_shapes(engine, options):
    agree(engine, **options)


@pytest.mark.parametrize("engine", OTHERS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(engine, options):
    agree(engine, **options)


@pytest.mark.parametrize("options", FRESH, ids=str)
@pytest.mark.parametrize("engine", [name for name in OTHERS if name != "torch_batched"])
def test_hidden_layers_that_follow_the_errors(engine, options):
    agree(engine, **options)


def test_engines_that_group_no_sets_say_so():
    for layout in (Layout(32, 32, 5, G=2), Layout(32, 32, 5, fresh=True)):
        tables, arguments = case(layout=layout)
        with pytest.raises(ValueError, match=r"engine 'torch_batched' takes G=1 and fresh=False only"):
            run(OPERATORS["torch_batched"], tables, arguments)


@pytest.mark.parametrize("engine", ["reference", *OTHERS])
def test_operator_is_registered_rightly(engine):
    tables, arguments = case(lengths=(30,))
    torch.library.opcheck(OPERATORS[engine], (*tables,), arguments)


@pytest.mark.parametrize("engine", ["reference", *OTHERS])
def test_two_chunks_equal_their_halves(engine):
    """Draws belong to the place in the corpus: a chunk gives the same whatever was trained before in other calls."""
    tables, arguments = case(lengths=(64, 64), sample=False, unknown=0)
    whole = run(OPERATORS[engine], tables, arguments)
    middle = (arguments["alpha_begin"] + arguments["alpha_end"]) / 2
    inputs, outputs = (table.clone() for table in tables)
    edges = torch.tensor([0, 64])
    for part, alphas in ((0, (arguments["alpha_begin"], middle)), (1, (middle, arguments["alpha_end"]))):
        half = {
            **arguments, "tokens": arguments["tokens"][64 * part : 64 * part + 64], "offsets": edges, "begin": 0,
            "end": 64, "position": arguments["position"] + 64 * part, "alpha_begin": alphas[0], "alpha_end": alphas[1],
        }  # fmt: skip
        OPERATORS[engine](inputs, outputs, **half)
    torch.testing.assert_close(inputs, whole[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(outputs, whole[1], rtol=1e-5, atol=1e-6)
