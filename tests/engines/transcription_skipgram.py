"""A slow transcription of skip-gram into Python and numpy, pair by pair, that shares no code with the engines."""

import math

import numpy as np

from tests.engines.transcription import splitmix, stream_of


def pairs_of(stream):
    """For each input its positives, in text order.

    The loops are those of gensim: each word is an output whose window says which words around it predict it.
    """
    positives = {place: [] for place in range(len(stream))}
    for output, (_, _, sentence, reach) in enumerate(stream):
        for place in range(output - reach, output + reach + 1):
            if 0 <= place < len(stream) and place != output and stream[place][2] == sentence:
                positives[place].append(output)
    return positives


def stretches_of(targets, T, stride):
    """The places of each stretch, in the order in which they are taken."""
    if stride == 1:
        return [targets]
    stretches = []
    for begin in range(0, len(targets), T * stride):
        stretch = targets[begin : begin + T * stride]
        apart = math.ceil(len(stretch) / T)
        stretches.append([stretch[i] for first in range(apart) for i in range(first, len(stretch), apart)])
    return stretches


def blocks_of(stream, targets, T, stride=1):
    """The places of each block: a word that was in the block twice begins another."""
    blocks = []
    for stretch in stretches_of(targets, T, stride):
        block = []
        for place in stretch:
            word = stream[place][0]
            if len(block) == T or sum(stream[other][0] == word for other in block) == 2:
                blocks.append(block)
                block = []
            block.append(place)
        if block:
            blocks.append(block)
    return blocks


def sigma(x):
    return 1 / (1 + math.exp(-x))


def transcribe(case):
    """The objective pair by pair: inputs, outputs and the result."""
    chunk, rates, plan = case.chunk, case.rates, case.plan
    objective, layout = plan.objective, plan.layout
    x, o = (table.astype(np.float64) for table in case.tables)
    threshold, other = plan.noise[:, 0].copy().view(np.uint32).astype(int), plan.noise[:, 1].astype(int)
    x_scale = plan.input_scale.astype(np.float64) if len(plan.input_scale) else np.ones(len(x))
    o_scale = plan.output_scale.astype(np.float64) if len(plan.output_scale) else np.ones(len(o))
    stream = stream_of(case)
    positives = pairs_of(stream)
    targets = [place for place, (_, i, _, _) in enumerate(stream) if chunk.begin <= i < chunk.end]
    blocks = blocks_of(stream, targets, layout.T, layout.stride)
    steps = math.ceil(len(blocks) / layout.B)
    loss = weights = 0.0
    for step in range(steps):
        for s in range(layout.S):
            # For each input of the step: its place, and (output row, coefficient) of negatives and of positives.
            work = []
            for block in blocks[step::steps]:
                every = objective.loss_every
                counted = float(every > 0 and blocks.index(block) % max(every, 1) == 0)
                first = stream[block[0]][1]
                alpha = rates.begin + (rates.end - rates.begin) * (first - chunk.begin) / (chunk.end - chunk.begin)
                drawn = []
                for k in range(layout.N):
                    counter = (chunk.position + first) * layout.S * layout.N + s * layout.N + k
                    high, low = splitmix(plan.noise_stream, counter)
                    slot = high * len(x) >> 32
                    drawn.append(slot if low < threshold[slot] else other[slot])
                most = max(len(positives[p]) * (s + 1) // layout.S - len(positives[p]) * s // layout.S for p in block)
                for number, place in enumerate(block):
                    word, n = stream[place][0], len(positives[place])
                    part = [stream[i][0] for i in positives[place][n * s // layout.S : n * (s + 1) // layout.S]]
                    # every pair of the part with every negative, but for those that are its positive
                    times = dict.fromkeys(drawn, 0)
                    for positive in part:
                        for k in drawn:
                            times[k] += k != positive
                    negatives = []
                    for k, count in times.items():
                        weight, f = count * objective.negative / layout.N, float(x[word] @ o[k])
                        meetings = drawn.count(k) * most
                        in_turn = alpha * objective.negative / layout.N * meetings > 0.5
                        parts = min(64, meetings * math.ceil(objective.negative / layout.N)) if in_turn else 1
                        c = 0.0
                        for _ in range(parts):
                            z = f + c * float(x[word] @ x[word] + o[k] @ o[k])
                            c -= alpha * weight / parts * sigma(z) * (z < 6)
                        negatives.append((k, c))
                        loss += counted * weight * math.log1p(math.exp(f))
                        weights += counted * weight
                    pulls = []
                    for i in part:
                        f = float(x[word] @ o[i])
                        pulls.append((i, alpha * (1 - sigma(f))))
                        loss += counted * math.log1p(math.exp(-f))
                        weights += counted
                    # inputs whose updates go together
                    group = (block[0], number // layout.G) if layout.fresh else 0
                    work.append((group, word, negatives, pulls))
            if layout.fresh:
                for group in dict.fromkeys(entry[0] for entry in work):
                    follow(x, o, [entry[1:] for entry in work if entry[0] == group], x_scale, o_scale)
            else:
                at_once(x, o, [entry[1:] for entry in work], x_scale, o_scale)
    return x, o, np.array([len(targets), loss, weights])


def follow(x, o, group, x_scale, o_scale):
    """The negatives of all inputs of a group, then pair by pair their positives, each from its row as it then is."""
    errors = [sum((c * o[k] for k, c in negatives), np.zeros(x.shape[1])) for _, negatives, _ in group]
    for word, negatives, _ in group:
        for k, c in negatives:
            o[k] += o_scale[k] * c * x[word]
    for number, (word, _, pulls) in enumerate(group):
        for i, c in pulls:
            errors[number] += c * o[i]
            o[i] += o_scale[i] * c * x[word]
    for (word, _, _), error in zip(group, errors, strict=True):
        x[word] += x_scale[word] * error


def at_once(x, o, work, x_scale, o_scale):
    """Every update from the rows as they were."""
    x_was, o_was = x.copy(), o.copy()
    for word, negatives, pulls in work:
        for k, c in negatives + pulls:
            x[word] += x_scale[word] * c * o_was[k]
            o[k] += o_scale[k] * c * x_was[word]


def gensim_pairs(case):
    """gensim's own updates: each pair of an input with a positive, and K negatives, from the rows as they then are.

    For T = 1, N = K and as many sets as an input has positives at most: then every pair has negatives of its own.
    Where gensim goes on from the rows that a negative drawn before has changed, which is only so where a draw repeats,
    the case must have none.
    """
    chunk, rates, plan = case.chunk, case.rates, case.plan
    S, N = plan.layout.S, plan.layout.N
    syn0, syn1neg = (table.astype(np.float64) for table in case.tables)
    threshold, other = plan.noise[:, 0].copy().view(np.uint32).astype(int), plan.noise[:, 1].astype(int)
    stream = stream_of(case)
    repeats = 0
    for place, outputs in pairs_of(stream).items():
        word, i = stream[place][:2]
        alpha = rates.begin + (rates.end - rates.begin) * (i - chunk.begin) / (chunk.end - chunk.begin)
        # the set of each positive
        part = {n: s for s in range(S) for n in range(len(outputs) * s // S, len(outputs) * (s + 1) // S)}
        for n, output in enumerate(outputs):
            target = stream[output][0]
            samples = [(target, 1)]
            for k in range(N):
                high, low = splitmix(plan.noise_stream, ((chunk.position + i) * S + part[n]) * N + k)
                slot = high * len(syn0) >> 32
                samples.append((slot if low < threshold[slot] else other[slot], 0))
            samples = samples[:1] + [sample for sample in samples[1:] if sample[0] != target]
            repeats += len(samples) - len({sample[0] for sample in samples})
            neu1e = np.zeros(syn0.shape[1])
            for row, label in samples:
                f = float(syn0[word] @ syn1neg[row])
                if abs(f) >= 6:
                    continue
                g = (label - sigma(f)) * alpha
                neu1e += g * syn1neg[row]
                syn1neg[row] += g * syn0[word]
            syn0[word] += neu1e
    return syn0, syn1neg, repeats
