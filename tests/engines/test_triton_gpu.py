"""The GPU engine on a GPU, or with TRITON_INTERPRET=1 without one.

One program at a time gives what the reference gives; many are judged by what is learnt.
"""

import numpy as np
import pytest
import torch

from tests.engines.cases import case, run
from tests.engines.test_agreement import OPTIONS
from tests.helpers import GPU, ours, same, topics, words
from torch_w2v import engines
from torch_w2v.engines import reference
from torch_w2v.engines import row_scales as plan
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.triton import engine as triton

DEVICE = "cuda" if GPU else "cpu"
pytestmark = pytest.mark.skipif(not (GPU or triton.interpreted()), reason="needs a GPU and triton")


def on_gpu(tables, arguments):
    moved = {name: value.to(DEVICE) if isinstance(value, torch.Tensor) else value for name, value in arguments.items()}
    return [tensor.cpu() for tensor in run(triton.train_chunk, [table.to(DEVICE) for table in tables], moved)]


def agree(layout, **options):
    tables, arguments = case(layout=layout, **options)
    wide = [table.double() for table in tables]
    for got, want in zip(on_gpu(tables, arguments), run(reference.train_chunk, wide, arguments), strict=True):
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-5, atol=1e-6)


@pytest.fixture(autouse=True)
def _exact_products(monkeypatch):
    monkeypatch.setenv("TORCH_W2V_DOT", "ieee")


@pytest.mark.parametrize("layout", [Layout(32, 1, 32, 1), Layout(16, 5, 32, 1), Layout(7, 3, 2, 1)], ids=str)
@pytest.mark.parametrize("D", [1, 3, 63, 100, 300])
def test_shapes(layout, D):
    agree(layout, D=D, V=1000)


@pytest.mark.parametrize("options", [o for o in OPTIONS if sum(o.get("lengths", ())) < 2000], ids=str)
def test_options(options):
    agree(Layout(32, 1, 32, 1), **options)


@pytest.mark.parametrize("dot", ["tf32", "tf32x3"])
def test_products_on_tensor_cores(monkeypatch, dot):
    """tf32 has 10 bits, of which the lower ones of an operand are cut off: less than 2 in 1,000 of an update."""
    monkeypatch.setenv("TORCH_W2V_DOT", dot)
    tables, arguments = case(D=100, V=1000, layout=Layout(32, 1, 32, 1))
    want = run(reference.train_chunk, tables, arguments)
    for got, expected, before in zip(on_gpu(tables, arguments)[:2], want[:2], tables, strict=True):
        wrong = (got - expected).norm() / (expected - before).norm()
        assert wrong < (2e-3 if dot == "tf32" else 1e-5)


def test_many_programs_learn_no_less_than_blocks_in_step():
    """They see each other's work sooner than that, and later than blocks one after the other: the loss lies between."""
    layout = engines.blocks_in_flight(5, 1e6, 6)
    tables, arguments = case(V=1000, D=100, lengths=(20,) * 3000, layout=layout, size=0.005, alpha=(0.025, 0.025))
    share = np.bincount(arguments["tokens"][arguments["tokens"] >= 0], minlength=1000) / 60_000
    scales = plan.row_scales(share, np.full(1000, 1e-3), layout, 5, 6.0, np.ones(1), 0.025)
    arguments |= dict(zip(("input_scale", "output_scale"), scales, strict=True))
    (_, *in_step), (_, *one_by_one) = (
        run(reference.train_chunk, tables, {**arguments, "B": B})[2].tolist() for B in (layout.B, 1)
    )
    loss, pairs = on_gpu(tables, arguments)[2][1:].tolist()
    assert pairs == pytest.approx(in_step[1])
    assert 0.995 * one_by_one[0] < loss < 1.005 * in_step[0]


@pytest.mark.parametrize("options", [{}, {"negative": 15}, {"vector_size": 300}, {"cbow_mean": 0}], ids=str)
def test_word2vec(options):
    model = ours(topics(), "triton", device=DEVICE, epochs=10, alpha=0.05, sample=0, compute_loss=True, **options)
    assert {word[0] for word, _ in model.wv.most_similar("a0", topn=4)} == {"a"}
    assert model.training_losses[-1] < model.training_losses[0]


def test_vectors_are_in_the_model_at_the_end_of_each_epoch():
    seen = []

    class Watch:
        def __getattr__(self, name):
            return lambda model: seen.append(model.wv.vectors.copy()) if name == "on_epoch_end" else None

    model = ours(words(), "triton", device=DEVICE, epochs=3, callbacks=[Watch()])
    assert len(seen) == 3
    assert not np.array_equal(seen[0], seen[1])
    assert np.array_equal(seen[2], model.wv.vectors)


def test_one_block_in_flight_repeats_the_draws():
    one, other = (ours(words(), "triton", device=DEVICE) for _ in range(2))
    assert one.wv.index_to_key == other.wv.index_to_key
    np.testing.assert_allclose(one.wv.vectors, other.wv.vectors, rtol=1e-3, atol=1e-4)
    assert not same(one, ours(words(), "triton", device=DEVICE, seed=4))


@pytest.mark.skipif(not GPU, reason="needs a GPU")
def test_a_device_that_is_too_small():
    held = torch.empty(int(torch.cuda.mem_get_info()[0] * 0.97), dtype=torch.uint8, device="cuda")
    rows = np.zeros((40_000_000, 300), np.float32)  # only what is touched is ever in memory
    try:
        with (
            pytest.raises(torch.OutOfMemoryError, match="vectors of 40,000,000 words with vector_size=300 need 96"),
            engines.Resident().tables(engines.choose("triton", "cuda", 300), rows, rows),
        ):
            pass
    finally:
        del held
        torch.cuda.empty_cache()
