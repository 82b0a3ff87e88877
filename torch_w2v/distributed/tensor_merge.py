"""merge.py in torch operations, for tables on a device; what the wire has is bfloat16. The specification is merge.py.

Only `curvature_on` waits for the device. Scratch is the caller's: between two collectives nothing large is allocated,
so that no rank fails there while others wait for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_w2v.distributed.merge import Curvature


class TensorCurvature(NamedTuple):
    """A `Curvature` on a device.

    Attributes:
        directions: (m, D) float32.
        rates: (m + 1,) float32.
    """

    directions: Tensor
    rates: Tensor


def curvature_on(device: torch.device, curvature: Curvature, alpha: float) -> TensorCurvature:
    """Return a curvature on a device, its rates multiplied by the learning rate."""
    rates = np.float32(alpha) * curvature.rates
    return TensorCurvature(*(torch.from_numpy(array).to(device) for array in (curvature.directions, rates)))


def shares_moved(x: Tensor) -> Tensor:
    """Return (1 - exp(-x)) / x, 1 at 0."""
    return torch.where(x < 1e-4, 1 - x / 2, -torch.expm1(-x) / x.clamp(min=1e-4))


def pack(
    local: Tensor, base: Tensor, gradients: Tensor, curvature: TensorCurvature, wire: Tensor, scratch: Tensor
) -> None:
    """Write what this rank sends; the arguments are those of `bindings.pack`, as tensors.

    Args:
        local, base, gradients, curvature: on one device.
        wire: (n, D + m + 1) bfloat16, is filled.
        scratch: (n, D + m + 1) float32.
    """
    m, D = curvature.directions.shape
    moves = torch.sub(local, base, out=scratch[:, :D])
    factors = shares_moved(gradients[:, None] * curvature.rates).reciprocal_()
    rest = factors[:, -1:]
    torch.mul(moves @ curvature.directions.T, factors[:, :-1] - rest, out=scratch[:, D : D + m])
    moves.mul_(rest)
    scratch[:, -1] = gradients
    wire.copy_(scratch)


def add(parts: Tensor, into: Tensor, scratch: Tensor) -> None:
    """Add over the ranks in float32, in their order, and round once.

    Args:
        parts: (ranks, n, m) bfloat16.
        into: (n, m) bfloat16, is filled with the sum.
        scratch: (n, m) float32.
    """
    scratch.copy_(parts[0])
    for part in parts[1:]:
        scratch.add_(part)
    into.copy_(scratch)


def apply(local: Tensor, base: Tensor, curvature: TensorCurvature, wire: Tensor, scratch: Tensor) -> None:
    """Move `base` by what `wire` has, the sum over all ranks, and make `local` equal to it; see `pack`."""
    m, D = curvature.directions.shape
    scratch.copy_(wire)
    common, beside, gradients = scratch[:, :D], scratch[:, D : D + m], scratch[:, -1:]
    factors = shares_moved(gradients * curvature.rates)
    rest = factors[:, -1:]
    along = common @ curvature.directions.T
    leading = (along + beside).mul_(factors[:, :-1]).sub_(along.mul_(rest))
    base.add_(common.mul_(rest).addmm_(leading, curvature.directions))
    local.copy_(base)
