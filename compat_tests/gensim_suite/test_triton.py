"""Those of gensim's tests that train on our engines, on `triton`, where there is a CUDA device."""

import pytest

from compat_tests.gensim_suite import suite
from tests.helpers import GPU

SUITE = suite.Suite("triton")


@pytest.mark.skipif(not GPU, reason="needs a CUDA device and Triton")
@pytest.mark.parametrize("test", SUITE.params(suite.TRAINED_BY_OUR_ENGINES))
def test_gensim(test, monkeypatch, tmp_path):
    assert SUITE.run(test, monkeypatch, tmp_path)
