"""`torch-w2v demo`: gensim's Word2Vec beside torch_w2v's, on the Wikipedia articles in gensim's wheel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from timeit import default_timer
from typing import Any, NamedTuple, TextIO

from gensim.models import KeyedVectors
from gensim.models.callbacks import CallbackAny2Vec
from gensim.models.word2vec import Word2Vec as PlainWord2Vec

from torch_w2v import accel
from torch_w2v.cli import checks
from torch_w2v.cli.articles import demo_corpus
from torch_w2v.cli.options import Commands, add_constructor_options, chosen_options
from torch_w2v.cli.progress import Progress
from torch_w2v.compare.gold import SHIPPED
from torch_w2v.system import cores
from torch_w2v.word2vec import Word2Vec

WORDS = ("music", "war", "language", "water", "god")  # whose neighbours are shown
# The corpus is small, hence 20 epochs and word2vec.c's alpha for CBOW; with 0.025 both score lower.
SETTINGS: dict[str, Any] = {"epochs": 20, "alpha": 0.05, "min_count": 5, "seed": 1}
_SHARED = ("epochs", "workers", "seed")
_OURS = ("engine", "device")


def add_parser(commands: Commands) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "demo",
        help="run gensim beside torch_w2v on a small corpus",
        description=(
            "Train gensim and torch_w2v on the Wikipedia articles in gensim's wheel, and print seconds, scores and "
            "neighbours; takes about a minute."
        ),
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    add_constructor_options(parser, _SHARED, workers=cores(), **SETTINGS)
    add_constructor_options(parser, _OURS)


def run(args: argparse.Namespace) -> int:
    """Run the demo and print its report.

    Args:
        args: the parsed command line.

    Returns:
        The exit code.

    Raises:
        CommandError: an argument is wrong.
    """
    checks.check_at_least("--epochs", args.epochs, 1)
    settings = chosen_options(args)
    checks.construct(settings)
    ours = {name: settings.pop(name) for name in _OURS}
    run_side_by_side(sys.stdout, sys.stderr, ours=ours, **settings)
    return 0


class Score(NamedTuple):
    """Agreement with human judgements of similarity.

    Attributes:
        spearman: rank correlation, nan where too few pairs are known.
        used: number of word pairs with both words in the vocabulary.
        pairs: number of all word pairs.
    """

    spearman: float
    used: int
    pairs: int


def scores(vectors: KeyedVectors) -> dict[str, Score]:
    """Return the score of vectors on each set of word pairs that gensim ships."""
    return {gold.name: Score(gold.score(vectors), *gold.known(vectors)) for gold in SHIPPED if not gold.analogies}


@dataclass
class Result:
    """One trained implementation.

    Attributes:
        name: of the implementation.
        vocabulary: seconds of `build_vocab()`.
        training: seconds of `train()`.
        words: number of words read in training, all epochs together.
        vectors: the trained vectors.
    """

    name: str
    vocabulary: float
    training: float
    words: int
    vectors: KeyedVectors

    @property
    def speed(self) -> float:
        """Words read per second of training."""
        return self.words / self.training


class _EpochSteps(CallbackAny2Vec):
    """Shows the number of the epoch."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        self.progress = progress
        self.epochs = epochs
        self.epoch = 0

    def on_epoch_begin(self, model: PlainWord2Vec) -> None:
        self.epoch += 1
        self.progress.step(f"epoch {self.epoch} of {self.epochs}")


def train(model: PlainWord2Vec, name: str, sentences: list[list[str]], progress: Progress) -> Result:
    """Build the vocabulary of a model and train it, and time both.

    Args:
        model: untrained.
        name: of the implementation, for the report.
        sentences: lists of words.
        progress: where the epochs are shown.

    Returns:
        Its seconds, words and vectors.
    """
    progress.phase(f"{name} trains")
    start = default_timer()
    model.build_vocab(sentences)
    vocabulary_end = default_timer()
    _, words = model.train(
        sentences,
        total_examples=model.corpus_count,
        epochs=model.epochs,
        callbacks=[_EpochSteps(progress, model.epochs)],
    )
    return Result(name, vocabulary_end - start, default_timer() - vocabulary_end, words, model.wv)


@accel.paused()
def run_side_by_side(
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
    sentences: list[list[str]] | None = None,
    ours: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Result, Result]:
    """Train gensim's Word2Vec and torch_w2v's with the same arguments, and print a report.

    Args:
        out: where the report goes.
        err: where the progress goes.
        sentences: lists of words; None for `demo_corpus()`.
        ours: arguments that only torch_w2v's class has.
        settings: arguments of both classes; the others are those of `SETTINGS`, and as many workers as cores.

    Returns:
        gensim's result and torch_w2v's.

    Raises:
        ValueError: an argument is out of its range; raised before any work.
        RuntimeError: the engine or the device is not available; raised before any work.
    """
    settings = {**SETTINGS, "workers": cores(), **settings}
    our_model = Word2Vec(**settings, **(ours or {}))
    gensim_model = PlainWord2Vec(**settings)
    progress = Progress(err)
    if sentences is None:
        progress.phase("extracting the Wikipedia articles in gensim's wheel")
        sentences = demo_corpus(progress.step)
    gensim_result = train(gensim_model, "gensim", sentences, progress)
    our_result = train(our_model, "torch_w2v", sentences, progress)
    progress.end()
    words = sum(map(len, sentences))
    vocabulary = len(our_result.vectors)
    print(f"corpus     {words:,} words in {len(sentences):,} paragraphs; vocabulary {vocabulary:,} words", file=out)
    print(f"arguments  {', '.join(f'{name}={value}' for name, value in settings.items())}\n", file=out)
    for line in report(gensim_result, our_result):
        print(line, file=out)
    return gensim_result, our_result


def report(gensims: Result, ours: Result) -> Iterator[str]:
    """Yield the lines that compare gensim's result with torch_w2v's.

    Args:
        gensims: what `train` returned for gensim.
        ours: what `train` returned for torch_w2v.

    Yields:
        Lines without their ends.
    """
    yield f"{'':24}{gensims.name:>12}{ours.name:>12}"
    yield f"{'vocabulary, seconds':24}{gensims.vocabulary:12.2f}{ours.vocabulary:12.2f}"
    yield f"{'training, seconds':24}{gensims.training:12.2f}{ours.training:12.2f}"
    yield f"{'training, M words/s':24}{gensims.speed / 1e6:12.2f}{ours.speed / 1e6:12.2f}"
    ratio = gensims.training / ours.training
    yield f"{'training, ratio':24}{'1':>12}{ratio:12.2f}   ({_ratio_as_sentence(ratio)})"
    gensim_scores = scores(gensims.vectors)
    for name, score in scores(ours.vectors).items():
        yield (
            f"{name:24}{gensim_scores[name].spearman:12.3f}{score.spearman:12.3f}"
            f"   (Spearman, {score.used} of {score.pairs} pairs)"
        )
    yield "One seed; on a corpus this small, another seed moves the scores of either by about 0.03."
    yield ""
    for word in WORDS:
        if word in ours.vectors.key_to_index:
            for result in (gensims, ours):
                nearest = ", ".join(key for key, _ in result.vectors.most_similar(word, topn=6))
                yield f"{word if result is gensims else '':12}{result.name:11}{nearest}"


def _ratio_as_sentence(ratio: float) -> str:
    return f"torch_w2v is {ratio:.1f} times as fast" if ratio >= 1 else f"gensim is {1 / ratio:.1f} times as fast"
