"""The GPU engine: one Triton kernel per chunk, launched with B programs. Imported without triton; training needs it.

The draws are made on the device by `sampling`, the rest is in `cbow_kernel` and `skip_gram_kernel`. `reference` defines
what it must compute, but for one thing: the B programs are never in step. Each takes an equal run of consecutive
blocks, so that B blocks which lie evenly across the chunk are in flight at any time, and a block sees what the others
have written until then. One after the other, as in Triton's interpreter, the programs compute what `reference` computes
with B = 1. On a GPU no two runs are equal to the last bit, since additions to a row come in any order.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.padding import is_padded_at, padded_width
from torch_w2v.engines.plan import EpochPlan, Layout, Workload
from torch_w2v.engines.torch_engine import TorchEngine, copy_rows
from torch_w2v.engines.triton import cbow, skip_gram

# Rows are filled up to a multiple of so many floats, 16 bytes, which are loaded, stored or added at once.
ROW_MULTIPLE = 4
# A larger block, or set of negatives, does not fit into the registers.
MAX_T, MAX_N = 64, 64
# the first compute capability with tf32 tensor cores
OLDEST_CAPABILITY = (8, 0)
# how exact products are
DOTS = ("tf32", "tf32x3", "ieee")


class TritonEngine(TorchEngine):
    """The fused kernel for NVIDIA GPUs."""

    name = "triton"

    def layout(self, workload: Workload) -> Layout:
        """Return the layout of many blocks in flight."""
        return layouts.skip_gram_in_flight(workload) if workload.skip_gram else layouts.blocks_in_flight(workload)

    def load_table(self, table: np.ndarray, previous: Any = None) -> Tensor:
        """Return a padded copy of the table on the device; see `Engine.load_table`."""
        return padded(torch.from_numpy(table), previous, device=self.device)

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`. B is the number of blocks in flight.

        T and N are at most 64, G is 1, `fresh` and `by_set` are False. TORCH_W2V_DOT=tf32x3 or ieee in the environment
        makes products more exact than tf32, and slower.

        Raises:
            ValueError: a layout that the kernel does not take.
            RuntimeError: tables on a device where it does not work.
        """
        objective, (T, _, N, _, G, fresh) = plan.objective, plan.layout.sizes
        if T > MAX_T or N > MAX_N:
            raise ValueError(f"T={T}, N={N}: the Triton kernel takes blocks of up to {MAX_T} and sets of up to {MAX_N}")
        if G != 1 or fresh:
            raise ValueError(f"G={G}, fresh={fresh}: the Triton kernel takes G=1 and fresh=False only")
        if plan.layout.by_set:
            raise ValueError("by_set=True: the Triton kernel reads context rows once per block")
        if plan.layout.stride > 1:
            raise ValueError(f"stride={plan.layout.stride}: the Triton kernel takes inputs as they come")
        dot = os.environ.get("TORCH_W2V_DOT", "tf32")
        if dot not in DOTS:
            raise ValueError(f"TORCH_W2V_DOT={dot!r}: must be one of {', '.join(map(repr, DOTS))}")
        device = tables.inputs.device
        if (reason := why_unusable(device)) is not None:
            raise RuntimeError(f"the Triton engine cannot be used: {reason}")
        own = Tables(*(table if is_padded(table) else padded(table, device=device) for table in tables))
        train = skip_gram.train if objective.skip_gram else cbow.train
        result = train(own, chunk, rates, plan, dot)
        for table, trained in zip(tables, own, strict=True):
            if trained is not table:
                table.copy_(trained)
        return result


def why_unusable(device: torch.device) -> str | None:
    """Return why this engine cannot work on a device, and what would mend it; None if it can."""
    if device.type != "cuda" and not (device.type == "cpu" and interpreted()):
        return f"it needs an NVIDIA GPU, device='cuda'; on device='{device}' use engine='auto'"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed: pip install 'torch_w2v[gpu]', or use engine='torch_batched'"
    if device.type == "cpu":
        return None
    if torch.version.hip:
        return "it was never run on AMD GPUs (ROCm): use engine='torch_batched'"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST_CAPABILITY:
        oldest = ".".join(map(str, OLDEST_CAPABILITY))
        return (
            f"it needs an NVIDIA GPU of compute capability {oldest} (Ampere) or later, and "
            f"{torch.cuda.get_device_name(device)} has {capability[0]}.{capability[1]}: use engine='torch_batched'"
        )
    return None


def interpreted() -> bool:
    """Return whether Triton interprets kernels on the CPU, as tests do (TRITON_INTERPRET=1)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def is_padded(table: Tensor) -> bool:
    """Return whether the kernel can work on these rows in place: float32, aligned and filled up to `ROW_MULTIPLE`."""
    return table.dtype == torch.float32 and is_padded_at(table.data_ptr(), table.stride(), table.shape[1], ROW_MULTIPLE)


def padded(table: Tensor, into: Tensor | None = None, *, device: torch.device | str = "cpu") -> Tensor:
    """Return a float32 copy of a table on a device, whose rows are aligned and followed by zeros.

    Args:
        table: (V, D) float32.
        into: an earlier result, whose memory is used again if it fits.
        device: where the copy is to be.
    """
    V, D = table.shape
    # 'cuda' -> 'cuda:0'
    device = torch.empty(0, device=device).device
    if into is None or into.shape != table.shape or into.device != device:
        into = torch.empty(V, padded_width(D, ROW_MULTIPLE), dtype=torch.float32, device=device)[:, :D]
    into.as_strided((V, into.stride(0)), (into.stride(0), 1))[:, D:] = 0
    copy_rows(into, table)
    return into
