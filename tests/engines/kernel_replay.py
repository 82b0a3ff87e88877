"""Records calls of the CPU kernel and runs them with other builds of it than the installed one: replay.cpp."""

import ctypes
import hashlib
import os
import struct
import subprocess

import numpy as np
import pytest

from tests.engines.cases import case, run
from tests.helpers import COMPILER, ROOT
from torch_w2v.engines.cpu import engine as cpu
from torch_w2v.engines.cpu.rows import LANES
from torch_w2v.engines.padding import padded_width
from torch_w2v.engines.plan import Layout

CPU = ROOT / "torch_w2v/engines/cpu"
SOURCES = [CPU / "cbow.cpp", CPU / "skipgram/skipgram.cpp"]
REPLAY = ROOT / "tests/engines/replay.cpp"
SKIP_GRAM = Layout(16, 1, 32, G=4, fresh=True)
# the flags of CMakeLists.txt, without those for tuning
FLAGS = [
    "-std=c++17",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fno-exceptions",
    "-fno-rtti",
    "-fvisibility=hidden",
    "-fPIC",
    "-Wall",
    "-Wextra",
]
_AVX2 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mprfchw"]
_AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512cd"]
FLOATS = {"base": (4, []), "avx2": (8, _AVX2), "avx512": (16, _AVX2 + _AVX512)}


def compile_kernel(out, isa, *options, source=SOURCES[0], compiler=COMPILER):
    """Compile the kernel for one instruction set to `out`."""
    floats, machine = FLOATS[isa]
    defined = [f"-DW={floats}", f"-DNAME=w2v_train_{isa}"]
    command = [compiler, *FLAGS, *machine, *defined, *options, source, "-o", out]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


def array_sizes(call):
    """The bytes of every array of a call, by name."""
    n_tokens = ctypes.cast(call.offsets, ctypes.POINTER(ctypes.c_int64))[call.sentences]
    sizes = {
        "inputs": 4 * call.V * call.stride,
        "outputs": 4 * call.V * call.stride,
        "tokens": 4 * n_tokens,
        "offsets": 8 * (call.sentences + 1),
        "keep": 4 * call.V,
        "noise": 8 * call.V,
        "input_scale": 4 * call.V,
        "output_scale": 4 * call.V,
        # of threads with rows of their own, which no recorded call is from
        "exchanged": 0,
        "exchanges": 0,
        "met": 0,
        "result": 24,
    }
    return {name: size if getattr(call, name) else 0 for name, size in sizes.items()}


def record(monkeypatch, cases):
    """What the kernel is called with, as replay.cpp reads it: for each case its arrays, then its numbers."""
    parts = []

    def keep_call(pointer):
        call = pointer._obj
        for name, size in array_sizes(call).items():
            parts.append(struct.pack("q", size) + (ctypes.string_at(getattr(call, name), size) if size else b""))
        numbers = cpu.Call.V.offset
        parts.append(ctypes.string_at(ctypes.addressof(call) + numbers, ctypes.sizeof(call) - numbers))
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(cpu, "kernel", lambda isa, skip_gram, bfloat16: keep_call)
        for one in cases:
            run(cpu.CpuEngine(), one)
    return b"".join(parts)


def replay(command, calls, cases, **environment):
    """What a build of replay.cpp makes of recorded calls, as `expected` returns it."""
    done = subprocess.run(command, input=calls, capture_output=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert not done.stderr, done.stderr.decode()
    results, at = [], 0
    for one in cases:
        V, D = one.tables.inputs.shape
        width = padded_width(D, LANES)
        tables = np.frombuffer(done.stdout, np.float32, 2 * V * width, at).reshape(2, V, width)
        assert not tables[:, :, D:].any()
        at += tables.nbytes
        results.append((tables[0, :, :D], tables[1, :, :D], np.frombuffer(done.stdout, np.float64, 3, at)))
        at += 24
    assert at == len(done.stdout)
    return results


def expected(cases):
    """The same from the installed kernel: inputs, outputs and the result of each case."""
    return [run(cpu.CpuEngine(), one) for one in cases]


def supported():
    """The instruction sets that this machine and the installed kernel have."""
    return [isa for isa in cpu.supported() if cpu.instruction_set(isa) == isa]


def digests():
    """What each instruction set makes of a case of both models: a digest by its name."""
    found = {}
    for name in supported():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TORCH_W2V_ISA", name)
            cbow = run("cpu", case(D=100, V=1000, lengths=(3000, 5), scales=True))
            skip_gram = run("cpu", case(D=100, V=1000, lengths=(3000, 5), skip_gram=True, layout=SKIP_GRAM))
        found[name] = hashlib.sha256(b"".join(array.tobytes() for array in cbow + skip_gram)).hexdigest()
    return found


def close(results, wanted):
    """Check results of two builds against each other."""
    for result, want in zip(results, wanted, strict=True):
        for x, y, tolerance in zip(result, want, ((1e-5, 1e-6), (1e-5, 1e-6), (1e-6, 0)), strict=True):
            np.testing.assert_allclose(x, y, *tolerance)
