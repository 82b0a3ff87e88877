"""Annotations can be evaluated, as dependency injection, documentation and argument parsers do."""

import inspect
import typing

import pytest

from tests.processes import python
from torch_w2v import Word2Vec, engines
from torch_w2v.callbacks import EarlyStopping

METHODS = [
    method
    for cls in (Word2Vec, EarlyStopping)
    for owner in cls.__mro__
    if owner.__module__.startswith("torch_w2v")
    for method in map(inspect.unwrap, (getattr(each, "__func__", each) for each in vars(owner).values()))
    if inspect.isfunction(method)
]


@pytest.mark.parametrize("method", [*METHODS, engines.check, engines.choose], ids=lambda method: method.__qualname__)
def test_annotations_of_methods_can_be_evaluated(method):
    typing.get_type_hints(method)


def test_that_imports_no_torch():
    code = """
import sys, typing
from torch_w2v import Word2Vec
assert "device" in typing.get_type_hints(Word2Vec.__init__)
assert "torch" not in sys.modules
"""
    assert python(code).returncode == 0
