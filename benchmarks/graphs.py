"""Skip-gram on random walks, as node2vec's libraries train it: seconds and link prediction, with gensim and with ours.

    python -m benchmarks.graphs [--kinds communities citations …] [--callers pecanpy node2vec] [--seeds 1 2]

A caller's own call of gensim's `Word2Vec` is run as it is, and once more with `torch_w2v.accel` installed. `pecanpy` is
the call of PecanPy 2.0.9 (`pecanpy.cli.learn_embeddings`), on walks that are drawn here; `node2vec` is the README of
eliorc/node2vec, which draws its own walks (`pip install node2vec`). The graphs are planted
(`compat_tests/quality/graphs.py`), and a tenth of their edges is held out. All of it is on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import Callable
from statistics import mean
from typing import Any

import gensim.models

from benchmarks.common import seconds_of
from compat_tests.quality.graphs import KINDS, Graph, GraphScores, score_graph
from torch_w2v import accel

Walks = list[list[str]]


def pecanpy(graph: Graph, walks: int, length: int, seed: int) -> Callable[[], Any]:
    """Return PecanPy's call, on uniform walks."""
    walked = graph.walks(walks, length, seed)
    return lambda: gensim.models.Word2Vec(
        walked, vector_size=128, window=10, min_count=0, sg=1, workers=1, epochs=1, seed=seed
    )


def node2vec(graph: Graph, walks: int, length: int, seed: int) -> Callable[[], Any]:
    """Return eliorc/node2vec's `fit` as its README calls it."""
    try:
        import networkx  # noqa: PLC0415
        from node2vec import Node2Vec  # noqa: PLC0415
    except ImportError as error:
        raise SystemExit(f"--callers node2vec needs it: pip install node2vec ({error})") from error
    drawn = networkx.Graph()
    drawn.add_nodes_from(range(len(graph.group)))
    for node, (begin, end) in enumerate(zip(graph.first, graph.first[1:], strict=False)):
        drawn.add_edges_from((node, int(other)) for other in graph.neighbour[begin:end])
    walked = Node2Vec(drawn, dimensions=128, walk_length=length, num_walks=walks, workers=1, quiet=True, seed=seed)
    return lambda: walked.fit(window=10, min_count=1, batch_words=4, seed=seed)


CALLERS = {"pecanpy": pecanpy, "node2vec": node2vec}


def measure(call: Callable[[], Any], graph: Graph, ours: bool) -> tuple[float, GraphScores]:
    """Return how long a call takes, with gensim or with ours in its place, and the scores of the model it returns."""
    models: list[Any] = []
    with accel.installed() if ours else contextlib.nullcontext():
        seconds = seconds_of(lambda: models.append(call()))
    return seconds, score_graph(models[0].wv, graph)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["communities", "citations", "followers"])
    parser.add_argument("--callers", nargs="+", choices=CALLERS, default=["pecanpy"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2], metavar="SEED")
    parser.add_argument("--walks", type=int, default=10, help="walks from each node (default 10)")
    parser.add_argument("--length", type=int, default=80, help="nodes per walk (default 80)")
    args = parser.parse_args()
    print("| graph | caller | | seconds | link prediction (AUC) | same group among 10 | centroid | largest norm |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in args.kinds:
        graph = Graph.make(KINDS[kind])
        for caller in args.callers:
            rows: dict[bool, list[tuple[float, GraphScores]]] = {False: [], True: []}
            for seed in args.seeds:
                call = CALLERS[caller](graph, args.walks, args.length, seed)
                for ours, found in rows.items():
                    found.append(measure(call, graph, ours))
            for ours, found in rows.items():
                seconds = mean(row[0] for row in found)
                scores = [mean(column) for column in zip(*(dataclasses.astuple(row[1]) for row in found), strict=True)]
                centroid, same_group, links, norm = scores
                print(
                    f"| {kind} | {caller} | {'torch_w2v' if ours else 'gensim'} | {seconds:.2f} | {links:.3f} "
                    f"| {same_group:.3f} | {centroid:.3f} | {norm:.2f} |",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
