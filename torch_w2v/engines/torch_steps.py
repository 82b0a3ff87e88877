"""What large steps in plain torch have in common, for CBOW and for skip-gram."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling
from torch_w2v.engines.interface import ChunkResult, Rates
from torch_w2v.engines.plan import EpochPlan
from torch_w2v.engines.torch_engine import dtype_of_sums


class Steps:
    """A chunk as blocks, B of which make a step: those with the numbers `step`, `step + count`, `step + 2 * count`, ….

    Below, b is the number of a step's blocks, and L = T + 2 * reach.

    Args:
        chunk: its arrays are tensors.
        rates: learning rates.
        plan: its arrays are tensors.
        dtype: of the tables.

    Attributes:
        blocks: all blocks of the chunk.
        count: number of steps.
        reach: how far the widest window reaches to either side, so that no block reads more than L rows.
        ids: (n + 2 * reach + T,) int64 words of the kept tokens, padded at both ends: all blocks have the same size,
            and the token at place p is at p + reach.
        around: (L,) 0, 1, …, to be added to a block's start.
        lane: (T,) the same for its targets.
    """

    def __init__(self, chunk: Chunk, rates: Rates, plan: EpochPlan, dtype: torch.dtype) -> None:
        T = plan.layout.T
        self.blocks = sampling.blocks_of(chunk, plan)
        kept, device = self.blocks.kept, self.blocks.starts.device
        self.count = -(-len(self.blocks.starts) // plan.layout.B)
        n = len(kept.ids)
        places = torch.arange(n, device=device)
        self.reach = max(int((places - kept.low).max()), int((kept.high - 1 - places).max())) if n else 0
        self.ids = pad(kept.ids, (self.reach, self.reach + T))
        self.around = torch.arange(T + 2 * self.reach, device=device)
        self.lane = torch.arange(T, device=device)
        self._objective = plan.objective
        self._alphas = self.blocks.alphas(chunk, rates, dtype)[:, None, None]
        self._totals = torch.zeros(2, dtype=dtype_of_sums(device), device=device)

    def starts(self, step: int) -> Tensor:
        """Return (b, 1) int64, where a step's blocks start."""
        return self.blocks.starts[step :: self.count, None]

    def stops(self, step: int) -> Tensor:
        """Return (b, 1) int64, the places behind their last targets."""
        return self.blocks.stops[step :: self.count, None]

    def alphas(self, step: int) -> Tensor:
        """Return (b, 1, 1) the learning rates of a step's blocks."""
        return self._alphas[step :: self.count]

    def negatives(self, step: int, part: int) -> Tensor:
        """Return (b, N) int64, a set of negatives of each of a step's blocks."""
        return self.blocks.negatives[step :: self.count, part]

    def with_loss(self, step: int) -> list[int]:
        """Return which of a step's blocks have their loss computed."""
        blocks = range(step, len(self.blocks.starts), self.count)
        return [i for i, block in enumerate(blocks) if self._objective.has_loss(block)]

    def add_loss(self, positives: Tensor, ones: Tensor, negatives: Tensor, weights: Tensor) -> None:
        """Add to the loss.

        Args:
            positives: scores of positives.
            ones: their weights, of the same shape.
            negatives: scores of negatives.
            weights: their weights, of the same shape.
        """
        dtype = self._totals.dtype
        loss = (softplus(-positives) * ones).sum(dtype=dtype)
        loss += (softplus(negatives) * weights).sum(dtype=dtype)
        self._totals += torch.stack([loss, ones.sum(dtype=dtype) + weights.sum(dtype=dtype)])

    def result(self) -> ChunkResult:
        """Return what was trained: the number of targets, and the loss that was added."""
        loss, pairs = self._totals.tolist()
        return ChunkResult(self.blocks.last - self.blocks.first, loss, pairs)
