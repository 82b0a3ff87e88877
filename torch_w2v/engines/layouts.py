"""How each engine groups targets (docs/algorithm.md has the table, docs/lab-notes.md what it was chosen by)."""

from __future__ import annotations

from torch_w2v.engines.plan import Layout

SMALL = 2_000_000  # kept tokens in a pass
WIDE = 32  # context words of a target
STEPS = 1024  # of thousands of targets, in a pass at least; where that cannot be they are smaller


def blocks_one_by_one(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """At most eight targets a set, and as many sets as a target has context words: targets whose windows overlap must
    not share negatives, or the words around them meet the same few again and again (docs/lab-notes.md).

    Blocks are half as long on a small corpus, whose words are few and meet again within a block. Where windows are very
    wide all targets read the same rows: each has negatives of its own, and hidden layers follow the errors before them.
    Sums reach further than means: with more than two targets a set the cosines are no longer gensim's.
    """
    if context > WIDE:
        return Layout(T=256, S=256, N=negative, B=1, G=2, fresh=True)
    T = 32 if kept < SMALL else 64
    S = 8 if mean else T // 2
    while min(T, context) > S:
        S *= 2
    return Layout(T=T, S=S, N=negative, B=1)


def _sets(T: int, context: float) -> int:
    """How many sets of negatives the targets of a block share in steps of thousands of targets.

    One at gensim's default window; with wider ones a set's targets would share context words.
    """
    S = 1
    while context >= 8 * S and 2 * S <= T:
        S *= 2
    return S


def _blocks(most: int, T: int, kept: float, reach: float) -> int:
    """How many blocks at once: at most `reach`, beyond which a step reads too many context words, and so few that a
    pass has its steps; with more, updates of frequent words are old, and capped (docs/lab-notes.md)."""
    return int(max(1, min(most, kept / (T * STEPS), reach)))


def many_blocks(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """Up to 4,096 targets at once, fewer on a small corpus or with wide windows.

    Four sets at least, each large enough that a row of it collects no more than 10 gradients a step; with more
    negatives there are more of them, as with wider windows. Sums reach further than means: they have four targets a
    set and a quarter of the blocks.
    """
    T = 64
    S = max(_sets(T, max(context, negative + 1)), 4 if mean else T // 4)
    N = max(min(16, max(2 * T // S, negative)), -(-T * negative // (10 * S)))
    return Layout(T=T, S=S, N=N, B=_blocks(64 if mean else 16, T, kept, 64 * 6 / context))


def blocks_in_flight(negative: int, kept: float, context: float, mean: bool = True) -> Layout:
    """For a GPU: two blocks a multiprocessor of the largest GPUs, fewer on a small corpus or with wide windows.

    Sets of 32, the width of the products (16 where there are many), and as many as it takes for no more than 10
    gradients a row of a block; on a small corpus, where speed matters less than that neighbours share little, two at
    least.
    """
    T = 32 if negative <= 10 else 16
    most = 256
    small = kept < most * T * STEPS
    S = max(_sets(T, context), (2 if small else 1) if mean else T // 4)
    N = 32 if S < 8 else 16
    S = min(T, max(S, -(-T * negative // (10 * N))))
    return Layout(T=T, S=S, N=N, B=_blocks(most, T, kept, most * 32 * 6 / (T * context)))
