"""The GPU kernel itself: one program trains runs of blocks. Importing this needs triton; `cbow` launches it.

Shapes: BT targets of a block (T filled up), BN negatives of a set (N filled up), BC context places and BD columns at a
time; D is the length of a row, a multiple of 4 so that a row starts at a multiple of 16 bytes and is moved by fours.
"""

from __future__ import annotations

import triton
import triton.language as tl

from torch_w2v.engines.triton.device_functions import add_to_rows, load_rows, softplus


@triton.jit
def _hidden(inputs, ids, low, high, t, begin, end, columns, D: tl.constexpr, BC: tl.constexpr, DOT: tl.constexpr):
    """Return (BT, BD) sums of the context rows of targets t: a band of ones times the rows, BC of them at a time."""
    place = tl.arange(0, BC)
    h = tl.zeros((t.shape[0], columns.shape[0]), tl.float32)
    for c in range(begin, end, BC):
        p = c + place
        rows = tl.load(ids + p, mask=p < end, other=0).to(tl.int64)
        x = load_rows(inputs, rows, p < end, columns, D)
        band = (p[None, :] >= low[:, None]) & (p[None, :] < high[:, None]) & (p[None, :] != t[:, None])
        h = tl.dot(band.to(tl.float32), x, h, input_precision=DOT)
    return h


@triton.jit
def _scatter(
    inputs, ids, scale, low, high, t, begin, end, columns, e,
    D: tl.constexpr, BC: tl.constexpr, DOT: tl.constexpr, SCALED: tl.constexpr,
):  # fmt: skip
    """Add the errors e (BT, BD) to the context rows of targets t: the transposed band times the errors."""
    place = tl.arange(0, BC)
    for c in range(begin, end, BC):
        p = c + place
        rows = tl.load(ids + p, mask=p < end, other=0).to(tl.int64)
        band = (p[:, None] >= low[None, :]) & (p[:, None] < high[None, :]) & (p[:, None] != t[None, :])
        update = tl.dot(band.to(tl.float32), e, input_precision=DOT)
        if SCALED:
            update *= tl.load(scale + rows)[:, None]
        add_to_rows(inputs, rows, p < end, columns, update, D)


@triton.jit
def _update(
    outputs, y, words, mine, some, y_scale, words_scale, h, p, q, g, gn, columns, D: tl.constexpr, DOT: tl.constexpr
):
    """Move the output rows of a set and return the errors (BT, BD).

    h (BT, BD) hidden layers; p (BT, BD) and q (BN, BD) output rows; g (BT,) and gn (BT, BN) the slopes of their scores.
    """
    e = tl.dot(gn, q, g[:, None] * p, input_precision=DOT)
    add_to_rows(outputs, y, mine, columns, (g * y_scale)[:, None] * h, D)
    add_to_rows(outputs, words, some, columns, tl.dot(tl.trans(gn), h, input_precision=DOT) * words_scale[:, None], D)
    return e


@triton.jit(do_not_specialize=["first", "last", "blocks", "run", "T", "N"])
def train_blocks(
    inputs, outputs, scratch, losses, ids, low, high, negatives, alphas, input_scale, output_scale,
    first, last, blocks, run, T, N, weight,
    S: tl.constexpr, D: tl.constexpr, MEAN: tl.constexpr, SHARED: tl.constexpr, EVERY: tl.constexpr,
    SCALE_INPUTS: tl.constexpr, SCALE_OUTPUTS: tl.constexpr, DOT: tl.constexpr, MOST: tl.constexpr,
    BT: tl.constexpr, BN: tl.constexpr, BC: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    """Train on the blocks [program * run, (program + 1) * run) of a chunk, one after the other.

    Args:
        inputs, outputs: (V, D) float32 tables.
        scratch: (programs, BT, D) float32, not read where a row is one tile and S = 1.
        losses: (programs, 2) float64, summed loss and pairs; written unless EVERY is 0.
        ids, low, high: (n,) int32 kept tokens and the half-open ranges of their windows.
        negatives: (blocks, S, N) int32 rows.
        alphas: (blocks,) float32 learning rates.
        input_scale, output_scale: (V,) float32, not read unless SCALE_INPUTS and SCALE_OUTPUTS.
        first, last: the kept tokens from `first` to `last`, exclusive, are targets.
        blocks, run: number of blocks, and of blocks per program.
        T, N, S: as in `plan.Layout`.
        weight: weight of a negative.
        MEAN: hidden layers are means, otherwise sums.
        EVERY: the loss of one block in so many is added up, from the first on; 0 for none.
        SHARED: the error is divided among the context words.
        MOST: see `plan.Objective.largest_score`.
    """
    # all of a hidden layer stays in registers
    ONE: tl.constexpr = D <= BD and S == 1
    program = tl.program_id(0)
    lane, slot, column = tl.arange(0, BT), tl.arange(0, BN), tl.arange(0, BD)
    own = scratch + (program.to(tl.int64) * BT + lane)[:, None] * D
    drawn = N.to(tl.int64) * S
    some = slot < N
    loss, pairs = tl.full((), 0, tl.float64), tl.full((), 0, tl.float64)

    for block in range(program * run, tl.minimum(program * run + run, blocks)):
        t = first + block * T + lane
        live = (lane < T) & (t < last)
        lo = tl.load(low + t, mask=live, other=2147483647)
        hi = tl.load(high + t, mask=live, other=0)
        begin, end = tl.min(lo, 0), tl.max(hi, 0)
        # number of context words
        C = tl.maximum(hi - lo - 1, 0)
        inverse = 1.0 / tl.maximum(C, 1).to(tl.float32)
        y = tl.load(ids + t, mask=live, other=0)
        alpha = tl.load(alphas + block)
        share = inverse if SHARED else tl.full((BT,), 1.0, tl.float32)
        mean = inverse if MEAN else tl.full((BT,), 1.0, tl.float32)

        if ONE:
            h = _hidden(inputs, ids, lo, hi, t, begin, end, column, D, BC, DOT) * mean[:, None]
        else:
            for d in range(0, D, BD):
                part = _hidden(inputs, ids, lo, hi, t, begin, end, d + column, D, BC, DOT) * mean[:, None]
                tl.store(own + d + column[None, :], part, mask=(d + column < D)[None, :])
            tl.debug_barrier()

        for s in range(S):
            mine = live & (lane % S == s)
            words = tl.load(negatives + block * drawn + s * N + slot, mask=some, other=0)
            # A lone word trains nothing, and a negative equal to the target is skipped.
            on = (mine & (C > 0)).to(tl.float32)
            weights = tl.where(some[None, :] & (words[None, :] != y[:, None]), weight, 0.0) * on[:, None]

            if ONE:
                p = load_rows(outputs, y.to(tl.int64), mine, column, D)
                q = load_rows(outputs, words.to(tl.int64), some, column, D)
                positive = tl.sum(h * p, 1)
                scores = tl.dot(h, tl.trans(q), input_precision=DOT)
            else:
                positive = tl.zeros((BT,), tl.float32)
                scores = tl.zeros((BT, BN), tl.float32)
                for d in range(0, D, BD):
                    part = tl.load(own + d + column[None, :], mask=(d + column < D)[None, :], other=0.0)
                    positive += tl.sum(part * load_rows(outputs, y.to(tl.int64), mine, d + column, D), 1)
                    rows = load_rows(outputs, words.to(tl.int64), some, d + column, D)
                    scores = tl.dot(part, tl.trans(rows), scores, input_precision=DOT)

            if EVERY > 0:  # noqa: SIM102  known when this is compiled, so it has an if of its own
                if block % EVERY == 0:
                    loss += tl.sum((softplus(-positive) * on).to(tl.float64))
                    loss += tl.sum(tl.sum(softplus(scores) * weights, 1).to(tl.float64))
                    pairs += tl.sum((on + tl.sum(weights, 1)).to(tl.float64))
            # A sample with a score beyond MOST is skipped.
            g = tl.where(tl.abs(positive) < MOST, alpha * on / (1.0 + tl.exp(positive)), 0.0)
            gn = tl.where(tl.abs(scores) < MOST, -alpha * weights / (1.0 + tl.exp(-scores)), 0.0)
            y_scale, words_scale = tl.full((BT,), 1.0, tl.float32), tl.full((BN,), 1.0, tl.float32)
            if SCALE_OUTPUTS:
                y_scale, words_scale = tl.load(output_scale + y), tl.load(output_scale + words)

            if ONE:
                e = _update(
                    outputs, y.to(tl.int64), words.to(tl.int64), mine, some, y_scale, words_scale, h, p, q, g, gn,
                    column, D, DOT,
                )  # fmt: skip
                _scatter(
                    inputs, ids, input_scale, lo, hi, t, begin, end, column, e * share[:, None], D, BC, DOT,
                    SCALE_INPUTS,
                )  # fmt: skip
            else:
                for d in range(0, D, BD):
                    columns = d + column
                    part = tl.load(own + columns[None, :], mask=(columns < D)[None, :], other=0.0)
                    p = load_rows(outputs, y.to(tl.int64), mine, columns, D)
                    q = load_rows(outputs, words.to(tl.int64), some, columns, D)
                    e = _update(
                        outputs, y.to(tl.int64), words.to(tl.int64), mine, some, y_scale, words_scale, part, p, q, g,
                        gn, columns, D, DOT,
                    ) * share[:, None]  # fmt: skip
                    if S == 1:
                        _scatter(inputs, ids, input_scale, lo, hi, t, begin, end, columns, e, D, BC, DOT, SCALE_INPUTS)
                    else:
                        # in the place of the hidden layers, which no other set reads
                        tl.debug_barrier()
                        tl.store(own + columns[None, :], e, mask=mine[:, None] & (columns < D)[None, :])
                tl.debug_barrier()

        if S > 1:
            for d in range(0, D, BD):
                columns = d + column
                e = tl.load(own + columns[None, :], mask=(columns < D)[None, :], other=0.0)
                _scatter(inputs, ids, input_scale, lo, hi, t, begin, end, columns, e, D, BC, DOT, SCALE_INPUTS)
        # The next block sees what this one has added.
        tl.debug_barrier()

    if EVERY > 0:
        tl.store(losses + 2 * program, loss)
        tl.store(losses + 2 * program + 1, pairs)
