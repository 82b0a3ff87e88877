"""Compare the fused CPU kernel with what one core of this machine can do.

    python -m benchmarks.roofline CORPUS [--vector-size 100]

Two ceilings are measured with `ceilings.cpp`, which needs a C++ compiler: multiply-adds from registers, and changing
rows of the tables in the order in which training meets them; then the kernel itself, with one thread.
docs/explanation/performance.md explains the figures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import Contender, read_corpus
from torch_w2v import Word2Vec
from torch_w2v.engines.cpu.rows import LANES
from torch_w2v.engines.layouts import one_block_per_step
from torch_w2v.engines.padding import padded_width
from torch_w2v.engines.plan import Workload

SOURCE = Path(__file__).with_name("ceilings.cpp")


def ceilings(V: int, D: int, rows: np.ndarray) -> tuple[float, float]:
    """Measure the ceilings of one core.

    Args:
        V: number of rows of a table.
        D: floats per row.
        rows: integers below V, the rows to change.

    Returns:
        GFLOP/s, and nanoseconds per changed row: the best of three runs.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if compiler is None:
        sys.exit("no C++ compiler was found: name one in the environment variable CXX")
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "ceilings")
        subprocess.run([compiler, "-O3", "-march=native", "-ffp-contract=fast", "-o", program, SOURCE], check=True)
        done = subprocess.run(
            [program, str(V), str(D)], input=rows.astype(np.int32).tobytes(), capture_output=True, check=True
        )
    runs = [list(map(float, line.split())) for line in done.stdout.decode().splitlines()]
    return max(run[0] for run in runs), min(run[1] for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="CORPUS")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--window", type=int, default=5)
    parser.add_argument("--negative", type=int, default=5)
    args = parser.parse_args()
    corpus = read_corpus(args.corpus)
    settings = {name: getattr(args, name) for name in ("vector_size", "window", "negative")}

    model = Word2Vec(engine="cpu", **settings)
    model.build_vocab_from_freq(corpus.counts)
    count = model.wv.expandos["count"].astype(float)
    kept = count * model.wv.expandos["sample_int"] / 2.0**32
    layout = one_block_per_step(Workload(args.negative, kept.sum(), args.window + 1.0))
    T, S, N, w = layout.T, layout.S, layout.N, args.window
    D = padded_width(args.vector_size, LANES)

    # Rows per kept word: its share of a block of T words and the 2w words around it, and of S sets of N negatives.
    context, output = 1 + 2 * w / T, 1 + S * N / T
    flops = D * (6 * (N + 1) + 4 + 5 * context)  # scores, errors, updates; hidden layers; scattering
    size = 4 * D
    traffic = size * (3 * context + 2 * output)  # read, read, written; read, written

    rng = np.random.default_rng(1)
    sentence = rng.choice(len(kept), 2_000_000, p=kept / kept.sum())
    ceiling_flops, ceiling_row = ceilings(len(kept), D, sentence)

    contender = Contender("cpu", "list", lambda seed: Word2Vec(seed=seed, engine="cpu", workers=1, **settings))
    for seed in (1, 2, 3):
        contender.run(corpus, seed, 3)
    share = kept.sum() / corpus.words
    ns = 1e3 / (max(contender.later) * share)

    by_flops, by_rows = flops / ceiling_flops, (context + output) * ceiling_row
    print(f"T={T}, S={S}, N={N}; rows of {size} bytes, {len(kept):,} words; {share:.0%} of the words are kept")
    print(f"per kept word: {flops / 1e3:.1f} kflop, {traffic / 1e3:.1f} kB, {context + output:.2f} rows changed")
    print(f"ceilings of one core: {ceiling_flops:.0f} GFLOP/s; {ceiling_row:.1f} ns to change a row")
    print(f"minimum time per kept word: {by_flops:.0f} ns for the arithmetic, {by_rows:.0f} ns for the rows")
    print(
        f"the kernel: {ns:.0f} ns, {flops / ns:.0f} GFLOP/s; {by_flops / ns:.0%} of the ceiling for the arithmetic, "
        f"{by_rows / ns:.0%} of that for the rows"
    )


if __name__ == "__main__":
    main()
