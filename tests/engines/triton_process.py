"""Triton in a process of its own: whether it interprets or compiles is settled when it is imported."""

import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
import torch

from tests.engines.cases import case, run
from tests.helpers import ours, topics
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import Tables
from torch_w2v.engines.padding import padded_width
from torch_w2v.engines.reference_skipgram import AT_ONCE, MOST_STEPS
from torch_w2v.engines.triton import cbow, skip_gram
from torch_w2v.engines.triton import engine as triton
from torch_w2v.engines.triton.engine import TritonEngine

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="needs triton (pip install triton, on Linux only)"
)
# rows before and after a table
GUARD = 3


def _begin(environment):
    assert "triton" not in sys.modules
    os.environ.update(environment)
    torch.set_num_threads(1)


@contextmanager
def process(**environment):
    """Call functions in another process, with environment variables of its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), _begin, (environment,)) as pool:
        yield lambda function, *args, **options: pool.submit(function, *args, **options).result(timeout=600)


def guarded(table):
    """A copy as the kernel takes it, and the memory around it: rows before and after, and what fills up a row."""
    V, D = table.shape
    # adding even 0 changes -0
    memory = torch.full((V + 2 * GUARD, padded_width(D, triton.ROW_MULTIPLE)), -0.0)
    rows = memory[GUARD : GUARD + V]
    rows[:, D:] = 0
    rows[:, :D] = torch.from_numpy(table)
    return rows[:, :D], memory


def train(tables, one):
    """Train on the tensors of `tables` themselves; the result as an array."""
    engine = TritonEngine()
    chunk, plan = engine.load_chunk(one.chunk), engine.load_plan(one.plan)
    return np.array(engine.train(Tables(*tables), chunk, one.rates, plan), np.float64)


def expected(one):
    """What the reference makes of it with one block per step: the interpreter runs one program after the other."""
    return run("reference", one.changed(B=1))


def agree(layout, **options):
    """The kernel against the reference with the same draws; nothing beside the tables is touched."""
    one = case(layout=layout, **options)
    want = expected(one.wide())
    (inputs, around_inputs), (outputs, around_outputs) = map(guarded, one.tables)
    assert triton.is_padded(inputs)
    result = train((inputs, outputs), one)
    np.testing.assert_allclose(inputs.numpy(), want[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs.numpy(), want[1], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result, want[2], rtol=1e-6)
    for memory in (around_inputs, around_outputs):
        for guard in (memory[:GUARD], memory[-GUARD:]):
            assert (torch.signbit(guard) & (guard == 0)).all()
        assert not memory[GUARD:-GUARD, options.get("D", 16) :].any()


def agree_on_plain_tables(layout, **options):
    """Tables whose rows are not filled up are trained all the same."""
    one = case(layout=layout, **options)
    for x, y in zip(run("triton", one), expected(one), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


def agree_far_out(layout, V=8_000_000, D=300, **options):
    """The last rows of tables of 9.6 GB, of which only the touched pages are ever in memory."""
    one = case(V=4, D=D, lengths=(40,), layout=layout, **options)
    want = expected(one)
    tables = torch.zeros(V, D), torch.zeros(V, D)
    for wide, table in zip(tables, one.tables, strict=True):
        wide[V - 4 :] = torch.from_numpy(table)
    keep = np.zeros(V, np.int32)
    keep[V - 4 :] = one.plan.keep
    tokens = np.where(one.chunk.tokens < 0, -1, one.chunk.tokens + (V - 4)).astype(np.int32)
    with pytest.MonkeyPatch.context() as patch:
        # The draws are among the four words, as before.
        draw = sampling.noise_words
        patch.setattr(sampling, "noise_words", lambda *arguments: draw(*arguments) + (V - 4))
        train(tables, one.changed(tokens=tokens, keep=keep))
    for wide, table in zip(tables, want[:2], strict=True):
        np.testing.assert_allclose(wide[V - 4 :].numpy(), table, rtol=1e-5, atol=1e-6)


def neighbours(**options):
    """A model of two topics, trained by the adapter as a user would; the words nearest to a0, and its losses."""
    model = ours(topics(40), "triton", epochs=5, alpha=0.1, sample=0, compute_loss=True, **options)
    assert model.train_count == 1
    return [word for word, _ in model.wv.most_similar("a0", topn=4)], model.training_losses


def refuse(layout, **environment):
    """Raise what the engine raises for a layout, or an environment, that it does not take."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        run("triton", case(layout=layout, skip_gram=layout.stride > 1))


def compiled(arch, D, T, S, N, cache, **constants):
    """The kernel of CBOW as the engine launches it, compiled for a compute capability: see `_compile`."""
    from torch_w2v.engines.triton.cbow_kernel import train_blocks  # noqa: PLC0415

    flags = {"S": S, "D": D, "MEAN": True, "SHARED": False}
    return _compile(train_blocks, arch, cbow.shape(D, T, S, N), {**flags, **constants}, Path(cache))


def compiled_skip_gram(arch, D, T, S, N, window, in_turn, cache):
    """The kernel of skip-gram as the engine launches it, compiled for a compute capability: see `_compile`."""
    from torch_w2v.engines.triton.skip_gram_kernel import train_blocks  # noqa: PLC0415

    constants = {"S": S, "D": D, "IN_TURN": in_turn, "AT_ONCE": AT_ONCE, "MOST_STEPS": MOST_STEPS}
    return _compile(train_blocks, arch, skip_gram.shape(D, T, N, window), constants, Path(cache))


def _compile(train_blocks, arch, form, constants, folder):
    """Assembly, resources, PTX and TTIR of a kernel whose tables have factors for both kinds of rows, and no loss."""
    import triton as compiler  # noqa: PLC0415
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource  # noqa: PLC0415

    options = {name: form.pop(name) for name in ("num_warps", "num_stages", "maxnreg")}
    flags = {"EVERY": 0, "SCALE_INPUTS": True, "SCALE_OUTPUTS": True, "DOT": "tf32"}
    constants = {**flags, **form, **constants}
    pointers = dict.fromkeys(("inputs", "outputs", "scratch", "alphas", "input_scale", "output_scale"), "*fp32")
    pointers |= dict.fromkeys(("ids", "low", "high", "negatives"), "*i32") | {"losses": "*fp64"}
    pointers |= dict.fromkeys(("count", "starts", "stops", "begins", "ends"), "*i32")
    names = train_blocks.arg_names
    types = {name: pointers.get(name, "constexpr" if name in constants else "i32") for name in names}
    types["weight"] = "fp32"
    aligned = {(names.index(name),): [["tt.divisibility", 16]] for name in pointers if name in names}
    source = ASTSource(train_blocks, types, constants, aligned)
    kernel = compiler.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
    with NamedTemporaryFile(dir=folder, suffix=".cubin") as cubin:
        cubin.write(kernel.asm["cubin"])
        cubin.flush()
        tool = Path(compiler.__file__).parent / "backends/nvidia/bin/cuobjdump"

        def dump(option):
            return subprocess.run([tool, option, cubin.name], capture_output=True, text=True, check=True).stdout

        used = dict(re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", dump("-res-usage").split("train_blocks")[-1]))
        assembly = dump("-sass")
    used = {name: int(value) for name, value in used.items()} | {"SHARED": kernel.metadata.shared}
    instructions = re.findall(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?\w+\s+)?([A-Z][\w.]*)", assembly, re.M)
    return instructions, used, kernel.asm["ptx"], kernel.asm["ttir"]
