"""Word2Vec as a transformer of scikit-learn: documents become the means of the vectors of their words.

It needs scikit-learn: `pip install 'torch_w2v[sklearn]'`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from torch_w2v import extras
from torch_w2v.word2vec import Word2Vec

extras.check("sklearn", "sklearn", "Word2VecVectorizer")

from sklearn.base import BaseEstimator, TransformerMixin  # noqa: E402
from sklearn.utils.validation import check_is_fitted  # noqa: E402


class Word2VecVectorizer(TransformerMixin, BaseEstimator):
    """Trains word vectors on documents, and turns each document into the mean of the vectors of its words.

    Documents are texts, which `tokenizer` splits, or lists of words. Words that the vocabulary does not have are left
    out; a document without any known word becomes zeros.

    Args:
        vector_size: dimensions of a vector.
        window: largest distance between a word and its context.
        min_count: ignore words that occur less often than this.
        epochs: number of times that the documents are trained on.
        negative: number of negative samples per word.
        alpha: learning rate at the beginning.
        seed: seed of the initial vectors and of all draws.
        workers: number of threads; with 1, `fit` gives the same vectors each time.
        lowercase: change texts to lower case before they are split.
        tokenizer: function from a text to its words; None splits at white space. Lists of words are not tokenized.
        word2vec_options: more arguments of `torch_w2v.Word2Vec`, by name.

    Attributes:
        model_: the trained `torch_w2v.Word2Vec`, after `fit`.

    Raises:
        ImportError: when the module is imported, if scikit-learn is not installed.
    """

    def __init__(
        self,
        vector_size: int = 100,
        window: int = 5,
        min_count: int = 5,
        epochs: int = 5,
        negative: int = 5,
        alpha: float = 0.025,
        seed: int = 1,
        workers: int = 1,
        lowercase: bool = False,
        tokenizer: Callable[[str], Sequence[str]] | None = None,
        word2vec_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.vector_size = vector_size
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.negative = negative
        self.alpha = alpha
        self.seed = seed
        self.workers = workers
        self.lowercase = lowercase
        self.tokenizer = tokenizer
        self.word2vec_options = word2vec_options

    def fit(self, X: Iterable[Any], y: Any = None) -> Word2VecVectorizer:
        """Train the word vectors.

        Args:
            X: documents, texts or lists of words: a list, an array of one dimension, a column of a table, or any other
                iterable.
            y: ignored; pipelines pass it.

        Returns:
            This object.

        Raises:
            TypeError: X is one text, a table, or an array of numbers, a document is neither a text nor a list of
                words, or an argument is of a wrong type.
            ValueError: there is no document, no word occurs `min_count` times, or an argument is out of its range.
        """
        self._train(self._words(X))
        return self

    def fit_transform(self, X: Iterable[Any], y: Any = None, **fit_params: Any) -> np.ndarray:
        """Train the word vectors and return those of the documents; X is read once.

        Args:
            X, y: as for `fit`.
            fit_params: there are none.

        Returns:
            float32 (documents, vector_size).

        Raises:
            TypeError, ValueError: as `fit`.
        """
        documents = self._words(X)
        self._train(documents)
        return self._means(documents)

    def transform(self, X: Iterable[Any]) -> np.ndarray:
        """Return the mean of the vectors of the words of each document.

        Args:
            X: documents, texts or lists of words.

        Returns:
            float32 (documents, vector_size).

        Raises:
            NotFittedError: `fit` was not called.
            TypeError: as `fit`.
        """
        check_is_fitted(self)
        return self._means(self._words(X))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns: word2vec0, word2vec1, and so on.

        Args:
            input_features: ignored; scikit-learn passes it.

        Raises:
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        return np.array([f"word2vec{i}" for i in range(self.model_.vector_size)], object)

    def _train(self, documents: list[list[Any]]) -> None:
        options = {} if self.word2vec_options is None else self.word2vec_options
        if not isinstance(options, Mapping):
            raise TypeError(
                f"word2vec_options={options!r}: must be a dictionary of arguments of torch_w2v.Word2Vec, or None"
            )
        arguments: dict[str, Any] = {
            "vector_size": self.vector_size,
            "window": self.window,
            "min_count": self.min_count,
            "epochs": self.epochs,
            "negative": self.negative,
            "alpha": self.alpha,
            "seed": self.seed,
            "workers": self.workers,
            **options,
        }
        model = Word2Vec(**arguments)
        with model.reading_once():
            model.build_vocab(documents)
            if not len(model.wv):
                raise ValueError(
                    f"no word occurs min_count={self.min_count} times in these {len(documents)} documents: give more, "
                    "or a smaller min_count"
                )
            model.train(documents, total_examples=model.corpus_count, epochs=model.epochs)
        self.model_ = model

    def _words(self, X: Iterable[Any]) -> list[list[Any]]:
        """Return documents as lists of words."""
        _check_form(X)
        if self.tokenizer is not None and not callable(self.tokenizer):
            raise TypeError(
                f"tokenizer={self.tokenizer!r}: must be a function from a text to its words, or None to split at white "
                "space"
            )
        split = self.tokenizer or str.split
        documents: list[list[Any]] = []
        for number, document in enumerate(X):
            if isinstance(document, str):
                words = split(document.lower() if self.lowercase else document)
                if isinstance(words, str) or not isinstance(words, Iterable):
                    raise TypeError(
                        f"tokenizer returned a {type(words).__name__} of document #{number}: must be a list"
                    )
                words = list(words)
            elif isinstance(document, (list, tuple, np.ndarray)) and np.ndim(document) <= 1:
                words = list(document)
            else:
                raise TypeError(f"document #{number} is a {type(document).__name__}: must be a text or a list of words")
            for kind in set(map(type, words)):
                if issubclass(kind, _NO_WORDS):
                    raise TypeError(
                        f"document #{number} has a {kind.__name__} in it: must be a text or a list of words"
                    )
            documents.append(words)
        if not documents:
            raise ValueError("X has 0 documents: give at least one")
        return documents

    def _means(self, documents: list[list[Any]]) -> np.ndarray:
        vectors = self.model_.wv
        means = np.zeros((len(documents), vectors.vector_size), np.float32)
        for row, words in enumerate(documents):
            known = [index for word in words if (index := vectors.key_to_index.get(word)) is not None]
            if known:
                means[row] = vectors.vectors[known].mean(axis=0)
        return means

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: the input is text, not an array of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = True
        tags.transformer_tags.preserves_dtype = []
        return tags


# No words: numbers that only a table of numbers has, and what stands for something that is missing.
_NO_WORDS = (float, complex, np.inexact, type(None))


def _check_form(X: Any) -> None:
    """Refuse what can be iterated over, but not as documents.

    Raises:
        TypeError: what it is, and what to give instead.
    """
    if isinstance(X, str):
        raise TypeError("X is one text: give a list of documents, [text]")
    kind = type(X).__name__
    if isinstance(X, Mapping) or hasattr(X, "columns") or hasattr(X, "column_names"):
        raise TypeError(
            f"X is a {kind}, a table, which iterates over the names of its columns: give the column that has the "
            "documents, X['text']; for a ColumnTransformer that is 'text', not ['text']"
        )
    if isinstance(X, np.ndarray) and X.dtype.kind in "fcb":
        raise TypeError(f"X is an array of {X.dtype}: must be documents, each a text or a list of words")
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        raise TypeError(
            f"X is an array of one column, {X.shape}: give an array of one dimension, X.ravel(); for a "
            "ColumnTransformer name the column 'text', not ['text']"
        )
    if not isinstance(X, Iterable):
        raise TypeError(f"X is a {kind}: must be documents, each a text or a list of words")


__all__ = ["Word2VecVectorizer"]
