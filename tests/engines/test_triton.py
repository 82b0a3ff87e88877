"""The GPU engine without a GPU: what it computes, in Triton's interpreter, and what it compiles to."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
import torch

from tests.engines import triton_process as worker
from tests.engines.cases import case, run
from tests.engines.test_agreement import OPTIONS
from tests.engines.triton_process import needs_triton
from torch_w2v import engines
from torch_w2v.engines import row_scales as plan
from torch_w2v.engines import torch_batched
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.triton import engine as triton

SHORT = (0, 1, 2, 40, 0, 7, 60, 1)
GRID = list(itertools.product((1, 3, 63, 100, 300), (1, 5, 500), (1, 5, 20), (1, 2, 1000)))  # D, window, negative, V
PROGRAMS = 3


def layouts(negative):
    return [
        engines.blocks_in_flight(negative, 1e9, 6), Layout(7, 3, 2, PROGRAMS), Layout(64, 1, 64, PROGRAMS),
        Layout(16, 1, 9, 1), Layout(64, 8, negative, PROGRAMS),
    ]  # fmt: skip


def numbers(D, window, negative, V):
    """As in test_agreement: one or two rows that a long window adds to thousands of times start small and are slow."""
    slow = {"alpha": (2e-5, 1e-5)} if window == 500 else {}
    small = {"size": 0.002 if V == 1 and window == 500 else 0.02} if V < 3 else {}
    return {"D": D, "window": window, "negative": negative, "V": V} | slow | small


def name(value):
    return "-".join(map(str, value)) if isinstance(value, tuple) else None


@pytest.fixture(scope="module")
def interpreter():
    with worker.process(TRITON_INTERPRET="1") as call:
        yield call


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    with worker.process(TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(folder)) as call:
        yield lambda *args, **options: call(worker.compiled, *args, cache=folder, **options)


@needs_triton
@pytest.mark.parametrize("shape", GRID, ids=name)
def test_shapes(interpreter, shape):
    layout = layouts(shape[2])[GRID.index(shape) % 4]
    interpreter(worker.agree, layout, lengths=SHORT, **numbers(*shape))


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("shape", GRID, ids=name)
def test_shapes_in_every_layout(interpreter, shape):
    for layout in layouts(shape[2]):
        interpreter(worker.agree, layout, **numbers(*shape))


def long(options):
    return sum(options.get("lengths", ())) > 2000


@needs_triton
@pytest.mark.parametrize(
    "options", [pytest.param(o, marks=[pytest.mark.slow] if long(o) else [], id=str(o)) for o in OPTIONS]
)
@pytest.mark.parametrize("sets", [1, 3])
def test_options(interpreter, sets, options):
    # The kernel adds to a row for each place where it is: on long sentences, tens of thousands of times.
    slow = long(options) and options.get("window") == 500
    small = {"size": 0.02, "alpha": (2e-5, 1e-5)} if slow else {}
    interpreter(worker.agree, Layout(30, sets, 20, PROGRAMS), **{"lengths": SHORT, **options, **small})


@needs_triton
def test_a_set_is_read_after_the_one_before_it_was_written(interpreter):
    interpreter(worker.agree, Layout(64, 8, 5, PROGRAMS), V=5, D=100)


@needs_triton
@pytest.mark.parametrize("negative", [5, 15, 100])
def test_the_engines_own_layouts(interpreter, negative):
    shapes = ((1e9, 6, True), (1e6, 6, True), (1e9, 16, True), (1e9, 6, False))
    for D, (kept, context, mean) in itertools.product((100, 300), shapes):
        layout = engines.blocks_in_flight(negative, kept, context, mean)
        interpreter(worker.agree, layout, D=D, negative=negative, V=1000, lengths=SHORT, scales=True, cbow_mean=mean)


@needs_triton
@pytest.mark.parametrize("D", [1, 63, 64])
def test_tables_whose_rows_are_not_filled_up(interpreter, D):
    interpreter(worker.agree_on_plain_tables, engines.blocks_in_flight(5, 1e9, 6), D=D, lengths=SHORT)


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("D", [600, 4096])
def test_long_rows(interpreter, D):
    interpreter(worker.agree, engines.blocks_in_flight(5, 1e9, 6), D=D, lengths=SHORT)


@needs_triton
@pytest.mark.slow
def test_rows_beyond_32_bits(interpreter):
    interpreter(worker.agree_far_out)


@needs_triton
def test_operator_is_registered_rightly(interpreter):
    interpreter(worker.opcheck)


@needs_triton
def test_word2vec_learns_with_it(interpreter):
    nearest, losses = interpreter(worker.neighbours)
    assert {word[0] for word in nearest} == {"a"}
    assert losses[-1] < 0.9 * losses[0]


@needs_triton
@pytest.mark.parametrize("layout", [{"T": 65}, {"N": 65}])
def test_layouts_that_do_not_fit(interpreter, layout):
    with pytest.raises(ValueError, match="blocks of up to 64 and sets of up to 64"):
        interpreter(worker.refuses, **layout)


# D, and what the layout follows: negative, context words, the mean of them
SHIPPED = [(100, 5, 6, True), (300, 5, 6, True), (100, 100, 6, True), (100, 5, 16, True), (100, 5, 6, False)]
MORE = [
    *((D, negative, 6, True) for D, negative in itertools.product((52, 100, 128, 200, 300, 600), (5, 15, 100))),
    *((D, 5, *form) for D, form in itertools.product((100, 300), ((16, True), (51, True), (501, True), (6, False)))),
]
MORE = [one for one in MORE if one not in SHIPPED]


@needs_triton
@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize(
    ("D", "negative", "context", "mean"), [*SHIPPED, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE)]
)
def test_what_it_compiles_to(compiler, arch, D, negative, context, mean):
    """The window is no argument of the kernel: it is what `low` and `high` say, whatever its width."""
    layout = engines.blocks_in_flight(negative, 1e9, context, mean)
    instructions, used, ptx, ttir = compiler(arch, D, layout.T, layout.S, layout.N)
    count = Counter(instructions)
    starts = Counter(instruction.split(".")[0] for instruction in instructions)

    assert used["STACK"] == used["LOCAL"] == starts["LDL"] == starts["STL"] == 0, "spills"
    assert used["SHARED"] <= 64 * 1024
    assert starts["MEMBAR"] == starts["FENCE"] == starts["ERRBAR"] == 0
    assert starts["HMMA"] > 0
    assert all("TF32" in instruction for instruction in count if instruction.startswith("HMMA"))

    additions = [instruction for instruction in count if instruction.startswith(("RED.", "REDG.", "ATOM"))]
    if arch >= 90:
        assert all(re.fullmatch(r"REDG\.E\.ADD\.F32x4\..*", instruction) for instruction in additions), additions
    else:  # Ampere adds one float at a time; four of a row by one thread, next to each other
        assert all(re.fullmatch(r"REDG?\.E\.ADD\.F32\..*", instruction) for instruction in additions), additions
    assert additions
    assert set(re.findall(r"\b(?:atom|red)\.\w+\.gpu\.(\w+)\.", ptx)) == {"relaxed"}

    wide = sum(n for instruction, n in count.items() if re.match(r"LDG(STS)?\.E\.(BYPASS\.)?128", instruction))
    assert wide >= 8
    assert not [instruction for instruction in count if re.match(r"LDG(STS)?\.E\.64", instruction)]
    rows = re.findall(r"ld\.global[\w.]*\.v4|cp\.async\.c\w\.shared", ptx)
    assert rows
    if layout.S == 1 and D <= 128:  # else the sums are read back, which nobody else writes
        assert all(".cg." in instruction for instruction in rows), "rows that others change come from the first cache"

    times_length = re.findall(rf"arith\.constant dense<{D}> : tensor<\d+x1x(i\d+)>", ttir)
    assert set(times_length) == {"i64"}, "places in a table have 64 bits"


def test_layouts():
    for negative, context, mean in itertools.product((1, 5, 10, 11, 20, 100), (2, 6, 16, 51, 501), (True, False)):
        layout = engines.blocks_in_flight(negative, 1e9, context, mean)
        assert layout.T * negative / (layout.S * layout.N) <= 10
        assert layout.targets_in_flight <= 8192
        assert layout.targets_in_flight * context <= 50_000
        assert layout.T <= triton.MOST_T
        assert layout.N <= triton.MOST_N
    assert engines.blocks_in_flight(5, 1000, 6).B == 1
    small = engines.blocks_in_flight(5, np.float64(1e6), 6)  # as Word2Vec gives it
    assert small == Layout(32, 2, 32, 30)
    assert {type(getattr(small, name)) for name in "TSNBG"} == {int}, "Triton takes no numbers of numpy's"
    assert engines.blocks_in_flight(5, 1e9, 6) == Layout(32, 1, 32, 256)
    assert engines.blocks_in_flight(5, 1e9, 16) == Layout(32, 4, 32, 96)
    assert engines.blocks_in_flight(5, 1e9, 6, mean=False) == Layout(32, 8, 16, 256)
    assert engines.blocks_in_flight(15, 1e9, 501) == Layout(16, 16, 16, 6)


@pytest.mark.parametrize("alpha", [0.025, 0.1, 0.5])
def test_a_small_vocabulary_does_not_diverge(alpha):
    """All blocks in flight in step, which is staler than programs that see each other's work ever are."""
    V, n = 16, 60_000
    layout = engines.blocks_in_flight(5, 1e9, 6)
    share = np.full(V, 1 / V)
    input_scale, output_scale = plan.row_scales(share, share, layout, 5, 6.0, np.ones(1), alpha)
    tables, arguments = case(
        V=V, lengths=(20,) * (n // 20), layout=layout, unknown=0, sample=False, alpha=(alpha, alpha), size=0.03
    )
    scales = {"input_scale": torch.from_numpy(input_scale), "output_scale": torch.from_numpy(output_scale)}
    arguments |= scales
    inputs, outputs, result = run(torch_batched.train_chunk, tables, arguments)
    assert max(inputs.abs().max(), outputs.abs().max()) < 10
    assert result[1] / result[2] < 0.8
