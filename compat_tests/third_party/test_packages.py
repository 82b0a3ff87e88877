"""spec2vec, pyRDF2Vec and fastnode2vec under `torch_w2v.accel` behave as they do with gensim."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat_tests.third_party.packages import FASTNODE2VEC, PYRDF2VEC, SPEC2VEC, Package
from torch_w2v import native

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not native.available(), reason="without torch only the fused kernel can train"),
]


@pytest.mark.parametrize(
    ("package", "engine"),
    [
        # CBOW
        (SPEC2VEC, "engine 'cpu': blocks of"),
        (PYRDF2VEC, "accelerating gensim's Word2Vec"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_its_own_tests_end_as_with_gensim(package: Package, engine: str, tmp_path: Path) -> None:
    plain, _ = package.outcomes(tmp_path / "plain", accelerated=False)
    accelerated, printed = package.outcomes(tmp_path / "accelerated", accelerated=True)
    assert list(plain.values()).count("PASSED") > 10
    assert accelerated == plain
    assert engine in printed


# fastnode2vec overrides `_do_train_job`, so gensim's engine must call that.
GRAPH = """
import hashlib, random
from fastnode2vec import Graph, Node2Vec

draw = random.Random(0)
edges = [(str(draw.randrange(60)), str(draw.randrange(60))) for _ in range(400)]
graph = Graph(edges, directed=False, weighted=False)
for skipgram in (True, False):
    model = Node2Vec(graph, dim=16, walk_length=20, window=5, workers=1, seed=4, use_skipgram=skipgram)
    model.train(epochs=5)
    print(len(model.wv), hashlib.sha256(model.wv.vectors.tobytes()).hexdigest())
"""


def test_fastnode2vec_trains_by_its_own_code(tmp_path: Path) -> None:
    results = []
    for accelerated in (False, True):
        program = tmp_path / "graph.py"
        program.write_text(GRAPH)
        done = FASTNODE2VEC.run(tmp_path, str(program), accelerated=accelerated)
        assert done.returncode == 0, done.stderr
        results.append(done.stdout)
    assert results[0] == results[1]
    assert "not accelerating fastnode2vec.node2vec.Node2Vec: it trains by its own _do_train_job" in done.stderr
