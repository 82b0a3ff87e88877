"""The specification of skip-gram: against a transcription pair by pair, against gensim's loop, and its derivative."""

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.engines.agreement import same_as_transcription
from tests.engines.cases import case, run
from tests.engines.shapes import name_of
from tests.engines.transcription_skipgram import blocks_of, gensim_pairs, transcribe
from torch_w2v.engines import sampling, streams
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.reference import ReferenceEngine

BLOCKS = Layout(T=16, S=1, N=32, G=4, fresh=True)
PARTS = Layout(T=16, S=3, N=8, G=4, fresh=True)
ONE_BY_ONE = Layout(T=1, S=5, N=24, fresh=True)
LARGE_SETS = Layout(T=3, S=2, N=200, G=2, fresh=True)


@pytest.mark.parametrize(
    "layout",
    [
        BLOCKS,
        PARTS,
        Layout(T=1, S=1, N=5, fresh=True),
        Layout(T=7, S=2, N=3, G=3, fresh=True),
        Layout(T=16, S=2, N=8, G=4, fresh=True, stride=5),
        Layout(T=7, S=1, N=8, B=2, stride=9),
        Layout(T=64, S=2, N=5, B=3, G=64, fresh=True),
        Layout(T=16, S=1, N=32),
        Layout(T=7, S=3, N=5, B=4),
    ],
    ids=name_of,
)
def test_agrees_with_a_slow_transcription(layout):
    tables, inputs, outputs, result = same_as_transcription(transcribe, skip_gram=True, layout=layout)
    assert result[0] > 100
    assert not np.allclose(tables[0], inputs)
    assert not np.allclose(tables[1], outputs)


@pytest.mark.parametrize(
    "options",
    [
        {"window": 1},
        {"window": 500, "lengths": (100, 3, 1, 40)},
        {"shrink_windows": False},
        {"sample": False, "unknown": 0},
        {"scales": True},
        {"scales": True, "layout": Layout(T=7, S=3, N=5, B=4)},
        {"V": 1},
        {"V": 2},
        {"D": 1},
        {"negative": 1},
        {"negative": 20},
        {"loss_every": 0},
        {"loss_every": 3},
        {"lengths": ()},
        {"lengths": (0, 0)},
        {"lengths": (1, 1, 1)},
        {"lengths": (2,), "sample": False, "unknown": 0},
        {"lengths": (300,), "begin": 100, "end": 210},
        {"position": 2**40},
        {"unknown": 1.0},
        {"alpha": (0.1, 0.09), "V": 2, "negative": 20, "layout": BLOCKS},
        {"lengths": (60, 5), "alpha": (0.1, 0.09), "V": 3, "negative": 50, "window": 20, "layout": ONE_BY_ONE},
        {"lengths": (60, 5), "alpha": (0.05, 0.04), "V": 7, "negative": 50, "layout": LARGE_SETS},
    ],
    ids=name_of,
)
def test_agrees_with_a_slow_transcription_on_odd_input(options):
    same_as_transcription(transcribe, skip_gram=True, **{"layout": PARTS, **options})


@pytest.mark.parametrize("shrink_windows", [True, False])
def test_pair_after_pair_it_is_what_gensim_computes(shrink_windows):
    """With one input per block and a set of negatives for each of its positives, every update is one of gensim's."""
    one = case(
        dtype=np.float64,
        skip_gram=True,
        shrink_windows=shrink_windows,
        layout=Layout(T=1, S=6, N=2, fresh=True),
        window=3,
        negative=2,
        V=5000,
        lengths=(40, 3, 1),
        seed=1,
    )
    syn0, syn1neg, repeats = gensim_pairs(one)
    assert repeats == 0, "another seed, please: gensim and blocks treat a repeated draw differently"
    inputs, outputs, result = run("reference", one)
    np.testing.assert_allclose(inputs, syn0, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outputs, syn1neg, rtol=1e-9, atol=1e-12)
    assert result[0] > 20


def test_a_negative_that_is_there_many_times_is_met_in_turn():
    """Twenty updates of one pair, each of which sees the one before, where one for all would go far too far."""
    one = case(
        dtype=np.float64,
        skip_gram=True,
        layout=Layout(T=1, S=1, N=20, fresh=True),
        negative=20,
        V=2,
        lengths=(2,),
        unknown=0,
        sample=False,
        alpha=(0.2, 0.2),
    )
    # the second word predicts the first, whose row is zeros, and has negatives that are all its own output row
    one = one.changed(tokens=np.array([0, 1], np.int32), begin=1, noise=streams.alias_table(np.array([0.0, 1.0])))
    x = one.tables.inputs[1] = np.full(16, 0.4)
    o = one.tables.outputs[1] = np.full(16, 0.3)
    one.tables.outputs[0] = 0
    inputs, outputs, _ = run("reference", one)
    for _ in range(20):
        c = -0.2 / (1 + np.exp(-(x @ o)))
        x, o = x + c * o, o + c * x
    # All at once, the score would go from 1.9 to 11 instead of below zero.
    assert x @ o == pytest.approx(-1.4, abs=0.1)
    assert inputs[1] @ outputs[1] == pytest.approx(x @ o, abs=1.5)


def test_a_set_is_the_derivative_of_the_loss():
    """All rows move by -alpha times the autograd gradient of a step's loss, in float64."""
    one = case(
        dtype=np.float64,
        skip_gram=True,
        layout=Layout(T=64, S=1, N=6),
        lengths=(12,),
        sample=False,
        alpha=(1e-3, 1e-3),
        D=3,
        V=12,
    )
    # no word is there three times: so there is one block
    one = one.changed(tokens=np.arange(12, dtype=np.int32) % 10)
    Wi, Wo = (torch.from_numpy(table.copy()).requires_grad_() for table in one.tables)
    loss = _loss(Wi, Wo, one)
    loss.backward()
    assert torch.autograd.gradcheck(lambda i, o: _loss(i, o, one), (Wi, Wo))
    inputs, outputs, result = run("reference", one)
    np.testing.assert_allclose(result[1], loss.item(), rtol=1e-12)
    for table, after, W in zip(one.tables, (inputs, outputs), (Wi, Wo), strict=True):
        np.testing.assert_allclose(after - table, -1e-3 * W.grad.numpy(), rtol=1e-9, atol=1e-15)


def _loss(Wi, Wo, one):
    """-log sigmoid(s+) - K / N sum log sigmoid(-s-) over the pairs of the only block, every word kept."""
    chunk, plan = one.chunk, one.plan
    words, N = torch.from_numpy(chunk.tokens).long(), plan.layout.N
    neg = sampling.noise_words(torch.from_numpy(plan.noise), plan.noise_stream, chunk.position * N + torch.arange(N))
    _, low = sampling.draw(plan.token_stream, chunk.position + torch.arange(len(words)))
    reach = 1 + (low * plan.objective.window >> 32)
    total = torch.zeros((), dtype=Wi.dtype)
    for i, output in enumerate(words):
        for j in range(max(0, i - int(reach[i])), min(len(words), i + int(reach[i]) + 1)):
            if j != i:
                x, others = Wi[words[j]], neg[neg != output]
                total = total - logsigmoid(x @ Wo[output])
                total = total - plan.objective.negative / N * logsigmoid(-(Wo[others] @ x)).sum()
    return total


def test_a_lone_word_and_a_negative_equal_to_the_positive_train_nothing():
    one = case(lengths=(1, 1, 1, 1), unknown=0, sample=False, skip_gram=True, layout=BLOCKS)
    inputs, outputs, result = run("reference", one)
    assert np.array_equal(inputs, one.tables.inputs)
    assert np.array_equal(outputs, one.tables.outputs)
    assert result.tolist() == [4, 0, 0]
    # two pairs, no negative counted
    assert run("reference", case(V=1, lengths=(2,), unknown=0, sample=False, skip_gram=True, layout=BLOCKS))[2][2] == 2


@pytest.mark.parametrize("stride", [1, 2, 7, 300])
@pytest.mark.parametrize("T", [1, 2, 5, 16])
@pytest.mark.parametrize("V", [1, 2, 5, 1000])
def test_blocks_end_before_a_words_third_place(T, V, stride):
    tokens = np.random.default_rng(T).integers(0, V, 300)
    made = case(V=V, lengths=(300,), begin=7, end=290, sample=False, skip_gram=True, layout=Layout(T, stride=stride))
    made = made.changed(tokens=tokens.astype(np.int32))
    stream = [(word, 0, 0, 0) for word in tokens.tolist()]
    engine = ReferenceEngine("cpu")
    blocks = sampling.blocks_of(engine.load_chunk(made.chunk), engine.load_plan(made.plan))
    edges = zip(blocks.starts.tolist(), blocks.stops.tolist(), strict=True)
    places = [blocks.order[start:stop].tolist() for start, stop in edges]
    assert places == blocks_of(stream, range(7, 290), T, stride)
    assert sorted(place for block in places for place in block) == list(range(7, 290))
    if stride == 7 and T == 16 and V == 1000:
        assert places[0] == list(range(7, 119, 7))
