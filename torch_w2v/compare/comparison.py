"""Train gensim and torch_w2v's engines on the same corpus, and judge whether the quality is the same.

    from torch_w2v.compare import compare
    result = compare(sentences, engines=("cpu",), seeds=3, epochs=5)
    print("\\n".join(result.lines()))

The question is one-sided: is the mean over the seeds worse than gensim's by more than a margin fixed beforehand?
"""

from __future__ import annotations

import importlib.metadata
import itertools
import math
import os
import platform
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Real
from timeit import default_timer
from typing import Any

import gensim
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import accel
from torch_w2v.checks import check_at_least
from torch_w2v.compare import measures
from torch_w2v.compare.contenders import GENSIM, Maker, contenders_named
from torch_w2v.compare.gold import SHIPPED, Gold, check_gold, quiet_gensim
from torch_w2v.compare.measures import Portrait
from torch_w2v.compare.results import Comparison, Run
from torch_w2v.compare.verdict import DIFFERS, INFERIOR, Verdict, judge
from torch_w2v.corpus import Corpus, NoWordsError, Sentence
from torch_w2v.gensim_compat.vocabulary import cumulative_powers
from torch_w2v.system import PeakMemory
from torch_w2v.training.divergence import has_diverged, largest

LOSS, OVERLAP, COSINES = "held-out loss", f"neighbours@{measures.TOP}", "cosines"  # the measures without a gold set
LOSS_MARGIN = 0.01  # share of gensim's loss
OVERLAP_MARGIN, COSINES_MARGIN = 0.05, 0.02  # absolute
HELD_OUT = 0.02  # default share of the sentences
MOST_HELD_OUT = 500_000  # words


@accel.paused()
def compare(
    sentences: Corpus,
    engines: str | Iterable[str] = ("auto",),
    seeds: int = 3,
    *,
    gold: Sequence[Gold] = SHIPPED,
    variants: Mapping[str, Maker] | None = None,
    baseline: Maker = PlainWord2Vec,
    held_out: float = HELD_OUT,
    device: str = "auto",
    progress: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Comparison:
    """Train gensim and other contenders with the same arguments, in turns for each seed, and judge every measure.

    Args:
        sentences: lists of words, held in memory.
        engines: the engine or engines to compare, as `engine=`; 'cpu:2' runs one with two workers.
        seeds: number of runs of each contender; the first seed is `settings['seed']` or 1. Fewer than three seeds
            leave most measures undecided.
        gold: sets of human judgements; `pairs_file` and `analogies_file` make them from files.
        variants: more contenders: name -> function from the settings to an untrained model.
        baseline: function from the settings to an untrained model of gensim's, with which the others are compared.
        held_out: share of the sentences kept from training, to compute the loss on; 0 for none.
        device: for the engines, as in `Word2Vec`.
        progress: called with a short text before each step.
        settings: arguments of both constructors.

    Returns:
        All runs and verdicts.

    Raises:
        ValueError: there is nothing to compare (`hs` or `negative=0`, which gensim's own engine trains; no
            sentences; no contender), or an argument is out of its range, or a `corpus_file` is given.
        TypeError: an argument is of a wrong type.
        RuntimeError: an engine is not available, or a variant has another vocabulary.
        NoWordsError: the corpus, or the vocabulary, is empty; a ValueError and a RuntimeError.
    """
    if isinstance(sentences, (str, bytes, os.PathLike)):
        raise TypeError(
            f"sentences is a {type(sentences).__name__}: give sentences, such as those of gensim's LineSentence(path)"
        )
    if not hasattr(sentences, "__iter__"):
        raise TypeError(f"sentences={sentences!r}: must be an iterable of lists of words, such as LineSentence(path)")
    gold = check_gold(gold)
    names = [engines] if isinstance(engines, str) else engines
    makers: dict[str, Maker] = {GENSIM: baseline, **contenders_named(names, device), **(variants or {})}
    check(makers, seeds, held_out, settings)
    first_seed = settings.pop("seed", 1)
    train, held = split(sentences, held_out)
    words = sum(map(len, train))
    if not words:
        raise NoWordsError("the corpus has no words")
    runs: list[Run] = []
    portraits: dict[tuple[str, int], Portrait | None] = {}
    vocabulary: list[Hashable] | None = None
    unknown: dict[str, str] = {}
    diverged = False
    for number, (name, make) in itertools.product(range(seeds), makers.items()):
        seed = first_seed + number
        progress(f"seed {number + 1} of {seeds}: {name} trains")
        with PeakMemory() as peak:
            model = make(seed=seed, **settings)
            whole_seconds, train_seconds = _train(name, model, train, settings)
        if vocabulary is not None and vocabulary != model.wv.index_to_key:
            raise RuntimeError(f"{name}: its vocabulary is not that of {GENSIM}; they cannot be compared")
        if vocabulary is None:
            unknown = {g.name: g.why_no_score(model.wv) for g in gold}
        vocabulary = list(model.wv.index_to_key)
        progress(f"seed {number + 1} of {seeds}: {name} is measured")
        # the same measure for gensim's models, which do not tell
        exploded = has_diverged(max(largest(model.wv.vectors), largest(model.syn1neg)), 0.0)
        diverged = diverged or (name == GENSIM and exploded)
        portraits[name, seed] = None if exploded else measures.portrait(model.wv)
        # Training that diverges is stopped early.
        epochs = len(getattr(model, "training_losses", ())) or model.epochs
        speed = words * epochs / train_seconds
        scores = _scores(model, gold, held, exploded)
        runs.append(Run(name, seed, train_seconds, whole_seconds, speed, peak.bytes, scores))
        del model  # frees its memory before the next one is constructed
    _add_agreement(runs, portraits)
    causes = {**_causes(len(vocabulary or ()), diverged, unknown), **{k: why for k, why in unknown.items() if why}}
    verdicts, left_out = _verdicts(runs, {g.name: g.margin for g in gold}, causes)
    if held_out and not held:
        left_out.append(
            f"{LOSS}: left out, since held_out={held_out:g} takes one of {round(1 / held_out):,} sentences, and the "
            f"corpus has {len(train):,}"
        )
    sizes = {
        "sentences": len(train),
        "words": words,
        "held_out_words": sum(map(len, held)),
        "vocabulary": len(vocabulary or ()),
    }
    versions = {
        "torch": importlib.metadata.version("torch"),
        "gensim": gensim.__version__,
        "Python": platform.python_version(),
    }
    arguments = {"seeds": seeds, "seed": first_seed, **settings}
    return Comparison(sizes, arguments, versions, runs, verdicts, left_out)


def split(sentences: Corpus, share: float) -> tuple[list[Sentence], list[Sentence]]:
    """Split a corpus into sentences to train on and sentences to measure the loss on.

    Args:
        sentences: of the corpus.
        share: of the sentences to hold out: every (1 / share)-th, up to `MOST_HELD_OUT` words in all.

    Returns:
        The sentences to train on, and those held out.
    """
    every = round(1 / share) if share else 0
    train: list[Sentence] = []
    held: list[Sentence] = []
    held_words = 0
    for number, sentence in enumerate(sentences, 1):
        if every and number % every == 0 and held_words < MOST_HELD_OUT:
            held.append(sentence)
            held_words += len(sentence)
        else:
            train.append(sentence)
    return train, held


def check(makers: Mapping[str, Maker], seeds: int, held_out: float, settings: Mapping[str, Any]) -> None:
    """Check the arguments of `compare` before any work, also by the constructors of all contenders.

    Args:
        makers: name -> function from the settings to an untrained model.
        seeds, held_out, settings: as `compare` takes them.

    Raises:
        ValueError, TypeError, RuntimeError: what was given, what is allowed.
    """
    if len(makers) < 2:
        raise ValueError("nothing to compare: give at least one engine beside gensim")
    check_at_least(1, seeds=seeds)
    if not isinstance(held_out, Real) or not 0 <= held_out <= 0.5:
        raise ValueError(f"held_out={held_out!r}: must be a share of the sentences from 0 to 0.5")
    if settings.get("corpus_file") is not None:
        raise ValueError("corpus_file is not taken: give the sentences, for example LineSentence(path)")
    if settings.get("hs") or not settings.get("negative", 5):
        raise ValueError("hs=1 and negative=0 are trained by gensim's own engine: there is nothing to compare")
    others = {name: value for name, value in settings.items() if name != "seed"}
    first = settings.get("seed", 1)
    if not 0 <= first <= 2**32 - seeds:
        raise ValueError(f"seed={first}: with seeds={seeds} it must be at least 0 and at most {2**32 - seeds}")
    for seed, make in itertools.product({first, first + seeds - 1}, makers.values()):
        make(seed=seed, **others)


def _train(
    name: str, model: PlainWord2Vec, sentences: list[Sentence], settings: Mapping[str, Any]
) -> tuple[float, float]:
    """Train a model.

    Returns:
        Seconds of `build_vocab()` and `train()` together, and of `train()` alone.

    Raises:
        NoWordsError: the vocabulary is empty.
        ExponentError: `ns_exponent` makes frequencies that are all 0, or not finite.
    """
    start = default_timer()
    try:
        model.build_vocab(sentences)
    except (ValueError, OverflowError):
        cumulative_powers(model)  # gensim does not say what is wrong with the exponent
        raise
    vocabulary_end = default_timer()
    if not len(model.wv):
        raise NoWordsError(f"{name}: no word occurs min_count={model.min_count} times or more")
    model.train(
        sentences,
        total_examples=model.corpus_count,
        epochs=model.epochs,
        compute_loss=settings.get("compute_loss", False),
        callbacks=settings.get("callbacks", ()),
    )
    end = default_timer()
    return end - start, end - vocabulary_end


def _scores(model: PlainWord2Vec, gold: Sequence[Gold], held: list[Sentence], exploded: bool) -> dict[str, float]:
    if exploded:
        return {name: float("nan") for name in (*(g.name for g in gold), *([LOSS] if held else []))}
    with quiet_gensim():
        scores = {g.name: g.score(model.wv) for g in gold}
    if held:
        scores[LOSS] = measures.held_out_loss(model, held)
    return scores


def _add_agreement(runs: list[Run], portraits: Mapping[tuple[str, int], Portrait | None]) -> None:
    """Add to each run how well it agrees with gensim's runs of other seeds (equal seeds have equal initial vectors)."""
    gensims = {seed: p for (name, seed), p in portraits.items() if name == GENSIM and p is not None}
    for run in runs:
        portrait = portraits[run.contender, run.seed]
        others = [p for seed, p in gensims.items() if seed != run.seed]
        if not others:
            continue
        overlaps = [portrait.overlap(p) for p in others] if portrait else [float("nan")]
        correlations = [portrait.correlation(p) for p in others] if portrait else [float("nan")]
        run.scores.update({OVERLAP: statistics.mean(overlaps), COSINES: statistics.mean(correlations)})


def _causes(vocabulary: int, diverged: bool, gold: Iterable[str]) -> dict[str, str]:
    """Return why gensim may have no finite value of each measure.

    Args:
        vocabulary: number of words.
        diverged: whether gensim's training diverged.
        gold: names of the sets of human judgements.
    """
    if diverged:
        cause = "gensim's training diverged: give a smaller alpha"
        return dict.fromkeys((LOSS, OVERLAP, COSINES, *gold), cause)
    few = f"the vocabulary has {vocabulary} words, and needs 3" if vocabulary < 3 else ""
    return {
        LOSS: "no window of the held-out sentences has two words that are in the vocabulary and that subsampling keeps",
        OVERLAP: few,
        COSINES: few or "all cosines of a run are alike",
        **dict.fromkeys(gold, "all of its scores, or of gensim's, are alike"),
    }


def _verdicts(
    runs: list[Run], gold_margins: Mapping[str, float], causes: Mapping[str, str]
) -> tuple[list[Verdict], list[str]]:
    """Return a verdict for each contender and measure, and sentences about measures that cannot be judged."""
    runs_by_name: dict[str, list[Run]] = {}
    for run in runs:
        runs_by_name.setdefault(run.contender, []).append(run)
    gensim_runs = runs_by_name.pop(GENSIM)
    margins = {OVERLAP: OVERLAP_MARGIN, COSINES: COSINES_MARGIN, **gold_margins}
    verdicts, left_out = [], []
    if len(gensim_runs) == 1:
        left_out.append(
            f"one seed: differences have no intervals, and {OVERLAP} and {COSINES} need two runs of gensim; give two "
            "seeds or more"
        )
    agreement = (OVERLAP, COSINES) if len(gensim_runs) > 1 else ()
    for measure in dict.fromkeys((*gensim_runs[0].scores, *agreement)):
        reference = [run.scores.get(measure, math.nan) for run in gensim_runs]
        if not all(map(math.isfinite, reference)):
            left_out.append(f"{measure}: left out, since {causes.get(measure) or 'gensim has no finite value'}")
            continue
        margin = LOSS_MARGIN * statistics.mean(reference) if measure == LOSS else margins[measure]
        verdicts += [
            judge(name, measure, [run.scores[measure] for run in own], reference, margin, measure == LOSS)
            for name, own in runs_by_name.items()
        ]
    better = {verdict.contender for verdict in verdicts if verdict.measure == LOSS and verdict.low > 0}
    return [_as_difference(verdict, better) for verdict in verdicts], left_out


def _as_difference(verdict: Verdict, better: set[str]) -> Verdict:
    """Return a verdict, softened to 'differs' where a contender with a better loss agrees less with gensim."""
    agreement = verdict.measure in (OVERLAP, COSINES)
    if agreement and verdict.verdict == INFERIOR and verdict.contender in better:
        return replace(verdict, verdict=DIFFERS)
    return verdict
