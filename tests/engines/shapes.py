"""Options of `cases.case` that engines are compared on: odd shapes, options of the objective, layouts."""

import dataclasses
import itertools

from torch_w2v.engines.plan import Layout

# D, window, negative, V
GRID = list(itertools.product((1, 3, 63, 100, 300), (1, 5, 500), (1, 5, 20), (1, 2, 1000)))
OPTIONS = [
    {"cbow_mean": False},
    {"exact_gradient": True},
    {"cbow_mean": False, "exact_gradient": True},
    {"shrink_windows": False},
    {"scales": True},
    {"sample": False, "unknown": 0},
    {"loss_every": 0},
    {"loss_every": 3},
    {"lengths": (10001,), "V": 1000},
    {"lengths": (10001, 63), "window": 500, "V": 1000, "alpha": (1e-4, 9e-5)},
    *({"lengths": lengths} for lengths in ((), (0,), (1,), (2,), (1,) * 200, (2,) * 100, (63, 64, 65, 128))),
    {"lengths": (300,), "begin": 100, "end": 210},
    {"position": 2**40},
    {"unknown": 1.0},
    {"window": 10**6},
    {"lengths": (8,) * 300, "V": 1000},
    {"alpha": (0.0, 0.0)},
]
# what the CPU kernel does in ways of its own: instruction sets, rows of any length, layouts
CPU_SHAPES = [
    {"D": 100},
    {"D": 300, "V": 1000, "negative": 20},
    {"D": 1},
    {"D": 17, "window": 1},
    {"D": 4096, "lengths": (100,)},
    {"window": 40, "lengths": (300, 3, 90)},
    {"V": 1},
    {"V": 2, "cbow_mean": False, "alpha": (1e-3, 1e-3)},
    {"scales": True, "exact_gradient": True},
    {"negative": 1, "lengths": (1,) * 100},
    {"lengths": (5000,), "V": 1000},
    {"lengths": (300,), "begin": 100, "end": 210, "position": 2**40},
    {"layout": Layout(7, 3, 2)},
    {"layout": Layout(1, 1, 5), "lengths": (40, 2)},
    {"layout": Layout(32, 8, 5)},
    {"layout": Layout(64, 16, 5), "window": 15, "lengths": (300, 3, 90)},
    {"layout": Layout(16, 16, 5), "window": 100, "lengths": (300, 3, 90), "D": 100},
    {"window": 40, "lengths": (300, 3, 90), "scales": True, "V": 1000},
    {
        "layout": Layout(64, 64, 5, G=2, fresh=True),
        "window": 100,
        "lengths": (300, 3, 90),
        "D": 100,
        "alpha": (1e-3, 9e-4),
    },
    {"layout": Layout(16, 16, 6, G=3, fresh=True), "negative": 6, "lengths": (40, 1, 2, 90), "scales": True, "D": 17},
    {"layout": Layout(7, 7, 2, G=4), "lengths": (40, 2)},
    # so many negatives that equal ones are sought in a hash table
    {"layout": Layout(8, 4, 100), "negative": 100, "lengths": (40, 9), "V": 1000},
    {"layout": Layout(8, 4, 100), "negative": 100, "lengths": (40, 9), "D": 17, "scales": True},
    {
        "layout": Layout(8, 8, 100, fresh=True),
        "negative": 100,
        "lengths": (40, 9),
        "V": 3,
        "scales": True,
        "size": 0.05,
    },
    {"layout": Layout(8, 8, 30, G=4, fresh=True), "negative": 30, "lengths": (40, 9), "V": 30, "alpha": (1e-3, 9e-4)},
    # blocks of few different words, whose rows are read by their numbers, and of too many now and then
    *(
        {"layout": Layout(T, T, 5, fresh=True), "lengths": (60, 1, 9, 90), **options}
        for T, options in (
            (8, {"V": 4, "D": 100, "window": 10}),
            (16, {"V": 5, "D": 300, "window": 5, "scales": True}),
            (4, {"V": 7, "D": 17, "window": 40, "scales": True, "cbow_mean": False, "alpha": (1e-3, 1e-3)}),
            (1, {"V": 3, "D": 128, "window": 3, "exact_gradient": True}),
            (13, {"V": 16, "D": 31, "window": 20, "shrink_windows": False, "alpha": (1e-3, 9e-4)}),
            (8, {"V": 14, "D": 50, "window": 7}),
        )
    ),
    # context rows that each set reads and writes by itself
    *(
        {"layout": Layout(T, S, 5, by_set=True), "lengths": (60, 1, 9, 90), **options}
        for T, S, options in (
            (64, 64, {"V": 4, "D": 100, "window": 10}),
            (128, 64, {"V": 5, "D": 300, "scales": True}),
            (12, 4, {"V": 3, "D": 17, "window": 40, "cbow_mean": False, "alpha": (1e-3, 1e-3)}),
            (16, 16, {"V": 2, "D": 128, "exact_gradient": True, "begin": 20, "end": 70}),
            # more than the kernel keeps in memory at a time
            (64, 8, {"V": 30, "D": 8, "lengths": (5000,), "sample": False, "alpha": (2e-5, 1e-5)}),
        )
    ),
    *(
        {"skip_gram": True, "layout": Layout(T, S, N, G=4, fresh=True), **options}
        for (T, S, N), options in (
            ((16, 1, 32), {"D": 100}),
            ((16, 1, 32), {"D": 300, "V": 1000}),
            ((16, 2, 28), {"D": 1, "window": 10}),
            ((16, 3, 8), {"D": 17, "window": 40, "lengths": (300, 3, 90)}),
            ((16, 1, 12), {"D": 4096, "lengths": (100,), "window": 1}),
            ((13, 2, 7), {"D": 31, "V": 3, "size": 0.05}),
            ((1, 4, 5), {"lengths": (40, 2), "V": 1, "size": 0.05}),
            ((5, 1, 300), {"negative": 100, "lengths": (1, 40)}),
            # few inputs, whose products with negatives are of rows instead of columns
            ((2, 3, 20), {"D": 100, "window": 10}),
            ((4, 1, 32), {"D": 33, "V": 200, "lengths": (40, 1, 90)}),
            ((3, 2, 11), {"D": 17, "V": 6, "size": 0.05, "lengths": (60, 5)}),
            ((10, 2, 9), {"D": 112, "V": 500, "lengths": (40, 13)}),
            ((11, 1, 7), {"D": 40, "V": 500, "lengths": (45,)}),
            ((16, 1, 32), {"lengths": (300,), "begin": 100, "end": 210, "position": 2**40, "loss_every": 3}),
            ((16, 1, 32), {"lengths": (5000,), "V": 1000, "D": 5}),
            ((16, 1, 32), {"lengths": (1,) * 100}),
            ((16, 1, 32), {"lengths": ()}),
        )
    ),
]


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
    """Options for a row of `GRID`.

    One or two rows that a long window adds to thousands of times: what float32 rounds away would drown the check, so
    these start small and move slowly.
    """
    slow = {"alpha": (2e-5, 1e-5)} if window == 500 else {}
    start = {"size": small} if V < 3 else {}
    return {"D": D, "window": window, "negative": negative, "V": V} | slow | start


def is_long(options):
    """Whether a case has thousands of words: a second or more for an engine that is slow."""
    return sum(options.get("lengths", ())) > 2000


def name_of(options):
    """A short name for a case: its options, or its values; what is long is cut off."""
    if isinstance(options, dict):
        return "-".join(f"{key}={_short(value)}" for key, value in options.items()) or "defaults"
    return "-".join(map(_short, options)) if isinstance(options, tuple) else _short(options)


def _short(value):
    if isinstance(value, Layout):
        T, S, N, B, G, fresh = value.sizes
        return f"T{T}S{S}N{N}" + (f"B{B}" if B > 1 else "") + (f"G{G}" if G > 1 else "") + ("fresh" if fresh else "")
    return str(value).replace(" ", "")[:24]


# Negatives that are a few words each many times, which a target meets one after the other.
MET_AGAIN = [
    {
        "V": V,
        "negative": negative,
        "layout": dataclasses.replace(layout, N=negative),
        "alpha": (0.1, 0.09),
        "D": D,
        "window": 3,
        "lengths": (40, 1, 13),
        **options,
    }
    for (V, negative), layout, D, options in zip(
        [(3, 50), (20, 50), (3, 5), (6, 17), (40, 64), (2, 1), (1, 9), (9, 300)] * 2,
        itertools.cycle([Layout(8, 8, fresh=True), Layout(64, 64, by_set=True), Layout(1, 1, fresh=True)]),
        itertools.cycle([9, 100, 64, 3, 300]),
        itertools.cycle([{}, {"loss_every": 0}, {"cbow_mean": False}, {"exact_gradient": True}, {"scales": True}]),
        strict=False,
    )
]
