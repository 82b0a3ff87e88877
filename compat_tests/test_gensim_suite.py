"""gensim's own test_word2vec.py, from the installed wheel, run against our class on each engine.

The test module is loaded once per engine with a `word2vec` namespace whose Word2Vec is ours; nothing in gensim is
patched. Rows of docs/differences.md that name a test make it a strict expected failure.
"""

import importlib.util
import os
import types
import unittest

import gensim.models.word2vec
import gensim.test
import pytest

import torch_w2v
from compat_tests import differences
from tests.helpers import ENGINES, GPU

TESTS_IN_GENSIM_4_4 = 84
# Minutes each on the specification, which is plain and slow; `make test-slow` runs them.
SLOW_ON_REFERENCE = {
    "test_evaluate_word_pairs", "test_evaluate_word_pairs_from_file", "test_load_old_model",
    "test_load_old_model_separates", "test_load_old_models_1_x", "test_load_old_models_2_x", "test_load_old_models_3_x",
    "test_parallel",
}  # fmt: skip
# gensim runs this one only when these are set; it repeats another of its tests.
BULK = {"BULK_TEST_REPS": "1", "METHOD_NAME": "test_cbow_neg"}


def class_on(engine):
    device = "cuda" if engine in GPU else "cpu"

    class Word2Vec(torch_w2v.Word2Vec):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, engine=engine, device=device, **kwargs)

        @classmethod
        def load(cls, *args, **kwargs):
            model = super().load(*args, **kwargs)
            model.engine, model.device = engine, device
            return model

    return Word2Vec


def suite_on(engine):
    path = os.path.join(os.path.dirname(gensim.test.__file__), "test_word2vec.py")
    spec = importlib.util.spec_from_file_location(f"gensim_test_word2vec_{engine}", path)
    module = importlib.util.module_from_spec(spec)
    before = dict(os.environ)
    os.environ.update(BULK)
    try:
        spec.loader.exec_module(module)
    finally:
        os.environ.clear()
        os.environ.update(before)
    namespace = types.ModuleType("word2vec")
    namespace.__dict__.update(vars(gensim.models.word2vec))
    namespace.Word2Vec = class_on(engine)
    module.word2vec = namespace
    return {
        name: case
        for name, case in vars(module).items()
        if isinstance(case, type) and issubclass(case, unittest.TestCase)
    }


def expected_failures():
    return {test: row.why for row in differences.read() for test in row.tests}


def gensim_tests(case):
    return unittest.defaultTestLoader.getTestCaseNames(case)


SUITES = {engine: suite_on(engine) for engine in (*ENGINES, *GPU)}


def marks(engine, test):
    found = []
    if test in (why := expected_failures()):
        found.append(pytest.mark.xfail(reason=why[test], strict=True))
    if engine == "reference" and test in SLOW_ON_REFERENCE:
        found.append(pytest.mark.slow)
    return found


CASES = [
    pytest.param(case, test, id=f"{engine}-{test}", marks=marks(engine, test))
    for engine, suite in SUITES.items()
    for case in suite.values()
    for test in gensim_tests(case)
]


@pytest.mark.parametrize(("case", "test"), CASES)
def test_gensim(case, test, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # one of them writes into the current folder
    for name, value in BULK.items():
        monkeypatch.setenv(name, value)
    result = unittest.TestResult()
    case(test).run(result)
    assert result.testsRun == 1
    assert not result.skipped, result.skipped
    for _, trace in result.errors + result.failures:
        pytest.fail(trace, pytrace=False)


def test_the_whole_suite_is_here():
    for suite in SUITES.values():
        assert sum(len(gensim_tests(case)) for case in suite.values()) == TESTS_IN_GENSIM_4_4


def test_rows_name_tests_that_exist():
    known = {test for case in SUITES[ENGINES[0]].values() for test in gensim_tests(case)}
    assert set(expected_failures()) <= known
