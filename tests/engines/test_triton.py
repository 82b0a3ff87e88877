"""The GPU engine without a GPU: what it computes, in Triton's interpreter."""

import itertools

import pytest

from tests.engines import triton_process
from tests.engines.shapes import GRID, OPTIONS, is_long, name_of, odd_shape, pairwise
from tests.engines.triton_process import needs_triton
from torch_w2v.engines.layouts import blocks_in_flight, skip_gram_in_flight
from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.triton.engine import MAX_N, MAX_T

pytestmark = needs_triton
SHORT = (0, 1, 2, 40, 0, 7, 60, 1)
FEW = (0, 1, 2, 25, 0, 30, 1)
PROGRAMS = 3
USUAL = blocks_in_flight(Workload(5, 1e9, 6))


def layouts(negative):
    return [
        blocks_in_flight(Workload(negative, 1e9, 6)),
        Layout(7, 3, 2, PROGRAMS),
        Layout(64, 1, 64, PROGRAMS),
        Layout(16, 1, 9, 1),
        Layout(64, 8, negative, PROGRAMS),
    ]


def options_of(D, window, negative, V):
    return odd_shape(D, window, negative, V, small=0.002 if V == 1 and window == 500 else 0.02)


@pytest.fixture(scope="module")
def interpreter():
    with triton_process.process(TRITON_INTERPRET="1") as call:
        yield call


@pytest.mark.parametrize(
    ("number", "shape"), [pytest.param(i, shape, id=name_of(shape)) for i, shape in enumerate(pairwise(GRID))]
)
def test_shapes(interpreter, number, shape):
    """D, window, negative, V: every pair of values, with one layout after the other."""
    layout = layouts(shape[2])[number % 5]
    interpreter(triton_process.agree, layout, lengths=SHORT, **options_of(*shape))


@pytest.mark.slow
@pytest.mark.parametrize("shape", GRID, ids=name_of)
def test_all_shapes_in_every_layout(interpreter, shape):
    for layout in layouts(shape[2]):
        interpreter(triton_process.agree, layout, **options_of(*shape))


@pytest.mark.parametrize(
    "options", [pytest.param(o, marks=[pytest.mark.slow] if is_long(o) else [], id=name_of(o)) for o in OPTIONS]
)
@pytest.mark.parametrize("sets", [1, 3])
def test_options(interpreter, sets, options):
    # The kernel adds to a row for each place where it is: on long sentences, tens of thousands of times.
    slow = is_long(options) and options.get("window") == 500
    small = {"size": 0.02, "alpha": (2e-5, 1e-5)} if slow else {}
    interpreter(triton_process.agree, Layout(30, sets, 20, PROGRAMS), **{"lengths": SHORT, **options, **small})


def test_a_set_is_read_after_the_one_before_it_was_written(interpreter):
    interpreter(triton_process.agree, Layout(64, 8, 5, PROGRAMS), V=5, D=100, lengths=SHORT)


# negative, D, and the rest of a workload: kept words, context words, the mean of them
OWN = list(
    itertools.product((5, 15, 100), (100, 300), ((1e9, 6, True), (1e6, 6, True), (1e9, 16, True), (1e9, 6, False)))
)
QUICK = pairwise(OWN)


@pytest.mark.parametrize(
    ("negative", "D", "rest"),
    [pytest.param(*row, marks=[] if row in QUICK else pytest.mark.slow, id=name_of(row)) for row in OWN],
)
def test_the_engines_own_layouts(interpreter, negative, D, rest):
    layout = blocks_in_flight(Workload(negative, *rest))
    interpreter(
        triton_process.agree, layout, D=D, negative=negative, V=1000, lengths=FEW, scales=True, cbow_mean=rest[2]
    )


@pytest.mark.parametrize("D", [1, 63, 64])
def test_tables_whose_rows_are_not_filled_up(interpreter, D):
    interpreter(triton_process.agree_on_plain_tables, USUAL, D=D, lengths=SHORT)


@pytest.mark.slow
@pytest.mark.parametrize("D", [600, 4096])
def test_long_rows(interpreter, D):
    interpreter(triton_process.agree, USUAL, D=D, lengths=SHORT)


@pytest.mark.slow
def test_rows_beyond_32_bits(interpreter):
    interpreter(triton_process.agree_far_out, USUAL)


# --- skip-gram

FEWER = (0, 1, 2, 12, 5)
ITS_OWN = skip_gram_in_flight(Workload(5, 1e9, 6, skip_gram=True))
# Rows that are one tile and longer ones, positives that are read at once and in pieces, one part and several.
SKIP_GRAM = [
    (ITS_OWN, {"D": 100, "V": 1000, "scales": True}),
    (ITS_OWN, {"D": 300, "window": 3, "V": 1000}),
    (Layout(7, 3, 5, PROGRAMS), {"D": 63, "window": 4, "V": 20, "loss_every": 0}),
    (Layout(16, 3, 40, PROGRAMS), {"D": 17, "window": 30, "V": 500, "scales": True, "shrink_windows": False}),
    (Layout(1, 1, 3, 1), {"D": 1, "V": 1, "lengths": (2, 1, 4), "negative": 1}),
    # negatives that are met in turn: rows that are one tile, and rows in pieces
    (Layout(6, 2, 32, PROGRAMS), {"D": 21, "V": 7, "negative": 50, "alpha": (0.02, 0.01), "lengths": FEWER}),
    (
        Layout(3, 2, 40, PROGRAMS),
        {"D": 70, "V": 7, "negative": 50, "alpha": (0.02, 0.01), "scales": True, "lengths": FEWER},
    ),
]


def skip_gram_layouts(negative):
    return [
        skip_gram_in_flight(Workload(negative, 1e9, 6, skip_gram=True)),
        Layout(7, 3, 2, PROGRAMS),
        Layout(16, 1, 64, PROGRAMS),
        Layout(5, 2, 9, 1),
        Layout(64, 4, negative, PROGRAMS),
    ]


@pytest.mark.parametrize(("layout", "options"), SKIP_GRAM, ids=name_of)
def test_skip_gram(interpreter, layout, options):
    interpreter(triton_process.agree, layout, skip_gram=True, **{"lengths": FEW, **options})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "shape"), [pytest.param(i, shape, id=name_of(shape)) for i, shape in enumerate(GRID)]
)
def test_all_shapes_of_skip_gram(interpreter, number, shape):
    layout = skip_gram_layouts(shape[2])[number % 5]
    interpreter(triton_process.agree, layout, skip_gram=True, lengths=SHORT, **options_of(*shape))


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=name_of)
@pytest.mark.parametrize("parts", [1, 3])
def test_options_of_skip_gram(interpreter, parts, options):
    small = {"size": 0.02, "alpha": (2e-5, 1e-5)} if is_long(options) else {}
    if is_long(options) and "window" in options:
        # The interpreter takes all pairs of a window one by one.
        small["lengths"] = (401, 63)
    layout = Layout(16, parts, 20, PROGRAMS)
    interpreter(triton_process.agree, layout, skip_gram=True, **{"lengths": SHORT, **options, **small})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("negative", "D", "context"), list(itertools.product((1, 5, 15, 100), (100, 300), (3, 6, 11, 101)))
)
def test_the_engines_own_layouts_of_skip_gram(interpreter, negative, D, context):
    layout = skip_gram_in_flight(Workload(negative, 1e9, context, skip_gram=True))
    options = {"D": D, "negative": negative, "window": int(context) - 1, "V": 1000, "scales": True}
    interpreter(triton_process.agree, layout, skip_gram=True, lengths=SHORT, **options)


@pytest.mark.slow
def test_rows_of_skip_gram_that_are_not_filled_up_and_far_out(interpreter):
    interpreter(triton_process.agree_on_plain_tables, ITS_OWN, D=63, lengths=SHORT, skip_gram=True)
    interpreter(triton_process.agree, ITS_OWN, D=4096, lengths=FEW, skip_gram=True)
    interpreter(triton_process.agree_far_out, ITS_OWN, skip_gram=True)


@pytest.mark.slow
def test_word2vec_learns_skip_gram_with_it(interpreter):
    nearest, losses = interpreter(triton_process.neighbours, sg=1)
    assert {word[0] for word in nearest} == {"a"}
    assert losses[-1] < 0.95 * losses[0]


# --- and the adapter


def test_word2vec_learns_with_it(interpreter):
    nearest, losses = interpreter(triton_process.neighbours)
    assert {word[0] for word in nearest} == {"a"}
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(T=MAX_T + 1), "T=65, N=5: the Triton kernel takes blocks of up to 64 and sets of up to 64"),
        (Layout(N=MAX_N + 1), "T=64, N=65: the Triton kernel takes blocks of up to 64 and sets of up to 64"),
        (Layout(G=2), "G=2, fresh=False: the Triton kernel takes G=1 and fresh=False only"),
        (Layout(fresh=True), "G=1, fresh=True: the Triton kernel takes G=1 and fresh=False only"),
        (Layout(by_set=True), "by_set=True: the Triton kernel reads context rows once per block"),
        (Layout(stride=2), "stride=2: the Triton kernel takes inputs as they come"),
    ],
    ids=["T", "N", "G", "fresh", "by_set", "stride"],
)
def test_layouts_that_the_kernel_does_not_take(interpreter, layout, message):
    with pytest.raises(ValueError, match=message):
        interpreter(triton_process.refuse, layout)


def test_an_unknown_precision_of_products(interpreter):
    with pytest.raises(ValueError, match="TORCH_W2V_DOT='exact': must be one of 'tf32', 'tf32x3', 'ieee'"):
        interpreter(triton_process.refuse, USUAL, TORCH_W2V_DOT="exact")
