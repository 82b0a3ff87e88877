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
import threading
import types
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import options
from torch_w2v.gensim_compat import hooks
from torch_w2v.word2vec import Word2Vec

__all__ = ["install", "installed", "paused", "uninstall"]

logger = logging.getLogger("torch_w2v.accel")

_lock = threading.RLock()
# whether gensim's class makes ours, now
_installed = False
# what `install` and `uninstall` said last, outside of all blocks
_outside = False
# the `installed` and `paused` blocks that run, of all threads, the newest one last
_blocks: list[_Block] = []
# the users' subclasses that have our class as a base now
_rebased: list[type] = []
# the users' subclasses whose base is to change when no method of one of their models runs any more
_waiting: list[type] = []


@dataclass(eq=False)
class _Block:
    """A `with installed()` or `with paused()`.

    Attributes:
        on: whether gensim's class makes ours in it.
        thread: in which it runs.
    """

    on: bool
    thread: int


def install() -> None:
    """Make gensim's `Word2Vec(…)` a `torch_w2v.Word2Vec` in this process, from now on; the log says what changes.

    That holds for whoever imported gensim's class before, for the subclasses that users have defined or will define,
    and for models that are loaded or unpickled. Models made before keep gensim's engine, except those of subclasses. A
    subclass that has a model in training, in whichever thread, changes when its next model is made.
    """
    _say(True)


def uninstall() -> None:
    """Make gensim's `Word2Vec(…)` gensim's again; models that were made meanwhile stay what they are.

    Models of users' subclasses change with their class, which has its own base again; that of a model in training, in
    whichever thread, when its next model is made.
    """
    _say(False)


@contextmanager
def installed() -> Iterator[None]:
    """Accelerate gensim's `Word2Vec` within this block; afterwards it is as before.

    The blocks of several threads may overlap: the one that began last decides for all of them, until it ends.
    """
    with _block(True):
        yield


@contextmanager
def paused() -> Iterator[None]:
    """Leave gensim's `Word2Vec` to gensim within this block; afterwards it is as before. See `installed`."""
    with _block(False):
        yield


@contextmanager
def _block(on: bool) -> Iterator[None]:
    block = _Block(on, threading.get_ident())
    with _lock:
        _blocks.append(block)
        _settle()
    try:
        yield
    finally:
        with _lock:
            _blocks.remove(block)
            _settle()


def _say(on: bool) -> None:
    """Accelerate or not: in this thread's innermost block, or in no block, for good."""
    global _outside  # noqa: PLW0603
    with _lock:
        own = [block for block in _blocks if block.thread == threading.get_ident()]
        if own:
            own[-1].on = on
        else:
            _outside = on
        _settle()


def _settle() -> None:
    """Make what the newest block says true, or what was said outside of all blocks."""
    global _installed  # noqa: PLW0603
    wanted = _blocks[-1].on if _blocks else _outside
    if wanted == _installed:
        return
    _installed = wanted
    if wanted:
        # Both stay after `uninstall`: a class whose `__new__` is deleted would refuse arguments.
        PlainWord2Vec.__new__ = _new
        PlainWord2Vec.__init_subclass__ = classmethod(_init_subclass)
        copyreg.pickle(Word2Vec, _reduce)
        logger.info(
            "accelerating gensim's Word2Vec: hs=0, negative>0 trains on torch_w2v's engines, hs=1 on gensim's own "
            "engine"
        )
    else:
        del copyreg.dispatch_table[Word2Vec]
        logger.info("gensim's Word2Vec is no longer accelerated")
    _waiting[:] = filter(_could_have_our_base, PlainWord2Vec.__subclasses__()) if wanted else list(_rebased)
    _change_bases()


def _change_bases() -> None:
    """Give the classes of `_waiting` the base that is wanted now, but for those that are in use."""
    classes, _waiting[:] = list(_waiting), []
    for cls in classes:
        if _is_in_use(cls):
            logger.info("%s.%s changes when none of its models trains", cls.__module__, cls.__qualname__)
            _waiting.append(cls)
        elif _installed:
            _rebase(cls)
        elif cls in _rebased:
            _rebased.remove(cls)
            _replace_base(cls, Word2Vec, PlainWord2Vec)
            options.accelerate(cls, False)


def _is_in_use(cls: type) -> bool:
    """Return whether a method of gensim's class, or of ours, runs for a model of a class, in any thread.

    Its next step would be a method of the other class, which lacks what the earlier steps have prepared.
    """
    for frame in sys._current_frames().values():
        below: types.FrameType | None = frame
        while below is not None:
            package = below.f_globals.get("__name__", "").partition(".")[0]
            if package in ("gensim", "torch_w2v") and isinstance(below.f_locals.get("self"), cls):
                return True
            below = below.f_back
    return False


# The signature that `inspect.signature` shows stays that of the constructor.
@functools.wraps(PlainWord2Vec.__init__)
def _new(cls: type, *args: Any, **kwargs: Any) -> Any:
    if _waiting:
        with _lock:
            _change_bases()
    model_class = Word2Vec if _installed and cls is PlainWord2Vec else cls
    following = super(PlainWord2Vec, model_class).__new__
    made = following(model_class) if following is object.__new__ else following(model_class, *args, **kwargs)
    if model_class is not cls:
        options.accelerate(made)
    return made


def _init_subclass(cls: type, **kwargs: Any) -> None:
    super(PlainWord2Vec, cls).__init_subclass__(**kwargs)
    if _installed:
        with _lock:
            _rebase(cls)
            if hasattr(cls, "__orig_bases__"):
                _note_bases(cls)


def _rebase(cls: type) -> None:
    """Let a subclass of gensim's class derive from ours, unless it has an engine of its own."""
    if not _could_have_our_base(cls):
        return
    name = f"{cls.__module__}.{cls.__qualname__}"
    if methods := hooks.overridden(cls, PlainWord2Vec):
        logger.info("not accelerating %s: it trains by its own %s", name, ", ".join(methods))
        return
    _note_bases(cls)
    _replace_base(cls, PlainWord2Vec, Word2Vec)
    options.accelerate(cls)
    _rebased.append(cls)
    logger.info("accelerating %s", name)


def _note_bases(cls: type) -> None:
    """Let a class and its subclasses have the bases that they were defined with as `__orig_bases__`.

    By that, cloudpickle and dill write classes of a script with gensim's class as their base, not ours; those below it
    have their own, because dill looks for an inherited one.
    """
    if "__orig_bases__" not in vars(cls):
        cls.__orig_bases__ = cls.__bases__  # type: ignore[attr-defined]
    below: type
    for below in cls.__subclasses__():
        _note_bases(below)


def _could_have_our_base(cls: type) -> bool:
    return PlainWord2Vec in cls.__bases__ and not issubclass(cls, Word2Vec) and not issubclass(Word2Vec, cls)


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
        _new_main()
        # What Python itself calls; `runpy.run_module` takes the module away before functions of `atexit` run.
        runpy._run_module_as_main(given.program)  # type: ignore[attr-defined]
    else:
        _run_script(given.program)


def _new_main() -> types.ModuleType:
    """Return an empty module that is `__main__` from now on, also for `multiprocessing`.

    In processes that `multiprocessing` spawns, classes of the program belong to a module `__mp_main__`, as which it has
    noted the module that was `__main__` when it was imported. It waits for ever where what a process returns is of a
    class that this one lacks.
    """
    module = types.ModuleType("__main__")
    module.__builtins__ = builtins  # type: ignore[attr-defined]
    sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    return module


def _run_script(path: str) -> None:
    script = os.path.abspath(path)
    if os.path.isdir(script) or zipfile.is_zipfile(script):
        sys.path[0] = script
        _new_main()
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    sys.path[0] = os.path.dirname(os.path.realpath(script))
    module = _new_main()
    # As Python itself does: `__file__` is absolute, so that a script finds what is beside it after it has changed the
    # directory, and `sys.argv[0]` is as given. runpy makes both the same.
    loader: Any
    if script.endswith(".pyc"):
        loader = importlib.machinery.SourcelessFileLoader("__main__", script)
        code = loader.get_code("__main__")
    else:
        loader = importlib.machinery.SourceFileLoader("__main__", script)
        with io.open_code(script) as stream:
            code = compile(stream.read(), script, "exec", dont_inherit=True)
    vars(module).update(__file__=script, __cached__=None, __loader__=loader)
    exec(code, vars(module))


if __name__ == "__main__":
    # Not `main` of this module, which is `__main__`: what is installed is recorded once, where others import it.
    importlib.import_module("torch_w2v.accel").main(sys.argv[1:])
