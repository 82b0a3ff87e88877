"""Sets of human judgements: word pairs with a score, and analogy questions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gensim.models import KeyedVectors
from gensim.test.utils import datapath

ANALOGY_WORDS = 30_000  # questions are asked among so many of the most frequent words; gensim's default is 300,000
FEWEST_PAIRS, FEWEST_QUESTIONS = 10, 20  # a set with fewer known pairs or questions has no score


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
        """Return how many word pairs have both words among the vectors, and how many word pairs there are."""
        with open(self.path, encoding="utf8") as file:
            lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
        pairs = [set(map(str.upper, line.split("\t")[:2])) for line in lines]
        words = set(map(str.upper, vectors.index_to_key))  # gensim's evaluation ignores case
        return sum(pair <= words for pair in pairs), len(pairs)

    def score(self, vectors: KeyedVectors) -> float:
        """Score vectors.

        Args:
            vectors: to be scored.

        Returns:
            Spearman's rank correlation for word pairs, the share of right answers for analogies; nan where fewer than
            `FEWEST_PAIRS` pairs or `FEWEST_QUESTIONS` questions are known.
        """
        if self.analogies:
            score, sections = vectors.evaluate_word_analogies(self.path, restrict_vocab=ANALOGY_WORDS)
            asked = len(sections[-1]["correct"]) + len(sections[-1]["incorrect"])
            return float(score) if asked >= FEWEST_QUESTIONS else float("nan")
        if self.known(vectors)[0] < FEWEST_PAIRS:
            return float("nan")
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
    in_section = False
    for number, line in enumerate(_lines(path), 1):
        begins_section = line.startswith(": ")
        in_section = in_section or begins_section
        if not begins_section and (len(line.split()) != 4 or not in_section):
            raise ValueError(
                f"{path}, line {number}: must be four words, below a first line such as ': section', got {line!r}"
            )
    return Gold(Path(path).stem, path, _ANALOGIES_MARGIN, analogies=True)


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
