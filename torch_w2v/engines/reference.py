"""The specification: one step at a time in plain torch, in the dtype of the tables (float64 included).

Written to be read beside docs/algorithm.md; every other engine is tested against it with the same draws.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from torch_w2v.engines import sampling


def train_chunk(
    inputs: Tensor, outputs: Tensor, tokens: Tensor, offsets: Tensor, begin: int, end: int, position: int,
    alpha_begin: float, alpha_end: float, keep: Tensor, noise: Tensor, input_scale: Tensor, output_scale: Tensor,
    token_stream: int, noise_stream: int, window: int, negative: int, cbow_mean: bool, exact_gradient: bool,
    shrink_windows: bool, compute_loss: bool, T: int, S: int, N: int, B: int, G: int, fresh: bool,
) -> Tensor:  # fmt: skip
    """See `operator.SCHEMA`."""
    kept = sampling.kept_stream(tokens, offsets, position, keep, token_stream, window, shrink_windows)
    first, last = int((kept.place < begin).sum()), int((kept.place < end).sum())
    starts = list(range(first, last, T))
    steps = -(-len(starts) // B)
    loss, pairs = 0.0, 0.0

    raw = kept.place[starts]  # where each block begins
    alphas = [alpha_begin + (alpha_end - alpha_begin) * (r - begin) / (end - begin) for r in raw.tolist()]
    counters = ((position + raw) * (S * N))[:, None] + torch.arange(S * N, device=tokens.device)
    drawn = sampling.noise_words(noise, noise_stream, counters).view(-1, S, N)

    for step in range(steps):
        blocks = [_read(inputs, kept, start, min(start + T, last), window, cbow_mean) for start in starts[step::steps]]
        moves = [_moves(kept, block, cbow_mean, input_scale) if fresh else None for block in blocks]
        for group in range(0, S, G):
            updates: list[tuple[Tensor, Tensor]] = []
            for block, move, alpha, sets in zip(blocks, moves, alphas[step::steps], drawn[step::steps], strict=True):
                if move is not None:
                    part = torch.arange(len(block.y), device=tokens.device) % S // G * G
                    now, before = part == group, part < group
                    block.h[now] += move[now][:, before] @ block.e[before]
                for s in range(group, min(group + G, S)):
                    neg = sets[s]  # (N,)
                    h, y, some = block.h[s::S], block.y[s::S], block.some[s::S]  # (t, D), (t,), (t, 1)

                    positive = (h * outputs[y]).sum(1, keepdim=True)  # (t, 1)
                    negatives = h @ outputs[neg].T  # (t, N)
                    weight = some * (neg != y[:, None]) * (negative / N)  # a negative equal to the target is skipped
                    if compute_loss:
                        loss -= float((some * logsigmoid(positive)).sum(dtype=torch.float64))
                        loss -= float((weight * logsigmoid(-negatives)).sum(dtype=torch.float64))
                        pairs += float(some.sum() + weight.sum())

                    g = alpha * some * (1 - torch.sigmoid(positive))
                    gn = -alpha * weight * torch.sigmoid(negatives)
                    e = g * outputs[y] + gn @ outputs[neg]
                    # gensim gives each context row the whole error of a mean and 1/C of the error of a sum; the
                    # derivative of the loss is the other way round (piskvorky/gensim#697, #1873).
                    block.e[s::S] = e / block.C[s::S] if cbow_mean == exact_gradient else e
                    updates += [(y, g * h), (neg, gn.T @ h)]
            _add(outputs, updates, output_scale)
        _add(inputs, [(block.context, block.band.T @ block.e) for block in blocks], input_scale)
    return torch.tensor([last - first, loss, pairs], dtype=torch.float64)


class _Block(NamedTuple):
    """Consecutive targets and what they read of the context rows at the start of a step; c is all they can reach."""

    context: Tensor  # (c,) rows
    band: Tensor  # (t, c) 1 where the row is in the target's window
    some: Tensor  # (t, 1) 1 where there is any context: a lone word trains nothing
    C: Tensor  # (t, 1) context words, at least 1
    h: Tensor  # (t, D) their mean or sum
    y: Tensor  # (t,) the targets' rows
    e: Tensor  # (t, D) to be filled: the error that goes back to the context rows
    places: slice  # the targets' in the kept stream


def _read(inputs: Tensor, kept: sampling.Kept, start: int, stop: int, window: int, cbow_mean: bool) -> _Block:
    t = torch.arange(start, stop, device=inputs.device)[:, None]
    c = torch.arange(max(start - window, 0), min(stop + window, len(kept.ids)), device=inputs.device)
    band = ((c >= kept.low[t]) & (c < kept.high[t]) & (c != t)).to(inputs.dtype)
    C = band.sum(1, keepdim=True)
    some, C = (C > 0).to(inputs.dtype), C.clamp(min=1)
    h = band @ inputs[kept.ids[c]]
    if cbow_mean:
        h = h / C
    return _Block(kept.ids[c], band, some, C, h, kept.ids[start:stop], torch.empty_like(h), slice(start, stop))


def _moves(kept: sampling.Kept, block: _Block, cbow_mean: bool, input_scale: Tensor) -> Tensor:
    """(t, t) how far a target's error (second index) moves the hidden layer of a target of its sentence (first).

    It moves every word of its C context words as often as it is there, so the sum of another window by the number of
    pairs of places, one in each, with the same word. Taken for that is the mean over all pairs of places of the stretch
    that the sentence's windows in this block cover.
    """
    C = block.some * block.C
    moves = torch.zeros(len(C), len(C), dtype=C.dtype, device=C.device)
    sentence = kept.sentence[block.places]
    for one in sentence.unique():
        own = sentence == one
        low, high = int(kept.low[block.places][own].min()), int(kept.high[block.places][own].max())
        words, times = kept.ids[low:high].unique(return_counts=True)
        pairs = times.to(C.dtype) ** 2
        same = float((pairs * input_scale[words] if len(input_scale) else pairs).sum()) / (high - low) ** 2
        both = own[:, None] & own
        moves[both] = ((block.some if cbow_mean else C) * same * C.T)[both]
    return moves


def _add(table: Tensor, updates: list[tuple[Tensor, Tensor]], scale: Tensor) -> None:
    for rows, update in updates:
        table.index_add_(0, rows, update * scale[rows, None] if len(scale) else update)
