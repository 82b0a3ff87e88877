"""Record calls of the library, with what they return here: python packaging/record.py FOLDER.

They are calls of the kernels of CBOW and skip-gram, of the merge of several machines, and of the splitter of text.

`replay.py` then makes the same calls on another machine. Run with the environment of the tests, in the repository.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest
from replay import merged

from tests.engines import kernel_replay
from tests.engines.cases import case
from tests.engines.shapes import CPU_SHAPES
from torch_w2v import corpus
from torch_w2v.corpus.counting import count_words
from torch_w2v.distributed import bindings
from torch_w2v.distributed.merge import curvature

# What a word may be made of: one to four bytes in UTF-8.
LETTERS = "abcdefghijklmnopqrstuvwxyz" * 4 + "äéßñλяж中語😀"
SPACES = " " * 20 + "\n\n\t\x0b\x1c\u2003\u3000\x85"


def text(words: int, seed: int = 1) -> str:
    """Return a text of words of all lengths, some of them frequent, with every kind of white space between."""
    draw = random.Random(seed)
    known = ["".join(draw.choices(LETTERS, k=draw.choice((1, 2, 3, 5, 8, 11, 12, 13, 30)))) for _ in range(2000)]
    frequent = [known[min(int(draw.expovariate(0.004)), 1999)] for _ in range(words)]
    return "".join(word + draw.choice(SPACES) for word in frequent)


def merges() -> dict[str, np.ndarray]:
    """Return tables of odd shapes as several machines merge them, and what the library makes of them here."""
    rng = np.random.default_rng(1)
    arrays = {}
    for i, (rows, columns) in enumerate(((7, 1), (5, 3), (90, 17), (3000, 100), (30, 700))):
        square = rng.normal(size=(columns, columns)) / 10
        of = curvature(square @ square.T)
        base = rng.normal(size=(rows, columns)).astype(np.float32)
        problem = {
            "directions": of.directions,
            "rates": of.rates,
            "base": base,
            "local": (base + rng.normal(size=(rows, columns)) / 10).astype(np.float32),
            "gradients": np.append(0, 10 ** rng.uniform(-2, 5, rows - 1)).astype(np.float32),
            "parts": bindings.to_wire(rng.normal(size=(3, rows, columns))),
        }
        arrays.update({f"{i}.{name}": array for name, array in {**problem, **merged(problem)}.items()})
    return arrays


def main(folder: Path) -> None:
    """Write the recording."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [case(**options) for options in CPU_SHAPES]
    with pytest.MonkeyPatch.context() as patch:
        (folder / "calls").write_bytes(kernel_replay.record(patch, cases))
    arrays = {}
    for i, result in enumerate(kernel_replay.expected(cases)):
        for name, array in zip(("inputs", "outputs", "result"), result, strict=True):
            arrays[f"{name}{i}"] = np.asarray(array)
    np.savez(folder / "expected.npz", **arrays)

    np.savez(folder / "merge.npz", **merges())

    (folder / "text").write_bytes(text(200_000).encode())
    parts = []
    scan = count_words(corpus.files(str(folder / "text")), 1, 1e9, lambda *part: parts.append(part))
    tokens, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    np.savez(folder / "split.npz", tokens=tokens, lengths=lengths)
    (folder / "words").write_bytes("\n".join(map(str, scan.words)).encode())
    print(f"{len(cases)} calls of the kernels, {len(tokens)} words of {len(scan.words)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
