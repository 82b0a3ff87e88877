"""The list of expected failures is read strictly, and every entry is a documented difference."""

import pytest

from compat_tests import differences

WHAT = differences.documented()[0]
GOOD = f"""
[[difference]]
what = "{WHAT}"
why = "it is meant to"
tests = ["test_one", "test_two"]
"""


def test_the_file_in_the_tree_is_valid():
    differences.read()


def test_a_difference_is_read():
    assert differences.read("") == []
    assert differences.read(GOOD) == [differences.Difference(WHAT, "it is meant to", ("test_one", "test_two"))]


def test_the_page_documents_each_difference_once():
    assert len(differences.documented()) == len(set(differences.documented())) >= 27


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("what = 'x'", "unknown key 'what'"),
        (GOOD.replace("[[difference]]", "[difference]"), "a list of tables"),
        (GOOD.replace("why", "reason"), "has exactly the keys what, why, tests"),
        (GOOD + "row = 1", "has exactly the keys what, why, tests"),
        (GOOD.replace(WHAT, "no such row"), "not the first cell"),
        (GOOD.replace("it is meant to", ""), "not empty"),
        (GOOD.replace('["test_one", "test_two"]', "[]"), "at least one test name"),
        (GOOD.replace('"test_two"', "2"), "at least one test name"),
        (GOOD.replace("test_two", "test_one"), "test_one is named more than once"),
        (GOOD + GOOD, "named more than once"),
        ("[[difference", "Expected"),
    ],
    ids=["key", "table", "missing", "extra", "undocumented", "why", "empty", "type", "twice", "two-tables", "syntax"],
)
def test_anything_else_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        differences.read(text)
