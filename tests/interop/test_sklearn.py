"""The transformer does what scikit-learn asks of one, and means are means."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

from tests.helpers import topics
from tests.processes import python
from torch_w2v import Word2Vec

sklearn = pytest.importorskip("sklearn", reason="install what `make test-interop` installs")

from sklearn.base import clone  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402

from torch_w2v.sklearn import Word2VecVectorizer  # noqa: E402

SENTENCES = topics(300)
TEXTS = [" ".join(sentence) for sentence in SENTENCES]
LABELS = [sentence[0][0] for sentence in SENTENCES]
SMALL = {"vector_size": 8, "min_count": 1, "epochs": 10}


class OfNumbers(Word2VecVectorizer):
    """Takes arrays of numbers, which scikit-learn's checks give: each row is a document, whose words are its cells."""

    def fit(self, X: Any, y: Any = None) -> OfNumbers:
        super().fit(validate_data(self, X), y)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> np.ndarray:
        return super().fit_transform(validate_data(self, X), y, **fit_params)

    def transform(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return super().transform(validate_data(self, X, reset=False))

    def _words(self, X: Any) -> list[list[Any]]:
        return super()._words([[f"{column}:{value:.0f}" for column, value in enumerate(row)] for row in X])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string = True, False
        return tags


def test_scikit_learns_own_checks() -> None:
    """On documents only one of them runs; on numbers as documents, all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(Word2VecVectorizer(**SMALL))
        results = check_estimator(OfNumbers(min_count=1, vector_size=4), on_skip=None)
    statuses = [result["status"] for result in results]
    assert statuses.count("passed") >= 40
    assert {result["check_name"] for result in results if result["status"] != "passed"} <= {"check_array_api_input"}


def test_documents_become_the_means_of_their_words() -> None:
    vectorizer = Word2VecVectorizer(**SMALL).fit(TEXTS)
    vectors = vectorizer.model_.wv
    means = vectorizer.transform(["a1 a2", "b1 unheard", "unheard", "", ["a1", "a1"]])
    assert means.dtype == np.float32
    np.testing.assert_allclose(means[0], (vectors["a1"] + vectors["a2"]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(means[1], vectors["b1"])
    assert not means[2:4].any()
    np.testing.assert_array_equal(means[4], vectors["a1"])
    assert list(vectorizer.get_feature_names_out()) == [f"word2vec{i}" for i in range(8)]


def test_the_vectors_are_those_of_word2vec() -> None:
    vectorizer = Word2VecVectorizer(**SMALL, seed=5, word2vec_options={"sg": 1, "window": 2}).fit(SENTENCES)
    expected = Word2Vec(SENTENCES, **SMALL, seed=5, sg=1, window=2, workers=1)
    np.testing.assert_array_equal(vectorizer.model_.wv.vectors, expected.wv.vectors)


def test_fit_transform_reads_documents_once() -> None:
    together = Word2VecVectorizer(**SMALL).fit_transform(iter(TEXTS))
    np.testing.assert_array_equal(together, Word2VecVectorizer(**SMALL).fit(TEXTS).transform(TEXTS))


def test_texts_are_split_as_asked_for() -> None:
    texts = ["One-two ONE"] * 5
    assert Word2VecVectorizer(**SMALL).fit(texts).model_.wv.index_to_key == ["ONE", "One-two"]
    vectorizer = Word2VecVectorizer(**SMALL, lowercase=True, tokenizer=lambda text: text.replace("-", " ").split())
    assert set(vectorizer.fit(texts).model_.wv.index_to_key) == {"one", "two"}


def test_in_a_pipeline_and_a_search() -> None:
    pipeline = make_pipeline(Word2VecVectorizer(**SMALL), LogisticRegression())
    search = GridSearchCV(pipeline, {"word2vecvectorizer__window": [2, 5]}, cv=2).fit(TEXTS, LABELS)
    assert search.score(TEXTS, LABELS) > 0.95


def test_copies() -> None:
    vectorizer = Word2VecVectorizer(**SMALL).fit(TEXTS)
    copied = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(copied.transform(TEXTS[:3]), vectorizer.transform(TEXTS[:3]))
    with pytest.raises(NotFittedError):
        clone(vectorizer).transform(TEXTS)
    with pytest.raises(NotFittedError):
        clone(vectorizer).get_feature_names_out()


@pytest.mark.parametrize(
    ("documents", "error", "message"),
    [
        ("one text", TypeError, "X is one text: give a list of documents"),
        ([], ValueError, "X has 0 documents"),
        (["a", 5], TypeError, "document #1 is a int: must be a text or a list of words"),
        ([["a"], np.ones((2, 2))], TypeError, "document #1 is a ndarray"),
        ({"text": TEXTS}, TypeError, r"X is a dict, a table, .*: give the column that has the documents, X\['text'\]"),
        (np.random.rand(20, 3), TypeError, "X is an array of float64: must be documents"),
        (np.ones(5), TypeError, "X is an array of float64"),
        (np.array(TEXTS).reshape(-1, 1), TypeError, r"X is an array of one column, \(300, 1\): .* X.ravel\(\)"),
        ([[0.5, 0.25], [1.0]], TypeError, "document #0 has a float in it"),
        ([["a"], np.ones(2)], TypeError, "document #1 has a float64 in it"),
        ([["a"], ["b", None]], TypeError, "document #1 has a NoneType in it"),
        (5, TypeError, "X is a int: must be documents"),
        (None, TypeError, "X is a NoneType: must be documents"),
        (["a b", "c"], ValueError, "no word occurs min_count=9 times in these 2 documents"),
    ],
)
def test_mistakes(documents: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Word2VecVectorizer(min_count=9).fit(documents)


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_tables_and_their_columns(package: str) -> None:
    library = pytest.importorskip(package, reason="install what `make test-interop` installs")
    table = library.DataFrame({"text": TEXTS, "label": LABELS})
    expected = Word2VecVectorizer(**SMALL).fit_transform(TEXTS)
    for wrong in (table, table[["text"]]):
        with pytest.raises(
            TypeError, match=r"X is a DataFrame, a table, .*: give the column .*, X\['text'\]; .* not \["
        ):
            Word2VecVectorizer(**SMALL).fit(wrong)
        with pytest.raises(TypeError, match="X is a DataFrame"):
            Word2VecVectorizer(**SMALL).fit(TEXTS).transform(wrong)
    np.testing.assert_array_equal(Word2VecVectorizer(**SMALL).fit_transform(table["text"]), expected)
    if package == "pandas":
        means = ColumnTransformer([("means", Word2VecVectorizer(**SMALL), "text")]).fit_transform(table)
        np.testing.assert_array_equal(means, expected)


@pytest.mark.parametrize("words", ["text", None, 5])
def test_a_tokenizer_that_returns_no_list(words: Any) -> None:
    with pytest.raises(TypeError, match=rf"tokenizer returned a {type(words).__name__} of document #0: must be a list"):
        Word2VecVectorizer(**SMALL, tokenizer=lambda text: words).fit(TEXTS)


@pytest.mark.parametrize("name", ["tokenizer", "word2vec_options"])
@pytest.mark.parametrize("value", [5, 0, "words"])
def test_arguments_of_a_wrong_type(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^{name}={value!r}: must be a "):
        Word2VecVectorizer(**SMALL, **{name: value}).fit(TEXTS)


def test_arrays_of_integers_and_of_texts() -> None:
    ids = np.arange(40).reshape(10, 4) % 7
    assert set(Word2VecVectorizer(**SMALL).fit(ids).model_.wv.index_to_key) == set(range(7))
    np.testing.assert_array_equal(
        Word2VecVectorizer(**SMALL).fit_transform(np.array(TEXTS)), Word2VecVectorizer(**SMALL).fit_transform(TEXTS)
    )


def test_without_scikit_learn_the_command_that_installs_it_is_said() -> None:
    done = python("""
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "sklearn" else find(name, *more)
import torch_w2v.sklearn
""")
    assert done.stderr.splitlines()[-1].endswith("pip install 'torch_w2v[sklearn]'")
