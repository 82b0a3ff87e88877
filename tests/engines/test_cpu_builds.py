"""The CPU kernel's builds: sanitizers, an emulator, and what the library needs and shows."""

import functools
import itertools
import shutil
import subprocess
import sys

import pytest

from tests.engines import kernel_replay
from tests.engines.cases import case
from tests.engines.shapes import CPU_SHAPES, MET_AGAIN
from tests.helpers import COMPILER
from torch_w2v import native
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.plan import Layout

try:
    native.library()
except RuntimeError as e:
    pytest.skip(str(e), allow_module_level=True)

ISAS = kernel_replay.supported()
# Compiling takes seconds: the quick run does it for the best instruction set, which machines use.
BEST_FIRST = [pytest.param(isa, marks=[] if isa == ISAS[-1] else pytest.mark.slow) for isa in reversed(ISAS)]
needs_compiler = pytest.mark.skipif(not COMPILER, reason="no C++ compiler")
# of both models
EXTREMES = [
    {"lengths": (0, 0, 2, 0)},
    {"unknown": 1.0},
    {"lengths": (10001, 63), "window": 500, "V": 1000},
    {"position": 2**62},
    {"size": 30.0},
    {"alpha": (1e6, 1e6)},
    {"lengths": (64, 64), "begin": 64, "end": 64},
    {"D": 4096, "window": 30},
]
# what the sanitizers watch: a product of sizes, every shape of the other tests, and the extremes
WATCHED = [
    *(
        {"D": D, "window": window, "negative": negative, "V": V, "layout": Layout(T, S, negative), "scales": D == 5}
        for D, window, negative, V, (T, S) in itertools.product(
            (1, 5, 16, 100, 300), (1, 5, 100), (1, 5, 6), (1, 50), ((64, 8), (64, 1), (7, 3), (1, 1))
        )
    ),
    *(
        {"D": D, "window": window, "negative": negative, "V": V, "layout": Layout(T, T, negative, G=G, fresh=True)}
        for D, window, negative, V, (T, G) in itertools.product(
            (5, 100), (1, 100), (1, 6), (1, 50), ((64, 2), (7, 3), (1, 1), (32, 5))
        )
    ),
    *CPU_SHAPES,
    *MET_AGAIN,
    *EXTREMES,
    {"lengths": ()},
    {"lengths": (0,)},
    {"window": 10**6},
    {"shrink_windows": False, "window": 63},
    *(
        {
            "skip_gram": True,
            "layout": Layout(T, S, N, G=4, fresh=True, stride=stride),
            "D": D,
            "window": window,
            "V": V,
            "lengths": (100, 3, 1),
        }
        for (T, S, N, stride), D, window, V in itertools.product(
            ((16, 1, 32, 32), (16, 84, 5, 1), (3, 2, 7, 5)), (1, 5, 16, 100, 300), (1, 5, 10**6), (1, 50)
        )
    ),
    *(
        {"skip_gram": True, "layout": Layout(16, 2, 8, G=4, fresh=True, stride=stride)} | options
        for stride, options in zip(itertools.cycle((1, 32, 100)), EXTREMES)
    ),
    {"skip_gram": True, "layout": Layout(16, 2, 8, G=4, fresh=True, stride=32), "lengths": (3000, 2), "window": 2000},
]


@pytest.fixture(scope="module")
def plain_object(tmp_path_factory):
    """A function: the object of both kernels for an instruction set, as they are written, with poisoned scratch."""

    @functools.cache
    def compiled(isa):
        path = tmp_path_factory.mktemp("objects") / "replay.o"
        return kernel_replay.compile_kernel(path, isa, "-O0", "-DPOISON", "-c", source=kernel_replay.REPLAY)

    return compiled


@needs_compiler
@pytest.mark.parametrize("isa", BEST_FIRST)
def test_reads_no_scratch_before_writing_it(isa, plain_object, tmp_path, monkeypatch):
    cases = [case(**options) for options in (*CPU_SHAPES, *MET_AGAIN)]
    poisoned = tmp_path / "replay"
    subprocess.run([COMPILER, plain_object(isa), "-lm", "-o", poisoned], check=True)
    monkeypatch.setenv("TORCH_W2V_ISA", isa)
    calls = kernel_replay.record(monkeypatch, cases)
    kernel_replay.close(kernel_replay.replay([poisoned], calls, cases), kernel_replay.expected(cases))


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(("isa", "rounding"), [*((isa, []) for isa in ISAS), ("base", ["-DBFLOAT16"])])
def test_sanitizers_find_nothing(isa, rounding, tmp_path, monkeypatch):
    cases = [case(**options) for options in WATCHED]
    sanitizers = "-fsanitize=address,undefined,float-divide-by-zero,float-cast-overflow"
    options = ("-O1", "-g", sanitizers, "-fno-sanitize-recover=all", "-lm")
    program = kernel_replay.compile_kernel(tmp_path / "replay", isa, *options, *rounding, source=kernel_replay.REPLAY)
    kernel_replay.replay([program], kernel_replay.record(monkeypatch, cases), cases)


@pytest.mark.slow
def test_arm64_under_an_emulator(tmp_path, monkeypatch):
    """On Debian: apt-get install g++-aarch64-linux-gnu qemu-user."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    if not compiler or not emulator:
        pytest.skip("no compiler for arm64, or no qemu-aarch64")
    cases = [case(**options) for options in CPU_SHAPES]
    program = kernel_replay.compile_kernel(
        tmp_path / "replay", "base", "-O3", "-static", "-lm", source=kernel_replay.REPLAY, compiler=compiler
    )
    monkeypatch.setenv("TORCH_W2V_ISA", "base")
    calls = kernel_replay.record(monkeypatch, cases)
    kernel_replay.close(kernel_replay.replay([emulator, program], calls, cases), kernel_replay.expected(cases))


def symbols(*options):
    """The kind of each symbol by its name, as nm prints them."""
    done = subprocess.run(["nm", *map(str, options)], capture_output=True, text=True, check=True)
    return {line.split()[-1].split("@")[0]: line.split()[-2] for line in done.stdout.splitlines()}


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("nm"), reason="no nm, or not Linux")
def test_library_shows_its_entry_points_only_and_needs_no_cpp_library():
    path = native.find()
    shown = set(symbols("-D", "--defined-only", path))
    functions = ("train", "skip_gram", "merge_pack", "merge_sum", "merge_apply")
    kernels = {f"w2v_{function}_{isa}" for function in functions for isa in cpu.ISAS} & shown
    splitting = {"w2v_remap", "w2v_count", *(name for name in shown if "_words_" in name)}
    assert shown == {"w2v_isa", "w2v_bfloat16_gains", "w2v_call_size", *kernels, *splitting}
    assert {f"w2v_{function}_{isa}" for function in functions for isa in ISAS} <= kernels
    assert not [name for name in symbols("-D", "--undefined-only", path) if name.startswith("_Z")]
    headers = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in headers
    assert "libstdc++" not in headers
    assert "libc++" not in headers


def linked(path):
    """The names in an object that a linker sees."""
    return {symbol.removeprefix("_") for symbol, kind in symbols(path).items() if kind.isupper() and kind != "U"}


@needs_compiler
@pytest.mark.skipif(not shutil.which("nm"), reason="no nm")
@pytest.mark.parametrize("isa", BEST_FIRST)
def test_objects_share_no_code(isa, plain_object):
    """A function that the linker may merge would run with another instruction set's code."""
    assert linked(plain_object(isa)) == {"main", f"w2v_train_{isa}", "train_skip_gram_of_replay"}


@needs_compiler
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nm"), reason="no nm")
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("optimize", ["-O0", "-O3"])
@pytest.mark.parametrize("source", kernel_replay.SOURCES, ids=lambda path: path.stem)
def test_objects_of_the_library_share_no_code(isa, optimize, source, tmp_path):
    compiled = kernel_replay.compile_kernel(tmp_path / "kernel.o", isa, optimize, "-c", source=source)
    assert linked(compiled) == {f"w2v_train_{isa}"}
