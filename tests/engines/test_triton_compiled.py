"""What the GPU kernel compiles to: no spills, wide loads, products on tensor cores, relaxed additions."""

import itertools
import re
from collections import Counter

import pytest

from tests.engines import triton_process
from tests.engines.shapes import name_of
from tests.engines.triton_process import needs_triton
from torch_w2v.engines.layouts import blocks_in_flight, skip_gram_in_flight
from torch_w2v.engines.plan import Workload

pytestmark = needs_triton


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    with triton_process.process(TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(folder)) as call:
        yield lambda function, *args: call(function, *args, cache=folder)


# D, and what the layout follows: negative, context words, the mean of them
SHAPES = [
    *((D, negative, 6, True) for D, negative in itertools.product((52, 100, 128, 200, 300, 600), (5, 15, 100))),
    *((D, 5, *form) for D, form in itertools.product((100, 300), ((16, True), (51, True), (501, True), (6, False)))),
]
# Compiling takes seconds: the quick run does it for the usual rows, and for many sets.
QUICK = {(80, 100, 5, 6, True), (90, 100, 5, 6, True), (90, 100, 5, 6, False)}


@pytest.mark.parametrize(
    ("arch", "D", "negative", "context", "mean"),
    [
        pytest.param(*row, marks=[] if row in QUICK else pytest.mark.slow, id=name_of(row))
        for row in ((arch, *shape) for arch in (80, 90) for shape in SHAPES)
    ],
)
def test_what_it_compiles_to(compiler, arch, D, negative, context, mean):
    """The window is no argument of the kernel: it is what `low` and `high` say, whatever its width."""
    layout = blocks_in_flight(Workload(negative, 1e9, context, mean))
    ttir, rows = check(arch, *compiler(triton_process.compiled, arch, D, layout.T, layout.S, layout.N))
    # With more sets or longer rows the program's own sums are read back too.
    if layout.S == 1 and D <= 128:
        assert all(".cg." in instruction for instruction in rows), "rows that others change come from the first cache"
    check_places(ttir, D)


# D, negative, window
SKIP_GRAM_SHAPES = [
    *itertools.product((52, 100, 128, 200, 300, 600), (5, 15, 100), (5,)),
    *itertools.product((100, 300), (5, 15), (2, 10, 50, 1000)),
]


@pytest.mark.parametrize(
    ("arch", "D", "negative", "window"),
    [
        pytest.param(*row, marks=[] if row == (90, 100, 5, 5) else pytest.mark.slow, id=name_of(row))
        for row in ((arch, *shape) for arch in (80, 90) for shape in SKIP_GRAM_SHAPES)
    ],
)
def test_what_skip_gram_compiles_to(compiler, arch, D, negative, window):
    layout = skip_gram_in_flight(Workload(negative, 1e9, window + 1.0, skip_gram=True))
    sizes = layout.T, layout.S, layout.N
    ttir, rows = check(
        arch, *compiler(triton_process.compiled_skip_gram, arch, D, *sizes, window, False), layout.N > 32
    )
    # With longer rows or wider windows the program's own coefficients are read back too.
    if D <= 128 and window <= 5 and layout.N <= 32:
        assert all(".cg." in instruction for instruction in rows), "rows that others change come from the first cache"
    check_places(ttir, D)


@pytest.mark.parametrize("D", [pytest.param(100, marks=pytest.mark.slow), 300])
def test_what_negatives_that_are_met_in_turn_compile_to(compiler, D):
    layout = skip_gram_in_flight(Workload(50, 1e9, 6, skip_gram=True))
    sizes = layout.T, layout.S, layout.N
    ttir, _ = check(90, *compiler(triton_process.compiled_skip_gram, 90, D, *sizes, 5, True), layout.N > 32)
    check_places(ttir, D)


def check(arch, instructions, used, ptx, ttir, large_sets=False):
    """Check what is true of both kernels; the TTIR, and the instructions that load rows.

    The updates of sets of more than 32 negatives are products with 64 rows, which Hopper computes by wgmma. That reads
    shared memory past the usual order of loads and stores, so a `fence.proxy.async` stands in front of it, which
    becomes MEMBAR.ALL.CTA and FENCE.VIEW.ASYNC: they wait for this program's own work only. A MEMBAR of the whole GPU
    would wait for other programs to see its additions, and there must be none.
    """
    count = Counter(instructions)
    starts = Counter(instruction.split(".")[0] for instruction in instructions)

    assert used["STACK"] == used["LOCAL"] == starts["LDL"] == starts["STL"] == 0, "spills"
    assert used["SHARED"] <= 64 * 1024
    assert starts["ERRBAR"] == 0
    fences = len(re.findall(r"fence\.proxy\.async", ptx)) if large_sets and arch >= 90 else 0
    assert starts["MEMBAR"] == count["MEMBAR.ALL.CTA"] == fences
    assert starts["FENCE"] == count["FENCE.VIEW.ASYNC.S"] == fences
    assert not re.search(r"\bmembar\.|\bfence\.(?!proxy\.async)", ptx.replace("wgmma.fence", ""))
    assert starts["HMMA"] > 0
    assert all("TF32" in instruction for instruction in count if instruction.startswith("HMMA"))

    additions = [instruction for instruction in count if instruction.startswith(("RED.", "REDG.", "ATOM"))]
    if arch >= 90:
        assert all(re.fullmatch(r"REDG\.E\.ADD\.F32x4\..*", instruction) for instruction in additions), additions
    else:
        # Ampere adds one float at a time; four of a row by one thread, next to each other.
        assert all(re.fullmatch(r"REDG?\.E\.ADD\.F32\..*", instruction) for instruction in additions), additions
    assert additions
    assert set(re.findall(r"\b(?:atom|red)\.\w+\.gpu\.(\w+)\.", ptx)) == {"relaxed"}

    wide = sum(n for instruction, n in count.items() if re.match(r"LDG(STS)?\.E\.(BYPASS\.)?128", instruction))
    assert wide >= 8
    assert not [instruction for instruction in count if re.match(r"LDG(STS)?\.E\.64", instruction)]
    rows = re.findall(r"ld\.global[\w.]*\.v4|cp\.async\.c\w\.shared", ptx)
    assert rows
    return ttir, rows


def check_places(ttir, D):
    times_length = re.findall(rf"arith\.constant dense<{D}> : tensor<\d+x1x(i\d+)>", ttir)
    assert set(times_length) == {"i64"}, "places in a table have 64 bits"
