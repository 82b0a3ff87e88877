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

import numpy as np
import pytest
import torch

from tests.engines.cases import case, run
from tests.helpers import ours, topics
from torch_w2v.engines import reference
from torch_w2v.engines.triton import engine as triton

needs_triton = pytest.mark.skipif(
    find_spec("triton") is None, reason="needs triton (pip install triton, on Linux only)"
)
GUARD = 3  # rows before and after a table


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
    """A copy as the kernel wants it, and the memory around it: rows before and after, and what fills up a row."""
    V, D = table.shape
    memory = torch.full((V + 2 * GUARD, -(-D // triton.LANES) * triton.LANES), -0.0)  # adding even 0 changes it
    rows = memory[GUARD : GUARD + V]
    rows[:, D:] = 0
    rows[:, :D] = table
    return rows[:, :D], memory


def agree(layout, op=triton.train_chunk, **options):
    """The kernel against the reference with the same draws; nothing beside the tables is touched."""
    tables, arguments = case(layout=layout, **options)
    one_by_one = {**arguments, "B": 1}  # the interpreter runs one program after the other
    want = run(reference.train_chunk, [table.double() for table in tables], one_by_one)
    (inputs, around_inputs), (outputs, around_outputs) = map(guarded, tables)
    assert triton.is_padded(inputs)
    result = op(inputs, outputs, **arguments)
    for got, expected in zip((inputs, outputs), want[:2], strict=True):
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.numpy(), want[2].numpy(), rtol=1e-6)
    for memory in (around_inputs, around_outputs):
        for guard in (memory[:GUARD], memory[-GUARD:]):
            assert (torch.signbit(guard) & (guard == 0)).all()
        assert not memory[GUARD:-GUARD, options.get("D", 16) :].any()


def agree_on_plain_tables(layout, **options):
    """Tables whose rows are not filled up come back all the same."""
    tables, arguments = case(layout=layout, **options)
    want = run(reference.train_chunk, tables, {**arguments, "B": 1})
    for got, expected in zip(run(triton.train_chunk, tables, arguments), want, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


def agree_far_out(V=8_000_000, D=300):
    """The last rows of tables of 9.6 GB, of which only the touched pages are ever in memory."""
    tables, small = case(V=4, D=D, lengths=(40,), layout=triton_layout())
    want = run(reference.train_chunk, tables, {**small, "B": 1})
    inputs, outputs = torch.zeros(V, D), torch.zeros(V, D)
    for wide, table in zip((inputs, outputs), tables, strict=True):
        wide[V - 4 :] = table
    far = dict(small)
    far["tokens"] = torch.where(small["tokens"] < 0, -1, small["tokens"] + (V - 4)).int()
    far["keep"] = torch.zeros(V, dtype=torch.int32)
    far["keep"][V - 4 :] = small["keep"]
    with pytest.MonkeyPatch.context() as patch:  # the draws are among the four words, as before
        draw = triton.sampling.noise_words
        patch.setattr(triton.sampling, "noise_words", lambda *arguments: draw(*arguments) + (V - 4))
        triton.train_chunk(inputs, outputs, **far)
    for wide, expected in zip((inputs, outputs), want[:2], strict=True):
        np.testing.assert_allclose(wide[V - 4 :].numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)


def triton_layout():
    from torch_w2v.engines import blocks_in_flight  # noqa: PLC0415

    return blocks_in_flight(5, 1e9, 6)


def opcheck():
    tables, arguments = case(lengths=(30,), layout=triton_layout())
    from torch_w2v.engines.torch_ops import OPERATORS  # noqa: PLC0415

    torch.library.opcheck(OPERATORS["triton"], (*tables,), arguments)


def neighbours():
    """A model of two topics, trained by the adapter as a user would; the words nearest to a0, and its losses."""
    model = ours(topics(100), "triton", epochs=5, alpha=0.1, sample=0, compute_loss=True)
    assert model.train_count == 1
    return [word for word, _ in model.wv.most_similar("a0", topn=4)], model.training_losses


def refuses(**layout):
    from torch_w2v.engines.plan import Layout  # noqa: PLC0415

    tables, arguments = case(layout=Layout(**layout))
    triton.train_chunk(*tables, **arguments)


def compiled(arch, D, T, S, N, cache, **constants):
    """The kernel as the engine launches it, compiled for a compute capability: assembly, resources, and its TTIR."""
    import triton as compiler  # noqa: PLC0415
    from triton.backends.compiler import GPUTarget  # noqa: PLC0415
    from triton.compiler import ASTSource  # noqa: PLC0415

    from torch_w2v.engines.triton.kernel import train_blocks  # noqa: PLC0415

    form = triton.shape(D, T, S, N)
    options = {name: form.pop(name) for name in ("num_warps", "num_stages", "maxnreg")}
    flags = {"MEAN": True, "SHARED": False, "LOSS": False, "SCALE_INPUTS": True, "SCALE_OUTPUTS": True, "DOT": "tf32"}
    constants = {"S": S, "D": D, **flags, **form, **constants}
    pointers = dict.fromkeys(("inputs", "outputs", "scratch", "alphas", "input_scale", "output_scale"), "*fp32")
    pointers |= dict.fromkeys(("ids", "low", "high", "negatives"), "*i32") | {"losses": "*fp64"}
    names = train_blocks.arg_names
    types = {name: pointers.get(name, "constexpr" if name in constants else "i32") for name in names}
    types["weight"] = "fp32"
    aligned = {(names.index(name),): [["tt.divisibility", 16]] for name in pointers}
    source = ASTSource(train_blocks, types, constants, aligned)
    kernel = compiler.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
    cubin = Path(cache) / f"{arch}-{D}-{T}-{S}-{N}.cubin"
    cubin.write_bytes(kernel.asm["cubin"])
    tool = Path(compiler.__file__).parent / "backends/nvidia/bin/cuobjdump"

    def dump(option):
        return subprocess.run([tool, option, cubin], capture_output=True, text=True, check=True).stdout

    used = dict(re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", dump("-res-usage").split("train_blocks")[-1]))
    used = {name: int(value) for name, value in used.items()} | {"SHARED": kernel.metadata.shared}
    instructions = re.findall(r"^\s*/\*[0-9a-f]+\*/\s+(?:@!?\w+\s+)?([A-Z][\w.]*)", dump("-sass"), re.M)
    return instructions, used, kernel.asm["ptx"], kernel.asm["ttir"]
