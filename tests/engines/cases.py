"""Operator calls on odd shapes, and a slow numpy transcription of what the operator is to do."""

import math

import numpy as np
import torch

from torch_w2v.engines import streams
from torch_w2v.engines.plan import Layout

BLOCKS = Layout(T=64, S=8, N=5, B=1)
LENGTHS = (0, 1, 2, 63, 0, 7, 200, 1)


def case(
    D=16, window=5, lengths=LENGTHS, negative=5, V=50, layout=None, dtype=torch.float32, seed=0, cbow_mean=True,
    exact_gradient=False, shrink_windows=True, compute_loss=True, sample=True, scales=False, unknown=0.1, begin=0,
    end=None, position=12345, alpha=(0.01, 0.008), size=0.3,
):  # fmt: skip
    """Tables and arguments for one call of the operator: (inputs, outputs), kwargs."""
    rng = np.random.default_rng(seed)
    n = int(sum(lengths))
    words = rng.zipf(1.3, n) % V if V > 1 else np.zeros(n, int)
    words[rng.random(n) < unknown] = -1
    layout = layout or Layout(BLOCKS.T, BLOCKS.S, negative, BLOCKS.B)
    keep = (rng.uniform(0.3, 1.0, V) if sample else np.ones(V)) * (2**32 - 1)
    empty = torch.zeros(0)
    tables = [torch.from_numpy(rng.normal(0, size, (V, D))).to(dtype) for _ in range(2)]
    arguments = {
        "tokens": torch.from_numpy(words.astype(np.int32)),
        "offsets": torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)),
        "begin": begin,
        "end": n if end is None else end,
        "position": position,
        "alpha_begin": alpha[0],
        "alpha_end": alpha[1],
        "keep": torch.from_numpy(keep.astype(np.uint32).view(np.int32)),
        "noise": torch.from_numpy(streams.alias_table(rng.uniform(0.1, 3.0, V))),
        "input_scale": torch.from_numpy(rng.uniform(0, 1, V).astype(np.float32)) if scales else empty,
        "output_scale": torch.from_numpy(rng.uniform(0, 1, V).astype(np.float32)) if scales else empty,
        "token_stream": streams.key(7, 0, 3, streams.TOKEN),
        "noise_stream": streams.key(7, 0, 3, streams.NOISE),
        "window": window,
        "negative": negative,
        "cbow_mean": cbow_mean,
        "exact_gradient": exact_gradient,
        "shrink_windows": shrink_windows,
        "compute_loss": compute_loss,
        "T": layout.T,
        "S": layout.S,
        "N": layout.N,
        "B": layout.B,
        "G": layout.G,
        "fresh": layout.fresh,
    }
    return tables, arguments


def arrays(arguments):
    """The memory of tensors as arrays, which the CPU's engine takes."""
    return {name: x.numpy() if isinstance(x, torch.Tensor) else x for name, x in arguments.items()}


def run(op, tables, arguments):
    """The operator on copies of the tables: (inputs, outputs, result)."""
    inputs, outputs = (table.clone() for table in tables)
    return inputs, outputs, op(inputs, outputs, **arguments)


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


def transcribe(tables, a):
    """Section 4 of the design, target by target: no vector over targets, no band matrix, no torch arithmetic."""
    Wi, Wo = (table.double().numpy().copy() for table in tables)
    keep = a["keep"].numpy().view(np.uint32).astype(int)
    noise = a["noise"].numpy()
    threshold, other = noise[:, 0].copy().view(np.uint32).astype(int), noise[:, 1].astype(int)
    input_scale = a["input_scale"].numpy() if len(a["input_scale"]) else np.ones(len(Wi))
    output_scale = a["output_scale"].numpy() if len(a["output_scale"]) else np.ones(len(Wi))

    stream = []  # (word, place in tokens, sentence, reach)
    for sentence in range(len(a["offsets"]) - 1):
        for i in range(int(a["offsets"][sentence]), int(a["offsets"][sentence + 1])):
            word = int(a["tokens"][i])
            high, low = splitmix(a["token_stream"], a["position"] + i)
            if word >= 0 and keep[word] >= high:
                reach = 1 + low * a["window"] // 2**32 if a["shrink_windows"] else a["window"]
                stream.append((word, i, sentence, reach))
    targets = [k for k, (_, i, _, _) in enumerate(stream) if a["begin"] <= i < a["end"]]
    blocks = [targets[k : k + a["T"]] for k in range(0, len(targets), a["T"])]
    steps = math.ceil(len(blocks) / a["B"])
    loss = pairs = 0.0
    same = {}
    for step in range(steps):
        d_inputs = np.zeros_like(Wi)
        moved = [[] for _ in blocks[step::steps]]  # of each block: what its trained targets did, in the order of sets
        for s in range(a["S"]):
            if s % a["G"] == 0:
                d_outputs = np.zeros_like(Wo)
                seen = [len(moves) for moves in moved]
            for block, moves, before in zip(blocks[step::steps], moved, seen, strict=True):
                first = stream[block[0]][1]
                share = (first - a["begin"]) / (a["end"] - a["begin"])
                alpha = a["alpha_begin"] + (a["alpha_end"] - a["alpha_begin"]) * share
                negatives = []
                for k in range(a["N"]):
                    counter = (a["position"] + first) * a["S"] * a["N"] + s * a["N"] + k
                    high, low = splitmix(a["noise_stream"], counter)
                    slot = high * len(Wi) >> 32
                    negatives.append(slot if low < threshold[slot] else other[slot])
                for k in block[s :: a["S"]]:
                    word, _, sentence, reach = stream[k]
                    context = [
                        stream[j][0]
                        for j in range(max(0, k - reach), min(len(stream), k + reach + 1))
                        if j != k and stream[j][2] == sentence
                    ]
                    if not context:
                        continue
                    h = sum(Wi[c] for c in context)
                    if a["cbow_mean"]:
                        h = h / len(context)
                    if a["fresh"]:
                        scale = 1 if a["cbow_mean"] else len(context)
                        if (block[0], sentence) not in same:
                            same[block[0], sentence] = same_words(stream, block, sentence, input_scale)
                        for place, times, error in moves[:before]:
                            if place == sentence:
                                h = h + scale * times * same[block[0], sentence] * error
                    e = np.zeros_like(h)
                    for row, label, weight in [
                        (word, 1, 1.0),
                        *((row, 0, a["negative"] / a["N"]) for row in negatives if row != word),
                    ]:
                        f = float(h @ Wo[row])
                        g = weight * alpha * (label - 1 / (1 + math.exp(-f)))
                        e += g * Wo[row]
                        d_outputs[row] += g * h * output_scale[row]
                        loss += weight * math.log1p(math.exp(-f if label else f))
                        pairs += weight
                    if a["cbow_mean"] == a["exact_gradient"]:
                        e = e / len(context)
                    moves.append((sentence, len(context), e))
                    for c in context:
                        d_inputs[c] += e * input_scale[c]
            if s % a["G"] == a["G"] - 1 or s == a["S"] - 1:
                Wo += d_outputs
        Wi += d_inputs
    return Wi, Wo, np.array([len(targets), loss, pairs])
