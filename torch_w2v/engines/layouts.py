"""How each engine groups targets (docs/explanation/algorithm.md explains; the lab notes say what decided)."""

from __future__ import annotations

import math
from dataclasses import replace

from torch_w2v.engines.plan import Layout, Workload

# kept words per epoch below which a corpus is small, and one where words repeat
SMALL, SMALL_FOR_REPETITIVE = 100_000, 2_000_000
# context words per target above which windows are wide
WIDE = 32
# `Workload.errors` above which they are large
_USUAL_ERRORS = 0.4
# how far context rows may move (`Workload.moves`) times the targets of a block, on a bursty corpus
_MOST_MOVES = 100.0
# context words per target below which large steps are too large where a few words have most updates
_SHORT = 5.0
# Context words per target up to which those of each target are read and changed by themselves, where words repeat; on a
# bursty corpus up to `WIDE`.
_FEW_IN_CONTEXT = 16.0
# There, highest learning rate up to which targets share negatives, and the same times the number of epochs: what is
# trained faster, or for longer, loses by what shared negatives have in common. From twice the second on that is so from
# fewer moves on than `plan.REPETITIVE`.
_SHARED_RATE, _SHARED_EPOCHS, _REPETITIVE = 0.06, 0.2, 0.8
# Rate times epochs above which any corpus that is not large loses by what neighbours' negatives have in common, and
# above which a small one does.
_LONG_TRAINING, _SHORT_TRAINING = 1.2, 0.1
# minimum number of steps per epoch for large steps; on a smaller corpus the steps shrink instead
STEPS = 1024

# number of words below which all meet again and again within a block
_FEW_WORDS = 100

# Skip-gram. Inputs of a block at most, as LANES_OF_BLOCK in skipgram/lanes.h: the scores of one negative with all of
# them are one vector of AVX-512.
MAX_INPUTS = 16
# How many kept tokens the inputs of a block are apart: more than most windows reach, and so few that the rows of their
# context are still in the second cache when their neighbours come.
STRIDE = 32
# Instead, where so many more of the tokens are there again that far on: rows of a table that are as wide, where the
# inputs of a block would all be of one column.
OTHER_STRIDE, _PERIODIC = 37, 0.01
# context words per input above which windows are long: on a small corpus, and in synchronous steps
_LONG = 16
# From so many negatives on, at most four inputs of skip-gram share a set on a small corpus; at most two if it has fewer
# main words than the second.
_MORE_NEGATIVES, _FEWER_WORDS = 10, 1000
# Likeness of the inputs of a block above which few of a small corpus share negatives: walks that begin at each node in
# turn have .1 to .2, text less than .05.
LITTLE_ALIKE = 0.1
# inputs whose updates are made together
INPUTS_TOGETHER = 4
# Limit of alpha times the number of gradients of an input's row that are computed from one state of the tables.
_MOST_PER_INPUT = 0.9
# The same limit for the row of a negative: on text alpha times the number comes to that at the default alpha.
_MOST_PER_NEGATIVE = 0.4
# In that limit the last learning rate counts so many times, since nothing comes after it; but four inputs are always
# few enough if it is no higher than the default alpha.
_LAST_PER_NEGATIVE = 4.5
# From these rates on the limit falls, to a half, where inputs are taken as they come: neighbours that share negatives,
# such as those on a walk, move alike, and with large steps that hides what tells them apart.
_USUAL_ALPHA, _USUAL_LAST_ALPHA = 0.05, 0.025
# The same limit for the output row that collects most gradients.
_MOST_PER_OUTPUT = 0.8
# number of times that one word may be among an input's positives and negatives in a part: on text it is .6
_MOST_OF_ONE_WORD = 2
# What alpha times that number comes to on text from which frequent words are thinned out.
_USUAL_PER_OUTPUT = 0.28
# Inputs of a block at most where most negatives are words that the corpus does not have: all inputs push these the same
# way, so that rows grow until a step goes too far.
_INPUTS_WHERE_UNMET = 4
# negatives of a set at most
_MOST_NEGATIVES = 64
# At most four inputs share a set where alpha is above the first, and none above twice that; none either where alpha
# times the number of negatives is above the second. CBOW heeds the second too, where words are few.
_LARGE_ALPHA, _MANY_NEGATIVES = 0.15, 5.0


def one_block_per_step(workload: Workload) -> Layout:
    """Return the layout of the fused CPU kernel and of the specification.

    Where words repeat, and windows are not wide, context rows are read and changed set by set: hidden layers are as
    fresh as gensim's, and a word that is there several times in a row is read once. Each target has negatives of its
    own, so that all is trained in gensim's order; of few words the shorter blocks of `block_that_follows` are better
    where negatives are many and alpha is large. Where alpha is no larger than usual, epochs are few and the corpus is
    not bursty, two targets share a set, four on a large corpus, and are 64 places apart: nearer ones are often of the
    same session. A corpus that is trained for many epochs has two targets per set, as far apart, too, unless it is
    large. Any other corpus has the blocks of `block_that_follows`; on a small one, unless it is trained very little,
    each of their targets has negatives of its own.
    """
    block, N = block_that_follows(workload), workload.negative
    large = workload.kept_words >= SMALL_FOR_REPETITIVE
    reads = max(workload.context_words, workload.reads)
    if reads > (WIDE if workload.bursty else _FEW_IN_CONTEXT):
        return block
    if words_repeat(workload):
        if block.S == block.T or workload.rate > _SHARED_RATE or workload.trained > _SHARED_EPOCHS:
            return Layout(T=64, S=64, N=N, by_set=True) if workload.main_words >= _FEW_WORDS else block
        if large and workload.cbow_mean:
            return Layout(T=256, S=64, N=N + 1, by_set=True)
        return Layout(T=128, S=64, N=N, by_set=True)
    if block.S < block.T and workload.trained > _LONG_TRAINING and not large:
        return Layout(T=128, S=64, N=N + 1, by_set=True)
    if block.S < block.T and workload.trained > _SHORT_TRAINING and workload.kept_words < SMALL:
        return replace(block, S=block.T, N=N)
    return block


def words_repeat(workload: Workload) -> bool:
    """Return whether words repeat so much that context rows are read and changed set by set."""
    return workload.repetitive or (workload.moves > _REPETITIVE and workload.trained > 2 * _SHARED_EPOCHS)


def block_that_follows(workload: Workload) -> Layout:
    """Return a block whose context rows are read and changed once, and whose hidden layers follow the errors before.

    Following them, a word which repeats within a block counts as often as it is there. A set of negatives has at most
    four targets, two on a small corpus, whose words are few and meet again within a block, and sooner where words
    repeat; and there are as many sets as a target has context words: targets whose windows overlap must not share
    negatives, or the words around them meet the same few again and again. Sums reach further than means: with more than
    two targets per set the cosines are no longer gensim's. What four targets share varies more than what each has of
    its own would, so that runs would agree less with each other than gensim's do: a set of four has one negative more.

    On a bursty corpus every target has negatives of its own, in blocks that are shorter where errors are large (many
    negatives, a large alpha, sums) and where rows move far, since how they move the others is computed only roughly,
    and from sentence to sentence not at all. The same holds, in blocks of 32, where targets that are some places apart
    have most of their context in common, as those of the same field in successive rows; where a few words have most
    updates, or most of the tokens, whose rows every other target changes, in shorter blocks where errors are large; and
    where windows are very wide, in long blocks: there all targets read nearly the same rows. Where negatives are so
    many that sixteen targets would draw all usual words, and alpha is large, each target has a block of its own, which
    then takes no more time.
    """
    N, context = workload.negative, workload.context_words
    if workload.bursty:
        T = 16 if workload.cbow_mean and N <= 7 and workload.errors <= _USUAL_ERRORS else 4
        while T > 1 and T * workload.moves > _MOST_MOVES:
            T //= 2
        return Layout(T=T, S=T, N=N, B=1, fresh=True)
    if context > WIDE:
        return Layout(T=256, S=256, N=N, B=1, G=2, fresh=True)
    if abs(workload.alpha) * N >= _MANY_NEGATIVES and workload.main_words < 16 * N:
        return Layout(T=1, S=1, N=N, B=1, fresh=True)
    if workload.main_words < _FEW_WORDS or workload.crowded:
        T = 16 if workload.main_words >= _FEW_WORDS else 8 if workload.errors <= _USUAL_ERRORS else 4
        return Layout(T=T, S=T, N=N, B=1, fresh=True)
    if workload.alike:
        return Layout(T=32, S=32, N=N, B=1, fresh=True)
    T = 32 if workload.kept_words < (SMALL_FOR_REPETITIVE if workload.repetitive else SMALL) else 64
    S = 16 if workload.cbow_mean else T // 2
    while min(T, context) > S:
        S *= 2
    return Layout(T=T, S=S, N=N + 1 if T // S >= 4 else N, B=1, fresh=True)


def many_blocks_per_step(workload: Workload) -> Layout:
    """Return a layout of up to 4,096 targets per step, fewer on a small corpus or with wide windows.

    There are four sets at least, each large enough that a row of it collects no more than 10 gradients per step; with
    more negatives there are more of them, as with wider windows. Sums reach further than means: they have four targets
    per set and a quarter of the blocks.

    Where words repeat, there are eight blocks at once at most, whose hidden layers follow the errors before them, where
    an epoch has the steps for it.
    """
    if workload.repetitive or workload.alike or _is_short_and_crowded(workload):
        block = block_that_follows(workload)
        T = min(block.T, 32)
        return Layout(T=T, S=min(block.S, T), N=workload.negative, B=_blocks(8, T, workload, 8, 8 * STEPS), fresh=True)
    T = 64
    negative, mean = workload.negative, workload.cbow_mean
    S = max(_sets(T, max(workload.context_words, negative + 1)), 4 if mean else T // 4)
    N = max(min(16, max(2 * T // S, negative)), -(-T * negative // (10 * S)))
    return Layout(T=T, S=S, N=N, B=_blocks(64 if mean else 16, T, workload, 64 * 6 / workload.context_words))


def blocks_in_flight(workload: Workload) -> Layout:
    """Return the layout of the GPU kernel: two blocks per multiprocessor of the largest GPUs.

    There are fewer blocks on a small corpus or with wide windows. Sets have 32 negatives, the width of the products
    (16 where there are many sets), and there are as many sets as it takes for no more than 10 gradients per row of a
    block; on a small corpus, where speed matters less than that neighbours share little, two at least.

    A block does not see what its own targets change. So where words repeat it has four targets, each with negatives of
    its own, and on a bursty corpus a single one. That alone does not do: places of the corpus that are trained in turns
    lose some of what gensim's order learns there, so that an epoch has more steps. On a small bursty corpus that order
    is all that is left, at a GPU's worst speed.
    """
    if workload.repetitive or workload.alike or _is_short_and_crowded(workload):
        T, steps = (1, 32 * STEPS) if workload.bursty else (4, 8 * STEPS)
        return Layout(T=T, S=T, N=min(64, workload.negative), B=_blocks(32, T, workload, 32, steps))
    negative, mean = workload.negative, workload.cbow_mean
    T = 32 if negative <= 10 else 16
    most = 256
    small = workload.kept_words < most * T * STEPS
    S = max(_sets(T, workload.context_words), (2 if small else 1) if mean else T // 4)
    N = 32 if S < 8 else 16
    S = min(T, max(S, -(-T * negative // (10 * N))))
    return Layout(T=T, S=S, N=N, B=_blocks(most, T, workload, most * 32 * 6 / (T * workload.context_words)))


def skip_gram_block(workload: Workload) -> Layout:
    """Return the layout of skip-gram on the fused CPU kernel, and of the specification.

    Inputs of a block are `STRIDE` kept tokens apart: neighbours are alike, and sharing negatives they move alike, which
    hides what tells them apart. So are those of one column of a table; where `STRIDE` places on is the same column they
    are `OTHER_STRIDE` apart. On a bursty corpus, where most neighbours are the same word, they are taken as they come:
    blocks are short then, since none has a word three times.

    On a small corpus no more than two inputs share a set where windows are long or inputs are a little alike, and no
    more than four where it is bursty: there a word has few negatives in all, and vectors of runs whose words shared
    them with more agree less with each other than gensim's do. There an input has twice as many parts, too, which have
    half as many negatives each: fewer of its positives are computed from the same rows. With many negatives, which all
    inputs of a block push the same way, vectors agree less with gensim's: at most four inputs share a set there, two if
    the corpus has less than a thousand main words. Nor do two neighbours share a set where the learning rate stays.
    Where inputs of a block are alike, whatever their distance, as in rows of a table, none do if alpha is large or
    epochs are many.
    """
    block = _skip_gram_block(workload, neighbours=workload.bursty, fewest=1 if workload.bursty else 2)
    small = workload.kept_words < SMALL
    if workload.bursty:
        return replace(block, T=min(block.T, 4) if small else block.T, stride=1)
    if small and (workload.context_words > _LONG or workload.likeness > LITTLE_ALIKE):
        block = replace(block, T=min(block.T, 2))
    if small and workload.negative >= _MORE_NEGATIVES:
        block = replace(block, T=min(block.T, 2 if workload.main_words < _FEWER_WORDS else 4))
    if small and workload.context_words >= 2 * block.S:
        block = replace(block, S=2 * block.S, N=4 * math.ceil(block.N / 8))
    return replace(block, T=1 if workload.alike else block.T, stride=stride_of(workload.period))


def stride_of(period: float) -> int:
    """Return how many kept tokens the inputs of a block are apart, given the corpus's `Workload.period`."""
    return OTHER_STRIDE if period > _PERIODIC else STRIDE


def _skip_gram_block(workload: Workload, neighbours: bool = True, fewest: int = 2) -> Layout:
    """Return the blocks of skip-gram on every engine.

    All by arithmetic. Gradients that are computed from the same state of a row must not be too many: times alpha, those
    of an input's row come to `_MOST_PER_INPUT`, those of the busiest output row to `_MOST_PER_OUTPUT`, and those of a
    negative, which inputs that are alike push the same way, to `_MOST_PER_NEGATIVE`. The first makes the number of
    parts, the others bound the block. There are more parts where one word is so many of an input's positives and
    negatives that they would all push it along that word's row at once (`_MOST_OF_ONE_WORD`). A set has as many
    negatives as there are in gensim for one input's part of the positives, so that an input meets as many different
    ones; where frequent words are not thinned out, and one output row moves by more than `_USUAL_PER_OUTPUT`, it has up
    to twice as many. Where alpha is so large that few gradients are too many, or negatives are hundreds, few inputs
    share their negatives, or none do.

    Args:
        workload: what is trained.
        neighbours: inputs are taken as they come.
        fewest: so many inputs may share a set whatever the last learning rate is.
    """
    alpha, context, negative = abs(workload.alpha), workload.context_words, workload.negative
    S = max(1, round(workload.rate * context * (negative + 1) / _MOST_PER_INPUT))
    if workload.vocabulary < _FEW_WORDS:
        S *= 2
    for_one_word = round(context * workload.busiest_output / _MOST_OF_ONE_WORD)
    S = max(S, for_one_word)
    S = max(S, math.ceil(negative * context / _MOST_NEGATIVES))
    # A part without positives trains nothing.
    S = max(1, min(S, round(2 * context)))
    moves = max(alpha * context / S * workload.busiest_output, 1e-9)
    T = int(max(1, min(MAX_INPUTS, _MOST_PER_OUTPUT / moves)))
    # An input with fewer positives than there are parts trains in so many of them only. But where one word is most of
    # the negatives, more of them are more of that word.
    drawn = negative * context / S
    drawn = max(drawn, min(_MOST_NEGATIVES, negative * context / min(S, max(context, for_one_word, 1.0))))
    more = min(2, max(1, T * moves / _USUAL_PER_OUTPUT))
    # Of a few words a set has most already.
    most = max(drawn, min(_MOST_NEGATIVES, workload.vocabulary))
    N = 4 * math.ceil(min(drawn * more, most) / 4)
    collects = negative * context / (S * N)
    last = abs(workload.last_alpha)
    most_at_first = most_at_last = _MOST_PER_NEGATIVE
    if neighbours:
        most_at_first *= min(1, max(0.5, _USUAL_ALPHA / max(alpha, 1e-9)))
        most_at_last *= min(1, max(0.5, _USUAL_LAST_ALPHA / max(last, 1e-9)))
    at_first = most_at_first / max(alpha * collects, 1e-9)
    at_last = most_at_last / max(_LAST_PER_NEGATIVE * last * collects, 1e-9)
    T = max(1, int(min(T, at_first)))
    T = min(T, max(4 if last <= _USUAL_LAST_ALPHA else fewest, int(at_last)))
    if workload.unmet > 0:
        T = min(T, _INPUTS_WHERE_UNMET)
    if alpha > _LARGE_ALPHA:
        T = min(T, 4 if alpha <= 2 * _LARGE_ALPHA else 1)
    if alpha * negative > _MANY_NEGATIVES:
        T, N = 1, _MOST_NEGATIVES
    if alpha * negative > 3 * _MANY_NEGATIVES:
        S, N = round(4 * context), 2 * _MOST_NEGATIVES
    return Layout(T=T, S=S, N=N, G=INPUTS_TOGETHER, fresh=True)


def skip_gram_steps(workload: Workload) -> Layout:
    """Return a layout of skip-gram in synchronous steps: the same blocks, several at once.

    There are so many that the busiest output row moves no further than that of three blocks (`row_scales` caps it
    there), fewer on a small corpus, and where words repeat only as many as move it no further than one. Neighbours that
    are updated at once, and share negatives, move alike (`skip_gram_block`): each block has one input where windows are
    not so long that it would take too much time, and a step has as many as it had in longer blocks. On a bursty corpus
    of few words inputs are taken as they come, and a step is one block: with more they push the same few rows at once.
    """
    block = _skip_gram_block(workload)
    moves = abs(workload.alpha) * block.T * workload.context_words / block.S * workload.busiest_output
    most = (1 if workload.repetitive else 3) * _MOST_PER_OUTPUT / max(moves, 1e-9)
    T, B = block.T, _blocks(64, block.T, workload, most)
    if workload.bursty:
        B = 1 if workload.vocabulary < _FEW_WORDS else B
    elif workload.context_words <= _LONG:
        T, B = 1, T * B
    return Layout(T=T, S=block.S, N=block.N, B=B)


def skip_gram_in_flight(workload: Workload) -> Layout:
    """Return the layout of skip-gram on the GPU: the same blocks, many at once.

    Sets have up to 32 negatives, beyond which the kernel is slow: with more there are more parts, as long as a part has
    positives. The blocks in flight together move the busiest output row by up to 20 times what one of them may
    (`row_scales` caps it), since programs see each other's work sooner than steps do; where words repeat, no further
    than one.
    """
    block = _skip_gram_block(workload)
    negatives = workload.negative * workload.context_words
    S = min(max(block.S, math.ceil(negatives / 32)), max(1, round(2 * workload.context_words)))
    N = min(_MOST_NEGATIVES, 16 * math.ceil(negatives / S / 16))
    moves = abs(workload.alpha) * block.T * workload.context_words / S * workload.busiest_output
    most = (1 if workload.repetitive else 20) * _MOST_PER_OUTPUT / max(moves, 1e-9)
    return Layout(T=block.T, S=S, N=N, B=_blocks(256, block.T, workload, most))


def _is_short_and_crowded(workload: Workload) -> bool:
    """Return whether large steps lose what a few words learn from short sentences: longer ones mix their contexts."""
    return workload.crowded and workload.context_words < _SHORT


def _sets(T: int, context: float) -> int:
    """Return how many sets of negatives the targets of a block share in steps of thousands of targets.

    One is enough at gensim's default window; with wider ones a set's targets would share context words.
    """
    S = 1
    while context >= 8 * S and 2 * S <= T:
        S *= 2
    return S


def _blocks(most: int, T: int, workload: Workload, reach: float, steps: int = STEPS) -> int:
    """Return the number of blocks per step.

    At most `reach`, beyond which a step reads too many context words, and so few that an epoch has its `steps`: with
    more, updates of frequent words are stale, and capped.
    """
    return int(max(1, min(most, workload.kept_words / (T * steps), reach)))
