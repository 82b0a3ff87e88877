"""Models that an old gensim has saved, in the test data of gensim's wheel: they load, train and grow as in gensim.

They do not know how many words their corpus had, which is None then.
"""

from pathlib import Path

import gensim.models
import gensim.test
import numpy as np
import pytest

import torch_w2v
from tests.helpers import both_classes, on_each_engine
from torch_w2v.callbacks import History
from torch_w2v.corpus.store import Encoded
from torch_w2v.facts import facts_of
from torch_w2v.training.planning import expected_words

DATA = Path(gensim.test.__file__).parent / "test_data"
NAMES = ["word2vec_3.3", "word2vec_old", "word2vec_old_sep", "model-from-gensim-3.8.0.w2v"]
PATHS = [DATA / name for name in NAMES] + sorted((DATA / "old_w2v_models").glob("*.mdl"))


def load(cls, path):
    """Return a model, or None if gensim cannot load it; then ours raises the same."""
    try:
        gensim.models.Word2Vec.load(str(path))
    except AttributeError as e:
        with pytest.raises(AttributeError, match=str(e)):
            cls.load(str(path))
        return None
    return cls.load(str(path))


@both_classes
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_old_models(cls, path, tmp_path):
    model = load(cls, path)
    if model is None:
        return
    known = model.wv.index_to_key[:3]
    # Most of these words are left out by subsampling.
    sentences = [known] * 900
    for totals in ({"total_examples": 900}, {"total_words": 2700}):
        before = model.wv.vectors.copy()
        assert model.train(sentences, **totals, epochs=2, callbacks=[History()])[1] == 5400
        assert (model.wv.vectors != before).any()
    model.build_vocab([["new", *known]] * 9, update=True)
    assert "new" in model.wv
    assert model.train([["new", *known]] * 9, total_examples=9, epochs=1)[1] == 36
    model.save(str(tmp_path / "saved"))
    again = cls.load(str(tmp_path / "saved"))
    assert again.train(sentences, total_examples=900, epochs=1)[1] == 2700
    assert np.isfinite(again.wv.vectors).all()


@on_each_engine
def test_every_engine_trains_an_old_model(engine):
    model = torch_w2v.Word2Vec.load(str(DATA / "word2vec_3.3"))
    model.engine = engine
    words = model.wv.index_to_key
    assert model.train([words] * 9, total_examples=9, epochs=1)[1] == 9 * len(words)


def test_what_an_old_model_does_not_know_is_no_fact(tmp_path):
    model = torch_w2v.Word2Vec.load(str(DATA / "word2vec_3.3"))
    assert "corpus_words" not in facts_of(model)
    model.save_vectors(tmp_path / "a.npz")
    assert "corpus_words" not in facts_of(torch_w2v.load_vectors(tmp_path / "a.npz"))


def test_the_words_of_an_epoch_are_estimated_from_its_beginning():
    model = torch_w2v.Word2Vec.load(str(DATA / "word2vec_3.3"))
    seen = Encoded(np.zeros(400, np.int32), np.arange(0, 401, 4))
    assert expected_words(model, seen, size=300, total_examples=5_000, total_words=None) == 20_000
    assert expected_words(model, seen, size=300, total_examples=None, total_words=None) == 400
