"""The GPU kernel of skip-gram: one program trains runs of blocks. Importing this needs triton; `skip_gram` launches it.

Shapes: BT inputs of a block (T filled up), BN negatives of a set (N filled up), BC places of positives and BD columns
at a time; D is the length of a row, a multiple of 4.
"""

from __future__ import annotations

import triton
import triton.language as tl

from torch_w2v.engines.triton.device_functions import add_to_rows, load_rows, softplus


@triton.jit
def _positives(low, high, t, live, p, end, before, first, last, S: tl.constexpr):
    """Return (BT, BC) bool: which places `p` are positives of the inputs `t` in this part; and how many, in any part.

    The part has an input's positives from number `first` to `last`, exclusive, in text order; `before` of them came
    before these places.
    """
    lo = tl.load(low + p, mask=p < end, other=2147483647)
    hi = tl.load(high + p, mask=p < end, other=0)
    found = live[:, None] & (lo[None, :] <= t[:, None]) & (t[:, None] < hi[None, :]) & (p[None, :] != t[:, None])
    some = found.to(tl.int32)
    if S > 1:
        number = before[:, None] + tl.cumsum(some, 1) - 1
        found = found & (number >= first[:, None]) & (number < last[:, None])
    return found, before + tl.sum(some, 1)


@triton.jit
def _slopes(scores, on, alpha):
    """Return the coefficients of positives: `on` (BT, BC) is 1 for a pair, and 0 elsewhere."""
    return alpha * on / (1.0 + tl.exp(scores))


@triton.jit
def _times(words, some):
    """Return (BN,) how often each negative is among those that there are."""
    same = (words[:, None] == words[None, :]) & some[:, None]
    return tl.sum(same.to(tl.float32), 0)


@triton.jit
def _met_in_turn(scores, squares, step, steps, MOST: tl.constexpr):
    """Return (BT, BN) coefficients of negatives that inputs meet in several steps: see `reference_skipgram`.

    Args:
        scores: (BT, BN) before the first step.
        squares: (BT, BN) how far a score moves with a coefficient of 1.
        step: (BT, BN) learning rate times how often they meet in one step.
        steps: (BN,) in how many steps.
        MOST: score from which on a step moves nothing.
    """
    g = tl.zeros(scores.shape, tl.float32)
    for i in range(tl.max(steps, 0).to(tl.int32)):
        z = scores + g * squares
        g -= tl.where((i < steps)[None, :] & (z < MOST), step / (1.0 + tl.exp(-z)), 0.0)
    return g


@triton.jit(do_not_specialize=["blocks", "run", "N", "width", "each"])
def train_blocks(
    inputs, outputs, scratch, losses, ids, low, high, count, starts, stops, begins, ends, negatives, alphas,
    input_scale, output_scale, blocks, run, N, width, weight, each,
    S: tl.constexpr, D: tl.constexpr, ONE: tl.constexpr, EVERY: tl.constexpr,
    SCALE_INPUTS: tl.constexpr, SCALE_OUTPUTS: tl.constexpr, DOT: tl.constexpr, MOST: tl.constexpr,
    IN_TURN: tl.constexpr, AT_ONCE: tl.constexpr, MOST_STEPS: tl.constexpr,
    BT: tl.constexpr, BN: tl.constexpr, BC: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Train on the blocks [program * run, (program + 1) * run) of a chunk, one after the other.

    Args:
        inputs, outputs: (V, D) float32 tables.
        scratch: (programs, BT, width) float32, the coefficients of positives; not read with ONE.
        losses: (programs, 2) float64, summed loss and pairs; written unless EVERY is 0.
        ids, low, high: (n,) int32 kept tokens and the half-open ranges of their windows.
        count: (n,) int32, the number of positives of each kept token.
        starts, stops: (blocks,) int32, the half-open range of the inputs of each block.
        begins, ends: (blocks,) int32, a half-open range that holds all positives of a block.
        negatives: (blocks, S, N) int32 rows.
        alphas: (blocks,) float32 learning rates.
        input_scale, output_scale: (V,) float32, not read unless SCALE_INPUTS and SCALE_OUTPUTS.
        blocks, run: number of blocks, and of blocks per program.
        N, S: as in `plan.Layout`.
        width: length of a row of `scratch`; the longest range of positives, rounded up to a multiple of BC.
        weight: weight of a negative per positive.
        each: the same, rounded up.
        EVERY: the loss of one block in so many is added up, from the first on; 0 for none.
        MOST: see `plan.Objective.largest_score`.
        IN_TURN: whether any negatives may have to be met in turn.
        AT_ONCE, MOST_STEPS: as in `reference_skipgram`.
        ONE: a row is one tile, and all positives of a block are one: rows are read once and stay in registers.
    """
    program = tl.program_id(0)
    lane, slot, place, column = tl.arange(0, BT), tl.arange(0, BN), tl.arange(0, BC), tl.arange(0, BD)
    own = scratch + (program.to(tl.int64) * BT + lane)[:, None] * width + place[None, :]
    drawn = N.to(tl.int64) * S
    some = slot < N
    loss, pairs = tl.full((), 0, tl.float64), tl.full((), 0, tl.float64)

    for block in range(program * run, tl.minimum(program * run + run, blocks)):
        t = tl.load(starts + block) + lane
        live = t < tl.load(stops + block)
        begin, end = tl.load(begins + block), tl.load(ends + block)
        word = tl.load(ids + t, mask=live, other=0).to(tl.int64)
        n = tl.load(count + t, mask=live, other=0).to(tl.int64)
        alpha = tl.load(alphas + block)
        scale = tl.full((BT,), 1.0, tl.float32)
        if SCALE_INPUTS:
            scale = tl.load(input_scale + word)

        for s in range(S):
            first, last = n * s // S, n * (s + 1) // S
            words = tl.load(negatives + block * drawn + s * N + slot, mask=some, other=0)
            negative = words.to(tl.int64)
            words_scale = tl.full((BN,), 1.0, tl.float32)
            if SCALE_OUTPUTS:
                words_scale = tl.load(output_scale + words)

            # Scores, from the rows as they are; from them the coefficients g of positives and gn of negatives.
            before = tl.zeros((BT,), tl.int32)
            equal = tl.zeros((BT, BN), tl.float32)
            if ONE:
                p = begin + place
                mine = p < end
                positive = tl.load(ids + p, mask=mine, other=-1)
                found, before = _positives(low, high, t, live, p, end, before, first, last, S)
                on = found.to(tl.float32)
                equal = tl.dot(on, (positive[:, None] == words[None, :]).to(tl.float32), input_precision=DOT)
                x = load_rows(inputs, word, live, column, D)
                y = load_rows(outputs, positive.to(tl.int64), mine, column, D)
                q = load_rows(outputs, negative, some, column, D)
                pulls = tl.dot(x, tl.trans(y), input_precision=DOT)
                pushes = tl.dot(x, tl.trans(q), input_precision=DOT)
                g = _slopes(pulls, on, alpha)
                if EVERY > 0:  # noqa: SIM102  known when this is compiled, so it has an if of its own
                    if block % EVERY == 0:
                        loss += tl.sum(tl.sum(softplus(-pulls) * on, 1).to(tl.float64))
                        pairs += tl.sum(tl.sum(on, 1).to(tl.float64))
            else:
                for c in range(begin, end, BC):
                    p = c + place
                    positive = tl.load(ids + p, mask=p < end, other=-1)
                    found, before = _positives(low, high, t, live, p, end, before, first, last, S)
                    on = found.to(tl.float32)
                    equal = tl.dot(on, (positive[:, None] == words[None, :]).to(tl.float32), equal, input_precision=DOT)
                    pulls = tl.zeros((BT, BC), tl.float32)
                    for d in range(0, D, BD):
                        x = load_rows(inputs, word, live, d + column, D)
                        y = load_rows(outputs, positive.to(tl.int64), p < end, d + column, D)
                        pulls = tl.dot(x, tl.trans(y), pulls, input_precision=DOT)
                    tl.store(own + (c - begin), _slopes(pulls, on, alpha))
                    if EVERY > 0:  # noqa: SIM102  known when this is compiled, so it has an if of its own
                        if block % EVERY == 0:
                            loss += tl.sum(tl.sum(softplus(-pulls) * on, 1).to(tl.float64))
                            pairs += tl.sum(tl.sum(on, 1).to(tl.float64))
                pushes = tl.zeros((BT, BN), tl.float32)
                for d in range(0, D, BD):
                    x = load_rows(inputs, word, live, d + column, D)
                    q = load_rows(outputs, negative, some, d + column, D)
                    pushes = tl.dot(x, tl.trans(q), pushes, input_precision=DOT)
                tl.debug_barrier()
            # A negative is skipped as often as it is a positive of the input.
            weights = tl.where(some[None, :], ((last - first).to(tl.float32)[:, None] - equal) * weight, 0.0)
            gn = tl.where(pushes < MOST, -alpha * weights / (1.0 + tl.exp(-pushes)), 0.0)
            if IN_TURN:
                times, most = _times(words, some), tl.max(last - first, 0).to(tl.float32)
                far = some & (alpha * weight * times * most > AT_ONCE)
                of_inputs, of_negatives = tl.zeros((BT,), tl.float32), tl.zeros((BN,), tl.float32)
                for d in range(0, D, BD):
                    x = load_rows(inputs, word, live, d + column, D)
                    of_inputs += tl.sum(x * x, 1)
                    q = load_rows(outputs, negative, some, d + column, D)
                    of_negatives += tl.sum(q * q, 1)
                steps = tl.where(far, tl.minimum(times * most * each, MOST_STEPS), 1.0)
                # A word that is drawn again has all its meetings here, shared among its places.
                squares = (of_inputs[:, None] + of_negatives[None, :]) * times[None, :]
                met = _met_in_turn(pushes, squares, alpha * weights / steps[None, :], steps, MOST)
                gn = tl.where(far[None, :], met, gn)
            if EVERY > 0:  # noqa: SIM102  known when this is compiled, so it has an if of its own
                if block % EVERY == 0:
                    loss += tl.sum(tl.sum(softplus(pushes) * weights, 1).to(tl.float64))
                    pairs += tl.sum(tl.sum(weights, 1).to(tl.float64))

            if ONE:
                e = tl.dot(gn, q, tl.dot(g, y, input_precision=DOT), input_precision=DOT)
                update = tl.dot(tl.trans(g), x, input_precision=DOT)
                if SCALE_OUTPUTS:
                    update *= tl.load(output_scale + positive, mask=mine, other=0.0)[:, None]
                add_to_rows(outputs, positive.to(tl.int64), mine, column, update, D)
                update = tl.dot(tl.trans(gn), x, input_precision=DOT)
                add_to_rows(outputs, negative, some, column, update * words_scale[:, None], D)
                add_to_rows(inputs, word, live, column, e * scale[:, None], D)
            else:
                for d in range(0, D, BD):
                    columns = d + column
                    x = load_rows(inputs, word, live, columns, D)
                    e = tl.dot(gn, load_rows(outputs, negative, some, columns, D), input_precision=DOT)
                    for c in range(begin, end, BC):
                        p = c + place
                        positive = tl.load(ids + p, mask=p < end, other=0).to(tl.int64)
                        g = tl.load(own + (c - begin))
                        e = tl.dot(g, load_rows(outputs, positive, p < end, columns, D), e, input_precision=DOT)
                    # These columns are read before any of them is added to.
                    tl.debug_barrier()
                    for c in range(begin, end, BC):
                        p = c + place
                        positive = tl.load(ids + p, mask=p < end, other=0).to(tl.int64)
                        update = tl.dot(tl.trans(tl.load(own + (c - begin))), x, input_precision=DOT)
                        if SCALE_OUTPUTS:
                            update *= tl.load(output_scale + positive)[:, None]
                        add_to_rows(outputs, positive, p < end, columns, update, D)
                    update = tl.dot(tl.trans(gn), x, input_precision=DOT)
                    add_to_rows(outputs, negative, some, columns, update * words_scale[:, None], D)
                    add_to_rows(inputs, word, live, columns, e * scale[:, None], D)
            # The next part and the next block see what this one has added.
            tl.debug_barrier()

    if EVERY > 0:
        tl.store(losses + 2 * program, loss)
        tl.store(losses + 2 * program + 1, pairs)
