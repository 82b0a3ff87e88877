"""Train gensim and our engines on the same corpus, and say whether the quality is the same.

    from torch_w2v.compare import compare
    result = compare(sentences, engines=("cpu",), seeds=3, epochs=5)
    print("\\n".join(result.lines()))

The question is one-sided: is the mean over the seeds worse than gensim's by more than a margin fixed beforehand?
"""

from __future__ import annotations

import importlib.metadata
import itertools
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from timeit import default_timer
from typing import Any

import gensim
import gensim.models
import numpy as np

from torch_w2v import engines
from torch_w2v.compare import measures
from torch_w2v.compare.measures import Gold, Portrait
from torch_w2v.compare.verdict import INFERIOR, Verdict, judge
from torch_w2v.system import PeakMemory
from torch_w2v.word2vec import Word2Vec

GENSIM = "gensim"
LOSS, OVERLAP, COSINES = "held-out loss", f"neighbours@{measures.TOP}", "cosines"
LOSS_MARGIN = 0.01  # of gensim's own loss
OVERLAP_MARGIN, COSINES_MARGIN = 0.05, 0.02  # docs/quality.md: why these
HELD_OUT = 0.02  # share of the sentences
MOST_HELD_OUT = 500_000  # words

Maker = Callable[..., gensim.models.Word2Vec]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        contender: who was trained.
        seed: its seed.
        train_seconds: of `train()`.
        whole_seconds: of `build_vocab()` and `train()`.
        words_per_second: raw words of all passes over `train_seconds`.
        peak_bytes: the most memory that the process had, beyond what it had before; None where the system cannot tell.
        scores: measure -> value; nan where it could not be measured.
    """

    contender: str
    seed: int
    train_seconds: float
    whole_seconds: float
    words_per_second: float
    peak_bytes: int | None
    scores: dict[str, float]


@dataclass(frozen=True)
class Comparison:
    """All that was measured; `lines()` for people, `as_dict()` for programs."""

    corpus: dict[str, int]
    arguments: dict[str, Any]
    versions: dict[str, str]
    runs: list[Run]
    verdicts: list[Verdict]
    left_out: list[str] = field(default_factory=list)

    @property
    def inferior(self) -> list[Verdict]:
        """The measures that failed."""
        return [verdict for verdict in self.verdicts if verdict.verdict == INFERIOR]

    @property
    def contenders(self) -> list[str]:
        """Names in the order of the runs, gensim first."""
        return list(dict.fromkeys(run.contender for run in self.runs))

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts and lists; what could not be measured is None."""

        def plain(x: Any) -> Any:
            if isinstance(x, dict):
                return {key: plain(value) for key, value in x.items()}
            if isinstance(x, list):
                return [plain(value) for value in x]
            return None if isinstance(x, float) and not math.isfinite(x) else x

        found: dict[str, Any] = plain(asdict(self))
        return found

    def speed(self, contender: str) -> float:
        """Median M raw words/s of training."""
        return statistics.median(run.words_per_second for run in self.runs if run.contender == contender) / 1e6

    def lines(self) -> Iterator[str]:
        """The report, to be printed."""
        size = self.corpus
        yield (
            f"corpus     {size['words']:,} words in {size['sentences']:,} sentences to train on, "
            f"{size['held_out_words']:,} held out"
        )
        yield f"arguments  {', '.join(f'{name}={value}' for name, value in self.arguments.items())}"
        yield f"on         {', '.join(f'{name} {value}' for name, value in self.versions.items())}"
        yield ""
        width = max(map(len, self.contenders)) + 2
        yield f"{'':{width}}{'train, s':>10}{'whole, s':>10}{'M words/s':>11}{'ratio':>7}{'peak, MB':>10}"
        for name in self.contenders:
            runs = [run for run in self.runs if run.contender == name]
            train, whole = (
                statistics.median(getattr(r, f"{part}_seconds") for r in runs) for part in ("train", "whole")
            )
            peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
            peak = f"{max(peaks) / 1e6:,.0f}" if peaks else "-"
            ratio = self.speed(name) / self.speed(GENSIM)
            yield f"{name:{width}}{train:10.2f}{whole:10.2f}{self.speed(name):11.2f}{ratio:7.2f}{peak:>10}"
        yield ""
        wide = max([len(verdict.measure) for verdict in self.verdicts], default=0) + 2
        heads = f"{'gensim':>9}{'ours':>9}{'better by':>11}{'90 % interval':>20}{'margin':>9}  verdict"
        yield f"{'':{width}}{'':{wide}}{heads}"
        for v in self.verdicts:
            interval = f"{v.low:+.4f} … {v.high:+.4f}"
            yield (
                f"{v.contender:{width}}{v.measure:{wide}}{v.gensim:9.4f}{v.ours:9.4f}{v.difference:+11.4f}"
                f"{interval:>20}{v.margin:9.4f}  {v.verdict}"
            )
        yield from self.left_out


def on_engine(engine: str, **ours: Any) -> Maker:
    """Makes our models on an engine; `ours` go before the comparison's settings."""
    return lambda **settings: Word2Vec(**{**settings, "engine": engine, **ours})


def contenders_named(names: Iterable[str], device: str = "auto", **ours: Any) -> dict[str, Maker]:
    """'cpu', or 'cpu:2' for two workers -> how to make its models; gensim, which is always there, is left out.

    Args:
        names: of engines.
        device: of theirs.
        ours: more arguments that only our class has.

    Raises:
        ValueError: an unknown engine, or workers that are no whole number above 0.
        RuntimeError: an engine or a device that is not there.
    """
    found = {}
    for name in names:
        engine, colon, workers = name.partition(":")
        if name == GENSIM:
            continue
        if colon and not (workers.isdecimal() and int(workers)):
            raise ValueError(f"{name!r}: must be ENGINE or ENGINE:WORKERS, such as 'cpu:2'")
        engines.check(engine, device)
        own = {"workers": int(workers)} if colon else {}
        found[name] = on_engine(engine, device=device, **own, **ours)
    return found


def split(sentences: Iterable[Sequence[Any]], share: float) -> tuple[list[Sequence[Any]], list[Sequence[Any]]]:
    """To train on, and held out: every (1 / share)-th sentence, up to `MOST_HELD_OUT` words."""
    every = round(1 / share) if share else 0
    train: list[Sequence[Any]] = []
    held: list[Sequence[Any]] = []
    words = 0
    for number, sentence in enumerate(sentences, 1):
        if every and number % every == 0 and words < MOST_HELD_OUT:
            held.append(sentence)
            words += len(sentence)
        else:
            train.append(sentence)
    return train, held


def compare(
    sentences: Iterable[Sequence[Any]],
    engines: Iterable[str] = ("auto",),
    seeds: int = 3,
    *,
    gold: Sequence[Gold] = measures.SHIPPED,
    variants: Mapping[str, Maker] | None = None,
    baseline: Maker = gensim.models.Word2Vec,
    held_out: float = HELD_OUT,
    device: str = "auto",
    progress: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Comparison:
    """Train gensim and other contenders with the same arguments, one after the other for each seed, and judge.

    Args:
        sentences: lists of words; held in memory.
        engines: ours to compare, as `engine=`; 'cpu:2' gives one its own number of workers.
        seeds: how many; the first is `settings['seed']` or 1. Fewer than three decide little.
        gold: sets of human judgements; `measures.pairs_file` and `analogies_file` make them from files.
        variants: more contenders: name -> function that makes an untrained model from the settings.
        baseline: makes gensim's models; another function where gensim is to be used in a special way.
        held_out: share of the sentences kept from training, for the loss; 0 for none.
        device: of our engines.
        progress: called with a short text before each step.
        settings: arguments of both constructors.

    Raises:
        ValueError: nothing to compare (sg, hs or negative=0, which gensim trains for us too; no sentences; no
            contender; seeds < 1; held_out not in 0 to 0.5; a corpus_file), or what the constructors raise.
        RuntimeError: an engine that is not there, an empty vocabulary, or a variant with another vocabulary.
    """
    makers: dict[str, Maker] = {GENSIM: baseline, **contenders_named(engines, device), **(variants or {})}
    _check(makers, seeds, held_out, settings)
    first = settings.pop("seed", 1)
    for make in makers.values():  # what is wrong with the arguments is said before any work
        make(seed=first, **settings)
    train, held = split(sentences, held_out)
    words = sum(map(len, train))
    if not words:
        raise ValueError("the corpus has no words to train on")
    runs: list[Run] = []
    portraits: dict[tuple[str, int], Portrait | None] = {}
    order: list[Any] | None = None
    for number, (name, make) in itertools.product(range(seeds), makers.items()):
        seed = first + number
        progress(f"seed {number + 1} of {seeds}: {name} trains")
        with PeakMemory() as peak:
            model = make(seed=seed, **settings)
            start = default_timer()
            model.build_vocab(train)
            ready = default_timer()
            if not len(model.wv):
                raise RuntimeError(f"{name}: no word occurs min_count={model.min_count} times or more")
            model.train(
                train, total_examples=model.corpus_count, epochs=model.epochs,
                compute_loss=settings.get("compute_loss", False), callbacks=settings.get("callbacks", ()),
            )  # fmt: skip
            end = default_timer()
        if order is not None and order != model.wv.index_to_key:
            raise RuntimeError(f"{name}: its vocabulary is not that of {GENSIM}; they cannot be compared")
        order = list(model.wv.index_to_key)
        progress(f"seed {number + 1} of {seeds}: {name} is measured")
        finite = bool(np.isfinite(model.wv.vectors).all() and np.isfinite(model.syn1neg).all())
        portraits[name, seed] = measures.portrait(model.wv) if finite else None
        runs.append(
            Run(
                name, seed, end - ready, end - start, words * model.epochs / (end - ready), peak.bytes,
                _scores(model, gold, held, finite),
            )
        )  # fmt: skip
        del model
    _agreement(runs, portraits)
    verdicts, left_out = _verdicts(runs, {g.name: g.margin for g in gold})
    sizes = {
        "sentences": len(train),
        "words": words,
        "held_out_words": sum(map(len, held)),
        "vocabulary": len(order or ()),
    }
    versions = {
        "torch": importlib.metadata.version("torch"),
        "gensim": gensim.__version__,
        "Python": platform.python_version(),
    }
    return Comparison(sizes, {"seeds": seeds, "seed": first, **settings}, versions, runs, verdicts, left_out)


def _check(makers: Mapping[str, Maker], seeds: int, held_out: float, settings: Mapping[str, Any]) -> None:
    if len(makers) < 2:
        raise ValueError("nothing to compare: give at least one engine beside gensim")
    if seeds < 1:
        raise ValueError(f"seeds={seeds}: must be at least 1")
    if not 0 <= held_out <= 0.5:
        raise ValueError(f"held_out={held_out}: must be a share of the sentences from 0 to 0.5")
    if settings.get("corpus_file") is not None:
        raise ValueError("corpus_file is not taken: give the sentences, for example LineSentence(path)")
    if settings.get("sg") or settings.get("hs") or not settings.get("negative", 5):
        raise ValueError("sg=1, hs=1 and negative=0 are trained by gensim's own engine: there is nothing to compare")


def _scores(model: gensim.models.Word2Vec, gold: Sequence[Gold], held: list[Any], finite: bool) -> dict[str, float]:
    if not finite:
        return {name: float("nan") for name in (*(g.name for g in gold), *([LOSS] if held else []))}
    with measures.quiet_gensim():
        found = {g.name: g.score(model.wv) for g in gold}
    if held:
        found[LOSS] = measures.held_out_loss(model, held)
    return found


def _agreement(runs: list[Run], portraits: Mapping[tuple[str, int], Portrait | None]) -> None:
    """Add to each run how well it agrees with gensim's runs of other seeds: the same seed starts from equal vectors."""
    gensims = {seed: p for (name, seed), p in portraits.items() if name == GENSIM and p is not None}
    for run in runs:
        own = portraits[run.contender, run.seed]
        others = [p for seed, p in gensims.items() if seed != run.seed]
        if not others:
            continue
        overlaps = [own.overlap(p) for p in others] if own else [float("nan")]
        correlations = [own.correlation(p) for p in others] if own else [float("nan")]
        run.scores.update({OVERLAP: statistics.mean(overlaps), COSINES: statistics.mean(correlations)})


def _verdicts(runs: list[Run], margins: Mapping[str, float]) -> tuple[list[Verdict], list[str]]:
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.contender, []).append(run)
    theirs = by_name.pop(GENSIM)
    verdicts, left_out = [], []
    for measure in theirs[0].scores:
        reference = [run.scores[measure] for run in theirs]
        if not all(map(math.isfinite, reference)):
            left_out.append(f"{measure}: not measured; too few of its words are in the vocabulary")
            continue
        margin = margins.get(measure, {OVERLAP: OVERLAP_MARGIN, COSINES: COSINES_MARGIN}.get(measure, 0.0))
        if measure == LOSS:
            margin = LOSS_MARGIN * statistics.mean(reference)
        verdicts += [
            judge(name, measure, [run.scores[measure] for run in ran], reference, margin, measure == LOSS)
            for name, ran in by_name.items()
        ]
    return verdicts, left_out
