"""Code that makes gensim's `Word2Vec` gets ours, without an edit: the six points that make it so."""

import copy
import inspect
import io
import logging
import os
import pickle
import py_compile
import shutil

import gensim.models
import pytest
from gensim.models import Word2Vec as ImportedBefore

import torch_w2v
from tests import processes
from tests.helpers import ROOT, messages, ours, same, trainable, words
from tests.processes import python
from torch_w2v import accel
from torch_w2v.compare import compare

Plain = gensim.models.Word2Vec
SMALL = {"vector_size": 8, "min_count": 1, "workers": 1, "epochs": 2, "seed": 3}


class UsersOwn(Plain):
    """A class as libraries define it: more attributes, a constructor by name."""

    def __init__(self, sentences=None, extra=None, **options):
        self.extra = extra
        Plain.__init__(self, sentences, **options)


class OwnEngine(Plain):
    jobs = 0

    def _do_train_job(self, sentences, alpha, inits):
        self.jobs += 1
        return super()._do_train_job(sentences, alpha, inits)


@pytest.fixture
def installed():
    with accel.installed():
        yield


# 1: what the class makes


@pytest.mark.usefixtures("installed")
def test_gensims_class_makes_our_models_under_every_name():
    for cls in (gensim.models.Word2Vec, gensim.models.word2vec.Word2Vec, ImportedBefore):
        model = cls(words(), **SMALL)
        assert type(model) is torch_w2v.Word2Vec
        assert isinstance(model, cls)
    assert same(model, torch_w2v.Word2Vec(words(), **SMALL))


@pytest.mark.usefixtures("installed")
def test_names_stay_what_they_are():
    assert gensim.models.Word2Vec is gensim.models.word2vec.Word2Vec is Plain is not torch_w2v.Word2Vec
    with pytest.raises(TypeError, match="no_such"):
        Plain(no_such=1)
    with pytest.raises(ValueError, match="window=0"):
        Plain(window=0)


def test_a_model_of_gensims_loads_as_one_of_ours(tmp_path):
    path = str(tmp_path / "m")
    ours(words(), cls=Plain).save(path)
    with accel.installed():
        model = Plain.load(path)
        assert type(model) is torch_w2v.Word2Vec
        assert not hasattr(model, "engine")
        assert not hasattr(model, "training_losses")
        assert trainable(model, words())
        assert type(torch_w2v.Word2Vec.load(path)) is torch_w2v.Word2Vec


# 2: subclasses


def test_subclasses_alive_and_those_to_come_get_our_base():
    with accel.installed():
        # `super().__init__` of one that is defined now, with arguments of its base
        class Later(Plain):
            def __init__(self, sentences, *, extra):
                super().__init__(sentences, **SMALL)
                self.extra = extra

        class Below(UsersOwn):
            pass

        for model in (Later(words(), extra=1), UsersOwn(words(), extra=1, **SMALL), Below(words(), extra=1, **SMALL)):
            assert isinstance(model, torch_w2v.Word2Vec)
            assert model.extra == 1
            assert same(model, torch_w2v.Word2Vec(words(), **SMALL))
    for cls in (Later, UsersOwn):
        assert cls.__bases__ == (Plain,)
        assert not issubclass(cls, torch_w2v.Word2Vec)


@pytest.mark.usefixtures("installed")
def test_classes_with_an_engine_of_their_own_are_left_alone():
    for cls in (OwnEngine, gensim.models.Doc2Vec, gensim.models.FastText):
        assert not issubclass(cls, torch_w2v.Word2Vec)
    model = OwnEngine(words(), **SMALL)
    assert model.jobs > 0


@pytest.mark.usefixtures("installed")
def test_mixins_and_keyword_arguments_of_a_class_work():
    class Mixin:
        def __new__(cls, *args, **kwargs):
            made = super().__new__(cls)
            made.from_new = args, kwargs
            return made

        def __init_subclass__(cls, tag=None, **kwargs):
            super().__init_subclass__(**kwargs)
            cls.tag = tag

    class Mixed(Plain, Mixin, tag="x"):
        pass

    model = Mixed(vector_size=3)
    assert (Mixed.tag, model.from_new, model.vector_size) == ("x", ((), {"vector_size": 3}), 3)
    assert isinstance(model, torch_w2v.Word2Vec)


def test_classes_of_ours_stay_as_they_are(caplog):
    with accel.installed(), caplog.at_level(logging.INFO, "torch_w2v"):

        class Both(torch_w2v.Word2Vec, Plain):
            pass

        assert Both.__bases__ == (torch_w2v.Word2Vec, Plain)
        assert not any("Both" in line or "GensimThreads" in line for line in messages(caplog))


# 3: pickles and files


@pytest.mark.usefixtures("installed")
def test_pickles_stay_gensims(tmp_path):
    model = Plain(words(), **SMALL)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        pickled = pickle.dumps(model, protocol)
        assert b"torch_w2v" not in pickled
        again = pickle.loads(pickled)
        assert type(again) is torch_w2v.Word2Vec
        assert same(again, model)
    for copied in (copy.copy(model), copy.deepcopy(model)):
        assert type(copied) is torch_w2v.Word2Vec
        assert same(copied, model)
    (tmp_path / "pickle").write_bytes(pickle.dumps(model))
    model.save(str(tmp_path / "saved"))
    stream = io.BytesIO()
    model.save(stream)
    assert b"torch_w2v" not in (tmp_path / "saved").read_bytes() + stream.getvalue()
    done = python(
        """
import pickle, sys
import gensim.models
for model in (gensim.models.Word2Vec.load(sys.argv[1] + "/saved"), pickle.load(open(sys.argv[1] + "/pickle", "rb"))):
    assert type(model) is gensim.models.Word2Vec, type(model)
    model.train([["w1", "w2"]], total_examples=1, epochs=1)
    model.wv.most_similar("w1")
assert "torch_w2v" not in sys.modules
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_files_and_pickles_of_a_subclass_name_the_subclass(tmp_path):
    path = str(tmp_path / "m")
    stream = io.BytesIO()
    with accel.installed():
        model = UsersOwn(words(), extra=1, **SMALL)
        model.save(path)
        model.save(stream)
        pickled = pickle.dumps(model)
        assert type(Plain.load(path)) is type(UsersOwn.load(path)) is UsersOwn
        assert isinstance(UsersOwn.load(path), torch_w2v.Word2Vec)
    assert b"torch_w2v" not in pickled + stream.getvalue() + (tmp_path / "m").read_bytes()
    for again in (UsersOwn.load(path), Plain.load(path), pickle.loads(pickled), pickle.loads(stream.getvalue())):
        assert type(again) is UsersOwn
        assert not isinstance(again, torch_w2v.Word2Vec)
        assert again.extra == 1
        assert trainable(again, words())


class Below(UsersOwn):
    pass


def test_pickles_by_value_have_gensims_class_as_the_base():
    """As cloudpickle and dill write classes of a script, by `__orig_bases__` where there is that."""
    with accel.installed():

        class Later(Below):
            pass

        class Direct(Plain):
            pass

        for cls, base in ((UsersOwn, Plain), (Below, UsersOwn), (Later, Below), (Direct, Plain)):
            assert issubclass(cls, torch_w2v.Word2Vec)
            assert vars(cls)["__orig_bases__"] == (base,)


# 4: off again


def test_it_can_be_switched_off_again():
    with accel.installed():
        model = Plain(words(), **SMALL)
        accel.install()
        with accel.paused():
            assert type(Plain(words(), **SMALL)) is Plain
            assert UsersOwn.__bases__ == (Plain,)
        assert type(Plain(words(), **SMALL)) is torch_w2v.Word2Vec
    assert type(Plain(words(), **SMALL)) is Plain
    accel.uninstall()
    assert type(model) is torch_w2v.Word2Vec
    assert trainable(model, words())
    assert type(pickle.loads(pickle.dumps(model))) is torch_w2v.Word2Vec
    with pytest.raises(TypeError, match="no_such"):
        Plain(no_such=1)


def test_it_is_off_after_an_error():
    with pytest.raises(ZeroDivisionError), accel.installed():
        raise ZeroDivisionError
    assert type(Plain()) is Plain


@pytest.mark.usefixtures("installed")
def test_a_comparison_has_gensim_as_its_baseline():
    made = []

    def baseline(**settings):
        made.append(UsersOwn(**settings))
        assert type(Plain(**settings)) is Plain
        return made[-1]

    compare(words(), (), 1, gold=(), variants={"ours": torch_w2v.Word2Vec}, baseline=baseline, held_out=0, **SMALL)
    assert made
    assert issubclass(UsersOwn, torch_w2v.Word2Vec)


# 5: the signature


def test_the_signature_stays_that_of_the_constructor():
    with accel.installed():
        assert str(inspect.signature(Plain)) == str(inspect.signature(Plain.__init__)).replace("(self, ", "(")
    assert "vector_size=100" in str(inspect.signature(Plain))


# 6: programs


SCRIPT = """
import atexit, multiprocessing, sys
import helper
class Result: pass
def work(_): return Result()
if __name__ == "__main__":
    import gensim.models
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert type(pool.map_async(work, [0]).get(30)[0]) is Result
    atexit.register(lambda: print(sys.modules["__mp_main__"].Result is Result))
    model = gensim.models.Word2Vec([["a", "b"]] * 9, vector_size=4, min_count=1)
    print(type(model).__module__, __name__, sys.argv, helper.__name__)
    sys.exit(7)
"""


def run(*arguments, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return processes.run("-m", "torch_w2v.accel", *arguments, folder=folder, environment=environment)


@pytest.mark.parametrize(
    ("arguments", "argv"),
    [
        (["folder/script.py", "-v", "--verbose", "-m", "x"], ["folder/script.py", "-v", "--verbose", "-m", "x"]),
        (["-m", "folder.script", "-m"], ["{folder}/script.py", "-m"]),
    ],
    ids=["script", "module"],
)
def test_a_program_runs_as_python_runs_it(arguments, argv, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "script.py").write_text(SCRIPT)
    # beside the script, and for a module in the current folder
    (folder / "helper.py").touch()
    (tmp_path / "helper.py").touch()
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 7, done.stderr
    argv = [argument.format(folder=folder) for argument in argv]
    assert done.stdout == f"torch_w2v.word2vec __main__ {argv} helper\nTrue\n"
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [[], ["-m"], ["--no-such", "script.py"]])
def test_wrong_arguments_show_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        accel.main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m torch_w2v.accel ")
    assert type(Plain()) is Plain


def test_verbose_shows_what_is_accelerated(tmp_path):
    (tmp_path / "script.py").write_text("import gensim.models\nclass Own(gensim.models.Word2Vec): pass\n")
    done = run("-v", "script.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "accelerating gensim's Word2Vec: " in done.stderr
    assert "\naccelerating __main__.Own\n" in done.stderr


# the notebook, and the log


def test_the_extension_of_a_notebook():
    accel.load_ipython_extension(None)
    try:
        assert type(Plain()) is torch_w2v.Word2Vec
    finally:
        accel.unload_ipython_extension(None)
    assert type(Plain()) is Plain


def test_the_log_says_what_is_accelerated_and_what_is_not_and_why(caplog):
    caplog.set_level(logging.INFO, "torch_w2v")
    with accel.installed():
        Plain(words(), hs=1, **SMALL)
    lines = messages(caplog)
    for expected in (
        "accelerating gensim's Word2Vec: hs=0, negative>0 trains on torch_w2v's engines, hs=1 on gensim's own engine",
        f"accelerating {__name__}.UsersOwn",
        f"not accelerating {__name__}.OwnEngine: it trains by its own _do_train_job",
        "not accelerating gensim.models.doc2vec.Doc2Vec: it trains by its own _do_train_job, _do_train_epoch, "
        "_raw_word_count",
        "sg=0, hs=1, negative=5: training with gensim's own engine",
        "gensim's Word2Vec is no longer accelerated",
    ):
        assert lines.count(expected) == 1, expected


def test_a_script_finds_what_is_beside_it(tmp_path):
    (tmp_path / "script.py").write_text("import os, sys; os.chdir('/'); print(os.path.isfile(__file__), sys.argv[0])")
    assert run("script.py", folder=tmp_path).stdout.split() == ["True", "script.py"]


@pytest.mark.parametrize("form", ["compiled", "archive", "folder"])
def test_programs_of_other_forms(form, tmp_path):
    folder = tmp_path / "program"
    folder.mkdir()
    main = "vars(sys.modules['__mp_main__']) is vars()"
    (folder / "__main__.py").write_text(f"import os, sys; os.chdir('/'); import beside; print(beside.__name__, {main})")
    (folder / "beside.py").touch()
    if form == "archive":
        program = shutil.make_archive(str(folder), "zip", folder)
    elif form == "compiled":
        program = py_compile.compile(str(folder / "__main__.py"), str(folder / "program.pyc"))
    else:
        program = folder
    assert run(os.path.relpath(program, tmp_path), folder=tmp_path).stdout == "beside True\n"


def test_a_script_that_is_not_there():
    with pytest.raises(SystemExit):
        accel.main(["nowhere.py"])
