"""What the engines on tensors share, as far as it can be seen without another device."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from tests.engines.cases import case, run
from torch_w2v.engines.plan import Layout
from torch_w2v.engines.torch_engine import dtype_of_sums

MADE = {torch.ones, torch.zeros, torch.full, torch.empty, torch.arange, torch.tensor, torch.randint, torch.linspace}


class Creations(TorchFunctionMode):
    """Notes tensors that are created without saying where: on a GPU they would be on the CPU."""

    def __init__(self):
        super().__init__()
        self.all, self.nowhere = 0, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in MADE:
            self.all += 1
            if "device" not in (kwargs or {}):
                self.nowhere.append(function.__name__)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["reference", "torch_batched"])
@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("skip_gram", [False, True])
@pytest.mark.parametrize("input_scale", [False, True])
def test_all_tensors_are_created_on_the_device_of_the_tables(name, fresh, skip_gram, input_scale):
    one = case(skip_gram=skip_gram, layout=Layout(T=16, S=8, N=5, B=1, fresh=fresh and not skip_gram))
    if not input_scale:
        one = one.changed(input_scale=one.plan.input_scale[:0])
    with Creations() as creations:
        run(name, one)
    assert creations.all > 3
    assert not creations.nowhere


def test_losses_are_added_up_in_what_the_device_has():
    assert dtype_of_sums(torch.device("mps")) == torch.float32
    assert {dtype_of_sums(torch.device(name)) for name in ("cpu", "cuda", "xpu")} == {torch.float64}
