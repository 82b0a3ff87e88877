"""One vocabulary from what each rank has counted: to the word and the order, the vocabulary of one machine."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from torch_w2v.corpus.counting import Scan
from torch_w2v.distributed.group import Group


def merged(group: Group, scan: Scan, whole: bool = False) -> Scan:
    """Return the scan of the whole corpus on all ranks.

    Words come in the order of their first occurrence in the corpus, which is the order of the ranks, so that words of
    equal counts are sorted as one machine sorts them.

    Args:
        group: the ranks.
        scan: of this rank's part.
        whole: its words and counts are those of the whole corpus already; only its sentences are of the part.
    """
    if whole:
        return Scan(scan.words, scan.counts, sum(group.from_all(scan.sentences)))
    parts = group.to_first((list(scan.words), scan.counts, scan.sentences))
    return group.from_first(None if parts is None else _sum(parts)) or scan


def _sum(parts: Sequence[tuple[Sequence[Hashable], np.ndarray, int]]) -> Scan:
    index: dict[Hashable, int] = {}
    for words, _, _ in parts:
        for word in words:
            index.setdefault(word, len(index))
    counts = np.zeros(len(index), np.int64)
    for words, part_counts, _ in parts:
        rows = np.fromiter((index[word] for word in words), np.int64, len(words))
        counts[rows] += part_counts
    return Scan(list(index), counts, sum(sentences for _, _, sentences in parts))
