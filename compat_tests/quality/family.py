"""Corpora of every kind of data, with planted groups where there can be any: shops, logs, graphs, DNA, characters.

Each corpus has some 30,000 tokens of about 1,000 words in 50 groups, unless its name says otherwise; all of it follows
from a seed. A case is a corpus with one of the settings. `scores` has what is measured of a model.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from compat_tests.quality import alike

Sentences = list[list[str]]
Draw = np.random.Generator

# number of tokens of a corpus, of its groups, and of the words of a group
TOKENS, GROUPS, SIZE = 30_000, 50, 20


def word(group: int, item: int) -> str:
    """Return the name of an item of a group; words without a group have no '/' in them."""
    return f"{group}/{item}"


def _until(tokens: int, sentence: Callable[[], list[str]]) -> Sentences:
    """Return sentences until there are so many tokens."""
    sentences: Sentences = []
    size = 0
    while size < tokens:
        sentences.append(sentence())
        size += len(sentences[-1])
    return sentences


def _items(draw: Draw, n: int, groups: int = GROUPS, size: int = SIZE) -> list[str]:
    """Return n words of one group."""
    group = int(draw.integers(groups))
    return [word(group, int(i)) for i in draw.integers(0, size, n)]


def plain(draw: Draw, length: int = 10) -> Sentences:
    """Sessions of items of one group."""
    return _until(TOKENS, lambda: _items(draw, length))


def uneven(draw: Draw) -> Sentences:
    """Sessions of items of one group: most have a few, some a hundred and more."""
    return _until(TOKENS, lambda: _items(draw, int(np.ceil(draw.lognormal(1, 1.5)))))


def in_order(draw: Draw, length: int = 8, in_a_row: int = 25) -> Sentences:
    """Sessions of items of one group, many of the same group one after the other."""
    found: Sentences = []

    def session() -> list[str]:
        group = len(found) // in_a_row % GROUPS
        found.append([word(group, int(i)) for i in draw.integers(0, SIZE, length)])
        return found[-1]

    return _until(TOKENS, session)


def bots(draw: Draw) -> Sentences:
    """Sessions of items of one group, and among them some of a bot, each one of the items for thousands of times."""
    found = _until(TOKENS, lambda: _items(draw, 8))
    for _ in range(TOKENS // 1000):
        found.insert(int(draw.integers(len(found))), [word(0, 0)] * 9000)
    return found


def runs(
    draw: Draw, times: int, items: int = 6, groups: int = GROUPS, size: int = SIZE, tokens: int = TOKENS
) -> Sentences:
    """Sessions of a few items of one group, each `times` times in a row on average (geometric)."""

    def session() -> list[str]:
        chosen = _items(draw, items, groups, size)
        return [item for item, n in zip(chosen, draw.geometric(1 / times, items), strict=True) for _ in range(n)]

    return _until(tokens, session)


def one_item(draw: Draw, share: float, length: int = 20) -> Sentences:
    """Sessions in which a share of the tokens is one item that is everywhere."""

    def session() -> list[str]:
        return ["home" if draw.random() < share else item for item in _items(draw, length)]

    return _until(TOKENS, session)


def half_repeated(draw: Draw, length: int = 20) -> Sentences:
    """Every other session is one item again and again."""

    def session() -> list[str]:
        return _items(draw, length) if draw.random() < 0.5 else _items(draw, 1) * length

    return _until(TOKENS, session)


def stars(draw: Draw, length: int = 40) -> Sentences:
    """Walks on graphs of a hub and its leaves, one one per group: every other token is the hub."""

    def walk() -> list[str]:
        group = int(draw.integers(GROUPS))
        leaves = draw.integers(1, SIZE, length)
        return [word(group, 0 if i % 2 else int(leaf)) for i, leaf in enumerate(leaves)]

    return _until(TOKENS, walk)


def hubs(draw: Draw, length: int = 40, hub_count: int = 3, often: float = 0.4) -> Sentences:
    """Walks on a graph with a few hubs next to all others: through a hub one comes to another group now and then."""

    def walk() -> list[str]:
        group, walked = int(draw.integers(GROUPS)), []
        while len(walked) < length:
            if draw.random() < often:
                walked.append(f"hub{draw.integers(hub_count)}")
                group = int(draw.integers(GROUPS)) if draw.random() < 0.1 else group
            walked.append(word(group, int(draw.integers(SIZE))))
        return walked

    return _until(TOKENS, walk)


# the friendships of the karate club (Zachary 1977), and who stayed with Mr. Hi
ZACHARY = (
    "0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 "
    "2-3 2-7 2-8 2-9 2-13 2-27 2-28 2-32 3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 "
    "14-32 14-33 15-32 15-33 18-32 18-33 19-33 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32 23-33 24-25 24-27 "
    "24-31 25-31 26-29 26-33 27-33 28-31 28-33 29-32 29-33 30-32 30-33 31-32 31-33 32-33"
)
MR_HI = {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21}


def zachary(draw: Draw, length: int = 80) -> Sentences:
    """Random walks on a graph of 34 nodes, in two groups."""
    edges = [tuple(map(int, edge.split("-"))) for edge in ZACHARY.split()]
    near: list[list[int]] = [[] for _ in range(34)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)

    def walk() -> list[str]:
        nodes = [int(draw.integers(34))]
        while len(nodes) < length:
            nodes.append(near[nodes[-1]][int(draw.integers(len(near[nodes[-1]])))])
        return [word(int(node not in MR_HI), node) for node in nodes]

    return _until(TOKENS, walk)


def walks(draw: Draw, groups: int, size: int, inside: int, across: float, length: int = 40) -> Sentences:
    """Random walks on a graph of groups: each node has `inside` neighbours in its group; some steps lead out of it."""
    near = [draw.permuted(np.tile(np.arange(size), (size, 1)), axis=1)[:, :inside] for _ in range(groups)]

    def walk() -> list[str]:
        group, node, walked = int(draw.integers(groups)), int(draw.integers(size)), []
        while len(walked) < length:
            walked.append(word(group, node))
            node = int(near[group][node][draw.integers(inside)])
            if draw.random() < across:
                group = int(draw.integers(groups))
        return walked

    return _until(TOKENS, walk)


def few(draw: Draw, groups: int, size: int, length: int = 10) -> Sentences:
    """Sessions of few items altogether."""
    return _until(TOKENS, lambda: _items(draw, length, groups, size))


def two(draw: Draw, length: int = 20) -> Sentences:
    """Two words, of which one is more frequent."""
    return _until(TOKENS, lambda: ["yes" if draw.random() < 0.3 else "no" for _ in range(length)])


def padded(draw: Draw, length: int = 20) -> Sentences:
    """Sessions of three to twelve items filled up to one length."""

    def session() -> list[str]:
        items = _items(draw, int(draw.integers(3, 13)))
        return items + ["pad"] * (length - len(items))

    return _until(TOKENS, session)


def topics(draw: Draw, length: int = 20, background: int = 500) -> Sentences:
    """Sentences about one group: words of it, frequent as in Zipf's law, among words of no group."""
    zipf = np.cumsum(1 / (np.arange(background) + 2.0))
    own = np.cumsum(1 / (np.arange(SIZE) + 3.0))

    def sentence() -> list[str]:
        group = int(draw.integers(GROUPS))
        common = np.searchsorted(zipf, draw.random(length) * zipf[-1])
        about = np.searchsorted(own, draw.random(length) * own[-1])
        return [word(group, int(b)) if draw.random() < 0.5 else f"w{a}" for a, b in zip(common, about, strict=True)]

    return _until(2 * TOKENS, sentence)


def late(draw: Draw) -> Sentences:
    """Text, and then runs of twenty items: what a corpus begins with says nothing of its end."""
    return topics(draw) + runs(draw, 20, tokens=TOKENS)


def visits(draw: Draw) -> Sentences:
    """What 400 people visit: mostly home and work in turn, now and then a place, .7 of them of their own quarter."""
    quarters, found = draw.integers(40, size=400), Sentences()
    while sum(map(len, found)) < 2 * TOKENS:
        user = int(draw.integers(400))
        found.append([])
        for own, at_work, out in draw.random((int(draw.integers(10, 40)), 3)):
            place = word(int(quarters[user] if own < 0.7 else draw.integers(40)), int(draw.integers(25)))
            found[-1] += [f"home{user}", *[f"work{user}"][: int(at_work < 0.7)], *[place][: int(out < 0.5)]]
    return found


def stuck(draw: Draw) -> Sentences:
    """Sessions of eight items, the last of which is repeated 500 times."""

    def session() -> list[str]:
        items = _items(draw, 8)
        return items + items[-1:] * 500

    return _until(6 * TOKENS, session)


def cycles(draw: Draw) -> Sentences:
    """Sessions that go through three to six items of one group again and again."""
    return _until(TOKENS, lambda: _items(draw, int(draw.integers(3, 7))) * int(draw.integers(5, 30)))


def repeated(draw: Draw, length: int = 8) -> Sentences:
    """Each session up to 40 times in succession, as programs send them."""
    sentences: Sentences = []
    while len(sentences) * length < TOKENS:
        sentences += [_items(draw, length)] * int(draw.integers(1, 41))
    return sentences


def edges(draw: Draw, each: int = 30, across: float = 0.7) -> Sentences:
    """The edges of a graph, sorted by their first node: sentences of two words, one of which stays for a while."""
    return [
        [word(group, node), word(group if draw.random() > across else int(draw.integers(GROUPS)), int(other))]
        for group in range(GROUPS)
        for node in range(SIZE)
        for other in draw.integers(0, SIZE, each)
    ]


def purchases(draw: Draw, users: int = 300, each: int = 60, own: float = 0.7) -> Sentences:
    """Pairs of a user and an item, sorted by user; most items of a user are of one group."""
    sentences: Sentences = []
    for user in range(users):
        group = int(draw.integers(GROUPS))
        for item in draw.integers(0, SIZE, each):
            of_group = group if draw.random() < own else int(draw.integers(GROUPS))
            sentences.append([f"user{user}", word(of_group, int(item))])
    return sentences


def chat(draw: Draw, short: float = 0.8) -> Sentences:
    """Answers of one or two words, of which there are eight, among sessions of items of one group."""
    answers = np.cumsum(1 / (np.arange(8) + 1.0))

    def some(n: int) -> list[str]:
        return [f"answer{i}" for i in np.searchsorted(answers, draw.random(n) * answers[-1])]

    return _until(
        TOKENS, lambda: some(int(draw.integers(1, 3))) if draw.random() < short else _items(draw, 6) + some(1)
    )


def requests(draw: Draw, short: float = 0.7) -> Sentences:
    """Requests and what became of them, two words each, among sessions of items of one group."""

    def request() -> list[str]:
        method = ["GET", "POST", "PUT"][int(np.searchsorted([0.7, 0.9], draw.random()))]
        return [method, ["200", "404", "500"][int(np.searchsorted([0.9, 0.97], draw.random()))]]

    return _until(TOKENS, lambda: request() if draw.random() < short else _items(draw, 8))


def letters(draw: Draw, k: int, length: int = 400) -> Sentences:
    """DNA, one letter or k of them per word (a step of one letter): a chain of order two."""
    chances = np.cumsum(np.random.default_rng(1).dirichlet(np.ones(4), 16), 1)  # the source is the same for every seed

    def strand() -> list[str]:
        letters_of_it, state = [], int(draw.integers(16))
        for coin in draw.random(length):
            letter = int((coin > chances[state]).sum())
            letters_of_it.append("ACGT"[letter])
            state = (4 * state + letter) % 16
        return ["".join(letters_of_it[i : i + k]) for i in range(length - k + 1)]

    return _until(TOKENS, strand)


def characters(draw: Draw, length: int = 200) -> Sentences:
    """Characters of words of a made-up language."""
    source, alphabet = np.random.default_rng(2), list("etaoinshrdlcumwfgypbvk")
    chances = 1 / (np.arange(len(alphabet)) + 2.0)
    chances /= chances.sum()
    lexicon = ["".join(source.choice(alphabet, int(source.integers(1, 9)), p=chances)) for _ in range(2000)]
    zipf = np.cumsum(1 / (np.arange(len(lexicon)) + 2.0))

    def line() -> list[str]:
        return list(" ".join(lexicon[i] for i in np.searchsorted(zipf, draw.random(length // 5) * zipf[-1])))

    return _until(2 * TOKENS, line)


CORPORA: dict[str, Callable[[Draw], Sentences]] = {
    "plain": plain,
    "text": topics,
    **{f"runs{n}": lambda draw, n=n: runs(draw, n) for n in (2, 5, 10, 20, 50)},
    "runs200": lambda draw: runs(draw, 200, groups=10, size=10, tokens=4 * TOKENS),
    "runs20long": lambda draw: runs(draw, 20, items=10),
    "logs": lambda draw: runs(draw, 200, items=5, groups=10, size=6, tokens=4 * TOKENS),
    **{f"home{share}": lambda draw, share=share: one_item(draw, share) for share in (0.1, 0.5, 0.8)},
    "half": half_repeated,
    "stars": stars,
    "hubs": hubs,
    "zachary": zachary,
    "walks": lambda draw: walks(draw, GROUPS, SIZE, 5, 0.02),
    "walks40": lambda draw: walks(draw, 4, 10, 4, 0.05),
    "items2": two,
    "items5": lambda draw: few(draw, 1, 5),
    **{f"items{5 * n}": lambda draw, n=n: few(draw, n, 5) for n in (2, 4, 10)},
    "padded": padded,
    "late": late,
    "levels": alike.levels,
    "table": lambda draw: alike.lines(draw, fields=6, change=0.15, own=0.8, tokens=50_000),
    "log_in_text": alike.log_in_text,
    "mixed": lambda draw: alike.mixed(draw, length=50, own=0.3, tokens=50_000),
    "bags": alike.bags,
    "visits": visits,
    "stuck": stuck,
    "cycles": cycles,
    "repeated": repeated,
    "edges": edges,
    "purchases": purchases,
    "uneven": uneven,
    "in_order": in_order,
    "bots": bots,
    "chat": chat,
    "requests": requests,
    "dna": lambda draw: letters(draw, 1),
    "dna3": lambda draw: letters(draw, 3),
    "dna5": lambda draw: letters(draw, 5),
    "characters": characters,
}

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {"epochs": 10},
    "a.025": {"alpha": 0.025, "window": 10, "sample": 0, "epochs": 10},
    "a.05": {"alpha": 0.05, "window": 10, "sample": 0},
    "a.1": {"alpha": 0.1, "window": 10, "sample": 0},
    "w5s": {"alpha": 0.1, "window": 5, "sample": 1e-3},
    "k20": {"alpha": 0.05, "window": 10, "sample": 0, "negative": 20},
    "k50a.1": {"alpha": 0.1, "window": 10, "sample": 0, "negative": 50},
    "w50": {"alpha": 0.05, "window": 50, "sample": 0},
    "w50a.1": {"alpha": 0.1, "window": 50, "sample": 0},
    "w200": {"alpha": 0.1, "window": 200, "sample": 0},
    "rising": {"alpha": 1e-4, "min_alpha": 0.1, "window": 10, "sample": 0},
    "steady": {"alpha": 0.1, "min_alpha": 0.1, "window": 5, "sample": 0, "negative": 10},
    "long": {"alpha": 0.05, "window": 9, "sample": 0, "epochs": 50},
    "sum": {"alpha": 0.05, "window": 10, "sample": 0, "cbow_mean": 0},
    "sum.1": {"alpha": 0.1, "window": 10, "sample": 0, "cbow_mean": 0},
    "sumw50": {"alpha": 0.05, "window": 50, "sample": 0, "cbow_mean": 0},
}
FIXED = {"vector_size": 64, "min_count": 1, "workers": 1}


@cache
def corpus(name: str, number: int = 0) -> Sentences:
    """Return a corpus of the family; corpora with other numbers are drawn from the same source."""
    return CORPORA[name](np.random.default_rng([zlib.crc32(name.encode()), number]))


def applies(name: str, setting: str) -> bool:
    """Return whether a case says something: windows of 50 and more need sentences that are longer.

    Many epochs take long, and say it of a few corpora.
    """
    if setting == "long":
        return name in ("plain", "mixed", "table", "runs2", "walks")
    longest = max(map(len, corpus(name)))
    wide = setting in ("w50", "w50a.1", "sumw50", "w200")
    return longest > 20 if wide and setting != "w200" else longest >= 100 if wide else True
