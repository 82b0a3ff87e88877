"""The specification: one step at a time in plain torch, in the dtype of the tables (float64 included).

Written to be read beside docs/algorithm.md; every other engine is tested against it with the same draws.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from torch_w2v import sampling
from torch_w2v.engines.operator import register


def train_chunk(
    inputs: Tensor, outputs: Tensor, tokens: Tensor, offsets: Tensor, begin: int, end: int, position: int,
    alpha_begin: float, alpha_end: float, keep: Tensor, noise: Tensor, input_scale: Tensor, output_scale: Tensor,
    token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool, exact_gradient: bool,
    shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int,
) -> Tensor:  # fmt: skip
    """See `operator.SCHEMA`."""
    kept = sampling.kept_stream(tokens, offsets, position, keep, token_stream, window, shrink_windows)
    first = int((kept.index < begin).sum())
    last = int((kept.index < end).sum())
    starts = list(range(first, last, T))
    steps = -(-len(starts) // B)
    loss, pairs = 0.0, 0.0
    for step in range(steps):
        blocks = [(start, min(start + T, last)) for start in starts[step::steps]]
        input_updates: list[tuple[Tensor, Tensor]] = []
        for s in range(S):
            output_updates: list[tuple[Tensor, Tensor]] = []
            for start, stop in blocks:
                raw = int(kept.index[start])
                alpha = alpha_begin + (alpha_end - alpha_begin) * (raw - begin) / (end - begin)
                counters = (position + raw) * (S * N) + s * N + torch.arange(N, device=tokens.device)
                neg = sampling.noise_words(noise, noise_stream, counters)  # (N,)

                t = torch.arange(start + s, stop, S, device=tokens.device)  # this set's targets
                c = torch.arange(max(start - window, 0), min(stop + window, len(kept.ids)), device=tokens.device)
                band = (c >= kept.low[t, None]) & (c < kept.high[t, None]) & (c != t[:, None])
                t, band = t[band.any(1)], band[band.any(1)].to(inputs.dtype)  # a word without context trains nothing
                ids, C = kept.ids[c], band.sum(1, keepdim=True)

                h = band @ inputs[ids]  # (targets, D)
                if cbow_mean:
                    h = h / C
                y = kept.ids[t]
                positive = (h * outputs[y]).sum(1)
                negatives = h @ outputs[neg].T  # (targets, N)
                weight = (neg != y[:, None]).to(inputs.dtype) * (negative / N)  # the target itself is skipped
                if compute_loss:
                    loss -= float(logsigmoid(positive.double()).sum())
                    loss -= float((weight * logsigmoid(-negatives.double())).sum())
                    pairs += len(t) + float(weight.sum())

                g = alpha * (1 - torch.sigmoid(positive))[:, None]
                gn = -alpha * weight * torch.sigmoid(negatives)
                e = g * outputs[y] + gn @ outputs[neg]  # the error that goes back to the context rows
                # gensim gives each row the whole error of a mean and 1/C of the error of a sum; the true
                # derivative is the other way round (piskvorky/gensim#697, #1873).
                if cbow_mean == exact_gradient:
                    e = e / C
                input_updates.append((ids, band.T @ e))
                output_updates += [(y, g * h), (neg, gn.T @ h)]
            _add(outputs, output_updates, output_scale)
        _add(inputs, input_updates, input_scale)
    return torch.tensor([last - first, loss, pairs], dtype=torch.float64)


def _add(table: Tensor, updates: list[tuple[Tensor, Tensor]], scale: Tensor) -> None:
    for rows, update in updates:
        table.index_add_(0, rows, update * scale[rows, None] if len(scale) else update)


op = register("reference", train_chunk)
