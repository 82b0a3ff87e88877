"""Synthetic work for an engine: tokens, tables and a plan that are on the device already."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch

from torch_w2v.corpus.chunks import Chunk
from torch_w2v.engines import sampling, streams
from torch_w2v.engines.interface import Rates, Tables
from torch_w2v.engines.plan import EpochPlan, Layout, Objective, TrainingPlan, Workload
from torch_w2v.engines.row_scales import row_scales, skip_gram_row_scales
from torch_w2v.engines.torch_engine import TorchEngine
from torch_w2v.engines.triton import cbow, skip_gram
from torch_w2v.engines.triton.engine import padded

ALPHA = 0.025
SENTENCE = 25  # tokens
SAMPLE = 1e-3  # threshold of subsampling
KEPT_WORDS = 1e9  # of the corpus that the synthetic chunk stands for; so many that layouts are not made smaller


@dataclass
class Work:
    """One chunk to train on.

    Attributes:
        engine: which trains.
        tables: (V, D) float32 each, on the engine's device.
        chunk: tokens of a long-tailed vocabulary, on the device.
        plan: of one epoch, on the device.
    """

    engine: TorchEngine
    tables: Tables
    chunk: Chunk
    plan: EpochPlan

    @classmethod
    def make(
        cls,
        engine: TorchEngine,
        *,
        D: int,
        window: int,
        V: int,
        n: int,
        negative: int = 5,
        B: int | None = None,
        layout: Layout | None = None,
        sg: int = 0,
    ) -> Work:
        """Make a chunk of tokens whose frequencies follow Zipf's law.

        Args:
            engine: to train with.
            D: floats per row.
            window: largest distance of a context word.
            V: number of different words.
            n: number of tokens.
            negative: negative samples per target.
            B: blocks per step, instead of those of the layout.
            layout: instead of the engine's own.
            sg: 1 for skip-gram, 0 for CBOW.

        Returns:
            The work, ready to run.
        """
        device = torch.device(engine.device)
        p = 1 / (np.arange(V) + 2.7)
        p /= p.sum()
        keep = np.minimum(1, (np.sqrt(p / SAMPLE) + 1) * SAMPLE / p)
        generator = torch.Generator(device).manual_seed(1)
        drawn = torch.rand(n, generator=generator, device=device, dtype=torch.float64)
        tokens = torch.searchsorted(torch.from_numpy(p.cumsum()).to(device), drawn).clamp(max=V - 1).int()
        offsets = torch.arange(0, n + 1, SENTENCE, device=device)
        if int(offsets[-1]) < n:
            offsets = torch.cat([offsets, torch.tensor([n], device=device)])

        kept_share, noise_share = p * keep / (p * keep).sum(), p**0.75 / (p**0.75).sum()
        workload = Workload(
            negative,
            KEPT_WORDS,
            window + 1.0,
            skip_gram=bool(sg),
            vocabulary=V,
            busiest_output=float((kept_share + negative * noise_share).max()),
        )
        layout = layout or engine.layout(workload)
        if B is not None:
            layout = dataclasses.replace(layout, B=B)
        # A sentence has no more context words than other words.
        in_sentence = dataclasses.replace(workload, context_words=min(window + 1.0, SENTENCE - 1.0))
        scales_of = skip_gram_row_scales if sg else row_scales
        scales = scales_of(kept_share, noise_share, layout, in_sentence, lockf=np.ones(1), alpha=ALPHA)
        plan = TrainingPlan(
            objective=Objective(window=window, negative=negative, skip_gram=bool(sg)),
            layout=layout,
            keep=(keep * (2**32 - 1)).astype(np.uint32).view(np.int32),
            noise=streams.alias_table(noise_share),
            input_scale=scales[0],
            output_scale=scales[1],
            seed=1,
        )
        tables = Tables(*(padded(torch.zeros(V, D), device=device) for _ in range(2)))
        for table in tables:
            table.uniform_(-0.1, 0.1, generator=generator)
        chunk = Chunk(tokens, offsets, begin=0, end=n, position=0, examples=len(offsets) - 1)
        return cls(engine, tables, chunk, engine.load_plan(plan.for_epoch(0, 0)))

    def run(self) -> int:
        """Train on the chunk once, and return the number of kept tokens."""
        return self.engine.train(self.tables, self.chunk, Rates(ALPHA, ALPHA), self.plan).trained_words

    def traffic(self) -> float:
        """Return the bytes of rows that one run of the Triton kernel moves.

        Each row is read (twice if it is several tiles), then read and written.
        """
        if self.plan.objective.skip_gram:
            return self._traffic_of_skip_gram()
        kept = sampling.kept_in(self.chunk, self.plan)
        T, S, N = self.plan.layout.T, self.plan.layout.S, self.plan.layout.N
        blocks = -(-len(kept.ids) // T)
        fill = (0, blocks * T - len(kept.ids))
        low = torch.nn.functional.pad(kept.low, fill, value=len(kept.ids)).view(blocks, T).amin(1)
        high = torch.nn.functional.pad(kept.high, fill).view(blocks, T).amax(1)
        D = self.tables.inputs.stride(0)
        reads = 1 if cbow.shape(D, T, S, N)["BD"] >= D else 2
        return 4.0 * D * (3 * float((high - low).sum()) + (2 + reads) * (len(kept.ids) + blocks * S * N))

    def _traffic_of_skip_gram(self) -> float:
        blocks, layout = sampling.blocks_of(self.chunk, self.plan), self.plan.layout
        begins, ends = skip_gram.ranges(blocks.kept, blocks.starts, blocks.stops)
        D = self.tables.inputs.stride(0)
        one = skip_gram.shape(D, layout.T, layout.N, self.plan.objective.window)["ONE"]
        # Each part reads and updates its inputs, the words around them, and its negatives.
        rows = layout.S * float((blocks.stops - blocks.starts + ends - begins + layout.N).sum())
        return 4.0 * D * (3 if one else 4) * rows
