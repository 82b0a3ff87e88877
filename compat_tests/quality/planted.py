"""A corpus with planted structure: words on a grid, which share companions with their row and with their column."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

from torch_w2v.compare import Gold, analogies_file, pairs_file

ROWS, COLUMNS = 12, 12
COMPANIONS = 15  # number of words that occur with the words of one row, or of one column
BACKGROUND = 1_500  # number of words that occur with all others, distributed by Zipf's law


def word(row: int, column: int) -> str:
    """Return the word of a place on the grid."""
    return f"w{row}x{column}"


def sentences(count: int, seed: int = 0) -> list[list[str]]:
    """Return `count` sentences of 8 to 24 words, each about one word of the grid."""
    draw = random.Random(seed)
    names = [f"b{i}" for i in range(BACKGROUND)]
    zipf = list(itertools.accumulate(1 / (i + 3) for i in range(BACKGROUND)))
    texts = []
    for _ in range(count):
        row, column = draw.randrange(ROWS), draw.randrange(COLUMNS)
        size = draw.randrange(8, 25)
        text = draw.choices(names, cum_weights=zipf, k=size // 2)
        while len(text) < size:
            kind = draw.random()
            if kind < 0.3:
                text.append(word(row, column))
            else:
                text.append(f"{f'r{row}' if kind < 0.65 else f'c{column}'}_{draw.randrange(COMPANIONS)}")
        draw.shuffle(text)
        texts.append(text)
    return texts


def gold(folder: Path) -> list[Gold]:
    """Write pairs that share a row, a column or neither, and analogies across the grid, and return the two sets."""
    draw = random.Random(0)
    grid = list(itertools.product(range(ROWS), range(COLUMNS)))
    lines = []
    for _ in range(1500):
        (a, b), (c, d) = draw.sample(grid, 2)
        if draw.random() < 0.5:  # otherwise nearly all pairs would share nothing
            c = a
        if (a, b) != (c, d):
            lines.append(f"{word(a, b)}\t{word(c, d)}\t{(a == c) + (b == d)}\n")
    (folder / "planted-pairs.tsv").write_text("".join(lines))
    questions = [": grid\n"]
    for _ in range(500):
        (a, b), (c, d) = draw.sample(range(ROWS), 2), draw.sample(range(COLUMNS), 2)
        questions.append(f"{word(a, c)} {word(a, d)} {word(b, c)} {word(b, d)}\n")
    (folder / "planted-analogies.txt").write_text("".join(questions))
    return [
        pairs_file(str(folder / "planted-pairs.tsv")),
        analogies_file(str(folder / "planted-analogies.txt")),
    ]
