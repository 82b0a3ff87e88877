"""Skip-gram on random walks, as node2vec's libraries train it: seconds and link prediction, with gensim and with ours.

    python -m benchmarks.graphs [--kinds communities citations …] [--callers pecanpy node2vec] [--seeds 1 2]

A caller's own call of gensim's `Word2Vec` is run as it is, and once more with `torch_w2v.accel` installed. `pecanpy` is
the call of PecanPy 2.0.9 (`pecanpy.cli.learn_embeddings`), on walks that are drawn here; `node2vec` is the README of
eliorc/node2vec, which draws its own walks (`pip install node2vec`). The graphs are planted
(`compat_tests/quality/graphs.py`), and a tenth of their edges is held out. All of it is on one thread. `neighbours@10`
and `cosines` are the agreement with gensim's runs of other seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Callable
from statistics import mean
from typing import Any

import gensim.models
from gensim.models import KeyedVectors

from benchmarks.common import seconds_of
from compat_tests.quality.graphs import KINDS, Graph, GraphScores, score_graph
from torch_w2v import accel
from torch_w2v.compare.comparison import COSINES, OVERLAP
from torch_w2v.compare.measures import Portrait, portrait

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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a call.

    Attributes:
        seconds: that it took.
        scores: of the vectors.
        portrait: what other runs are compared with.
    """

    seconds: float
    scores: GraphScores
    portrait: Portrait

    @classmethod
    def of(cls, call: Callable[[], Any], graph: Graph, ours: bool) -> Outcome:
        """Make a caller's call, with gensim or with ours in its place."""
        models: list[Any] = []
        with accel.installed() if ours else contextlib.nullcontext():
            seconds = seconds_of(lambda: models.append(call()))
        vectors = models[0].wv
        # in the order of the nodes, since walks that differ differ in the order of frequencies
        names = sorted(vectors.index_to_key, key=int)
        by_node = KeyedVectors(vectors.vector_size)
        by_node.add_vectors(names, vectors[names])
        described = portrait(by_node)
        assert described is not None, "a graph of at least three nodes"
        return cls(seconds, score_graph(vectors, graph), described)


def row(outcomes: list[Outcome], gensims: list[Outcome]) -> list[str]:
    """Return the cells of one contender: means over the seeds."""
    pairs = [
        (one.portrait, other.portrait)
        for (i, one), (j, other) in itertools.product(enumerate(outcomes), enumerate(gensims))
        if i != j
    ]
    scores = [mean(column) for column in zip(*(dataclasses.astuple(o.scores) for o in outcomes), strict=True)]
    centroid, same_group, links, norm = scores
    agreement = (mean(a.overlap(b) for a, b in pairs), mean(a.correlation(b) for a, b in pairs)) if pairs else ()
    cells = [f"{mean(o.seconds for o in outcomes):.2f}", *(f"{x:.3f}" for x in (links, same_group, centroid))]
    return [*cells, f"{norm:.2f}", *(f"{x:.3f}" for x in agreement)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["communities", "citations", "followers"])
    parser.add_argument("--callers", nargs="+", choices=CALLERS, default=["pecanpy"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2], metavar="SEED")
    parser.add_argument("--walks", type=int, default=10, help="walks from each node (default 10)")
    parser.add_argument("--length", type=int, default=80, help="nodes per walk (default 80)")
    args = parser.parse_args()
    heads = ("seconds", "link prediction (AUC)", "same group among 10", "centroid", "largest norm", OVERLAP, COSINES)
    print(f"| graph | caller | | {' | '.join(heads)} |")
    print("|---" * (len(heads) + 3) + "|")
    for kind in args.kinds:
        graph = Graph.make(KINDS[kind])
        for caller in args.callers:
            found: dict[bool, list[Outcome]] = {False: [], True: []}
            for seed in args.seeds:
                call = CALLERS[caller](graph, args.walks, args.length, seed)
                for ours, outcomes in found.items():
                    outcomes.append(Outcome.of(call, graph, ours))
            for ours, outcomes in found.items():
                cells = row(outcomes, found[False])
                print(f"| {kind} | {caller} | {'torch_w2v' if ours else 'gensim'} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
