"""All of gensim's tests on the engine that `engine="auto"` takes on a CPU."""

import pytest

from compat_tests import differences
from compat_tests.gensim_suite import suite
from tests.helpers import ENGINES

SUITE = suite.Suite(ENGINES[-1])


@pytest.mark.parametrize("test", SUITE.params())
def test_gensim(test, monkeypatch, tmp_path):
    trained = SUITE.run(test, monkeypatch, tmp_path)
    assert trained == (test in suite.TRAINED_BY_OUR_ENGINES), "suite.TRAINED_BY_OUR_ENGINES is out of date"


def test_the_suite_is_complete():
    assert len(SUITE.cases) == suite.TESTS_IN_GENSIM_4_4
    assert SUITE.cases.keys() >= suite.TRAINED_BY_OUR_ENGINES | suite.UNSTABLE
    assert not suite.TRAINED_BY_OUR_ENGINES & suite.UNSTABLE
    for engine, tests in suite.SLOW.items():
        assert tests <= (SUITE.cases.keys() if engine == SUITE.engine else suite.TRAINED_BY_OUR_ENGINES)


def test_the_differences_name_tests_that_exist():
    assert SUITE.cases.keys() >= {test for row in differences.read() for test in row.tests}
