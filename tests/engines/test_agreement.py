"""Every engine against the reference, with the same draws, on odd shapes."""

import dataclasses
import itertools

import pytest

from tests.engines.agreement import OTHERS, agree, same_as_its_halves, with_engines
from tests.engines.cases import case, run
from tests.engines.shapes import GRID, MET_AGAIN, OPTIONS, name_of, odd_shape, pairwise
from tests.helpers import KERNEL
from torch_w2v.engines.plan import Layout

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

# Windows that each set reads and writes by itself: runs of equal words, at the edges of a window and around the target.
BY_SET = [
    {"alpha": (1e-3, 9e-4)} | options | {"layout": Layout(T, S, options.get("negative", 5), by_set=True)}
    for (T, S), options in zip(
        itertools.cycle([(32, 8), (24, 24), (64, 32), (7, 3)]),
        [
            {},
            {"V": 1},
            {"V": 2, "window": 20},
            {"V": 2, "lengths": (300, 3, 90), "D": 100, "scales": True},
            {"V": 3, "cbow_mean": False, "shrink_windows": False},
            {"V": 3, "exact_gradient": True, "D": 17, "scales": True},
            {"scales": True, "window": 40},
            {"loss_every": 0},
            {"loss_every": 3, "V": 4},
            {"window": 500, "V": 1000, "lengths": (300, 3, 90)},
            {"negative": 20, "D": 300, "V": 1000},
            {"negative": 1, "D": 1},
            {"lengths": (300,), "begin": 100, "end": 210, "window": 50},
            {"lengths": (1, 2) * 100},
            {"lengths": (8,) * 300, "V": 1000},
            # more than the kernel keeps in memory at a time
            {"lengths": (5000,), "V": 3, "sample": False, "unknown": 0.0, "alpha": (2e-5, 1e-5)},
            {"lengths": (5000, 50, 4000), "V": 6, "alpha": (2e-5, 1e-5)},
            {"unknown": 1.0},
            {"lengths": ()},
            {"position": 2**40, "V": 2},
            {"size": 2.0, "D": 100, "V": 5},
        ],
        strict=False,
    )
]


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


@pytest.mark.parametrize(("engine", "options"), with_engines(OPTIONS))
def test_options(engine, options):
    agree(engine, **options)


def fresh_on_engines():
    """Each engine with the options of `FRESH` that it takes: each once, with one set per group where it takes no other.

    What two engines take alike comes one after the other.
    """
    pairs = []
    for options, engine in itertools.product(FRESH, OTHERS):
        layout = options["layout"]
        taken = options | {"layout": dataclasses.replace(layout, G=1) if engine == "torch_batched" else layout}
        if (engine, taken) not in pairs:
            pairs.append((engine, taken))
    return pairs


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        pytest.param(
            engine,
            options,
            marks=pytest.mark.slow if engine == "torch_batched" and sum(options.get("lengths", ())) > 1000 else [],
            id=f"{engine}-{name_of(options)}",
        )
        for engine, options in fresh_on_engines()
    ],
)
def test_hidden_layers_that_follow_the_errors(engine, options):
    agree(engine, **options)


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
@pytest.mark.parametrize("options", BY_SET, ids=name_of)
def test_context_that_is_read_by_set(options):
    agree("cpu", **options)


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
@pytest.mark.parametrize("per_set", [1, 2, 3, 4])
def test_every_number_of_negatives(per_set):
    """Lanes are summed sixteen at a time: what is left over may be any number."""
    for negative in range(1, 34):
        layout = Layout(12, 12 // per_set, negative, fresh=True)
        agree("cpu", negative=negative, layout=layout, lengths=(9, 13), D=9, window=3, V=200)


@pytest.mark.skipif(not KERNEL, reason="needs the fused kernel")
@pytest.mark.parametrize("options", MET_AGAIN, ids=name_of)
def test_negatives_that_are_met_again_and_again(options):
    agree("cpu", **options)


def test_layouts_that_torch_batched_does_not_take():
    with pytest.raises(ValueError, match=r"G=2: engine 'torch_batched' takes G=1 only"):
        run("torch_batched", case(layout=Layout(32, 32, 5, G=2)))
    with pytest.raises(ValueError, match="by_set=True: engine 'torch_batched' reads context rows once per step"):
        run("torch_batched", case(layout=Layout(32, 32, 5, by_set=True)))


@pytest.mark.parametrize("engine", ["reference", *OTHERS])
def test_two_chunks_equal_their_halves(engine):
    same_as_its_halves(engine, case(lengths=(64, 64), sample=False, unknown=0))
