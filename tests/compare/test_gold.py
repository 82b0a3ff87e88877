import math

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.compare.known_vectors import on_a_circle
from torch_w2v.compare.gold import SHIPPED, Gold, analogies_file, pairs_file, quiet_gensim


def pairs(path, scores):
    path.write_text("# two words and a score\n" + "".join(f"w0\tw{i}\t{s}\n" for i, s in enumerate(scores, 1)))
    return str(path)


def test_pairs_in_the_right_order_score_1_and_in_the_wrong_order_minus_1(tmp_path):
    circle = on_a_circle(np.linspace(0, 3, 12))
    falling = list(range(11, 0, -1))
    assert pairs_file(pairs(tmp_path / "falling.tsv", falling)).score(circle) == pytest.approx(1)
    assert pairs_file(pairs(tmp_path / "rising.tsv", falling[::-1])).score(circle) == pytest.approx(-1)


def test_too_few_known_pairs_are_no_score(tmp_path):
    gold = pairs_file(pairs(tmp_path / "p.tsv", range(30)))
    assert math.isnan(gold.score(on_a_circle(np.linspace(0, 3, 10))))  # nine known pairs
    assert not math.isnan(gold.score(on_a_circle(np.linspace(0, 3, 11))))


def test_analogies_score_the_share_answered(tmp_path):
    # On a grid of angle and sign the fourth corner is the nearest; half the questions ask for a wrong word.
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 6, 16))
    found = KeyedVectors(16)
    found.add_vectors(
        [f"w{i}{j}" for i in range(6) for j in range(6)], [first[i] + second[j] for i in range(6) for j in range(6)]
    )
    right = [f"w{i}0 w{i}1 w{j}0 w{j}1" for i in range(6) for j in range(6) if i != j]
    wrong = [f"w{i}0 w{i}1 w{j}0 w{j}5" for i in range(6) for j in range(6) if i != j]
    path = tmp_path / "grid.txt"
    path.write_text("\n".join([": right", *right, ": wrong", *wrong]) + "\n")
    with quiet_gensim():
        assert analogies_file(str(path)).score(found) == pytest.approx(0.5)
        path.write_text("\n".join([": few", *right[:19]]) + "\n")
        assert math.isnan(analogies_file(str(path)).score(found))


@pytest.mark.parametrize("line", ["a b 3", "a\tb", "a\tb\tc"])
def test_a_bad_line_of_pairs_is_named(tmp_path, line):
    path = tmp_path / "p.tsv"
    path.write_text(f"a\tb\t1\n{line}\n")
    with pytest.raises(ValueError, match=r"p.tsv, line 2: must be two words and a number"):
        pairs_file(str(path))


@pytest.mark.parametrize("lines", ["a b c d\n", ": s\na b c\n", "\n"])
def test_a_bad_line_of_analogies_is_named(tmp_path, lines):
    path = tmp_path / "a.txt"
    path.write_text(lines)
    with pytest.raises(ValueError, match=r"a.txt, line \d: must be four words"):
        analogies_file(str(path))


def test_gold_that_is_not_utf8(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_bytes(b"a\tb\t1\n\xff\n")
    with pytest.raises(ValueError, match=r"p.tsv: must be UTF-8 \(invalid start byte at byte 6\)"):
        pairs_file(str(path))


def test_margins_known_by_name(tmp_path):
    assert pairs_file(pairs(tmp_path / "MEN.tsv", range(3))).margin == 0.010
    assert pairs_file(pairs(tmp_path / "mine.tsv", range(3))).margin == 0.020


def test_what_ships_is_there():
    assert [gold.name for gold in SHIPPED] == ["WordSim-353", "SimLex-999", "analogies"]
    assert all(isinstance(gold, Gold) and 0 < gold.margin <= 0.02 for gold in SHIPPED)


def test_a_set_of_which_less_than_a_third_is_known_has_no_score(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"a{i}\tb{i}\t{i}\n" for i in range(45)))
    gold = pairs_file(str(path))
    for known, reason in ((14, "only 14 of its 45 word pairs are known: a third must be, and 10 at least"), (15, "")):
        vectors = KeyedVectors(4)
        words = [f"{side}{i}" for i in range(known) for side in "ab"]
        vectors.add_vectors(words, np.random.default_rng(0).normal(size=(len(words), 4)))
        assert gold.why_no_score(vectors) == reason
        assert math.isnan(gold.score(vectors)) == bool(reason)
