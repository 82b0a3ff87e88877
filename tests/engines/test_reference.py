import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.engines.agreement import same_as_transcription
from tests.engines.cases import case, run
from tests.engines.shapes import name_of
from tests.engines.transcription import transcribe
from torch_w2v.engines import sampling
from torch_w2v.engines.plan import Layout

# gensim's own order: one target at a time
SEQUENTIAL = Layout(T=1, S=1, N=5, B=1)
FRESH = Layout(T=32, S=32, N=5, B=1, G=4, fresh=True)
BY_SET = Layout(T=32, S=8, N=6, by_set=True)


@pytest.mark.parametrize("cbow_mean", [True, False])
@pytest.mark.parametrize("exact_gradient", [True, False])
@pytest.mark.parametrize(
    "layout",
    [
        SEQUENTIAL,
        Layout(64, 8, 5, 1),
        Layout(7, 3, 2, 2),
        Layout(16, 1, 9, 3),
        Layout(2, 4, 5, 1),
        FRESH,
        Layout(16, 16, 5, 1, G=3),
        Layout(16, 16, 5, 1, fresh=True),
        Layout(24, 6, 2, 2, G=4, fresh=True),
        Layout(24, 24, 5, by_set=True),
        BY_SET,
    ],
    ids=name_of,
)
def test_agrees_with_a_slow_transcription(cbow_mean, exact_gradient, layout):
    tables, inputs, outputs, result = same_as_transcription(
        transcribe, cbow_mean=cbow_mean, exact_gradient=exact_gradient, layout=layout
    )
    assert result[0] > 100
    assert not np.allclose(tables[0], inputs)
    assert not np.allclose(tables[1], outputs)


@pytest.mark.parametrize(
    "options",
    [
        {"window": 1},
        {"window": 500},
        {"shrink_windows": False},
        {"sample": False, "unknown": 0},
        {"scales": True},
        {"V": 1},
        {"V": 2},
        {"D": 1},
        {"D": 3},
        {"negative": 1},
        {"negative": 20},
        {"loss_every": 0},
        {"loss_every": 2},
        {"loss_every": 2, "layout": Layout(16, 1, 9, 3)},
        {"lengths": ()},
        {"lengths": (0, 0)},
        {"lengths": (1, 1, 1)},
        {"lengths": (2,), "sample": False, "unknown": 0},
        {"lengths": (300,), "begin": 100, "end": 210},
        {"position": 2**40},
        {"unknown": 1.0},
        {"layout": FRESH, "scales": True},
        {"layout": FRESH, "window": 500, "lengths": (100, 3, 1, 40)},
        {"layout": FRESH, "shrink_windows": False, "window": 15},
        {"layout": FRESH, "lengths": (1,) * 40},
        {"layout": FRESH, "lengths": (90,), "begin": 20, "end": 70, "window": 30},
        {"layout": BY_SET, "scales": True, "V": 4},
        {"layout": BY_SET, "shrink_windows": False, "lengths": (90,), "begin": 20, "end": 70, "window": 30},
    ],
    ids=name_of,
)
def test_agrees_with_a_slow_transcription_on_odd_input(options):
    same_as_transcription(transcribe, **options)


def test_one_step_is_the_derivative_of_the_loss():
    """cbow_gradient='exact': both tables move by -alpha times the autograd gradient of the block's loss, in float64."""
    for cbow_mean in (True, False):
        one = case(
            dtype=np.float64,
            layout=Layout(T=256, S=1, N=5, B=1),
            lengths=(20,),
            sample=False,
            unknown=0,
            exact_gradient=True,
            cbow_mean=cbow_mean,
            alpha=(1e-3, 1e-3),
            D=3,
            V=12,
        )
        inputs, outputs, result = run("reference", one)
        Wi, Wo = (torch.from_numpy(table.copy()).requires_grad_() for table in one.tables)
        loss = _loss(Wi, Wo, one)
        loss.backward()
        assert torch.autograd.gradcheck(lambda i, o, one=one: _loss(i, o, one), (Wi, Wo))
        np.testing.assert_allclose(result[1], loss.item(), rtol=1e-12)
        for table, after, W in zip(one.tables, (inputs, outputs), (Wi, Wo), strict=True):
            np.testing.assert_allclose(after - table, -1e-3 * W.grad.numpy(), rtol=1e-9, atol=1e-15)


def _loss(Wi, Wo, one):
    """-log sigmoid(s+) - sum log sigmoid(-s-) of the only block, every word kept (Mikolov et al. 2013, eq. 4)."""
    chunk, plan = one.chunk, one.plan
    words, N = torch.from_numpy(chunk.tokens).long(), plan.layout.N
    noise = torch.from_numpy(plan.noise)
    neg = sampling.noise_words(noise, plan.noise_stream, chunk.position * N + torch.arange(N))
    _, low = sampling.draw(plan.token_stream, chunk.position + torch.arange(len(words)))
    reach = 1 + (low * plan.objective.window >> 32)
    total = torch.zeros((), dtype=Wi.dtype)
    for t, word in enumerate(words):
        context = [j for j in range(max(0, t - int(reach[t])), min(len(words), t + int(reach[t]) + 1)) if j != t]
        h = Wi[words[context]].sum(0)
        h = h / len(context) if plan.objective.cbow_mean else h
        total = total - logsigmoid(h @ Wo[word]) - logsigmoid(-(Wo[neg[neg != word]] @ h)).sum()
    return total


def test_a_lone_word_and_a_negative_equal_to_the_target_train_nothing():
    one = case(lengths=(1, 1, 1, 1), unknown=0, sample=False)
    inputs, outputs, result = run("reference", one)
    assert np.array_equal(inputs, one.tables.inputs)
    assert np.array_equal(outputs, one.tables.outputs)
    assert result.tolist() == [4, 0, 0]
    # two targets, no negative counted
    assert run("reference", case(V=1, lengths=(2,), unknown=0, sample=False))[2][2] == 2
