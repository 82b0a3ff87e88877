"""Corpora of the family whose targets are alike, or mix groups: what negatives that targets share would hide."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

Sentences = list[list[str]]
Draw = np.random.Generator


def levels(draw: Draw, count: int = 100, stays: float = 0.7, length: int = 300) -> Sentences:
    """A sensor's readings, which stay or go up or down by one; ten neighbouring levels are a group."""
    sentences: Sentences = []
    for _ in range(60_000 // length):
        level, found = int(draw.integers(count)), []
        for coin in draw.random(length):
            found.append(f"{level // 10}/{level % 10}")
            if coin > stays:
                level = min(count - 1, max(0, level + (1 if coin > (1 + stays) / 2 else -1)))
        sentences.append(found)
    return sentences


def lines(
    draw: Draw, fields: int = 8, change: float = 0.06, own: float = 0.9, tokens: int = 150_000, kinds: int = 30
) -> Sentences:
    """Lines of a log, 40 in a sentence; a field keeps its value mostly, or has one of the kind or of any kind."""
    kind, values, found = 0, [(0, 0)] * fields, []
    for _ in range(tokens // fields):
        if draw.random() < 0.01:
            kind = int(draw.integers(kinds))
        for field in range(fields):
            if draw.random() < change:
                values[field] = (kind if draw.random() < own else int(draw.integers(kinds)), int(draw.integers(2)))
        found.append([f"{of_kind}/{field}:{value}" for field, (of_kind, value) in enumerate(values)])
    return [list(chain(*found[i : i + 40])) for i in range(0, len(found), 40)]


def log_in_text(draw: Draw) -> Sentences:
    """Lines of a log, a third of all tokens, among sentences of text."""
    shares = np.cumsum(1 / np.arange(2, 5002))
    words = np.searchsorted(shares, draw.random((4_500, 20)) * shares[-1])
    both = lines(draw, 4, 0.15, 0.8, 40_000) + [[f"w{word}" for word in sentence] for sentence in words]
    return [both[i] for i in draw.permutation(len(both))]


def sessions(draw: Draw, groups: int, size: int, length: int, own: float) -> Iterator[list[str]]:
    """Yield the items of sessions without end: so many of one group each, the others of any."""
    while True:
        one = int(draw.integers(groups))
        group = np.where(draw.random(length) < own, one, draw.integers(groups, size=length))
        yield [f"{g}/{i}" for g, i in zip(group, draw.integers(size, size=length), strict=True)]


def mixed(draw: Draw, length: int, own: float, tokens: int) -> Sentences:
    """Sessions of items of 50 groups, so many of them of one."""
    items = sessions(draw, 50, 20, length, own)
    return [next(items) for _ in range(tokens // length)]


def bags(draw: Draw, length: int = 16, tokens: int = 48_000) -> Sentences:
    """Unordered documents of one length, in alphabetical order: words as many places apart are near in the alphabet."""
    topics, size, others, own = 40, 60, 800, 0.4
    of_topic, of_all = (np.cumsum(1 / np.arange(first, first + n)) for first, n in ((3, size), (2, others)))
    alphabet = draw.permutation(topics * size)
    found: Sentences = []
    for _ in range(tokens // length):
        topic = int(draw.integers(topics))
        inside = np.searchsorted(of_topic, draw.random(length) * of_topic[-1])
        outside = np.searchsorted(of_all, draw.random(length) * of_all[-1])
        words = [
            (int(alphabet[topic * size + i]), f"{topic}/{i}") if is_own else (3 * int(o), f"w{o}")
            for i, o, is_own in zip(inside, outside, draw.random(length) < own, strict=True)
        ]
        found.append([word for _, word in sorted(words)])
    return found
