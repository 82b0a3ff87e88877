"""Those of gensim's tests that train on our engines, on `reference`."""

import pytest

from compat_tests.gensim_suite import suite

SUITE = suite.Suite("reference")


@pytest.mark.parametrize("test", SUITE.params(suite.TRAINED_BY_OUR_ENGINES))
def test_gensim(test, monkeypatch, tmp_path):
    assert SUITE.run(test, monkeypatch, tmp_path)
