"""spec2vec and pyRDF2Vec under `torch_w2v.accel` behave as they do with gensim."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat_tests.third_party.packages import PYRDF2VEC, SPEC2VEC, Package
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
