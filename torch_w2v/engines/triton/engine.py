"""The GPU engine: one Triton kernel for a chunk, launched with B programs. Imported without triton; training needs it.

The draws are made on the device by `sampling`, the rest is `triton_kernel`. `reference` defines what must come out, but
for one thing: the B programs are never in step. Each takes an equal run of consecutive blocks, so that B blocks which
lie evenly across the chunk are in flight at any time, and a block sees what the others have written until then. One
after the other, as in Triton's interpreter, the programs give what `reference` gives with B = 1. On a GPU no two runs
are equal to the last bit, since additions to a row come in any order.
"""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import torch
from torch import Tensor

from torch_w2v.engines import sampling

LANES = 4  # floats that are loaded, stored or added at once: rows are filled up to a multiple of 16 bytes
MOST_T, MOST_N = 64, 64  # a larger block, or set of negatives, does not fit into the registers
OLDEST = (8, 0)  # the first compute capability with tf32 tensor cores
DOTS = ("tf32", "tf32x3", "ieee")  # how exact products are
_PIECE = 1 << 26  # bytes of a table that are copied at a time: on a device, rows of odd length go through a copy


def is_padded(table: Tensor) -> bool:
    """Whether the kernel can work on these rows in place: float32, aligned and filled up to whole `LANES`."""
    aligned = table.dtype == torch.float32 and table.data_ptr() % (4 * LANES) == 0
    return aligned and table.stride() == (-(-table.shape[1] // LANES) * LANES, 1)


def padded(table: Tensor, into: Tensor | None = None, *, device: torch.device | str = "cpu") -> Tensor:
    """A float32 copy (V, D) on `device` whose rows are aligned and followed by zeros; in the memory of `into`, an
    earlier result, if that fits."""
    V, D = table.shape
    device = torch.empty(0, device=device).device  # 'cuda' -> 'cuda:0'
    if into is None or into.shape != table.shape or into.device != device:
        into = torch.empty(V, -(-D // LANES) * LANES, dtype=torch.float32, device=device)[:, :D]
    into.as_strided((V, into.stride(0)), (into.stride(0), 1))[:, D:] = 0
    copy_rows(into, table)
    return into


def copy_rows(into: Tensor, table: Tensor) -> None:
    """`into.copy_(table)` between devices, with little memory beside them."""
    count = max(1, _PIECE // (4 * max(1, table.shape[1])))
    for part, source in zip(into.split(count), table.split(count), strict=True):
        part.copy_(source)


def interpreted() -> bool:
    """Whether Triton interprets kernels on the CPU, as tests do (TRITON_INTERPRET=1)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def unusable(device: torch.device) -> str | None:
    """Why this engine cannot work on a device, and what would mend it; None if it can."""
    if device.type != "cuda" and not (device.type == "cpu" and interpreted()):
        return f"it needs an NVIDIA GPU, device='cuda'; on device='{device}' use engine='auto'"
    if importlib.util.find_spec("triton") is None:
        return "triton is not installed: pip install 'torch_w2v[gpu]', or use engine='torch_batched'"
    if device.type == "cpu":
        return None
    if torch.version.hip:
        return "it was never run on AMD GPUs (ROCm): use engine='torch_batched'"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        return (
            f"it needs an NVIDIA GPU of compute capability {OLDEST[0]}.{OLDEST[1]} (Ampere) or later, and "
            f"{torch.cuda.get_device_name(device)} has {capability[0]}.{capability[1]}: use engine='torch_batched'"
        )
    return None


def train_chunk(
    inputs: Tensor, outputs: Tensor, tokens: Tensor, offsets: Tensor, begin: int, end: int, position: int,
    alpha_begin: float, alpha_end: float, keep: Tensor, noise: Tensor, input_scale: Tensor, output_scale: Tensor,
    token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool, exact_gradient: bool,
    shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int, G: int, fresh: bool,
) -> Tensor:  # fmt: skip
    """See `operator.SCHEMA`; here B is how many blocks are in flight, T and N are at most 64, G is 1 and fresh False.

    TORCH_W2V_DOT=tf32x3 or ieee in the environment makes products more exact than tf32, and slower.

    Raises:
        ValueError: a layout that the kernel does not take.
        RuntimeError: tables on a device where it does not work.
    """
    if T > MOST_T or N > MOST_N:
        raise ValueError(f"T={T}, N={N}: the Triton kernel takes blocks of up to {MOST_T} and sets of up to {MOST_N}")
    if G != 1 or fresh:
        raise ValueError(f"G={G}, fresh={fresh}: the Triton kernel takes G=1 and fresh=False only")
    dot = os.environ.get("TORCH_W2V_DOT", "tf32")
    if dot not in DOTS:
        raise ValueError(f"TORCH_W2V_DOT={dot!r}: must be one of {', '.join(map(repr, DOTS))}")
    if (why := unusable(inputs.device)) is not None:
        raise RuntimeError(f"the Triton engine cannot be used: {why}")
    from torch_w2v.engines.triton.kernel import train_blocks  # noqa: PLC0415  triton is no dependency

    device = inputs.device
    kept = sampling.kept_stream(tokens, offsets, position, keep, token_stream, window, shrink_windows)
    first, last = torch.searchsorted(kept.place, torch.tensor([begin, end], device=device)).tolist()
    starts = torch.arange(first, last, T, device=device)  # (blocks,)
    if not len(starts):
        return torch.zeros(3, dtype=torch.float64)
    raw = kept.place[starts]
    alphas = (alpha_begin + (alpha_end - alpha_begin) * (raw - begin).double() / (end - begin)).float()
    counters = ((position + raw) * (S * N))[:, None] + torch.arange(S * N, device=device)
    negatives = sampling.noise_words(noise, noise_stream, counters).int()  # (blocks, S·N)

    programs = min(B, len(starts))
    tables = [table if is_padded(table) else padded(table, device=device) for table in (inputs, outputs)]
    D = tables[0].stride(0)
    form = shape(D, T, S, N)
    scratch = torch.empty((programs, form["BT"], D) if form["BD"] < D or S > 1 else 0, device=device)
    losses = torch.zeros(programs, 2, dtype=torch.float64, device=device)
    with torch.cuda.device_of(inputs):
        train_blocks[(programs,)](
            *tables, scratch, losses, kept.ids.int(), kept.low.int(), kept.high.int(), negatives, alphas, input_scale,
            output_scale, first, last, len(starts), -(-len(starts) // programs), T, N, negative / N,
            S=S, D=D, MEAN=cbow_mean, SHARED=cbow_mean == exact_gradient, LOSS=compute_loss,
            SCALE_INPUTS=len(input_scale) > 0, SCALE_OUTPUTS=len(output_scale) > 0,
            DOT=dot, **form,
        )  # fmt: skip
    for table, own in zip((inputs, outputs), tables, strict=True):
        if own is not table:
            table.copy_(own)
    loss, pairs = losses.sum(0).tolist() if compute_loss else (0.0, 0.0)
    return torch.tensor([last - first, loss, pairs], dtype=torch.float64)


def shape(D: int, T: int, S: int, N: int) -> dict[str, Any]:
    """The kernel's tile sizes and how Triton is to compile it, for rows of D floats.

    A row is one tile where it fits; else tiles of 64, and context rows 16 at a time: then nothing spills at T = N = 32.
    With fewer than 64 rows a product uses mma instead of Hopper's wgmma, which would want B transposed for tf32, by
    loads of four bytes, and a fence before each product.
    """

    def power(n: int) -> int:  # tensor cores multiply 16 rows at a time
        return max(16, 1 << (n - 1).bit_length())

    one = S == 1 and D <= 128
    BT, BN = power(T), power(N)
    return {
        "BT": BT, "BN": BN, "BC": 32 if one else 16, "BD": power(D) if one else min(64, power(D)),
        "num_warps": 4 if max(BT, BN) <= 32 else 8, "num_stages": 2, "maxnreg": 255,
    }  # fmt: skip
