"""Let code that makes gensim's `Word2Vec` get torch_w2v's, without an edit.

    python -m torch_w2v.accel script.py arguments
    python -m torch_w2v.accel -m module arguments

    import torch_w2v.accel
    torch_w2v.accel.install()

and in a notebook `%load_ext torch_w2v.accel`. docs/guide/accelerate.md describes what is accelerated.

No name is replaced. `gensim.models.Word2Vec` stays the class that it is, and that every module has imported; what it
makes is a `torch_w2v.Word2Vec`, which is a subclass of it. A user's subclass of gensim's class gets torch_w2v's as its
base instead, unless it has a training engine of its own.
"""

from __future__ import annotations

import argparse
import builtins
import copyreg
import functools
import importlib
import importlib.machinery
import io
import logging
import operator
import os
import runpy
import sys
import types
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v.gensim_compat import hooks, options
from torch_w2v.word2vec import Word2Vec

__all__ = ["install", "installed", "paused", "uninstall"]

logger = logging.getLogger("torch_w2v.accel")

_installed = False
# the users' subclasses that have our class as a base now
_rebased: list[type] = []


def install() -> None:
    """Make gensim's `Word2Vec(…)` a `torch_w2v.Word2Vec` in this process, from now on; the log says what changes.

    That holds for whoever imported gensim's class before, for the subclasses that users have defined or will define,
    and for models that are loaded or unpickled. Models made before keep gensim's engine, except those of subclasses.
    """
    global _installed  # noqa: PLW0603
    if _installed:
        return
    _installed = True
    # Both stay after `uninstall`: a class whose `__new__` is deleted would refuse arguments.
    PlainWord2Vec.__new__ = _new
    PlainWord2Vec.__init_subclass__ = classmethod(_init_subclass)
    copyreg.pickle(Word2Vec, _reduce)
    logger.info(
        "accelerating gensim's Word2Vec: hs=0, negative>0 trains on torch_w2v's engines, hs=1 on gensim's own engine"
    )
    for cls in PlainWord2Vec.__subclasses__():
        _rebase(cls)


def uninstall() -> None:
    """Make gensim's `Word2Vec(…)` gensim's again; models that were made meanwhile stay what they are.

    Models of users' subclasses change with their class, which has its own base again.
    """
    global _installed  # noqa: PLW0603
    if not _installed:
        return
    _installed = False
    del copyreg.dispatch_table[Word2Vec]
    while _rebased:
        cls = _rebased.pop()
        _replace_base(cls, Word2Vec, PlainWord2Vec)
        options.accelerate(cls, False)
    logger.info("gensim's Word2Vec is no longer accelerated")


@contextmanager
def installed() -> Iterator[None]:
    """Accelerate gensim's `Word2Vec` within this block; afterwards it is as before."""
    with _set(install):
        yield


@contextmanager
def paused() -> Iterator[None]:
    """Leave gensim's `Word2Vec` to gensim within this block; afterwards it is as before."""
    with _set(uninstall):
        yield


@contextmanager
def _set(change: Callable[[], None]) -> Iterator[None]:
    before = _installed
    change()
    try:
        yield
    finally:
        (install if before else uninstall)()


# The signature that `inspect.signature` shows stays that of the constructor.
@functools.wraps(PlainWord2Vec.__init__)
def _new(cls: type, *args: Any, **kwargs: Any) -> Any:
    model_class = Word2Vec if _installed and cls is PlainWord2Vec else cls
    following = super(PlainWord2Vec, model_class).__new__
    made = following(model_class) if following is object.__new__ else following(model_class, *args, **kwargs)
    if model_class is not cls:
        options.accelerate(made)
    return made


def _init_subclass(cls: type, **kwargs: Any) -> None:
    super(PlainWord2Vec, cls).__init_subclass__(**kwargs)
    if _installed:
        _rebase(cls)


def _rebase(cls: type) -> None:
    """Let a subclass of gensim's class derive from ours, unless it has an engine of its own."""
    if PlainWord2Vec not in cls.__bases__ or issubclass(cls, Word2Vec) or issubclass(Word2Vec, cls):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    if methods := hooks.overridden(cls, PlainWord2Vec):
        logger.info("not accelerating %s: it trains by its own %s", name, ", ".join(methods))
        return
    _replace_base(cls, PlainWord2Vec, Word2Vec)
    options.accelerate(cls)
    _rebased.append(cls)
    logger.info("accelerating %s", name)


def _replace_base(cls: type, old: type, new: type) -> None:
    cls.__bases__ = tuple(new if base is old else base for base in cls.__bases__)


def _reduce(model: Word2Vec) -> tuple[Any, ...]:
    """Pickle a model as gensim's class.

    gensim without torch_w2v reads it; an accelerated process gets one of ours from it, by the `__new__` above.
    """
    return operator.methodcaller("__new__", PlainWord2Vec), (PlainWord2Vec,), model.__getstate__()


def load_ipython_extension(ipython: object) -> None:
    """Install, for `%load_ext torch_w2v.accel`."""
    install()


def unload_ipython_extension(ipython: object) -> None:
    """Uninstall, for `%unload_ext torch_w2v.accel`."""
    uninstall()


def main(arguments: Sequence[str]) -> None:
    """Run a script or a module with gensim's `Word2Vec` accelerated, as `python` itself would run it.

    Args:
        arguments: `[-v] script.py …` or `[-v] -m module …`.

    Raises:
        SystemExit: the arguments are wrong.
        BaseException: whatever the program raises.
    """
    parser = argparse.ArgumentParser(
        prog="python -m torch_w2v.accel", description="Run a Python program with gensim's Word2Vec accelerated."
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="write what torch_w2v logs to stderr")
    parser.add_argument("-m", dest="is_module", action="store_true", help="the program is the name of a module")
    parser.add_argument("program", help="a script, or with -m a module")
    rest = parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the program")
    rest.required = False  # Python 3.10 and 3.11 name it among what is missing where `program` is
    given = parser.parse_args(arguments)
    if given.verbose:
        package = logging.getLogger("torch_w2v")
        package.addHandler(logging.StreamHandler())
        package.setLevel(logging.INFO)
    if not given.is_module and not os.path.exists(given.program):
        parser.error(f"there is no file {given.program!r}")
    install()
    sys.argv = [given.program, *given.arguments]
    if given.is_module:
        runpy.run_module(given.program, run_name="__main__", alter_sys=True)
    else:
        _run_script(given.program)


def _run_script(path: str) -> None:
    script = os.path.abspath(path)
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    if os.path.isdir(script) or zipfile.is_zipfile(script) or script.endswith(".pyc"):
        runpy.run_path(script, run_name="__main__")
        return
    # As Python itself does: `__file__` is absolute, so that a script finds what is beside it after it has changed the
    # directory, and `sys.argv[0]` is as given. runpy makes both the same.
    with io.open_code(script) as stream:
        code = compile(stream.read(), script, "exec", dont_inherit=True)
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", script)
    vars(module).update(__file__=script, __cached__=None, __loader__=loader, __builtins__=builtins)
    sys.modules["__main__"] = module
    exec(code, vars(module))


if __name__ == "__main__":
    # Not `main` of this module, which is `__main__`: what is installed is recorded once, where others import it.
    importlib.import_module("torch_w2v.accel").main(sys.argv[1:])
