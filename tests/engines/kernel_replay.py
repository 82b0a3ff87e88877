"""Calls of the CPU kernel recorded, and run by other builds of it than the installed one: replay.cpp."""

import ctypes
import os
import struct
import subprocess

import numpy as np

from tests.engines.cases import arrays, run
from tests.helpers import COMPILER, ROOT
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.torch_ops import OPERATORS

SOURCE = ROOT / "torch_w2v/engines/cpu.cpp"
REPLAY = ROOT / "tests/engines/replay.cpp"
# As in CMakeLists.txt, but for tuning.
FLAGS = ["-std=c++17", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fno-exceptions", "-fno-rtti",
         "-fvisibility=hidden", "-fPIC", "-Wall", "-Wextra"]  # fmt: skip
_AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mprfchw"]
_AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
FLOATS = {"base": (4, []), "avx2": (8, _AVX2), "avx512": (16, _AVX2 + _AVX512)}


def compile_kernel(out, isa, *options, source=SOURCE, compiler=COMPILER):
    """Compile the kernel for one instruction set to `out`."""
    floats, machine = FLOATS[isa]
    defined = [f"-DW={floats}", f"-DNAME=w2v_train_{isa}"]
    command = [compiler, *FLAGS, *machine, *defined, *options, source, "-o", out]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def record(monkeypatch, cases):
    """What the kernel is called with, as replay.cpp reads it: for each case, sizes and arrays, then numbers."""
    calls = []

    def keep_call(pointer):
        call = pointer._obj
        V, scales = call.V, [4 * call.V if p else 0 for p in (call.input_scale, call.output_scale)]
        places = ctypes.cast(call.offsets, ctypes.POINTER(ctypes.c_int64))[call.sentences]
        sizes = [4 * V * call.stride] * 2 + [4 * places, 8 * (call.sentences + 1), 4 * V, 8 * V, *scales, 24]
        for name, size in zip(cpu._POINTERS, sizes, strict=True):
            calls.append(struct.pack("q", size) + (ctypes.string_at(getattr(call, name), size) if size else b""))
        calls.append(ctypes.string_at(ctypes.addressof(call), ctypes.sizeof(call))[8 * len(cpu._POINTERS) :])
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(cpu, "kernel", lambda isa: keep_call)
        for tables, arguments in cases:
            cpu.train_chunk(*(cpu.padded(table.numpy()) for table in tables), **arrays(arguments))
    return b"".join(calls)


def replay(command, calls, cases, **environment):
    """What a build of replay.cpp makes of recorded calls, as `expected` gives it."""
    done = subprocess.run(command, input=calls, capture_output=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    results, at = [], 0
    for (inputs, _), _ in cases:
        V, D = inputs.shape
        wide = -(-D // cpu.LANES) * cpu.LANES
        tables = np.frombuffer(done.stdout, np.float32, 2 * V * wide, at).reshape(2, V, wide)
        assert not tables[:, :, D:].any()
        at += tables.nbytes
        results.append((tables[0, :, :D], tables[1, :, :D], np.frombuffer(done.stdout, np.float64, 3, at)))
        at += 24
    assert at == len(done.stdout)
    return results


def expected(cases):
    """The same from the installed kernel."""
    return [[tensor.numpy() for tensor in run(OPERATORS["cpu"], *case)] for case in cases]


def close(results, wanted):
    """Check results of two builds against each other."""
    for result, want in zip(results, wanted, strict=True):
        for x, y, tolerance in zip(result, want, ((1e-5, 1e-6), (1e-5, 1e-6), (1e-6, 0)), strict=True):
            np.testing.assert_allclose(x, y, *tolerance)
