"""Random walks on graphs with planted groups, of the kinds that node2vec is used on, and what is measured of vectors.

A graph is drawn edge by edge: both ends by the nodes' weights, the second one within the first one's group or anywhere.
A tenth of the edges is held out of the walks. All of it follows from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gensim.models import KeyedVectors

Draw = np.random.Generator
NEAREST = 10


@dataclass(frozen=True)
class Kind:
    """A kind of graph.

    Attributes:
        nodes: their number.
        groups: their number; sizes differ by one at most.
        degree: mean degree.
        inside: share of the edges that are drawn within a group.
        tail: exponent of Pareto's law for the nodes' weights; 0 makes all equal.
    """

    nodes: int
    groups: int
    degree: float
    inside: float
    tail: float = 0.0


KINDS = {
    # 8 of a node's 28 neighbours are of its own group
    "communities": Kind(2000, 20, 28, 0.26),
    # citations: few edges per node, most of them within a field (Cora: 2,708 nodes, 5,278 edges, 7 classes)
    "citations": Kind(2700, 7, 4, 0.78),
    # followers: many edges, a few nodes with a large share of them, groups that hardly show (BlogCatalog)
    "followers": Kind(3000, 20, 40, 0.3, tail=2.0),
    # for quick tests
    "small": Kind(400, 8, 14, 0.5),
}


@dataclass(frozen=True)
class Graph:
    """A graph, as walks see it.

    Attributes:
        group: (nodes,) int64.
        first: (nodes + 1,) int64, where each node's neighbours start.
        neighbour: (2 * edges,) int64, the neighbours of node after node; held-out edges are not among them.
        held: (n, 2) int64, the edges that were held out.
        others: (n, 2) int64, as many pairs of nodes without an edge.
    """

    group: np.ndarray
    first: np.ndarray
    neighbour: np.ndarray
    held: np.ndarray
    others: np.ndarray

    @classmethod
    def make(cls, kind: Kind, seed: int = 0) -> Graph:
        """Draw a graph of a kind."""
        draw, n = np.random.default_rng([seed, kind.nodes]), kind.nodes
        group = draw.permutation(np.arange(n) % kind.groups)
        weight = draw.pareto(kind.tail, n) + 1 if kind.tail else np.ones(n)
        by_group = np.argsort(group, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(weight[by_group])])
        edges_of_group = np.searchsorted(group[by_group], np.arange(kind.groups + 1))

        def ends(low: np.ndarray, high: np.ndarray) -> np.ndarray:
            at = sums[low] + draw.random(len(low)) * (sums[high] - sums[low])
            return by_group[np.clip(np.searchsorted(sums, at, side="right") - 1, low, high - 1)]

        pairs = int(n * kind.degree / 2)
        zero, all_nodes = np.zeros(pairs, np.int64), np.full(pairs, n)
        left = ends(zero, all_nodes)
        own = draw.random(pairs) < kind.inside
        low, high = edges_of_group[group[left]], edges_of_group[group[left] + 1]
        right = ends(np.where(own, low, 0), np.where(own, high, n))
        code = np.unique(np.minimum(left, right) * n + np.maximum(left, right))
        edges = draw.permutation(np.stack(np.divmod(code, n), 1))
        edges = edges[edges[:, 0] != edges[:, 1]]
        held, seen = np.split(edges, [len(edges) // 10])
        candidates = draw.integers(0, n, (4 * len(held), 2))
        free = ~np.isin(candidates.min(1) * n + candidates.max(1), code) & (candidates[:, 0] != candidates[:, 1])
        both = np.concatenate([seen, seen[:, ::-1]])
        both = both[np.argsort(both[:, 0], kind="stable")]
        first = np.searchsorted(both[:, 0], np.arange(n + 1))
        return cls(group, first, both[:, 1], held, candidates[free][: len(held)])

    def walks(self, per_node: int, length: int, seed: int = 0) -> list[list[str]]:
        """Return random walks as sentences: `per_node` from each node, in random order; they end where no edge goes on.

        Args:
            per_node: number of walks from each node.
            length: nodes per walk.
            seed: of the walks.
        """
        draw = np.random.default_rng(seed)
        nodes = draw.permutation(np.tile(np.arange(len(self.group)), per_node))
        degree = np.diff(self.first)
        nodes = nodes[degree[nodes] > 0]
        steps = [nodes]
        for _ in range(length - 1):
            nodes = self.neighbour[self.first[nodes] + (draw.random(len(nodes)) * degree[nodes]).astype(np.int64)]
            steps.append(nodes)
        names = np.array([str(node) for node in range(len(self.group))], dtype=object)
        walked: list[list[str]] = names[np.stack(steps, 1)].tolist()
        return walked


@dataclass(frozen=True)
class GraphScores:
    """What is measured of the vectors of a graph's nodes.

    Attributes:
        centroid: share of the nodes whose vector is nearest to the mean of their own group, each node's own left out.
        same_group: share of the nearest neighbours that are of the node's group.
        links: the probability that a held-out edge has a higher cosine than a pair without an edge (AUC).
        norm: the largest length of a vector; inf where a component is not finite.
    """

    centroid: float
    same_group: float
    links: float
    norm: float


def score_graph(vectors: KeyedVectors, graph: Graph) -> GraphScores:
    """Measure vectors of a graph's nodes; nodes that no walk has visited are left out."""
    nodes = np.array([int(key) for key in vectors.index_to_key])
    rows = np.asarray(vectors.vectors, np.float64)
    if not np.isfinite(rows).all():
        return GraphScores(0.0, 0.0, 0.0, float("inf"))
    lengths = np.linalg.norm(rows, axis=1)
    unit = rows / np.maximum(lengths, 1e-30)[:, None]
    group = graph.group[nodes]
    similar = unit @ unit.T
    np.fill_diagonal(similar, -2)
    nearest = np.argpartition(-similar, NEAREST, axis=1)[:, :NEAREST]
    members = (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)
    sums, sizes = members.T @ unit, members.sum(0)
    to_centroid = (unit @ sums.T - members) / np.maximum(sizes - members, 1)
    place = np.full(len(graph.group), -1)
    place[nodes] = np.arange(len(nodes))

    def cosines(pairs: np.ndarray) -> np.ndarray:
        known = place[pairs][(place[pairs] >= 0).all(1)]
        return (unit[known[:, 0]] * unit[known[:, 1]]).sum(1)

    edges, others = cosines(graph.held), cosines(graph.others)
    return GraphScores(
        centroid=float((to_centroid.argmax(1) == group).mean()),
        same_group=float((group[nearest] == group[:, None]).mean()),
        links=float((edges[:, None] > others).mean()),
        norm=float(lengths.max()),
    )
