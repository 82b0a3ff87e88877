"""A slow transcription of the objective into numpy, target by target, that shares no code with the engines."""

import math

import numpy as np


def splitmix(stream, counter):
    """Draw `counter` of a stream, in Python integers: (high, low) 32 bits."""
    word = (1 << 64) - 1
    z = (stream + (counter + 1) * 0x9E3779B97F4A7C15) & word
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
    z ^= z >> 31
    return z >> 32, z & 0xFFFFFFFF


def stream_of(case):
    """(word, place in tokens, sentence, reach of its window) of each kept token."""
    chunk, plan, objective = case.chunk, case.plan, case.plan.objective
    keep = plan.keep.view(np.uint32).astype(int)
    stream = []
    for sentence in range(len(chunk.offsets) - 1):
        for i in range(int(chunk.offsets[sentence]), int(chunk.offsets[sentence + 1])):
            word = int(chunk.tokens[i])
            high, low = splitmix(plan.token_stream, chunk.position + i)
            if word >= 0 and keep[word] >= high:
                reach = 1 + low * objective.window // 2**32 if objective.shrink_windows else objective.window
                stream.append((word, i, sentence, reach))
    return stream


def context_of(stream, k):
    """The words in the window of the target at place k."""
    _, _, sentence, reach = stream[k]
    places = range(max(0, k - reach), min(len(stream), k + reach + 1))
    return [stream[j][0] for j in places if j != k and stream[j][2] == sentence]


def pairs_of(stream, block, sentence, input_scale):
    """For each of the block's targets in a sentence: how many pairs of places with the same word there are, one in its
    window, one in that of any of them, each counted by its word's scale."""
    windows = {k: context_of(stream, k) for k in block if stream[k][2] == sentence}
    every = [word for words in windows.values() for word in words]
    return {k: sum(float(input_scale[word]) * every.count(word) for word in words) for k, words in windows.items()}


def transcribe(case):
    """The objective target by target: no vector over targets, no band matrix, no torch arithmetic."""
    chunk, rates, plan = case.chunk, case.rates, case.plan
    objective, layout = plan.objective, plan.layout
    Wi, Wo = (table.astype(np.float64) for table in case.tables)
    threshold, other = plan.noise[:, 0].copy().view(np.uint32).astype(int), plan.noise[:, 1].astype(int)
    input_scale = plan.input_scale if len(plan.input_scale) else np.ones(len(Wi))
    output_scale = plan.output_scale if len(plan.output_scale) else np.ones(len(Wi))

    stream = stream_of(case)
    targets = [k for k, (_, i, _, _) in enumerate(stream) if chunk.begin <= i < chunk.end]
    blocks = [targets[k : k + layout.T] for k in range(0, len(targets), layout.T)]
    steps = math.ceil(len(blocks) / layout.B)
    loss = pairs = 0.0
    same = {}
    for step in range(steps):
        d_inputs = np.zeros_like(Wi)
        # for each block the sentence, context words and error of its trained targets, in the order of sets
        moved = [[] for _ in blocks[step::steps]]
        for s in range(layout.S):
            if s % layout.G == 0:
                d_outputs = np.zeros_like(Wo)
                seen = [len(moves) for moves in moved]
            numbers = range(step, len(blocks), steps)
            for number, block, moves, before in zip(numbers, blocks[step::steps], moved, seen, strict=True):
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
                    word, _, sentence, _ = stream[k]
                    context = context_of(stream, k)
                    if not context:
                        continue
                    h = sum(Wi[c] for c in context)
                    if objective.cbow_mean:
                        h = h / len(context)
                    if layout.fresh:
                        if (block[0], sentence) not in same:
                            same[block[0], sentence] = pairs_of(stream, block, sentence, input_scale)
                        own = same[block[0], sentence]
                        share_of_own = own[k] / (len(context) if objective.cbow_mean else 1)
                        for place, other_target, error in moves[:before]:
                            if place == sentence:
                                h = h + share_of_own * own[other_target] / sum(own.values()) * error
                    e = np.zeros_like(h)
                    # what this target has done to its negatives
                    done = np.zeros_like(Wo)
                    for row, label, weight in [
                        (word, 1, 1.0),
                        *((row, 0, objective.negative / layout.N) for row in negatives if row != word),
                    ]:
                        o = Wo[row] + done[row]
                        f = float(h @ o)
                        g = weight * alpha * (label - 1 / (1 + math.exp(-f)))
                        if abs(f) >= 6:
                            g = 0.0
                        e += g * o
                        d_outputs[row] += g * h * output_scale[row]
                        if (layout.fresh or layout.by_set) and layout.S == layout.T and not label:
                            done[row] += g * h * output_scale[row]
                        if objective.loss_every and number % objective.loss_every == 0:
                            loss += weight * math.log1p(math.exp(-f if label else f))
                            pairs += weight
                    if objective.cbow_mean == objective.exact_gradient:
                        e = e / len(context)
                    moves.append((sentence, k, e))
                    for c in context:
                        d_inputs[c] += e * input_scale[c]
            if s % layout.G == layout.G - 1 or s == layout.S - 1:
                Wo += d_outputs
            if layout.by_set or s == layout.S - 1:
                Wi += d_inputs
                d_inputs[:] = 0
    return Wi, Wo, np.array([len(targets), loss, pairs])
