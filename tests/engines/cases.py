"""Chunks of odd shapes for engines to train on, and a slow numpy transcription of what they are to compute."""

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np
import torch

from torch_w2v.corpus import Chunk
from torch_w2v.engines import streams
from torch_w2v.engines.cpu.engine import CpuEngine
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective
from torch_w2v.engines.reference import ReferenceEngine
from torch_w2v.engines.torch_batched import TorchBatchedEngine
from torch_w2v.engines.triton.engine import TritonEngine

BLOCKS = Layout(T=64, S=8, N=5, B=1)
LENGTHS = (0, 1, 2, 63, 0, 7, 200, 1)
# D, window, negative, V
GRID = list(itertools.product((1, 3, 63, 100, 300), (1, 5, 500), (1, 5, 20), (1, 2, 1000)))
BY_NAME = {cls.name: cls for cls in (CpuEngine, ReferenceEngine, TorchBatchedEngine, TritonEngine)}


def pairwise(rows):
    """Some of the rows of a product that hold every pair of values of two columns: a greedy choice."""

    def pairs(row):
        return {(i, row[i], j, row[j]) for i, j in itertools.combinations(range(len(row)), 2)}

    missing, chosen = set().union(*map(pairs, rows)), []
    while missing:
        chosen.append(max(rows, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(chosen[-1])
    return chosen


def odd_shape(D, window, negative, V, small=0.02):
    """Options of `case` for a row of `GRID`.

    One or two rows that a long window adds to thousands of times: what float32 rounds away would drown the check, so
    these start small and move slowly.
    """
    slow = {"alpha": (2e-5, 1e-5)} if window == 500 else {}
    start = {"size": small} if V < 3 else {}
    return {"D": D, "window": window, "negative": negative, "V": V} | slow | start


def name_of(options):
    """A short name for a case: lists of lengths are cut off."""
    return "-".join(f"{key}={str(value).replace(' ', '')[:24]}" for key, value in options.items()) or "defaults"


class Case(NamedTuple):
    """The arguments of `Engine.train`, all arrays of numpy."""

    tables: Tables
    chunk: Chunk
    rates: Rates
    plan: EpochPlan

    def changed(self, **fields):
        """The same with other values for fields of the chunk, the plan, its objective or its layout, by name."""

        def replaced(part):
            own = {f.name: fields[f.name] for f in dataclasses.fields(part) if f.name in fields}
            return dataclasses.replace(part, **own)

        plan = replaced(self.plan)
        plan = dataclasses.replace(plan, objective=replaced(plan.objective), layout=replaced(plan.layout))
        rates = fields.get("rates", self.rates)
        return Case(fields.get("tables", self.tables), replaced(self.chunk), rates, plan)

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
    compute_loss=True,
    sample=True,
    scales=False,
    unknown=0.1,
    begin=0,
    end=None,
    position=12345,
    alpha=(0.01, 0.008),
    size=0.3,
):
    """A chunk of sentences of the given lengths, with random words and tables."""
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
        objective=Objective(window, negative, cbow_mean, exact_gradient, shrink_windows, compute_loss),
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

    engine: an engine, or the name of one on the CPU.
    """
    engine = BY_NAME[engine]() if isinstance(engine, str) else engine
    tables = Tables(*(engine.load_array(table.copy()) for table in case.tables))
    result = engine.train(tables, engine.load_chunk(case.chunk), case.rates, engine.load_plan(case.plan))
    inputs, outputs = (table.cpu().numpy() if isinstance(table, torch.Tensor) else table for table in tables)
    return inputs, outputs, np.array(result, np.float64)


def splitmix(stream, counter):
    """Draw `counter` of a stream, in Python integers: (high, low) 32 bits."""
    word = (1 << 64) - 1
    z = (stream + (counter + 1) * 0x9E3779B97F4A7C15) & word
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    z ^= z >> 31
    return z >> 32, z & 0xFFFFFFFF


def same_words(stream, block, sentence, input_scale):
    """The share of pairs of places with the same word, where windows of the block's targets in this sentence reach."""
    own = [k for k in block if stream[k][2] == sentence]
    low, high = min(k - stream[k][3] for k in own), max(k + stream[k][3] for k in own)
    words = [stream[j][0] for j in range(max(low, 0), min(high + 1, len(stream))) if stream[j][2] == sentence]
    return sum(float(input_scale[one]) for one in words for other in words if one == other) / len(words) ** 2


def transcribe(case):
    """The objective target by target: no vector over targets, no band matrix, no torch arithmetic."""
    chunk, rates, plan = case.chunk, case.rates, case.plan
    objective, layout = plan.objective, plan.layout
    Wi, Wo = (table.astype(np.float64) for table in case.tables)
    keep, noise = plan.keep.view(np.uint32).astype(int), plan.noise
    threshold, other = noise[:, 0].copy().view(np.uint32).astype(int), noise[:, 1].astype(int)
    input_scale = plan.input_scale if len(plan.input_scale) else np.ones(len(Wi))
    output_scale = plan.output_scale if len(plan.output_scale) else np.ones(len(Wi))

    stream = []  # (word, place in tokens, sentence, reach)
    for sentence in range(len(chunk.offsets) - 1):
        for i in range(int(chunk.offsets[sentence]), int(chunk.offsets[sentence + 1])):
            word = int(chunk.tokens[i])
            high, low = splitmix(plan.token_stream, chunk.position + i)
            if word >= 0 and keep[word] >= high:
                reach = 1 + low * objective.window // 2**32 if objective.shrink_windows else objective.window
                stream.append((word, i, sentence, reach))
    targets = [k for k, (_, i, _, _) in enumerate(stream) if chunk.begin <= i < chunk.end]
    blocks = [targets[k : k + layout.T] for k in range(0, len(targets), layout.T)]
    steps = math.ceil(len(blocks) / layout.B)
    loss = pairs = 0.0
    same = {}
    for step in range(steps):
        d_inputs = np.zeros_like(Wi)
        moved = [[] for _ in blocks[step::steps]]  # of each block: what its trained targets did, in the order of sets
        for s in range(layout.S):
            if s % layout.G == 0:
                d_outputs = np.zeros_like(Wo)
                seen = [len(moves) for moves in moved]
            for block, moves, before in zip(blocks[step::steps], moved, seen, strict=True):
                first = stream[block[0]][1]
                share = (first - chunk.begin) / (chunk.end - chunk.begin)
                alpha = rates.begin + (rates.end - rates.begin) * share
                negatives = []
                for k in range(layout.N):
                    counter = (chunk.position + first) * layout.S * layout.N + s * layout.N + k
                    high, low = splitmix(plan.noise_stream, counter)
                    slot = high * len(Wi) >> 32
                    negatives.append(slot if low < threshold[slot] else other[slot])
                for k in block[s :: layout.S]:
                    word, _, sentence, reach = stream[k]
                    context = [
                        stream[j][0]
                        for j in range(max(0, k - reach), min(len(stream), k + reach + 1))
                        if j != k and stream[j][2] == sentence
                    ]
                    if not context:
                        continue
                    h = sum(Wi[c] for c in context)
                    if objective.cbow_mean:
                        h = h / len(context)
                    if layout.fresh:
                        scale = 1 if objective.cbow_mean else len(context)
                        if (block[0], sentence) not in same:
                            same[block[0], sentence] = same_words(stream, block, sentence, input_scale)
                        for place, times, error in moves[:before]:
                            if place == sentence:
                                h = h + scale * times * same[block[0], sentence] * error
                    e = np.zeros_like(h)
                    for row, label, weight in [
                        (word, 1, 1.0),
                        *((row, 0, objective.negative / layout.N) for row in negatives if row != word),
                    ]:
                        f = float(h @ Wo[row])
                        g = weight * alpha * (label - 1 / (1 + math.exp(-f)))
                        e += g * Wo[row]
                        d_outputs[row] += g * h * output_scale[row]
                        loss += weight * math.log1p(math.exp(-f if label else f))
                        pairs += weight
                    if objective.cbow_mean == objective.exact_gradient:
                        e = e / len(context)
                    moves.append((sentence, len(context), e))
                    for c in context:
                        d_inputs[c] += e * input_scale[c]
            if s % layout.G == layout.G - 1 or s == layout.S - 1:
                Wo += d_outputs
        Wi += d_inputs
    return Wi, Wo, np.array([len(targets), loss, pairs])
