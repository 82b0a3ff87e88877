import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from tests.engines.cases import case, run, transcribe
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.torch_ops import OPERATORS

SEQUENTIAL = Layout(T=1, S=1, N=5, B=1)  # gensim's own order: one target at a time
FRESH = Layout(T=32, S=32, N=5, B=1, G=4, fresh=True)


def same_as_transcription(**options):
    tables, arguments = case(dtype=torch.float64, **options)
    inputs, outputs, result = run(OPERATORS["reference"], tables, arguments)
    want_inputs, want_outputs, want = transcribe(tables, arguments)
    np.testing.assert_allclose(inputs.numpy(), want_inputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outputs.numpy(), want_outputs, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result.numpy(), want if arguments["compute_loss"] else [want[0], 0, 0], rtol=1e-9)
    return tables, inputs, outputs, result


@pytest.mark.parametrize("cbow_mean", [True, False])
@pytest.mark.parametrize("exact_gradient", [True, False])
@pytest.mark.parametrize(
    "layout",
    [
        SEQUENTIAL, Layout(64, 8, 5, 1), Layout(7, 3, 2, 2), Layout(16, 1, 9, 3), Layout(2, 4, 5, 1), FRESH,
        Layout(16, 16, 5, 1, G=3), Layout(16, 16, 5, 1, fresh=True), Layout(24, 6, 2, 2, G=4, fresh=True),
    ],
)  # fmt: skip
def test_agrees_with_a_slow_transcription(cbow_mean, exact_gradient, layout):
    tables, inputs, outputs, result = same_as_transcription(
        cbow_mean=cbow_mean, exact_gradient=exact_gradient, layout=layout
    )
    assert result[0] > 100
    assert not torch.allclose(tables[0], inputs)
    assert not torch.allclose(tables[1], outputs)


@pytest.mark.parametrize(
    "options",
    [
        {"window": 1}, {"window": 500}, {"shrink_windows": False}, {"sample": False, "unknown": 0}, {"scales": True},
        {"V": 1}, {"V": 2}, {"D": 1}, {"D": 3}, {"negative": 1}, {"negative": 20}, {"compute_loss": False},
        {"lengths": ()}, {"lengths": (0, 0)}, {"lengths": (1, 1, 1)}, {"lengths": (2,), "sample": False, "unknown": 0},
        {"lengths": (300,), "begin": 100, "end": 210}, {"position": 2**40}, {"unknown": 1.0},
        {"layout": FRESH, "scales": True}, {"layout": FRESH, "window": 500, "lengths": (100, 3, 1, 40)},
        {"layout": FRESH, "shrink_windows": False, "window": 15}, {"layout": FRESH, "lengths": (1,) * 40},
        {"layout": FRESH, "lengths": (90,), "begin": 20, "end": 70, "window": 30},
    ],
    ids=str,
)  # fmt: skip
def test_agrees_with_a_slow_transcription_on_odd_input(options):
    same_as_transcription(**options)


def test_one_step_is_the_derivative_of_the_loss():
    """cbow_gradient='exact': both tables move by -alpha times the autograd gradient of the block's loss, in float64."""
    layout = Layout(T=256, S=1, N=5, B=1)
    for cbow_mean in (True, False):
        tables, arguments = case(
            dtype=torch.float64, layout=layout, lengths=(40,), sample=False, unknown=0, exact_gradient=True,
            cbow_mean=cbow_mean, alpha=(1e-3, 1e-3), D=3, V=12,
        )  # fmt: skip
        moved = run(OPERATORS["reference"], tables, arguments)
        Wi, Wo = (table.clone().requires_grad_() for table in tables)
        loss = _loss(Wi, Wo, arguments)
        loss.backward()
        assert torch.autograd.gradcheck(lambda i, o, a=arguments: _loss(i, o, a), (Wi, Wo))
        np.testing.assert_allclose(float(moved[2][1]), loss.item(), rtol=1e-12)
        for table, after, W in zip(tables, moved, (Wi, Wo), strict=False):
            np.testing.assert_allclose((after - table).numpy(), -1e-3 * W.grad.numpy(), rtol=1e-9, atol=1e-15)


def _loss(Wi, Wo, a):
    """-log sigmoid(s+) - sum log sigmoid(-s-) of the only block, every word kept (Mikolov et al. 2013, eq. 4)."""
    from torch_w2v.engines import sampling  # noqa: PLC0415

    words = a["tokens"].long()
    neg = sampling.noise_words(a["noise"], a["noise_stream"], a["position"] * a["N"] + torch.arange(a["N"]))
    _, low = sampling.draw(a["token_stream"], a["position"] + torch.arange(len(words)))
    reach = 1 + (low * a["window"] >> 32)
    total = torch.zeros((), dtype=Wi.dtype)
    for t, word in enumerate(words):
        context = [j for j in range(max(0, t - int(reach[t])), min(len(words), t + int(reach[t]) + 1)) if j != t]
        h = Wi[words[context]].sum(0)
        h = h / len(context) if a["cbow_mean"] else h
        total = total - logsigmoid(h @ Wo[word]) - logsigmoid(-(Wo[neg[neg != word]] @ h)).sum()
    return total


def test_a_lone_word_and_a_negative_equal_to_the_target_train_nothing():
    tables, arguments = case(lengths=(1, 1, 1, 1), unknown=0, sample=False)
    inputs, outputs, result = run(OPERATORS["reference"], tables, arguments)
    assert torch.equal(inputs, tables[0])
    assert torch.equal(outputs, tables[1])
    assert result.tolist() == [4, 0, 0]

    tables, arguments = case(V=1, lengths=(2,), unknown=0, sample=False)
    assert run(OPERATORS["reference"], tables, arguments)[2].tolist()[2] == 2  # two targets, no negative counted
