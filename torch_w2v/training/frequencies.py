"""How often the words of a vocabulary are kept and drawn, remembered from one `train()` call to the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from torch_w2v.by_identity import ByIdentity
from torch_w2v.engines.plan import Layout, Workload
from torch_w2v.engines.row_scales import row_scales, skip_gram_row_scales
from torch_w2v.engines.streams import alias_table
from torch_w2v.training.model import TrainedModel

_ALL_KEPT = 2**32 - 1
_KEPT_SCALES = 4  # layouts whose factors on updates are kept


@dataclass(frozen=True)
class Frequencies:
    """What a plan needs to know of a vocabulary: how often its words are kept and drawn.

    It is kept from one `train()` call to the next (`frequencies_of`), so that training on a few words costs no time
    that grows with the vocabulary.

    Args:
        count: (V,) how often each word occurs.
        sample_int: (V,) uint32, gensim's thresholds of subsampling; None keeps all.
        cum_table: (V,) gensim's cumulative table of the negatives.
    """

    count: np.ndarray
    sample_int: np.ndarray | None
    cum_table: np.ndarray
    _scales: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _read: list[np.ndarray] = field(default_factory=list)
    _sums: dict[tuple[str, int], float] = field(default_factory=dict)  # by what they are, and the negatives or tokens

    def __post_init__(self) -> None:
        self._read.extend(array.copy() for array in (self.sample_int, self.cum_table) if array is not None)

    def of_the_same(self, count: np.ndarray, sample_int: np.ndarray | None, cum_table: np.ndarray) -> bool:
        """Return whether this was made from the very same arrays."""
        return count is self.count and sample_int is self.sample_int and cum_table is self.cum_table

    def has_changed(self) -> bool:
        """Return whether the arrays that gensim draws by were changed in place; 1 ms per million words."""
        arrays = [array for array in (self.sample_int, self.cum_table) if array is not None]
        return not all(map(np.array_equal, arrays, self._read))

    @cached_property
    def keep(self) -> np.ndarray:
        """(V,) int32 with the bits of the thresholds, as `TrainingPlan.keep`."""
        if self.sample_int is None:
            return np.full(len(self.count), _ALL_KEPT, np.uint32).view(np.int32)
        return np.ascontiguousarray(self.sample_int, np.uint32).view(np.int32)

    @cached_property
    def kept(self) -> np.ndarray:
        """(V,) float64, how often each word is expected to be kept per epoch."""
        return self.count.astype(np.float64) * (self.keep.view(np.uint32) / 2.0**32)

    @cached_property
    def kept_words(self) -> float:
        """The expected number of kept words per epoch."""
        return float(self.kept.sum())

    @cached_property
    def words(self) -> float:
        """The number of words of the corpus that are in the vocabulary."""
        return float(self.count.sum())

    @cached_property
    def drawn(self) -> np.ndarray:
        """(V,) int64, how often each word is drawn as a negative, in proportion."""
        return np.diff(self.cum_table.astype(np.int64), prepend=0)

    @cached_property
    def noise(self) -> np.ndarray:
        """(V, 2) int32, the alias table of the negatives."""
        return alias_table(self.drawn)

    @cached_property
    def kept_share(self) -> np.ndarray:
        """(V,) float64, each word's share of the kept tokens."""
        return self.kept / max(self.kept_words, 1.0)

    @cached_property
    def noise_share(self) -> np.ndarray:
        """(V,) float64, each word's share of the negatives."""
        share: np.ndarray = self.drawn / self.drawn.sum()
        return share

    @property
    def kept_of_all(self) -> float:
        """The share of all words that subsampling keeps."""
        return self.kept_words / max(self.words, 1.0)

    @cached_property
    def main_words(self) -> int:
        """The number of the most frequent words that make up nine tenths of the kept tokens."""
        return 1 + int(np.searchsorted(np.sort(self.kept_share)[::-1].cumsum(), 0.9))

    def busiest_output(self, negative: int) -> float:
        """Return `Workload.busiest_output` for so many negatives."""
        if ("busiest", negative) not in self._sums:
            self._sums["busiest", negative] = float(self._updates(negative).max())
        return self._sums["busiest", negative]

    def collisions(self, negative: int) -> float:
        """Return how many updates of a target on another thread are expected to be of the row of one update here.

        Args:
            negative: negative samples per target.
        """
        if ("collisions", negative) not in self._sums:
            squares = float(np.square(self._updates(negative)).sum())
            self._sums["collisions", negative] = squares / (1 + negative)
        return self._sums["collisions", negative]

    def expected_met(self, tokens: int) -> float:
        """Return the share of negatives that are words which so many tokens of the counted corpus would have.

        It is that of an eighth less at most, so that it is computed for a few sizes only: each takes 20 ms per million
        words.
        """
        rounded = tokens >> max(tokens.bit_length() - 4, 0) << max(tokens.bit_length() - 4, 0)
        if ("met", rounded) not in self._sums:
            share = self.count / max(self.words, 1.0)
            self._sums["met", rounded] = 1.0 - float((self.noise_share * np.exp(-rounded * share)).sum())
        return self._sums["met", rounded]

    def _updates(self, negative: int) -> np.ndarray:
        """(V,) float64, the expected number of updates of each output row per target."""
        updates: np.ndarray = self.kept_share + negative * self.noise_share
        return updates

    def row_scales(
        self, layout: Layout, workload: Workload, lockf: np.ndarray, whole_sums: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the factors of `engines.row_scales` for this vocabulary.

        Those of the last few layouts are kept. They do not depend on what is measured of a corpus but for its context
        words, and that differs a little between any two calls of `train()` on a few sentences.
        """
        alpha = workload.alpha
        workload = replace(
            workload, repetition=1.0, busiest_output=0.0, unmet=0.0, likeness=0.0, period=0.0, reads=0.0, epochs=1
        )
        key = layout, workload, lockf.tobytes(), whole_sums
        if key not in self._scales:
            if len(self._scales) == _KEPT_SCALES:
                del self._scales[next(iter(self._scales))]
            shares = self.kept_share, self.noise_share
            self._scales[key] = (
                skip_gram_row_scales(*shares, layout, workload, lockf=lockf, alpha=alpha)
                if workload.skip_gram
                else row_scales(*shares, layout, workload, lockf=lockf, alpha=alpha, whole_sums=whole_sums)
            )
        return self._scales[key]


_frequencies: ByIdentity[Frequencies] = ByIdentity()


def first_rows(array: np.ndarray, rows: int) -> np.ndarray:
    """Return so many rows of an array; the array itself if it has no more."""
    return array if len(array) == rows else array[:rows]


def common_rows(model: TrainedModel) -> int:
    """Return the number of rows that all arrays of a model have; rows after those are not in use."""
    expandos = model.wv.expandos
    arrays = [model.wv.vectors, model.syn1neg, model.cum_table, expandos["count"]]
    if model.sample:
        arrays.append(expandos["sample_int"])
    return min(map(len, arrays))


def frequencies_of(model: TrainedModel) -> Frequencies:
    """Return a model's frequencies, of its `common_rows`; the same object as long as its arrays are."""
    rows, expandos = common_rows(model), model.wv.expandos
    arrays = (
        first_rows(expandos["count"], rows),
        first_rows(expandos["sample_int"], rows) if model.sample else None,
        first_rows(model.cum_table, rows),
    )
    frequencies = _frequencies.get(model)
    if frequencies is None or not frequencies.of_the_same(*arrays):
        frequencies = Frequencies(*arrays)
        _frequencies.set(model, frequencies)
    return frequencies


def look_anew(model: TrainedModel) -> None:
    """Compute a model's frequencies anew if its thresholds or its table of the negatives were changed in place."""
    old = frequencies_of(model)
    if old.has_changed():
        _frequencies.set(model, Frequencies(old.count, old.sample_int, old.cum_table))
