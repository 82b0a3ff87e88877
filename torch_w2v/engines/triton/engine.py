"""The GPU engine: one Triton kernel per chunk, launched with B programs. Imported without triton; training needs it.

The draws are made on the device by `sampling`, the rest is `kernel`. `reference` defines what it must compute, but for
one thing: the B programs are never in step. Each takes an equal run of consecutive blocks, so that B blocks which lie
evenly across the chunk are in flight at any time, and a block sees what the others have written until then. One after
the other, as in Triton's interpreter, the programs compute what `reference` computes with B = 1. On a GPU no two runs
are equal to the last bit, since additions to a row come in any order.
"""

from __future__ import annotations

import importlib.util
import math
import os
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import layouts, sampling
from torch_w2v.engines.interface import ChunkResult, Rates, Tables
from torch_w2v.engines.padding import is_padded_at, padded_width
from torch_w2v.engines.plan import EpochPlan, Layout, Workload
from torch_w2v.engines.torch_engine import TorchEngine, copy_rows

# floats that are loaded, stored or added at once: rows are filled up to a multiple of 16 bytes
LANES = 4
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
        return layouts.blocks_in_flight(workload)

    def load_table(self, table: np.ndarray, previous: Any = None, words: float = math.inf) -> Tensor:
        """Return a padded copy of the table on the device; see `Engine.load_table`."""
        return padded(torch.from_numpy(table), previous, device=self.device)

    def train(self, tables: Tables, chunk: Chunk, rates: Rates, plan: EpochPlan) -> ChunkResult:
        """Train on a chunk; see `Engine.train`. B is the number of blocks in flight.

        T and N are at most 64, G is 1 and `fresh` False. TORCH_W2V_DOT=tf32x3 or ieee in the environment makes products
        more exact than tf32, and slower.

        Raises:
            ValueError: a layout or an objective that the kernel does not take.
            RuntimeError: tables on a device where it does not work.
        """
        objective, (T, S, N, B, G, fresh) = plan.objective, plan.layout.sizes
        if objective.skip_gram:
            raise ValueError("skip_gram=True: the Triton kernel trains CBOW only")
        if T > MAX_T or N > MAX_N:
            raise ValueError(f"T={T}, N={N}: the Triton kernel takes blocks of up to {MAX_T} and sets of up to {MAX_N}")
        if G != 1 or fresh:
            raise ValueError(f"G={G}, fresh={fresh}: the Triton kernel takes G=1 and fresh=False only")
        dot = os.environ.get("TORCH_W2V_DOT", "tf32")
        if dot not in DOTS:
            raise ValueError(f"TORCH_W2V_DOT={dot!r}: must be one of {', '.join(map(repr, DOTS))}")
        device = tables.inputs.device
        if (reason := why_unusable(device)) is not None:
            raise RuntimeError(f"the Triton engine cannot be used: {reason}")
        from torch_w2v.engines.triton.kernel import train_blocks  # noqa: PLC0415  triton is an optional extra

        kept, first, last, starts, _, raw, negatives = sampling.blocks_of(chunk, plan)
        if not len(starts):
            return ChunkResult(0, 0.0, 0.0)
        span, length = rates.end - rates.begin, chunk.end - chunk.begin
        alphas = (rates.begin + span * (raw - chunk.begin).double() / length).float()

        programs = min(B, len(starts))
        own = [table if is_padded(table) else padded(table, device=device) for table in tables]
        D = own[0].stride(0)
        form = shape(D, T, S, N)
        scratch = torch.empty((programs, form["BT"], D) if form["BD"] < D or S > 1 else 0, device=device)
        losses = torch.zeros(programs, 2, dtype=torch.float64, device=device)
        with torch.cuda.device_of(tables.inputs):
            train_blocks[(programs,)](
                *own,
                scratch,
                losses,
                kept.ids.int(),
                kept.low.int(),
                kept.high.int(),
                negatives.int(),
                alphas,
                plan.input_scale,
                plan.output_scale,
                first,
                last,
                len(starts),
                -(-len(starts) // programs),
                T,
                N,
                objective.negative / N,
                S=S,
                D=D,
                MEAN=objective.cbow_mean,
                SHARED=objective.cbow_mean == objective.exact_gradient,
                LOSS=objective.compute_loss,
                SCALE_INPUTS=len(plan.input_scale) > 0,
                SCALE_OUTPUTS=len(plan.output_scale) > 0,
                DOT=dot,
                MOST=objective.largest_error,
                **form,
            )
        for table, trained in zip(tables, own, strict=True):
            if trained is not table:
                table.copy_(trained)
        loss, pairs = losses.sum(0).tolist() if objective.compute_loss else (0.0, 0.0)
        return ChunkResult(last - first, loss, pairs)


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
    """Return whether the kernel can work on these rows in place: float32, aligned and filled up to whole `LANES`."""
    return table.dtype == torch.float32 and is_padded_at(table.data_ptr(), table.stride(), table.shape[1], LANES)


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
        into = torch.empty(V, padded_width(D, LANES), dtype=torch.float32, device=device)[:, :D]
    into.as_strided((V, into.stride(0)), (into.stride(0), 1))[:, D:] = 0
    copy_rows(into, table)
    return into


def shape(D: int, T: int, S: int, N: int) -> dict[str, Any]:
    """Return the kernel's tile sizes and how Triton is to compile it.

    A row is one tile where it fits; else tiles of 64, and context rows 16 at a time: then nothing spills at T = N = 32.
    With fewer than 64 rows a product uses mma instead of Hopper's wgmma, which would want B transposed for tf32, by
    loads of four bytes, and a fence before each product.

    Args:
        D: floats per padded row.
        T, S, N: as `Layout`.
    """

    def power(n: int) -> int:
        # Tensor cores multiply 16 rows at a time.
        return max(16, 1 << (n - 1).bit_length())

    one = S == 1 and D <= 128
    BT, BN = power(T), power(N)
    return {
        "BT": BT,
        "BN": BN,
        "BC": 32 if one else 16,
        "BD": power(D) if one else min(64, power(D)),
        "num_warps": 4 if max(BT, BN) <= 32 else 8,
        "num_stages": 2,
        "maxnreg": 255,
    }
