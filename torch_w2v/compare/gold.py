"""Sets of human judgements: word pairs with a score, and analogy questions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from torch_w2v.files import path_of

ANALOGY_WORDS = 30_000  # questions are asked among so many of the most frequent words; gensim's default is 300,000
# A set with fewer known pairs or questions, or a smaller share of them, has no score.
FEWEST_PAIRS, FEWEST_QUESTIONS, KNOWN_SHARE = 10, 20, 1 / 3


@dataclass(frozen=True)
class Gold:
    """A set of human judgements.

    Attributes:
        name: shown in tables.
        path: tab-separated word pairs with a score, or analogy questions in word2vec's format.
        margin: how far a mean may lie below gensim's (absolute) and still count as the same quality.
        analogies: whether the file has analogy questions rather than word pairs.
    """

    name: str
    path: str
    margin: float
    analogies: bool = False

    def known(self, vectors: KeyedVectors) -> tuple[int, int]:
        """Return how many word pairs or questions have all words among the vectors, and how many there are.

        Questions are asked among the `ANALOGY_WORDS` most frequent words.
        """
        with open(self.path, encoding="utf8") as file:
            lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith(("#", ": "))]
        words = vectors.index_to_key[:ANALOGY_WORDS] if self.analogies else vectors.index_to_key
        # gensim's evaluation ignores case.
        known = {str(word).upper() for word in words}
        items = [line.upper().split()[:4] if self.analogies else line.upper().split("\t")[:2] for line in lines]
        return sum(known.issuperset(item) for item in items), len(items)

    def why_no_score(self, vectors: KeyedVectors) -> str:
        """Return why a set says nothing about vectors: too little of it is known; '' where enough is."""
        known, total = self.known(vectors)
        fewest = FEWEST_QUESTIONS if self.analogies else FEWEST_PAIRS
        if known >= max(fewest, KNOWN_SHARE * total):
            return ""
        what = "questions" if self.analogies else "word pairs"
        return f"only {known:,} of its {total:,} {what} are known: a third must be, and {fewest} at least"

    def score(self, vectors: KeyedVectors) -> float:
        """Score vectors.

        Args:
            vectors: to be scored.

        Returns:
            Spearman's rank correlation for word pairs, the share of right answers for analogies; nan where too little
            is known (`why_no_score`).
        """
        if self.why_no_score(vectors):
            return float("nan")
        if self.analogies:
            return float(vectors.evaluate_word_analogies(self.path, restrict_vocab=ANALOGY_WORDS)[0])
        return float(vectors.evaluate_word_pairs(self.path, restrict_vocab=len(vectors))[1][0])


# The margins are larger than the noise of a few seeds and smaller than a difference that users notice.
SHIPPED = (
    Gold("WordSim-353", datapath("wordsim353.tsv"), 0.020),
    Gold("SimLex-999", datapath("simlex999.txt"), 0.015),
    Gold("analogies", datapath("questions-words.txt"), 0.010, analogies=True),
)
_PAIRS_MARGIN, _ANALOGIES_MARGIN = 0.020, 0.010  # of files
_MARGIN_BY_NAME = {"men": 0.010}


def pairs_file(path: str) -> Gold:
    """Make a set from a file of word pairs.

    Args:
        path: of lines of two words and a number, separated by tabs; empty lines and lines that begin with '#' are
            skipped.

    Returns:
        The set, named as the file without its suffix.

    Raises:
        ValueError: a line is anything else; the message has its number.
        OSError: the file cannot be read.
    """
    path = path_of(path)
    for number, line in enumerate(_lines(path), 1):
        fields = line.split("\t")
        try:
            if line.strip() and not line.startswith("#"):
                float(fields[2])
        except (IndexError, ValueError):
            raise ValueError(
                f"{path}, line {number}: must be two words and a number, separated by tabs, got {line!r}"
            ) from None
    name = Path(path).stem
    return Gold(name, path, _MARGIN_BY_NAME.get(name.lower(), _PAIRS_MARGIN))


def analogies_file(path: str) -> Gold:
    """Make a set from a file of analogy questions.

    Args:
        path: of lines of four words, in sections that begin with a line ': name'.

    Returns:
        The set, named as the file without its suffix.

    Raises:
        ValueError: a line is anything else; the message has its number.
        OSError: the file cannot be read.
    """
    path, in_section = path_of(path), False
    for number, line in enumerate(_lines(path), 1):
        begins_section = line.startswith(": ")
        in_section = in_section or begins_section
        if not begins_section and (len(line.split()) != 4 or not in_section):
            raise ValueError(
                f"{path}, line {number}: must be four words, below a first line such as ': section', got {line!r}"
            )
    return Gold(Path(path).stem, path, _ANALOGIES_MARGIN, analogies=True)


def check_gold(gold: Any) -> list[Gold]:
    """Return the sets of an argument `gold`.

    Raises:
        TypeError: it is none of sets.
    """
    several = isinstance(gold, Iterable) and not isinstance(gold, (str, bytes))
    sets = list(gold) if several else []
    for item in sets if several else [gold]:
        if not (several and isinstance(item, Gold)):
            raise TypeError(
                f"gold: {item!r} is a {type(item).__name__}: must be a list of Gold objects; pairs_file(path) or "
                "analogies_file(path) of torch_w2v.compare makes one from a file"
            )
    return sets


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf8").splitlines()
    except UnicodeDecodeError as e:
        raise ValueError(f"{path}: must be UTF-8 ({e.reason} at byte {e.start})") from None


@contextmanager
def quiet_gensim() -> Iterator[None]:
    """Keep the lines of gensim's evaluation out of the log while the block runs."""
    logger = logging.getLogger("gensim.models.keyedvectors")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
