"""One vocabulary from what each rank has counted: to the word and the order, the vocabulary of one machine.

Words come in the order of their first occurrence in the corpus, which is the order of the ranks, so that words of equal
counts are sorted as one machine sorts them. Where the ranks together have few distinct words, every rank gets them all.
Where they have many, each word is added up by the rank that its checksum names, and only those that are frequent enough
to stay in the vocabulary are gathered: no rank ever holds them all.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from torch_w2v.corpus.counting import Scan
from torch_w2v.corpus.shards import Extent
from torch_w2v.distributed.group import Group, UnlikeRanksError
from torch_w2v.training_log import logger

# All ranks together have more distinct words than this: they are added up by all ranks.
MOST_GATHERED = 10_000_000
# Words of a rank that are sent at a time.
BLOCK = 2_000_000
# A place in the corpus is a rank, and a place among the words of that rank.
_RANK = 40


def check_same(group: Group, extent: Extent) -> None:
    """Raise an UnlikeRanksError if the ranks are to cut unlike corpora.

    Args:
        group: the ranks.
        extent: of this rank's corpus, as `shards.extent` returns it.
    """
    everyone = group.from_all(extent)
    for rank, other in enumerate(everyone):
        if other != everyone[0]:
            first, same = everyone[0], other[:2] == everyone[0][:2]
            raise UnlikeRanksError(
                f"the ranks name unlike corpora: rank 0 a {first.kind} of size {first.size:,}, rank {rank} a "
                f"{other.kind} of size {other.size:,}{' with other sentences, or in another order' if same else ''}; "
                "give all the same, or each its own with shard='given'"
            )


class Merged(NamedTuple):
    """The scan of the whole corpus.

    Attributes:
        scan: its words, but for those that were left out.
        words: number of words of the corpus, with those that were left out.
    """

    scan: Scan
    words: int


def merged(group: Group, scan: Scan, least: int, whole: bool = False) -> Merged:
    """Return the scan of the whole corpus on all ranks.

    Args:
        group: the ranks.
        scan: of this rank's part.
        least: words that occur less often may be left out.
        whole: its words and counts are those of the whole corpus already; only its sentences are of the part.
    """
    texts = all(type(word) is str for word in scan.words)
    parts = group.from_all((int(scan.counts.sum()), scan.sentences, len(scan.words), least if texts else 0))
    words, sentences, distinct, limits = zip(*parts, strict=True)
    if whole:
        return Merged(Scan(scan.words, scan.counts, sum(sentences)), words[0])
    # Ranks with other limits are told so when they train.
    if least > 1 and sum(distinct) > MOST_GATHERED and set(limits) == {least}:
        added = _added_by_all(group, scan, max(distinct), least)
    else:
        added = _added_by_first(group, scan)
    return Merged(Scan(*added, sum(sentences)), sum(words))


def _added_by_first(group: Group, scan: Scan) -> tuple[list[Hashable], np.ndarray]:
    """Return all words of the whole corpus, and their counts."""
    parts = group.to_first((list(scan.words), scan.counts))
    return group.from_first(([], scan.counts) if parts is None else _sum(parts))


def _sum(parts: Sequence[tuple[Sequence[Hashable], np.ndarray]]) -> tuple[list[Hashable], np.ndarray]:
    index: dict[Hashable, int] = {}
    for words, _ in parts:
        for word in words:
            index.setdefault(word, len(index))
    counts = np.zeros(len(index), np.int64)
    for words, part_counts in parts:
        rows = np.fromiter((index[word] for word in words), np.int64, len(words))
        counts[rows] += part_counts
    return list(index), counts


@dataclass
class _Share:
    """The words that this rank adds up, with their counts and the places where they occur first."""

    index: dict[str, int] = field(default_factory=dict)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    places: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, words: Sequence[str], counts: np.ndarray, places: np.ndarray) -> None:
        """Add distinct words."""
        rows = np.fromiter((self.index.setdefault(word, len(self.index)) for word in words), np.int64, len(words))
        if len(self.index) > len(self.counts):
            more = 2 * len(self.index) - len(self.counts)
            self.counts = np.append(self.counts, np.zeros(more, np.int64))
            self.places = np.append(self.places, np.full(more, np.iinfo(np.int64).max))
        self.counts[rows] += counts
        self.places[rows] = np.minimum(self.places[rows], places)

    def frequent(self, least: int) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Return the words that occur at least so often, their counts and places."""
        rows = np.flatnonzero(self.counts[: len(self.index)] >= least)
        words = list(self.index)
        return [words[row] for row in rows.tolist()], self.counts[rows], self.places[rows]


def _added_by_all(group: Group, scan: Scan, most: int, least: int) -> tuple[list[Hashable], np.ndarray]:
    """Return the words that occur at least `least` times in the whole corpus, and their counts.

    Args:
        group: the ranks.
        scan: of this rank's part; its words are texts.
        most: number of distinct words of the rank that has the most.
        least: see above.
    """
    share = _Share()
    for first in range(0, most, BLOCK):
        block = scan.words[first : first + BLOCK], scan.counts[first : first + BLOCK]
        for part in group.swap(list(_parts(*block, (group.rank << _RANK) + first, group.size))):
            share.add(*_unpack(part))
    shares = group.from_all((*share.frequent(least), len(share.index)))
    words = [word for part, *_ in shares for word in part]
    counts, places = (np.concatenate([part[i] for part in shares]) for i in (1, 2))
    distinct = sum(part[3] for part in shares)
    logger.info(
        "%d ranks have counted %d distinct words; the %d that occur less than %d times are left out",
        group.size,
        distinct,
        distinct - len(words),
        least,
    )
    order = np.argsort(places)
    return [words[i] for i in order.tolist()], counts[order]


def _parts(words: Sequence[Hashable], counts: np.ndarray, place: int, size: int) -> Iterator[bytes]:
    """Return what is for each rank of a block of words, the first of which is at `place`."""
    texts = [str(word).encode("utf-8", "surrogatepass") for word in words]
    owners = np.fromiter((zlib.crc32(text) for text in texts), np.int64, len(texts)) % size
    for owner in range(size):
        rows = np.flatnonzero(owners == owner)
        own = [texts[row] for row in rows.tolist()]
        lengths = np.fromiter(map(len, own), np.int64, len(own))
        numbers = np.concatenate([[len(own)], lengths, counts[rows], place + rows]).astype(np.int64)
        yield numbers.tobytes() + b"".join(own)


def _unpack(part: bytes) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the words of what `_parts` made, their counts and places."""
    count = int(np.frombuffer(part, np.int64, 1)[0])
    lengths, counts, places = np.frombuffer(part, np.int64, 3 * count, 8).reshape(3, count)
    ends = 8 * (1 + 3 * count) + np.cumsum(lengths)
    begins = ends - lengths
    return (
        [
            part[begin:end].decode("utf-8", "surrogatepass")
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        ],
        counts,
        places,
    )
