"""Columns of tables are corpora: the same model as from a list of lists, and one clear error for what is no corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import ours, same, words
from tests.processes import python
from torch_w2v import Word2Vec, cli, corpus, native
from torch_w2v.corpus import arrow

WHY = "install what `make test-interop` installs"
pd = pytest.importorskip("pandas", reason=WHY)
pl = pytest.importorskip("polars", reason=WHY)
pa = pytest.importorskip("pyarrow", reason=WHY)
pq = pytest.importorskip("pyarrow.parquet", reason=WHY)
datasets = pytest.importorskip("datasets", reason=WHY)

SENTENCES = words()
LISTS: dict[str, Callable[[list[list[Any]]], Any]] = {
    "pandas": pd.Series,
    "pandas, not numbered from 0": lambda rows: pd.Series(rows, index=range(7, 7 + len(rows)), name="tokens"),
    "pandas of numpy's arrays": lambda rows: pd.Series([np.array(row, object) for row in rows]),
    "pandas of Arrow": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.list_(pa.array(rows).type.value_type))),
    "polars": pl.Series,
    "polars, a part": lambda rows: pl.Series([[rows[0][0]] if rows[0] else [], *rows]).slice(1),
    "pyarrow": pa.array,
    "pyarrow, chunks": lambda rows: pa.chunked_array([rows[:100], [], rows[100:]], pa.array(rows).type),
    "pyarrow, a part": lambda rows: pa.array([*rows[-2:], *rows]).slice(2),
    "pyarrow, large": lambda rows: pa.array(rows, pa.large_list(pa.array(rows).type.value_type)),
    "pyarrow, views": lambda rows: pa.array(rows, pa.list_view(pa.array(rows).type.value_type)),
    "datasets": lambda rows: datasets.Dataset.from_dict({"tokens": rows})["tokens"],
    "datasets, a part": lambda rows: datasets.Dataset.from_dict({"tokens": rows[::-1]}).select(
        range(len(rows) - 1, -1, -1)
    )["tokens"],
    "datasets within": lambda rows: datasets.Dataset.from_dict({"a": [{"b": row} for row in rows]})["a"]["b"],
}
TEXTS: dict[str, Callable[[list[str]], Any]] = {
    "list": list,
    "pandas": pd.Series,
    "pandas of objects": lambda rows: pd.Series(rows, dtype=object),
    "pandas of categories": lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    "polars": pl.Series,
    "pyarrow": pa.array,
    "pyarrow, a part": lambda rows: pa.array(["no", *rows, "no"]).slice(1, len(rows)),
    "pyarrow, views": lambda rows: pa.array(rows, pa.string_view()),
    "datasets": lambda rows: datasets.Dataset.from_dict({"text": rows})["text"],
}
on_lists = pytest.mark.parametrize("form", LISTS)
on_texts = pytest.mark.parametrize("form", TEXTS)


@on_lists
def test_lists_of_words_give_the_model_of_a_list(form: str) -> None:
    assert same(ours(LISTS[form](SENTENCES)), ours(SENTENCES))


@on_lists
def test_integers_are_words(form: str) -> None:
    rows = [[int(word[1:]) for word in sentence] for sentence in SENTENCES]
    model = ours(LISTS[form](rows))
    assert same(model, ours(rows))
    assert all(isinstance(word, (int, np.integer)) for word in model.wv.index_to_key)


@on_texts
@pytest.mark.parametrize("workers", [1, 3])
def test_texts_are_split_where_that_is_said(form: str, workers: int) -> None:
    texts = [" ".join(sentence) for sentence in SENTENCES]
    texts[3:5] = ["two\nlines\u3000and  ä\r\n", "\n"]
    column = corpus.split_texts(TEXTS[form](texts))
    expected = [text.split() for text in texts]
    assert list(column) == expected
    scan = corpus.CorpusCache("off", workers).scan(column)
    assert scan.sentences == len(texts)
    model = ours(column)
    assert same(model, ours(expected))
    assert model.corpus_count == len(texts)


@pytest.mark.parametrize("form", [form for form in TEXTS if form != "list"])
def test_texts_are_refused_where_it_is_not_said(form: str) -> None:
    """gensim would train on their characters."""
    with pytest.raises(TypeError, match=r"is a column of texts, but .* sentences=torch_w2v\.corpus\.split_texts\("):
        ours(TEXTS[form](["a b", "c"]))


@pytest.mark.parametrize("package", ["native", "pyarrow"])
def test_without_the_compiled_library_or_without_pyarrow(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if package == "native":
        monkeypatch.setattr(native, "available", lambda: False)
    else:
        really = corpus.columns.importlib.util.find_spec
        monkeypatch.setattr(
            corpus.columns.importlib.util, "find_spec", lambda name: None if name == "pyarrow" else really(name)
        )
    scan = corpus.CorpusCache("off").scan
    texts = [" ".join(sentence) for sentence in SENTENCES]
    expected = scan(SENTENCES)
    for found in (scan(pl.Series(SENTENCES)), scan(corpus.split_texts(pl.Series(texts)))):
        assert (found.words, found.counts.tolist()) == (expected.words, expected.counts.tolist())


@pytest.mark.parametrize("form", ["polars", "pyarrow", "pyarrow, chunks", "datasets", "pandas of Arrow"])
def test_rows_of_arrow_do_not_become_python_lists(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus.Column, "__iter__", lambda _: pytest.fail("the rows were read in Python"))
    assert ours(LISTS[form](SENTENCES)).corpus_count == len(SENTENCES)


def test_a_column_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    pieces = arrow.pieces
    monkeypatch.setattr(arrow, "pieces", lambda array: read.append(len(array)) or pieces(array))  # type: ignore[func-returns-value]
    column = pa.array(SENTENCES)
    ours(column, epochs=5)
    assert read == [len(SENTENCES)]
    read.clear()
    model = ours()
    with model.reading_once():
        model.build_vocab(column)
        model.train(column, total_examples=model.corpus_count, epochs=3)
    assert read == [len(SENTENCES)]
    read.clear()
    ours(column, corpus_cache="off", epochs=2)
    assert read == [len(SENTENCES)] * 3


def test_pieces_and_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "_TOKENS", 10)
    monkeypatch.setattr(corpus.columns, "_BLOCK", 30)
    monkeypatch.setattr(corpus.columns, "_ROWS", 7)
    assert same(ours(pa.array(SENTENCES)), ours(SENTENCES))
    texts = [" ".join(sentence) for sentence in SENTENCES]
    for column in (pa.array(texts), texts, pd.Series(texts, dtype=object)):
        assert same(ours(corpus.split_texts(column)), ours(SENTENCES))


@pytest.mark.parametrize("options", [{"hs": 1, "negative": 0}, {"max_vocab_size": 30}], ids=str)
@pytest.mark.parametrize("form", ["pandas", "polars", "pyarrow", "datasets"])
def test_gensims_own_code_gets_lists(form: str, options: dict[str, Any]) -> None:
    model, expected = ours(LISTS[form](SENTENCES), **options), ours(SENTENCES, **options)
    assert model.wv.index_to_key == expected.wv.index_to_key
    assert model.wv.vectors.any()


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (pd.DataFrame({"a": SENTENCES}), "pandas DataFrame"),
        (pl.DataFrame({"a": SENTENCES}), "polars DataFrame"),
        (pl.LazyFrame({"a": SENTENCES}), "polars LazyFrame"),
        (pa.table({"a": SENTENCES}), "pyarrow Table"),
        (datasets.Dataset.from_dict({"a": SENTENCES}), "datasets Dataset"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_tables_are_refused(table: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"a {name} is a table, whose rows are no sentences: give one of its columns"):
        ours(table)
    with pytest.raises(TypeError, match="is a table"):
        corpus.split_texts(table)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series([["a"], None], name="x"), r"the column 'x': row 1 is missing \(None\)"),
        (pd.Series([["a"], float("nan")]), r"the column: row 1 is missing \(nan\)"),
        (pd.Series([["a"], "b c"]), "is a column of texts"),
        (pd.Series([["a"], 5]), "row 1 is a int, not a list of words"),
        (pd.Series([1, 2]), "row 0 is a int, not a list of words"),
        (pl.Series([["a"], None]), r"row 1 is missing \(null\)"),
        (pl.Series([["a"], ["b", None]]), r"a word is missing \(null\)"),
        (pa.array([["a"], None]), r"row 1 is missing \(null\)"),
        (pa.chunked_array([[["a"]], [["b"], None]]), r"row 2 is missing \(null\)"),
        (pa.array([[1.5]]), "lists of words, which are texts or integers, but holds list<item: double>"),
        (pa.array([[["a"]]]), "lists of words, which are texts or integers, but holds"),
        (pa.array([1, 2]), "but holds int64"),
        (pa.array([[b"a"]]), "but holds list<item: binary>"),
    ],
)
def test_columns_that_are_no_corpus_are_refused(column: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ours(column)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([["a"]]), r"must hold texts, but holds list<"),
        (pd.Series([["a"]]), "row 0 is a list, not a text"),
        (pa.array(["a", None]), "row 1 is missing"),
        (["a", None], r"the list: row 1 is missing \(None\)"),
        (["a", ["b"]], "the list: row 1 is a list, not a text"),
        (5, "a int is no column of texts"),
    ],
)
def test_what_is_no_text_is_not_split(column: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ours(corpus.split_texts(column))


def test_empty_columns() -> None:
    for column in (pa.array([], pa.list_(pa.string())), pd.Series([], dtype=object), pa.array([[], []])):
        with pytest.raises(RuntimeError, match="you must first build vocabulary"):
            ours(column)


def test_invalid_utf_8_is_an_error_that_names_the_row() -> None:
    texts = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(np.array([0, 2, 4], np.int32)), pa.py_buffer(b"ab\xffc")]
    )
    with pytest.raises(ValueError, match="the column: row 1 is not UTF-8"):
        ours(corpus.split_texts(texts))


def test_the_packages_are_not_imported_unless_given() -> None:
    done = python("""
import sys
from torch_w2v import Word2Vec
Word2Vec([["a", "b"]] * 9, min_count=1)
print([name for name in ("pandas", "polars", "pyarrow", "datasets") if name in sys.modules])
""")
    assert done.stdout == "[]\n", done.stderr


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with two files, which together have SENTENCES; beside them a file with one column."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for name, rows in (("a", SENTENCES[:100]), ("b", SENTENCES[100:])):
        table = pa.table({"id": range(len(rows)), "tokens": rows, "text": [" ".join(row) for row in rows]})
        pq.write_table(table, folder / f"{name}.parquet")
    pq.write_table(pa.table({"id": range(len(SENTENCES)), "only": SENTENCES}), tmp_path / "one.parquet")
    return folder


def test_parquet_files(tables: Path) -> None:
    expected = ours(SENTENCES)
    for column in ("tokens", "text"):
        for files in (tables, f"{tables}/*.parquet", [tables / "a.parquet", tables / "b.parquet"]):
            assert same(ours(corpus_file=files, column=column), expected)
    assert same(ours(corpus_file=tables.parent / "one.parquet"), expected)
    assert same(ours(corpus_file=f"file://{tables.parent}/one.parquet"), expected)
    model = ours(column="tokens")
    model.build_vocab(corpus_file=tables)
    model.train(corpus_file=tables, total_words=model.corpus_total_words, epochs=model.epochs)
    assert same(model, expected)


def test_parquet_files_from_the_command_line(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--min-count", "1", "--vector-size", "8", "--workers", "1", "--quiet")
    encoded, vectors = tables.parent / "x.w2v", tables.parent / "x.npz"
    assert cli.main(["encode", str(tables), "-o", str(encoded), "--column", "text", "--quiet"]) == 0
    assert list(corpus.EncodedFile(str(encoded))) == SENTENCES
    assert cli.main(["train", str(tables), "--column", "tokens", "-o", str(vectors), *options]) == 0
    for arguments, message in (
        ((tables,), "say which column to read, by column=NAME; its columns are 'id', 'tokens', 'text'"),
        ((tables, "--column", "none"), "there is no column 'none'; its columns are"),
        ((tables, "--column", "id"), "the column 'id' must hold texts or lists of words, but holds int64"),
        ((tables / "a.parquet", "--column", "id"), "the column 'id' must hold texts or lists of words"),
    ):
        code = cli.main(["train", *map(str, arguments), "-o", str(tables.parent / "y.kv")])
        assert code == 2
        assert message in capsys.readouterr().err


def test_parquet_files_that_cannot_be_read(tables: Path) -> None:
    (tables / "c.parquet").write_bytes((tables / "a.parquet").read_bytes()[:-30])
    with pytest.raises(OSError, match=r"c\.parquet: "):
        ours(corpus_file=tables, column="text")
    (tables / "c.parquet").unlink()
    pq.write_table(pa.table({"other": ["a"]}), tables / "c.parquet")
    with pytest.raises(OSError, match=r"c\.parquet: there is no column 'text'"):
        ours(corpus_file=tables, column="text")
    (tables / "d.txt").write_text("a b")
    with pytest.raises(ValueError, match=r"a\.parquet is a \.parquet file: all files must be such, or none"):
        ours(corpus_file=tables, column="text")


def test_a_column_without_a_table(tables: Path, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a b\n")
    with pytest.raises(ValueError, match=r"column='text' names a column of \.parquet files, but .*x\.txt is none"):
        ours(corpus_file=tmp_path / "x.txt", column="text")
    with pytest.raises(ValueError, match="column='text' is for a corpus_file of"):
        ours(SENTENCES, column="text")


class OwnJobs(Word2Vec):
    def _do_train_job(self, *arguments: Any) -> Any:
        return super()._do_train_job(*arguments)


def test_parquet_files_with_gensims_engine(tables: Path) -> None:
    model = ours(corpus_file=tables, column="text", hs=1, negative=0)
    assert model.wv.index_to_key == ours(SENTENCES, hs=1, negative=0).wv.index_to_key
    with pytest.raises(ValueError, match=r"is a table, but OwnJobs overrides _do_train_job and reads text itself"):
        ours(cls=OwnJobs, corpus_file=str(tables / "a.parquet"), column="text")


def test_without_pyarrow_the_command_that_installs_it_is_said(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus.columns.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"a \.parquet file needs pyarrow, .*pip install 'torch_w2v\[arrow\]'"):
        Word2Vec(corpus_file=tables, column="text")
