"""gensim's own test_word2vec.py, from the installed wheel, with our class in the place of gensim's.

The test module is loaded once per engine, with a `word2vec` namespace whose Word2Vec is ours; nothing in gensim is
patched. Rows of the documented differences that name a test make it a strict expected failure.
"""

from __future__ import annotations

import importlib.util
import types
import unittest
from pathlib import Path
from typing import Any, ClassVar

import gensim.models.word2vec
import gensim.test
import pytest

import torch_w2v
from compat_tests import differences
from tests.helpers import DEFAULT_ENGINE, GPU, TORCH

TESTS_IN_GENSIM_4_4 = 84
# gensim runs test_method_in_bulk only where these are set; it repeats another of its tests.
BULK = {"BULK_TEST_REPS": "1", "METHOD_NAME": "test_cbow_neg"}
# The tests that train with negative sampling and without hierarchical softmax. All others behave alike on every
# engine, because gensim trains them, or nothing does. test_default_engine.py holds this list to what the tests really
# do.
TRAINED_BY_OUR_ENGINES = frozenset(
    {
        "test_cbow_fixedwindowsize_fromfile",
        "test_cbow_neg",
        "test_cbow_neg_fromfile",
        "test_cbow_neg_online",
        "test_evaluate_word_analogies",
        "test_evaluate_word_pairs",
        "test_evaluate_word_pairs_from_file",
        "test_identical_sentences",
        "test_lambda_rule",
        "test_large_mmap",
        "test_load_old_model",
        "test_load_old_model_separates",
        "test_load_old_models_1_x",
        "test_load_old_models_2_x",
        "test_load_old_models_3_x",
        "test_load_on_class_error",
        "test_method_in_bulk",
        "test_negative_ns_exp",
        "test_no_training_c_format",
        "test_nonzero",
        "test_online_learning",
        "test_online_learning_after_save",
        "test_online_learning_after_save_from_file",
        "test_online_learning_from_file",
        "test_parallel",
        "test_persistence",
        "test_persistence_from_file",
        "test_persistence_keyed_vectors_format_with_vocab",
        "test_persistence_with_constructor_rule",
        "test_persistence_word2vec_format",
        "test_persistence_word2vec_format_combination_with_standard_persistence",
        "test_persistence_word2vec_format_non_binary",
        "test_persistence_word2vec_format_with_vocab",
        "test_predict_output_word",
        "test_r_n_g",
        "test_reset_from",
        "test_rule_with_min_count",
        "test_sg_fixedwindowsize",
        "test_sg_neg",
        "test_sg_neg_fromfile",
        "test_sg_neg_online",
        "test_similarities",
        "test_symmetry",
        "test_too_short_binary_word2vec_format",
        "test_too_short_text_word2vec_format",
        "test_train_warning",
        "test_training_cbow_negative",
        "test_training_sg_negative",
    }
)
# Tests that fail now and then with gensim's own class too (2 times of 60): gensim's engine trains them, with
# hierarchical softmax on several threads. They are run up to so many times, until they pass; what our engines train is
# run once.
UNSTABLE, TRIES = frozenset({"test_cbow_hs_online"}), 4
# Tests that only `make test-slow` runs. On the default engine: those that gensim trains with hierarchical softmax, and
# of which a sibling stays (from lists, from a file, online), and the second of two that differ in where the same corpus
# comes from. On engines that are slow on a small corpus, the specification by design: those that train on all of it.
SLOW = {
    DEFAULT_ENGINE: {
        "test_cbow_hs",
        "test_cbow_hs_fromfile",
        "test_evaluate_word_pairs_from_file",
        "test_sg_fixedwindowsize_fromfile",
        "test_sg_hs_fromfile",
        "test_sg_hs_online",
    },
    "torch_batched": {
        "test_cbow_fixedwindowsize_fromfile",
        "test_cbow_neg",
        "test_cbow_neg_fromfile",
        "test_cbow_neg_online",
        "test_evaluate_word_analogies",
        "test_evaluate_word_pairs",
        "test_evaluate_word_pairs_from_file",
        "test_load_old_model",
        "test_load_old_model_separates",
        "test_load_old_models_1_x",
        "test_load_old_models_2_x",
        "test_load_old_models_3_x",
        "test_method_in_bulk",
        "test_parallel",
        "test_sg_fixedwindowsize",
        "test_sg_neg",
        "test_sg_neg_fromfile",
        "test_sg_neg_online",
    },
    "reference": {
        "test_cbow_fixedwindowsize_fromfile",
        "test_cbow_neg",
        "test_cbow_neg_fromfile",
        "test_cbow_neg_online",
        "test_evaluate_word_analogies",
        "test_evaluate_word_pairs",
        "test_evaluate_word_pairs_from_file",
        "test_load_old_model",
        "test_load_old_model_separates",
        "test_load_old_models_1_x",
        "test_load_old_models_2_x",
        "test_load_old_models_3_x",
        "test_method_in_bulk",
        "test_parallel",
        "test_sg_fixedwindowsize",
        "test_sg_neg",
        "test_sg_neg_fromfile",
        "test_sg_neg_online",
    },
}


class Suite:
    """gensim's tests, run by our class on one engine.

    Args:
        engine: the engine's name; one for GPUs trains on "cuda", all others on the CPU.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.word2vec = class_on(engine)
        module = load_tests_of_gensim(f"gensim_test_word2vec_{engine}", self.word2vec)
        self.cases = {
            test: case
            for case in vars(module).values()
            if isinstance(case, type) and issubclass(case, unittest.TestCase)
            for test in unittest.defaultTestLoader.getTestCaseNames(case)
        }

    def params(self, tests: frozenset[str] | None = None) -> list[Any]:
        """Return the names of tests as pytest's parameters, with their marks.

        Args:
            tests: the names; None for all.
        """
        why = {test: row.why for row in differences.read() for test in row.tests}
        params = []
        for test in self.cases:
            marks = [pytest.mark.xfail(reason=why[test], strict=True)] if test in why else []
            if test in SLOW.get(self.engine, ()):
                marks.append(pytest.mark.slow)
            if tests is None or test in tests:
                params.append(pytest.param(test, id=test, marks=marks))
        return params

    def run(self, test: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> bool:
        """Run one of gensim's tests and fail as it does.

        Args:
            test: the name of its method.
            monkeypatch: the caller's fixture.
            folder: the current folder while the test runs, because one of them writes into it.

        Returns:
            Whether the test trained a model on our engines.
        """
        monkeypatch.chdir(folder)
        # Test processes run side by side on all cores: torch's threads would only wait for each other.
        if TORCH:
            monkeypatch.setattr("torch_w2v.engines.torch_engine.cores", lambda: 1)
        for name, value in BULK.items():
            monkeypatch.setenv(name, value)
        # Python 3.12 has the old name no more, which one of gensim's tests uses.
        monkeypatch.setattr(unittest.TestCase, "assertEquals", unittest.TestCase.assertEqual, raising=False)
        self.word2vec.trained_by_our_engines = False
        for _ in range(TRIES if test in UNSTABLE else 1):
            result = unittest.TestResult()
            self.cases[test](test).run(result)
            assert result.testsRun == 1
            if result.wasSuccessful():
                break
        assert not result.skipped, result.skipped
        for _, trace in result.errors + result.failures:
            pytest.fail(trace, pytrace=False)
        return self.word2vec.trained_by_our_engines


def class_on(engine: str) -> Any:
    """Return a subclass of our class that trains on `engine`, whatever it is constructed or loaded with."""
    device_of_engine = "cuda" if engine in GPU else "cpu"

    class Word2Vec(torch_w2v.Word2Vec):
        trained_by_our_engines: ClassVar[bool] = False

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, engine=engine, device=device_of_engine, **kwargs)

        @classmethod
        def load(cls, *args: Any, **kwargs: Any) -> Any:
            model = super().load(*args, **kwargs)
            model.engine, model.device = engine, device_of_engine
            return model

        def train(self, *args: Any, **kwargs: Any) -> Any:
            trained_words, raw_words = super().train(*args, **kwargs)
            if trained_words and self._w2v_ours:
                Word2Vec.trained_by_our_engines = True
            return trained_words, raw_words

    return Word2Vec


def load_tests_of_gensim(name: str, word2vec: Any) -> types.ModuleType:
    """Load gensim's test module anew, as the module `name`, with `word2vec` for its Word2Vec."""
    path = Path(gensim.test.__file__).parent / "test_word2vec.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in BULK.items():
            patch.setenv(variable, value)
        spec.loader.exec_module(module)
    namespace = types.ModuleType("word2vec")
    namespace.__dict__.update(vars(gensim.models.word2vec))
    namespace.__dict__["Word2Vec"] = word2vec
    module.__dict__["word2vec"] = namespace
    return module
