"""Record calls of the kernel and of the splitter with what they return here: python packaging/record.py FOLDER.

`replay.py` then makes the same calls on another machine. Run with the environment of the tests, in the repository.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.engines import kernel_replay
from tests.engines.cases import case
from tests.engines.shapes import CPU_SHAPES
from torch_w2v import corpus
from torch_w2v.corpus.counting import count_words

# What a word may be made of: one to four bytes in UTF-8.
LETTERS = "abcdefghijklmnopqrstuvwxyz" * 4 + "äéßñλяж中語😀"
SPACES = " " * 20 + "\n\n\t\x0b\x1c\u2003\u3000\x85"


def text(words: int, seed: int = 1) -> str:
    """Return a text of words of all lengths, some of them frequent, with every kind of white space between."""
    draw = random.Random(seed)
    known = ["".join(draw.choices(LETTERS, k=draw.choice((1, 2, 3, 5, 8, 11, 12, 13, 30)))) for _ in range(2000)]
    frequent = [known[min(int(draw.expovariate(0.004)), 1999)] for _ in range(words)]
    return "".join(word + draw.choice(SPACES) for word in frequent)


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

    (folder / "text").write_bytes(text(200_000).encode())
    parts = []
    scan = count_words(corpus.files(str(folder / "text")), 1, 1e9, lambda *part: parts.append(part))
    tokens, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    np.savez(folder / "split.npz", tokens=tokens, lengths=lengths)
    (folder / "words").write_bytes("\n".join(map(str, scan.words)).encode())
    print(f"{len(cases)} calls of the kernel, {len(tokens)} words of {len(scan.words)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
