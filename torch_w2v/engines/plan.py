"""What an engine trains with, as frozen dataclasses: the objective, the grouping of targets, and one epoch's plan."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from torch_w2v.engines import streams

# alpha times the repetition of a corpus above which it is bursty, or repetitive: English has about .2
# at the default alpha and window, a corpus with one item in every other place 2, runs of ten equal items 2 to 8
BURSTY, REPETITIVE = 3.0, 1.25
# the same times the negatives, whose errors add up: with six and more they decide
BURSTY_BY_NEGATIVES = 16.0
# alpha times the collisions of a corpus (`Workload.collisions`) above which it is crowded: English has .0002 at the
# defaults and .003 with 100 negatives, eight words with most of the tokens .0024
CROWDED = 0.004
# likeness above which targets share no negatives: text has up to .1, successive rows most of whose fields stay .42 and
# more. With fewer main words than `_ALIKE_WORDS` it is less, in proportion, but not less than `_LEAST_ALIKE` of it:
# chords of 180 notes that are played again have .18 to .31, and 500 words whose targets are as alike lose nothing.
_ALIKE, _ALIKE_WORDS, _LEAST_ALIKE = 0.35, 500, 0.4
# Likeness of the inputs of a block of skip-gram above which they share no negatives, if `Workload.trained` is above
# `_ALIKE_EPOCHS`. Rows of tables have .2 to .5 where vectors lose by it, text less than .05.
_ALIKE_INPUTS, _ALIKE_EPOCHS = 0.2, 0.2
# How much more the last learning rate counts: nothing repairs what it loses.
_LAST = 3.2


@dataclass(frozen=True)
class Objective:
    """What is minimized, and how its gradient is taken. An option of the objective is one field here.

    Attributes:
        window: largest distance between a target and a context word, in kept tokens; at least 1.
        negative: negative samples per target; at least 1.
        cbow_mean: the hidden layer is the mean of the context rows; otherwise their sum.
        exact_gradient: context rows get the derivative of the loss; otherwise gensim's update.
        shrink_windows: each target's window is drawn uniformly from 1 to `window`; otherwise it is `window`.
        loss_every: compute the loss of one block of a chunk in so many, from its first block on: 0 of none, 1 of all.
            What is trained is the same.
        skip_gram: each word predicts each of the words around it (`sg=1`), instead of being predicted by all of them
            together; then `cbow_mean` and `exact_gradient` mean nothing.
        largest_score: the score beyond which a sample is skipped, as in gensim. In CBOW it is either way. Samples that
            are wrong by more would make rows explode where few items repeat much. Those that are right have small
            gradients, but with many negatives they add up, and sums have large scores. In skip-gram only negatives
            with a score above it are skipped: two items that are nearly always together would be driven apart, from
            scores that gensim leaves, whenever one is a negative of the other. Positives are not skipped, so that a row
            which went too far comes back (docs/development/lab-notes.md).
    """

    largest_score: ClassVar[float] = 6.0

    window: int
    negative: int
    cbow_mean: bool = True
    exact_gradient: bool = False
    shrink_windows: bool = True
    loss_every: int = 0
    skip_gram: bool = False

    def __post_init__(self) -> None:
        if self.window < 1 or self.negative < 1:
            raise ValueError(f"window={self.window}, negative={self.negative}: an engine needs both to be at least 1")
        if self.loss_every < 0:
            raise ValueError(f"loss_every={self.loss_every}: must be at least 0")

    def has_loss(self, block: int) -> bool:
        """Return whether the loss of a block is computed; the first block of a chunk is 0."""
        return self.loss_every > 0 and block % self.loss_every == 0


@dataclass(frozen=True)
class Layout:
    """How kept tokens are grouped into updates.

    A block is T consecutive targets. Target t of a block uses negative set t mod S; each of the S sets holds N
    negatives, weighted negative / N. A step is B blocks taken evenly across the chunk: its context rows are read once
    at the start and updated once at the end; its output rows are read and updated set by set, or G sets at once.
    With `fresh`, hidden layers follow what the errors of the block's earlier groups of sets do to the context rows
    (docs/explanation/algorithm.md), so that blocks may be long where windows are wide. With `by_set`, context rows too
    are read and updated set by set: hidden layers are computed from what the sets before have left. If each target has
    a set of its own then (S = T, with either), it meets the set's negatives one after the other, as in gensim.

    For skip-gram a block is up to T inputs, and ends before an input word's third place in it. They are `stride` kept
    tokens apart: inputs are taken in stretches of T * stride, of which a block has one only, and of a stretch first
    those at 0, stride, 2 * stride, ..., then those at 1, stride + 1, ... What is left at the end of a chunk, n inputs,
    is a stretch with a stride of n / T, rounded up. With a stride of 1 inputs are taken as they come, and there are no
    stretches. All inputs of a block use its S sets, one after the other, each with one of S parts of their positives;
    the N negatives of a set weigh negative / N times the number of the input's positives in the part. A step is B
    blocks taken evenly across the chunk; both tables are updated set by set. With `fresh`, G inputs are updated at
    once, and all updates see the rows as the ones before have left them; otherwise they are computed from the rows at
    the set's start, and G means nothing. With `bfloat16` the factors of every product with a negative are rounded to
    bfloat16: of scores, and of both updates. Sums, positives and the tables stay what they are.
    """

    T: int = 64
    S: int = 8
    N: int = 5
    B: int = 1
    G: int = 1
    fresh: bool = False
    by_set: bool = False
    bfloat16: bool = False
    stride: int = 1

    def __post_init__(self) -> None:
        if min(self.T, self.S, self.N, self.B, self.G, self.stride) < 1:
            raise ValueError(f"{self}: every size must be at least 1")
        if self.by_set and (self.fresh or self.B > 1 or self.G > 1):
            raise ValueError(f"{self}: by_set=True goes with fresh=False, B=1 and G=1")

    @property
    def sizes(self) -> tuple[int, int, int, int, int, bool]:
        """T, S, N, B, G and fresh."""
        return self.T, self.S, self.N, self.B, self.G, self.fresh

    @property
    def in_turn(self) -> bool:
        """Whether each target has a set of its own, and meets the negatives in it one after the other."""
        return (self.fresh or self.by_set) and self.S == self.T

    @property
    def targets_together(self) -> float:
        """The number of targets whose gradients are computed from the same output rows."""
        return self.B * self.G * self.T / self.S

    @property
    def targets_in_flight(self) -> float:
        """The number of targets whose gradients are computed from the same hidden context.

        That is a whole step; with `fresh` the other blocks, and of its own block the group of sets; with `by_set` the
        set.
        """
        if self.fresh or self.by_set:
            return (self.B - 1) * self.T + self.G * self.T / self.S
        return self.B * self.T


@dataclass(frozen=True)
class Workload:
    """What the choice of a layout depends on.

    Attributes:
        negative: negative samples per target.
        kept_words: expected number of kept tokens per epoch.
        context_words: expected number of context words per target.
        cbow_mean: as `Objective.cbow_mean`.
        alpha: the highest learning rate.
        last_alpha: the learning rate at the end.
        repetition: number of gradients that a context row gets from 32 targets (`statistics.repetition`).
        skip_gram: as `Objective.skip_gram`.
        vocabulary: number of words.
        main_words: number of the most frequent words that make up nine tenths of the kept tokens.
        busiest_output: the share of kept tokens that are a word, plus `negative` times its share of the negatives: the
            largest of these sums over all words.
        unmet: the share of negatives that are words which the corpus does not have, though the counts say that it has;
            0 where it is what the counts say.
        likeness: how alike targets are that would share negatives (`statistics.likeness.likeness`), or the inputs of a
            block of skip-gram (`statistics.likeness.likeness_of_inputs`).
        period: how many more of the tokens are there again `layouts.STRIDE` places on than at another distance
            (`statistics.likeness.period`); only skip-gram depends on it.
        reads: as `context_words`, on average over pairs: more where sentences are of uneven lengths; 0 for the same.
        collisions: expected number of updates of another target that are of the row of one update (`Frequencies`).
        epochs: of this call of `train` and of those before it, counted as if each had as many.
    """

    negative: int
    kept_words: float
    context_words: float
    cbow_mean: bool = True
    alpha: float = 0.025
    last_alpha: float = 0.0
    repetition: float = 1.0
    skip_gram: bool = False
    vocabulary: int = 1_000_000
    main_words: int = 1_000_000
    busiest_output: float = 0.0
    unmet: float = 0.0
    likeness: float = 0.0
    period: float = 0.0
    reads: float = 0.0
    collisions: float = 0.0
    epochs: int = 5

    @property
    def rate(self) -> float:
        """The learning rate that repetition is judged by: the highest, or a multiple of the last, if that is more."""
        return max(abs(self.alpha), _LAST * abs(self.last_alpha))

    @property
    def trained(self) -> float:
        """How much is trained in all: `rate` times the number of epochs."""
        return self.rate * self.epochs

    @property
    def errors(self) -> float:
        """How large errors are: the highest learning rate times the number of negatives."""
        return max(self.alpha, self.last_alpha) * self.negative

    @property
    def moves(self) -> float:
        """How far a context row moves within a stretch of 32 targets, in steps of full errors."""
        return self.rate * self.repetition

    @property
    def bursty(self) -> bool:
        """Whether context rows move so far within a short stretch of the corpus that targets must not be grouped."""
        return self.moves > BURSTY or self.moves * self.negative > BURSTY_BY_NEGATIVES

    @property
    def crowded(self) -> bool:
        """Whether so few words have most of the updates that their output rows move far with each."""
        return self.rate * self.collisions > CROWDED

    @property
    def most_likeness(self) -> float:
        """The likeness up to which targets, or inputs, may share negatives."""
        if self.skip_gram:
            return _ALIKE_INPUTS
        return _ALIKE * min(1.0, max(_LEAST_ALIKE, self.main_words / _ALIKE_WORDS))

    @property
    def alike(self) -> bool:
        """Whether those that would share negatives are so alike that these would hide what tells them apart."""
        return self.likeness > self.most_likeness and not (self.skip_gram and self.trained <= _ALIKE_EPOCHS)

    @property
    def repetitive(self) -> bool:
        """Whether context rows move so far within a short stretch that large steps lose what happens in it."""
        return self.bursty or self.moves > REPETITIVE


@dataclass(frozen=True)
class _Rows:
    """What the plans of a training and of one of its epochs have in common; V is the number of words.

    Attributes:
        objective: what is minimized.
        layout: how targets are grouped.
        keep: (V,) int32 with the bits of gensim's uint32 `sample_int`; a token w is kept where keep[w] >= its draw.
        noise: (V, 2) int32, the alias table of the negatives (`streams.alias_table`).
        input_scale: (V,) float32, factor on every update of a context row; empty where all are 1.
        output_scale: (V,) float32, factor on every update of an output row; empty where all are 1.

    Raises:
        ValueError: `bfloat16` for what has no products that are rounded, a `stride` for CBOW, or `by_set` for
            skip-gram.
    """

    objective: Objective
    layout: Layout
    keep: Any
    noise: Any
    input_scale: Any
    output_scale: Any

    def __post_init__(self) -> None:
        if self.layout.bfloat16 and not (self.objective.skip_gram and self.layout.fresh):
            raise ValueError("bfloat16=True: only skip-gram with fresh=True rounds what it multiplies")
        if self.layout.stride > 1 and not self.objective.skip_gram:
            raise ValueError(f"stride={self.layout.stride}: only skip-gram has inputs that are apart")
        if self.layout.by_set and self.objective.skip_gram:
            raise ValueError("by_set=True: skip-gram changes both tables set by set in any layout")


@dataclass(frozen=True)
class EpochPlan(_Rows):
    """All that an engine needs for one epoch besides the tables, the tokens and the learning rate.

    The arrays are numpy arrays, or what `Engine.load_plan` makes of them.

    Attributes:
        token_stream: key of the draws per token (subsampling and window size), a signed 64-bit integer.
        noise_stream: key of the draws of negatives, a signed 64-bit integer.
    """

    token_stream: int
    noise_stream: int


@dataclass(frozen=True)
class TrainingPlan(_Rows):
    """What stays the same from epoch to epoch; checked once, when it is made.

    Attributes:
        seed: seed of all draws.

    Raises:
        ValueError: an array of the wrong shape or dtype.
    """

    seed: int

    def __post_init__(self) -> None:
        super().__post_init__()
        V = len(self.keep)
        for name, shape, dtype in (
            ("keep", (V,), np.int32),
            ("noise", (V, 2), np.int32),
            ("input_scale", (len(self.input_scale) and V,), np.float32),
            ("output_scale", (len(self.output_scale) and V,), np.float32),
        ):
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
                raise ValueError(
                    f"{name}: {array.shape} {array.dtype} given, contiguous {shape} {np.dtype(dtype)} needed"
                )

    def for_epoch(self, train_count: int, epoch: int) -> EpochPlan:
        """Return the plan of one epoch, with the keys of its draws.

        Args:
            train_count: number of earlier calls of `train()`.
            epoch: number of the epoch in this call, from 0.
        """
        shared = {field.name: getattr(self, field.name) for field in fields(_Rows)}
        token_stream, noise_stream = (
            streams.key(self.seed, train_count, epoch, purpose) for purpose in (streams.TOKEN, streams.NOISE)
        )
        return EpochPlan(**shared, token_stream=token_stream, noise_stream=noise_stream)
