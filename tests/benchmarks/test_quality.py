"""Every shape of the grid is trained as it is defined; its verdicts need a larger corpus (`make quality`)."""

import dataclasses

import gensim.models
import pytest

import torch_w2v
from benchmarks.quality import SHAPES, failures, online, run
from compat_tests.quality import planted
from tests.helpers import DEFAULT_ENGINE
from torch_w2v.compare.verdict import INFERIOR

TEXT = planted.sentences(400)


@pytest.mark.parametrize("name", ["short", "online", "exact"])
def test_a_shape_is_compared(name):
    result = run(SHAPES[name], TEXT, [f"{DEFAULT_ENGINE}:1"], 2, 1, ())
    assert result.contenders == ["gensim", f"{DEFAULT_ENGINE}:1"]
    assert {verdict.measure for verdict in result.verdicts} == {"held-out loss", "neighbours@10", "cosines"}
    if name == "short":
        words = result.corpus["words"] + result.corpus["held_out_words"]
        assert words / (8 * result.corpus["sentences"]) == pytest.approx(1 / 0.98, rel=0.01)


def test_another_update_need_not_agree_with_gensims_vectors():
    result = run(SHAPES["exact"], TEXT, [f"{DEFAULT_ENGINE}:1"], 2, 1, ())
    worst = [dataclasses.replace(verdict, verdict=INFERIOR) for verdict in result.verdicts]
    result = dataclasses.replace(result, verdicts=worst)
    assert {verdict.measure for verdict in failures(SHAPES["exact"], result)} == {"held-out loss"}
    assert len(failures(SHAPES["default"], result)) == 3


@pytest.mark.parametrize("base", [gensim.models.Word2Vec, torch_w2v.Word2Vec])
def test_online_trains_on_half_before_the_rest_is_added(base):
    model = online(base)(vector_size=8, min_count=1, workers=1)
    model.build_vocab(TEXT)
    whole = base(vector_size=8, min_count=1)
    whole.build_vocab(TEXT)
    assert set(model.wv.index_to_key) == set(whole.wv.index_to_key)
    assert model.train_count == 1
    assert model.corpus_count == len(TEXT)
    assert model.syn1neg.any()
