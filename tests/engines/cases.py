"""Arguments of `Engine.train` for tests: random chunks, tables and plans."""

import dataclasses
from typing import NamedTuple

import numpy as np
import torch

from torch_w2v.corpus import Chunk
from torch_w2v.engines import streams
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.cpu.rows import padded
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective
from torch_w2v.engines.reference import ReferenceEngine
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.engines.triton.engine import TritonEngine

BLOCKS = Layout(T=64, S=8, N=5, B=1)
LENGTHS = (0, 1, 2, 63, 0, 7, 200, 1)
BY_NAME = {cls.name: cls for cls in (CpuEngine, ReferenceEngine, TorchBatchedEngine, TritonEngine)}


class Case(NamedTuple):
    """The arguments of `Engine.train`, all arrays of numpy."""

    tables: Tables
    chunk: Chunk
    rates: Rates
    plan: EpochPlan

    def changed(self, **fields):
        """The same with other tables or rates, or other fields of the chunk, the plan, its objective or its layout."""

        def replaced(part):
            own = [field.name for field in dataclasses.fields(part) if field.name in fields]
            return dataclasses.replace(part, **{name: fields.pop(name) for name in own})

        tables, rates = fields.pop("tables", self.tables), fields.pop("rates", self.rates)
        objective, layout = replaced(self.plan.objective), replaced(self.plan.layout)
        plan = dataclasses.replace(replaced(self.plan), objective=objective, layout=layout)
        changed = Case(tables, replaced(self.chunk), rates, plan)
        assert not fields, f"no part of a case has {', '.join(fields)}"
        return changed

    def wide(self):
        """The same with tables of float64."""
        return self._replace(tables=Tables(*(table.astype(np.float64) for table in self.tables)))


def case(
    D=16,
    window=5,
    lengths=LENGTHS,
    negative=5,
    V=50,
    layout=None,
    dtype=np.float32,
    seed=0,
    cbow_mean=True,
    exact_gradient=False,
    shrink_windows=True,
    loss_every=1,
    skip_gram=False,
    sample=True,
    scales=False,
    unknown=0.1,
    begin=0,
    end=None,
    position=12345,
    alpha=(0.01, 0.008),
    size=0.3,
):
    """A chunk of sentences with random words, tables and thresholds; the other arguments are those of `Objective`.

    Args:
        D: floats per row.
        lengths: words per sentence.
        V: number of rows.
        layout: by default blocks of 64 targets that share 8 sets of `negative` negatives.
        dtype: of the tables.
        sample: words have thresholds of subsampling; otherwise all are kept.
        scales: updates of rows have factors; otherwise none.
        unknown: share of words outside the vocabulary.
        begin, end: the tokens that are targets; by default all.
        position: place of the first token in the corpus.
        alpha: learning rates at the begin and the end.
        size: standard deviation of the tables' numbers.
    """
    rng = np.random.default_rng(seed)
    n = int(sum(lengths))
    words = rng.zipf(1.3, n) % V if V > 1 else np.zeros(n, int)
    words[rng.random(n) < unknown] = -1
    keep = (rng.uniform(0.3, 1.0, V) if sample else np.ones(V)) * (2**32 - 1)
    tables = Tables(*(rng.normal(0, size, (V, D)).astype(dtype) for _ in range(2)))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    chunk = Chunk(words.astype(np.int32), offsets, begin, n if end is None else end, position, len(lengths))
    noise = streams.alias_table(rng.uniform(0.1, 3.0, V))
    input_scale, output_scale = (
        rng.uniform(0, 1, V if scales else 0).astype(np.float32) for _ in ("inputs", "outputs")
    )
    plan = EpochPlan(
        objective=Objective(window, negative, cbow_mean, exact_gradient, shrink_windows, loss_every, skip_gram),
        layout=layout or Layout(BLOCKS.T, BLOCKS.S, negative, BLOCKS.B),
        keep=keep.astype(np.uint32).view(np.int32),
        noise=noise,
        input_scale=input_scale,
        output_scale=output_scale,
        token_stream=streams.key(7, 0, 3, streams.TOKEN),
        noise_stream=streams.key(7, 0, 3, streams.NOISE),
    )
    return Case(tables, chunk, Rates(*alpha), plan)


def run(engine, case):
    """What an engine makes of copies of the tables: inputs, outputs and the result, as arrays.

    Args:
        engine: an engine, or the name of one on the CPU.
        case: what it is to train on; stays as it is.
    """
    engine = BY_NAME[engine]() if isinstance(engine, str) else engine
    load = padded if isinstance(engine, CpuEngine) else engine.load_array
    tables = Tables(*(load(table.copy()) for table in case.tables))
    result = engine.train(tables, engine.load_chunk(case.chunk), case.rates, engine.load_plan(case.plan))
    inputs, outputs = (table.cpu().numpy() if isinstance(table, torch.Tensor) else table for table in tables)
    return inputs, outputs, np.array(result, np.float64)
