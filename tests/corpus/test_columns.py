"""Columns without the packages that have them; tests/interop has the columns of each package."""

import pytest

from tests.helpers import ours, same, words
from torch_w2v import corpus, extras


@pytest.mark.parametrize("form", [list, tuple])
def test_texts_in_a_list_are_split_where_that_is_said(form):
    sentences = [sentence for sentence in words() if sentence]
    column = corpus.split_texts(form(" ".join(sentence) for sentence in sentences))
    assert list(column) == sentences
    assert same(ours(column), ours(sentences))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None], r"the list: row 1 is missing \(None\): drop such rows first"),
        (["a", ["b"]], "the list: row 1 is a list, not a text"),
        ({"a": "b"}, "a dict is no column of texts: give a list, or a column of a table"),
    ],
)
def test_what_is_no_text_is_not_split(texts, message):
    with pytest.raises(TypeError, match=message):
        ours(corpus.split_texts(texts))


def test_a_column_needs_a_table(tmp_path):
    (tmp_path / "x.txt").write_text("a b\n")
    with pytest.raises(ValueError, match=r"column='text' names a column of \.parquet files, but .*x\.txt is none"):
        ours(corpus_file=tmp_path / "x.txt", column="text")
    with pytest.raises(ValueError, match="column='text' is for a corpus_file of"):
        ours(words(), column="text")


def test_a_parquet_file_needs_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda _: None)
    (tmp_path / "x.parquet").touch()
    with pytest.raises(ImportError, match=r"a \.parquet file needs pyarrow, .*pip install 'torch_w2v\[arrow\]'"):
        ours(corpus_file=tmp_path / "x.parquet")


def test_classes_of_other_packages_are_left_alone():
    class Series(list):
        """Its module is none of the packages'."""

    sentences = Series(words())
    assert corpus.column_of(sentences) is sentences
