"""The exchange of tables that are tensors on the ranks' devices: they stay there."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torch_w2v.distributed import tensor_merge
from torch_w2v.distributed.exchange import Exchange, check_alike
from torch_w2v.distributed.merge import Curvature, Problem
from torch_w2v.distributed.tensor_group import TensorGroup
from torch_w2v.distributed.tensor_merge import TensorCurvature


class TensorExchange(Exchange):
    """`Exchange` for tensors: its methods take the tables as they are on a device, (V, D) float32.

    Rows may have gaps between them. What the ranks agree on is on the device, too. Between the CPUs only the directions
    are sent.

    Args:
        group: the ranks, for tensors of the device.
        problem, is_sorted: as for `Exchange`.
    """

    def __init__(self, group: TensorGroup, problem: Problem, is_sorted: bool) -> None:
        super().__init__(group.ranks, problem, is_sorted, threads=1)
        self._tensors = group

    def overwrite(self, tables: Sequence[Tensor]) -> None:
        """Overwrite the tables on all ranks by rank 0's, in place."""
        check_alike(self._group, tables)
        for table in tables:
            for part in self._blocks(*table.shape):
                rows = table[part].contiguous()
                self._tensors.broadcast(rows)
                self._tensors.settle(rows.device)
                if rows.data_ptr() != table[part].data_ptr():
                    table[part] = rows

    def begin(self, tables: Sequence[Tensor], curvatures: np.ndarray | None = None) -> None:
        """Take the tables as what the ranks agree on; see `Exchange.begin`."""
        super().begin(tables, curvatures)
        base, directions = self._base[0], self._curvatures[0].directions
        rows, columns = next(self._blocks(*base.shape)).stop, sum(directions.shape) + 1
        self._buffers = _buffers(rows, columns, self._tensors.size, base.device)

    def merge(self, tables: Sequence[Tensor], counts: np.ndarray, number: int, is_last: bool, alpha: float) -> int:
        """Exchange what the ranks have learnt since the last time, in place; see `Exchange.merge`.

        Devices of different kinds may round what they apply differently, so the last exchange of an epoch ends with
        rank 0's tables on all ranks.
        """
        self._tensors.meet()
        rows = super().merge(tables, counts, number, is_last, alpha)
        if is_last:
            self.overwrite(tables)
        return rows

    def _copy(self, table: Tensor) -> Tensor:
        return table.clone(memory_format=torch.contiguous_format)

    def _zeros(self, table: Tensor) -> Tensor:
        return torch.zeros(len(table), dtype=torch.float32, device=table.device)

    def _hot_rows(self, base: Tensor) -> np.ndarray:
        hottest: Any = self._hottest
        if not isinstance(hottest, slice):
            hottest = torch.from_numpy(hottest).to(base.device)
        return base[hottest].cpu().numpy()

    def _count(self, gradients: Tensor, new: np.ndarray) -> None:
        gradients += torch.from_numpy(new.astype(np.float32)).to(gradients.device)

    def _scaled(self, curve: Curvature, alpha: float, base: Tensor) -> TensorCurvature:
        return tensor_merge.curvature_on(base.device, curve, alpha)

    def _merge_rows(
        self, local: Tensor, base: Tensor, gradients: Tensor, curve: TensorCurvature, pool: Executor
    ) -> None:
        n, size = len(base), self._tensors.size
        part = -(-n // size)
        sent, received, total, scratch = self._buffers
        wire = sent[: size * part]
        tensor_merge.pack(local, base, gradients, curve, wire[:n], scratch[:n])
        wire[n:] = 0
        parts = received[: size * part].view(size, part, -1)
        self._tensors.swap_parts(wire.view(size, part, -1), parts)
        tensor_merge.add(parts, total[:part], scratch[:part])
        self._tensors.gather_parts(total[:part], wire.view(size, part, -1))
        tensor_merge.apply(local, base, curve, wire[:n], scratch[:n])
        self._tensors.settle(base.device)
        self.bytes_sent += 2 * wire.numel() * wire.element_size() * (size - 1) // size


class _Buffers(NamedTuple):
    """What a block is exchanged through, (rows, D + m + 1) each.

    Attributes:
        sent, received: bfloat16, a multiple of the ranks.
        total: bfloat16, the sum over the ranks of this rank's part.
        scratch: float32.
    """

    sent: Tensor
    received: Tensor
    total: Tensor
    scratch: Tensor


def _buffers(rows: int, columns: int, size: int, device: torch.device) -> _Buffers:
    def empty(count: int, dtype: torch.dtype) -> Tensor:
        return torch.empty(count, columns, dtype=dtype, device=device)

    part, wire = -(-rows // size), torch.bfloat16
    return _Buffers(empty(size * part, wire), empty(size * part, wire), empty(part, wire), empty(rows, torch.float32))
