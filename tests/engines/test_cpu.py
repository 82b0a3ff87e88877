"""The CPU kernel's builds: every instruction set, memory it may not touch, and what the library needs and shows."""

import itertools
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from tests import helpers
from tests.engines import kernel_replay as native
from tests.engines.cases import case, run
from torch_w2v import native as library
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.torch_ops import OPERATORS

try:
    library.library()
except RuntimeError as e:
    pytest.skip(str(e), allow_module_level=True)

CAN = cpu.supported()
OP = OPERATORS["cpu"]
needs_compiler = pytest.mark.skipif(not native.COMPILER, reason="no C++ compiler")
SHAPES = [
    {"D": 100}, {"D": 300, "V": 1000, "negative": 20}, {"D": 1}, {"D": 17, "window": 1}, {"D": 4096, "lengths": (100,)},
    {"window": 40, "lengths": (300, 3, 90)}, {"V": 1}, {"V": 2, "cbow_mean": False, "alpha": (1e-3, 1e-3)},
    {"scales": True, "exact_gradient": True}, {"negative": 1, "lengths": (1,) * 100}, {"lengths": (5000,), "V": 1000},
    {"lengths": (300,), "begin": 100, "end": 210, "position": 2**40}, {"layout": Layout(7, 3, 2, 1)},
    {"layout": Layout(1, 1, 5, 1), "lengths": (40, 2)}, {"layout": Layout(32, 8, 5, 1)},
    {"layout": Layout(64, 16, 5, 1), "window": 15, "lengths": (300, 3, 90)},
    {"layout": Layout(16, 16, 5, 1), "window": 100, "lengths": (300, 3, 90), "D": 100},
    {"window": 40, "lengths": (300, 3, 90), "scales": True, "V": 1000},
    {"layout": Layout(64, 64, 5, G=2, fresh=True), "window": 100, "lengths": (300, 3, 90), "D": 100,
     "alpha": (1e-3, 9e-4)},
    {"layout": Layout(16, 16, 6, G=3, fresh=True), "negative": 6, "lengths": (40, 1, 2, 90), "scales": True, "D": 17},
    {"layout": Layout(7, 7, 2, G=4), "lengths": (40, 2)},
]  # fmt: skip


@pytest.fixture(params=CAN)
def isa(request, monkeypatch):
    monkeypatch.setenv("TORCH_W2V_ISA", request.param)
    return request.param


@pytest.mark.parametrize("options", SHAPES, ids=str)
def test_agrees_with_the_reference(isa, options):
    tables, arguments = case(**options)
    want_inputs, want_outputs, want = run(OPERATORS["reference"], [table.double() for table in tables], arguments)
    inputs, outputs, result = run(OP, tables, arguments)
    np.testing.assert_allclose(inputs.numpy(), want_inputs.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs.numpy(), want_outputs.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.numpy(), want.numpy(), rtol=1e-6)


@pytest.mark.skipif(len(CAN) == 1, reason="one instruction set only")
def test_instruction_sets_agree(monkeypatch):
    cases = [case(**options) for options in SHAPES]
    results = []
    for name in CAN:
        monkeypatch.setenv("TORCH_W2V_ISA", name)
        results.append(native.expected(cases))
    for one, other in itertools.combinations(results, 2):
        native.close(one, other)


@pytest.mark.parametrize("layout", [None, Layout(32, 32, 5, G=2, fresh=True)], ids=["default", "fresh"])
@pytest.mark.parametrize("D", [1, 16, 100, 300])
def test_touches_nothing_around_the_tables(isa, D, layout):
    tables, arguments = case(D=D, V=50, layout=layout)
    wide, guard = -(-D // cpu.LANES) * cpu.LANES, 3
    buffers, views = [], []
    for table in tables:
        buffer = torch.full(((50 + 2 * guard) * wide + cpu.LANES,), 12345.0)
        start = -(buffer.data_ptr() // 4) % cpu.LANES  # of 64 bytes
        rows = buffer[start : start + (50 + 2 * guard) * wide].view(-1, wide)
        rows[guard:-guard] = torch.from_numpy(cpu.whole(cpu.padded(table.numpy())))
        buffers.append(rows)
        views.append(rows[guard:-guard, :D])
    assert all(cpu.is_padded(view.numpy()) for view in views)
    OP(*views, **arguments)
    want = run(OP, tables, arguments)
    for rows, view, expected in zip(buffers, views, want, strict=False):
        assert torch.equal(view, expected)
        assert (rows[:guard] == 12345).all()
        assert (rows[-guard:] == 12345).all()
        assert not rows[guard:-guard, D:].any()


@pytest.mark.parametrize("unlike", ["unaligned", "rows apart", "by columns", "not filled up"])
def test_takes_tables_that_are_not_padded(unlike):
    tables, arguments = case(D=16)
    want = run(OP, tables, arguments)
    given = []
    for table in tables:
        if unlike == "unaligned":
            other = torch.empty(50 * 16 + 16)
            start = (-(other.data_ptr() // 4) % 16) + 1
            other = other[start : start + 50 * 16].view(50, 16)
        elif unlike == "rows apart":
            other = torch.full((50, 64), 7.0)[:, :16]
        elif unlike == "by columns":
            other = torch.empty(16, 50).t()
        else:
            other = torch.empty(50, 17)[:, 1:]
        given.append(other.copy_(table))
    assert not any(cpu.is_padded(table.numpy()) for table in given)
    result = OP(*given, **arguments)
    for x, y in zip([*given, result], want, strict=True):
        assert torch.equal(x, y)
    if unlike == "rows apart":
        assert (given[0].as_strided((50, 64), (64, 1))[:, 16:] == 7).all()


def test_repeats_bit_for_bit(isa):
    code = (
        "import hashlib; from tests.engines.cases import case, run; from torch_w2v.engines.operators import OPERATORS; "
        "tensors = run(OPERATORS['cpu'], *case(D=100, V=1000, lengths=(3000, 5), scales=True)); "
        "print(hashlib.sha256(b''.join(t.numpy().tobytes() for t in tensors)).hexdigest())"
    )
    once, again = (helpers.python(code) for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{64}\n", once.stdout), once.stderr
    assert once.stdout == again.stdout


@needs_compiler
@pytest.mark.parametrize("name", CAN)
def test_reads_no_scratch_before_writing_it(name, tmp_path, monkeypatch):
    cases = [case(**options) for options in SHAPES]
    poisoned = native.compile_kernel(tmp_path / "replay", name, "-O2", "-DPOISON", "-lm", source=native.REPLAY)
    monkeypatch.setenv("TORCH_W2V_ISA", name)
    native.close(native.replay([poisoned], native.record(monkeypatch, cases), cases), native.expected(cases))


GRID = [
    {"D": D, "window": window, "negative": negative, "V": V, "layout": Layout(T, S, negative, 1), "scales": D == 5}
    for D, window, negative, V, (T, S) in itertools.product(
        (1, 5, 16, 100, 300), (1, 5, 100), (1, 5, 6), (1, 50), ((64, 8), (64, 1), (7, 3), (1, 1))
    )
] + [
    {"D": D, "window": window, "negative": negative, "V": V, "layout": Layout(T, T, negative, G=G, fresh=True)}
    for D, window, negative, V, (T, G) in itertools.product(
        (5, 100), (1, 100), (1, 6), (1, 50), ((64, 2), (7, 3), (1, 1), (32, 5))
    )
] + SHAPES + [
    {"lengths": ()}, {"lengths": (0,)}, {"lengths": (0, 0, 2, 0)}, {"unknown": 1.0}, {"window": 10**6},
    {"lengths": (10001, 63), "window": 500, "V": 1000}, {"position": 2**62}, {"size": 30.0}, {"alpha": (1e6, 1e6)},
    {"lengths": (64, 64), "begin": 64, "end": 64}, {"D": 4096, "window": 30}, {"shrink_windows": False, "window": 63},
]  # fmt: skip


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("name", CAN)
def test_sanitizers_find_nothing(name, tmp_path, monkeypatch):
    cases = [case(**options) for options in GRID]
    sanitizers = "-fsanitize=address,undefined,float-divide-by-zero,float-cast-overflow"
    options = ("-O1", "-g", sanitizers, "-fno-sanitize-recover=all", "-lm")
    built = native.compile_kernel(tmp_path / "replay", name, *options, source=native.REPLAY)
    native.replay([built], native.record(monkeypatch, cases), cases)


@pytest.mark.slow
def test_arm64_under_an_emulator(tmp_path, monkeypatch):
    """On Debian: apt-get install g++-aarch64-linux-gnu qemu-user."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    if not compiler or not emulator:
        pytest.skip("no compiler for arm64, or no qemu-aarch64")
    cases = [case(**options) for options in SHAPES]
    options = ("-O3", "-static", "-lm")
    built = native.compile_kernel(tmp_path / "replay", "base", *options, source=native.REPLAY, compiler=compiler)
    monkeypatch.setenv("TORCH_W2V_ISA", "base")
    native.close(native.replay([emulator, built], native.record(monkeypatch, cases), cases), native.expected(cases))


def symbols(*options):
    """{name: kind} as nm says it."""
    done = subprocess.run(["nm", *map(str, options)], capture_output=True, text=True, check=True)
    return {line.split()[-1].split("@")[0]: line.split()[-2] for line in done.stdout.splitlines()}


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("nm"), reason="no nm, or not Linux")
def test_library_shows_its_entry_points_only_and_needs_no_cpp_library():
    shown = symbols("-D", "--defined-only", library.find())
    trains = {f"w2v_train_{name}" for name in cpu.ISAS if f"w2v_train_{name}" in shown}
    assert set(shown) == {"w2v_isa", "w2v_remap", "w2v_count", *trains, *(name for name in shown if "_words_" in name)}
    assert {f"w2v_train_{name}" for name in CAN} <= set(shown)
    assert not [name for name in symbols("-D", "--undefined-only", library.find()) if name.startswith("_Z")]
    headers = subprocess.run(["readelf", "-d", library.find()], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in headers
    assert "libstdc++" not in headers
    assert "libc++" not in headers


@needs_compiler
@pytest.mark.skipif(not shutil.which("nm"), reason="no nm")
@pytest.mark.parametrize("name", CAN)
@pytest.mark.parametrize("optimize", ["-O0", "-O3"])
def test_objects_share_no_code(name, optimize, tmp_path):
    """A function that the linker may merge would run with another instruction set's code."""
    made = native.compile_kernel(tmp_path / "kernel.o", name, optimize, "-c")
    linked = {symbol.removeprefix("_") for symbol, kind in symbols(made).items() if kind.isupper() and kind != "U"}
    assert linked | {"w2v_isa"} == {f"w2v_train_{name}", "w2v_isa"}
    assert ("w2v_isa" in linked) == (name == "base")


def test_instruction_set_of_the_environment(monkeypatch):
    tables, arguments = case()
    monkeypatch.setenv("TORCH_W2V_ISA", "sse9")
    with pytest.raises(ValueError, match="TORCH_W2V_ISA='sse9': must be one of 'base', 'avx2', 'avx512'"):
        run(OP, tables, arguments)
    monkeypatch.setattr(cpu, "supported", lambda: ("base",))
    with pytest.raises(RuntimeError, match="TORCH_W2V_ISA='avx512': this machine can run 'base' only"):
        cpu.kernel.__wrapped__("avx512")
    assert cpu.kernel.__wrapped__("").__name__ == "w2v_train_base"


def test_too_long_vectors():
    with pytest.raises(ValueError, match="vector_size=4097: the CPU kernel takes up to 4096"):
        run(OP, *case(D=4097, V=3, lengths=(3,)))


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout(64, 8, 5, B=2), "B=2: the CPU kernel works on one block at a time"),
        (Layout(64, 8, 5, G=2), "G=2, fresh=False with T=64, S=8: the CPU kernel takes these with S = T only"),
        (Layout(64, 8, 5, fresh=True), "G=1, fresh=True with T=64, S=8: the CPU kernel takes these with S = T only"),
    ],
)
def test_layouts_that_the_kernel_does_not_take(layout, message):
    with pytest.raises(ValueError, match=message):
        run(OP, *case(layout=layout))
