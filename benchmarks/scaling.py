"""Predict how much several machines save, from what was measured of one machine and of an exchange.

    python -m benchmarks.scaling [--plot FILE.svg] [--speed 24e6] [--link 10] …

Prints the efficiency: the time of one machine, divided by the time of N and by N. Training takes `words / speed` of an
epoch, divided by N; it is not slowed down by other machines. Every exchange waits for the slowest rank (`--uneven`),
packs and applies rows (`--row`), computes directions where it has all rows (`--directions`), and sends over the link,
whose switch is not limited, while nothing is trained. Reading, counting and saving are left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from torch_w2v.distributed.merge import DIRECTIONS
from torch_w2v.distributed.schedule import exchanges_per_epoch, interval_ends, rows_to_exchange

NODES = (2, 4, 8, 16, 32, 64)
# Words of the corpus and of its vocabulary.
CORPORA = ((100e6, 100_000), (1e9, 300_000), (10e9, 1_000_000), (100e9, 2_000_000))
# All-to-all and all-gather, for each of the two tables, and the directions.
MESSAGES = 5


def seconds(nodes: int, words: float, V: int, args: argparse.Namespace) -> float:
    """Return the predicted seconds of training on so many machines."""
    train = args.epochs * words / (args.speed * nodes)
    if nodes == 1:
        return train
    total = train * (1 + args.uneven)
    for epoch in range(args.epochs):
        count = len(interval_ends(epoch, exchanges_per_epoch(words, factor=args.factor)))
        for number in range(1, count + 1):
            rows = rows_to_exchange(number, number == count, V, is_sorted=True)
            sent = 8 * rows * (args.vector_size + DIRECTIONS + 1) * (nodes - 1) / nodes
            total += 2 * rows * args.row / args.threads + sent * 8 / (args.link * 1e9)
            total += MESSAGES * (nodes - 1) * args.delay + (args.directions if rows == V else 0)
    return total


def draw(results: dict[str, list[float]], title: str, path: Path) -> None:
    """Draw the efficiencies into a file."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415

    with pyplot.rc_context({"svg.hashsalt": "torch_w2v", "svg.fonttype": "none", "font.size": 9}):
        figure, axes = pyplot.subplots(figsize=(6, 3.6))
        for label, efficiencies in results.items():
            axes.plot(NODES, efficiencies, marker="o", markersize=3, label=label)
        axes.set(xscale="log", xticks=NODES, xticklabels=NODES, ylim=(0, 1), xlabel="machines", ylabel="efficiency")
        axes.minorticks_off()
        axes.set_title(title, fontsize=9)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=24e6, help="words per second that one machine trains on")
    parser.add_argument("--threads", type=int, default=16, help="of one machine, for packing and applying")
    parser.add_argument("--row", type=float, default=0.43e-6, help="seconds that a row of a table takes a thread")
    parser.add_argument("--directions", type=float, default=0.015, help="seconds to compute the directions")
    parser.add_argument("--link", type=float, default=10, help="Gb/s that a machine can send")
    parser.add_argument("--factor", type=float, default=1.0, help="of the number of exchanges (TORCH_W2V_EXCHANGES)")
    parser.add_argument("--delay", type=float, default=50e-6, help="seconds of a message")
    parser.add_argument("--uneven", type=float, default=0.03, help="by how much the slowest rank is slower")
    parser.add_argument("--vector-size", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="draw the table into this SVG file")
    args = parser.parse_args()
    print(f"{'words':>16}{'vocabulary':>12}{'one machine':>13}" + "".join(f"{nodes:>7}" for nodes in NODES))
    results = {}
    for words, V in CORPORA:
        alone = seconds(1, words, V, args)
        efficiencies = [alone / (nodes * seconds(nodes, words, V, args)) for nodes in NODES]
        results[f"{words / 1e9:g} G words, {V:,} in the vocabulary"] = efficiencies
        cells = "".join(f"{efficiency:7.2f}" for efficiency in efficiencies)
        print(f"{words:16,.0f}{V:12,}{alone:11.0f} s{cells}")
    if args.plot:
        title = f"Prediction: {args.speed / 1e6:g} M words/s per machine, links of {args.link:g} Gb/s"
        draw(results, title, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
