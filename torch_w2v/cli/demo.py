"""The demo: gensim's Word2Vec beside ours, on the Wikipedia articles that gensim's wheel carries."""

from __future__ import annotations

import bz2
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from timeit import default_timer
from typing import Any, NamedTuple, TextIO

import gensim.models
from gensim.corpora.wikicorpus import extract_pages, filter_wiki
from gensim.models.callbacks import CallbackAny2Vec
from gensim.test.utils import datapath
from gensim.utils import simple_preprocess

from torch_w2v.cli.progress import Progress
from torch_w2v.compare.measures import SHIPPED
from torch_w2v.system import cores
from torch_w2v.word2vec import Word2Vec

DUMP = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
WORDS = ("music", "war", "language", "water", "god")
# The corpus is small, hence 20 epochs and word2vec.c's alpha for CBOW (with 0.025 both score lower).
SETTINGS: dict[str, Any] = {"epochs": 20, "alpha": 0.05, "min_count": 5, "seed": 1}


def demo_corpus(progress: Callable[[str], None] = lambda text: None) -> list[list[str]]:
    """The 106 Wikipedia articles in gensim's wheel as lower-case words, one list a paragraph; takes seconds.

    A paragraph (a line of the article's text) is a sentence here, rather than an article, because gensim drops what
    lies beyond the first 10,000 words of a sentence, and because windows should not reach over a heading. Redirects
    and paragraphs of one word are left out.

    Args:
        progress: called with a short text now and then.
    """
    sentences: list[list[str]] = []
    with bz2.open(datapath(DUMP)) as dump:
        for title, text, _ in extract_pages(dump, filter_namespaces=("0",)):
            if not text or text.lstrip().lower().startswith("#redirect"):
                continue
            progress(f"{len(sentences):,} paragraphs; {title}")
            paragraphs = map(simple_preprocess, filter_wiki(text).splitlines())
            sentences += [words for words in paragraphs if len(words) > 1]
    return sentences


class Score(NamedTuple):
    """Spearman's rank correlation with human judgements, over `used` of `pairs` word pairs (both words known)."""

    spearman: float
    used: int
    pairs: int


def scores(vectors: gensim.models.KeyedVectors) -> dict[str, Score]:
    """Score vectors on the word pairs that gensim ships; nan where too few are known."""
    return {gold.name: Score(gold.score(vectors), *gold.known(vectors)) for gold in SHIPPED if not gold.analogies}


@dataclass
class Result:
    """What one implementation gave: seconds for vocabulary and training, words read in training, the vectors."""

    name: str
    vocabulary: float
    training: float
    words: int
    vectors: gensim.models.KeyedVectors

    @property
    def speed(self) -> float:
        """Raw words per second of training."""
        return self.words / self.training


class _Epochs(CallbackAny2Vec):
    """Shows the number of the epoch."""

    def __init__(self, progress: Progress, epochs: int) -> None:
        self.progress = progress
        self.epochs = epochs
        self.epoch = 0

    def on_epoch_begin(self, model: Any) -> None:
        self.epoch += 1
        self.progress.step(f"epoch {self.epoch} of {self.epochs}")


def train(model: gensim.models.Word2Vec, name: str, sentences: list[list[str]], progress: Progress) -> Result:
    """Build the vocabulary of `model` and train it, both timed."""
    progress.phase(f"{name} trains")
    start = default_timer()
    model.build_vocab(sentences)
    ready = default_timer()
    epochs = model.epochs
    _, words = model.train(
        sentences, total_examples=model.corpus_count, epochs=epochs, callbacks=[_Epochs(progress, epochs)]
    )
    return Result(name, ready - start, default_timer() - ready, words, model.wv)


def run(
    out: TextIO = sys.stdout,
    err: TextIO = sys.stderr,
    sentences: list[list[str]] | None = None,
    ours: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Result, Result]:
    """Train gensim's Word2Vec and ours with the same arguments and print what each gives.

    Args:
        out, err: where the report and the progress go.
        sentences: the corpus; `demo_corpus()` if None.
        ours: arguments that only our class has (`engine`, `device`).
        settings: arguments of both; `SETTINGS` and all cores where not given.

    Returns:
        gensim's result and ours.

    Raises:
        ValueError, RuntimeError: what the constructor raises, before any work.
    """
    settings = {**SETTINGS, "workers": cores(), **settings}
    second = Word2Vec(**settings, **(ours or {}))
    first = gensim.models.Word2Vec(**settings)
    progress = Progress(err)
    if sentences is None:
        progress.phase("extracting the Wikipedia articles in gensim's wheel")
        sentences = demo_corpus(progress.step)
    results = train(first, "gensim", sentences, progress), train(second, "torch_w2v", sentences, progress)
    progress.end()
    words = sum(map(len, sentences))
    print(f"corpus     {words:,} words in {len(sentences):,} paragraphs; vocabulary {len(second.wv):,} words", file=out)
    print(f"arguments  {', '.join(f'{name}={value}' for name, value in settings.items())}\n", file=out)
    for line in report(*results):
        print(line, file=out)
    return results


def report(gensims: Result, ours: Result) -> Iterator[str]:
    """The lines that compare two results."""
    yield f"{'':24}{gensims.name:>12}{ours.name:>12}"
    yield f"{'vocabulary, seconds':24}{gensims.vocabulary:12.2f}{ours.vocabulary:12.2f}"
    yield f"{'training, seconds':24}{gensims.training:12.2f}{ours.training:12.2f}"
    yield f"{'training, M words/s':24}{gensims.speed / 1e6:12.2f}{ours.speed / 1e6:12.2f}"
    ratio = gensims.training / ours.training
    yield f"{'training, ratio':24}{'1':>12}{ratio:12.2f}   ({_in_words(ratio)})"
    theirs = scores(gensims.vectors)
    for name, score in scores(ours.vectors).items():
        yield (
            f"{name:24}{theirs[name].spearman:12.3f}{score.spearman:12.3f}"
            f"   (Spearman, {score.used} of {score.pairs} pairs)"
        )
    yield "One seed; on a corpus this small the scores of either move by about 0.03 with another seed."
    yield ""
    for word in WORDS:
        if word in ours.vectors.key_to_index:
            for result in (gensims, ours):
                nearest = ", ".join(key for key, _ in result.vectors.most_similar(word, topn=6))
                yield f"{word if result is gensims else '':12}{result.name:11}{nearest}"


def _in_words(ratio: float) -> str:
    return f"torch_w2v is {ratio:.1f} times as fast" if ratio >= 1 else f"gensim is {1 / ratio:.1f} times as fast"
