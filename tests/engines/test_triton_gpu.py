"""The GPU engine on a GPU, or with TRITON_INTERPRET=1 without one.

One program at a time computes what the reference computes; many are judged by what is learnt.
"""

import numpy as np
import pytest
import torch

from tests.engines.cases import case, run
from tests.engines.shapes import OPTIONS, is_long, name_of
from tests.helpers import GPU, ours, same, topics, words
from torch_w2v import engines
from torch_w2v.engines.layouts import blocks_in_flight
from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.row_scales import row_scales
from torch_w2v.engines.triton.engine import TritonEngine, interpreted
from torch_w2v.training.tables import EngineMemory

DEVICE = "cuda" if GPU else "cpu"
pytestmark = pytest.mark.skipif(not (GPU or interpreted()), reason="needs a GPU and triton")


def agree(layout, **options):
    one = case(layout=layout, **options)
    for x, y in zip(run(TritonEngine(DEVICE), one), run("reference", one.wide()), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)


@pytest.fixture(autouse=True)
def _exact_products(monkeypatch):
    monkeypatch.setenv("TORCH_W2V_DOT", "ieee")


@pytest.mark.parametrize("layout", [Layout(32, 1, 32, 1), Layout(16, 5, 32, 1), Layout(7, 3, 2, 1)], ids=name_of)
@pytest.mark.parametrize("D", [1, 3, 63, 100, 300])
def test_shapes(layout, D):
    agree(layout, D=D, V=1000)


@pytest.mark.parametrize("options", [o for o in OPTIONS if not is_long(o)], ids=name_of)
def test_options(options):
    agree(Layout(32, 1, 32, 1), **options)


@pytest.mark.parametrize("layout", [Layout(16, 1, 32, 1), Layout(16, 3, 20, 1), Layout(7, 2, 50, 1)], ids=name_of)
@pytest.mark.parametrize("D", [1, 63, 100, 300])
@pytest.mark.parametrize("window", [3, 12])
def test_shapes_of_skip_gram(layout, D, window):
    agree(layout, D=D, V=1000, window=window, skip_gram=True)


@pytest.mark.parametrize("options", [o for o in OPTIONS if not is_long(o)], ids=name_of)
def test_options_of_skip_gram(options):
    agree(Layout(16, 2, 32, 1), skip_gram=True, **options)


@pytest.mark.parametrize("dot", ["tf32", "tf32x3"])
def test_products_on_tensor_cores(monkeypatch, dot):
    """tf32 has 10 bits, of which the lower ones of an operand are cut off: less than 2 in 1,000 of an update."""
    monkeypatch.setenv("TORCH_W2V_DOT", dot)
    one = case(D=100, V=1000, layout=Layout(32, 1, 32, 1))
    trained, want = run(TritonEngine(DEVICE), one), run("reference", one)
    for x, y, before in zip(trained[:2], want[:2], one.tables, strict=True):
        wrong = np.linalg.norm(x - y) / np.linalg.norm(y - before)
        assert wrong < (2e-3 if dot == "tf32" else 1e-5)


def test_many_programs_learn_no_less_than_blocks_in_step():
    """They see each other's work sooner than that, and later than blocks one after the other: the loss lies between."""
    workload = Workload(5, 1e6, 6.0)
    layout = blocks_in_flight(workload)
    one = case(V=1000, D=100, lengths=(20,) * 3000, layout=layout, size=0.005, alpha=(0.025, 0.025))
    tokens = one.chunk.tokens
    share = np.bincount(tokens[tokens >= 0], minlength=1000) / 60_000
    scales = row_scales(share, np.full(1000, 1e-3), layout, workload, lockf=np.ones(1), alpha=0.025)
    one = one.changed(input_scale=scales[0], output_scale=scales[1])
    (_, in_step, weight), (_, one_by_one, _) = (run("reference", one.changed(B=B))[2] for B in (layout.B, 1))
    _, loss, pairs = run(TritonEngine(DEVICE), one)[2]
    assert pairs == pytest.approx(weight)
    assert 0.995 * one_by_one < loss < 1.005 * in_step


@pytest.mark.parametrize(
    "options", [{}, {"negative": 15}, {"vector_size": 300}, {"cbow_mean": 0}, {"sg": 1}], ids=name_of
)
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
    # Only what is touched is ever in memory.
    rows = np.zeros((40_000_000, 300), np.float32)
    try:
        with (
            pytest.raises(torch.OutOfMemoryError, match="vectors of 40,000,000 words with vector_size=300 need 96"),
            EngineMemory().tables(engines.choose("triton", "cuda", 300), rows, rows),
        ):
            pass
    finally:
        del held
        torch.cuda.empty_cache()
