import math

import numpy as np
import pytest
from gensim.models import KeyedVectors

from tests.helpers import both_classes, ours, topics
from torch_w2v.compare import measures as quality
from torch_w2v.compare.measures import Gold


def vectors(angles):
    """Words w0, w1, … on the unit circle: their cosines are known."""
    found = KeyedVectors(2)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found.add_vectors([f"w{i}" for i in range(len(angles))], rows)
    return found


def pairs(path, scores):
    path.write_text("# two words and a score\n" + "".join(f"w0\tw{i}\t{s}\n" for i, s in enumerate(scores, 1)))
    return str(path)


def test_pairs_in_the_right_order_score_1_and_in_the_wrong_order_minus_1(tmp_path):
    circle = vectors(np.linspace(0, 3, 12))
    falling = list(range(11, 0, -1))
    assert quality.pairs_file(pairs(tmp_path / "falling.tsv", falling)).score(circle) == pytest.approx(1)
    assert quality.pairs_file(pairs(tmp_path / "rising.tsv", falling[::-1])).score(circle) == pytest.approx(-1)


def test_too_few_known_pairs_are_no_score(tmp_path):
    gold = quality.pairs_file(pairs(tmp_path / "p.tsv", range(30)))
    assert math.isnan(gold.score(vectors(np.linspace(0, 3, 10))))  # nine known pairs
    assert not math.isnan(gold.score(vectors(np.linspace(0, 3, 11))))


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
    with quality.quiet_gensim():
        assert quality.analogies_file(str(path)).score(found) == pytest.approx(0.5)
        path.write_text("\n".join([": few", *right[:19]]) + "\n")
        assert math.isnan(quality.analogies_file(str(path)).score(found))


@pytest.mark.parametrize("line", ["a b 3", "a\tb", "a\tb\tc"])
def test_a_bad_line_of_pairs_is_named(tmp_path, line):
    path = tmp_path / "p.tsv"
    path.write_text(f"a\tb\t1\n{line}\n")
    with pytest.raises(ValueError, match=r"p.tsv, line 2: must be two words and a number"):
        quality.pairs_file(str(path))


@pytest.mark.parametrize("lines", ["a b c d\n", ": s\na b c\n", "\n"])
def test_a_bad_line_of_analogies_is_named(tmp_path, lines):
    path = tmp_path / "a.txt"
    path.write_text(lines)
    with pytest.raises(ValueError, match=r"a.txt, line \d: must be four words"):
        quality.analogies_file(str(path))


def test_gold_that_is_not_utf8(tmp_path):
    path = tmp_path / "p.tsv"
    path.write_bytes(b"a\tb\t1\n\xff\n")
    with pytest.raises(ValueError, match=r"p.tsv: must be UTF-8 \(invalid start byte at byte 6\)"):
        quality.pairs_file(str(path))


def test_margins_known_by_name(tmp_path):
    assert quality.pairs_file(pairs(tmp_path / "MEN.tsv", range(3))).margin == 0.010
    assert quality.pairs_file(pairs(tmp_path / "mine.tsv", range(3))).margin == 0.020


@both_classes
def test_held_out_loss_of_an_untrained_model_is_ln_2_and_training_lowers_it(cls):
    model = cls(vector_size=8, min_count=1, workers=1, epochs=20, seed=3)
    text, held = topics(seed=0), topics(200, seed=1)
    model.build_vocab(text)
    assert quality.held_out_loss(model, held) == pytest.approx(math.log(2), abs=1e-12)  # every output row is 0
    model.train(text, total_examples=model.corpus_count, epochs=model.epochs)
    assert quality.held_out_loss(model, held) < math.log(2) - 0.01
    assert quality.held_out_loss(model, held) == quality.held_out_loss(model, held)


@pytest.mark.parametrize("cbow_mean", [0, 1])
def test_held_out_loss_is_what_its_definition_gives(cbow_mean):
    """Two words: every context and every negative is known without the draws."""
    model = ours(cbow_mean=cbow_mean, negative=3, sample=0, window=2, shrink_windows=False)
    model.build_vocab([["a", "b"], ["a"]])
    a, b = (model.wv.key_to_index[w] for w in "ab")
    rng = np.random.default_rng(0)
    model.wv.vectors[:] = rng.normal(size=model.wv.vectors.shape)
    model.syn1neg[:] = rng.normal(size=model.syn1neg.shape)
    model.cum_table[:] = 2**31 - 1  # every negative is word 0, "a"
    assert a == 0
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731

    def score(context, word):
        rows = model.wv.vectors[context].astype(float)
        return float((rows.mean(0) if cbow_mean else rows.sum(0)) @ model.syn1neg[word].astype(float))

    # a b a: targets a (negatives skipped, they are the target), b (three negatives), a.
    want = softplus(-score([b, a], a)) * 2 + softplus(-score([a, a], b)) + 3 * softplus(score([a, a], a))
    assert quality.held_out_loss(model, [["a", "b", "a"]]) == pytest.approx(want / 6, rel=1e-6)


def test_held_out_loss_without_targets():
    model = ours([["a", "b"]])
    assert math.isnan(quality.held_out_loss(model, []))
    assert math.isnan(quality.held_out_loss(model, [["a"], ["unknown", "b"]]))


def test_a_run_agrees_with_itself_and_less_with_others():
    angles = np.linspace(0, 3, 40)
    circle, other = vectors(angles), vectors(np.random.default_rng(0).permutation(angles))
    one, two = quality.portrait(circle), quality.portrait(other)
    assert one.neighbours.shape == (40, quality.TOP)
    assert one.overlap(one) == 1
    assert one.correlation(one) == pytest.approx(1)
    assert one.overlap(two) < 0.5
    assert abs(one.correlation(two)) < 0.1
    for word, nearest in enumerate(one.neighbours):
        assert word not in nearest
        assert set(nearest[:2]) <= {word - 2, word - 1, word + 1, word + 2}


def test_agreement_is_that_of_the_words_not_of_the_axes():
    circle = vectors(np.linspace(0, 3, 40))
    turned = vectors(np.linspace(0, 3, 40) + 1)
    turned.vectors *= 7
    assert quality.portrait(circle).correlation(quality.portrait(turned)) == pytest.approx(1, abs=1e-6)


def test_no_portrait_of_two_words():
    assert quality.portrait(vectors([0.0, 1.0])) is None


def test_what_ships_is_there():
    assert [gold.name for gold in quality.SHIPPED] == ["WordSim-353", "SimLex-999", "analogies"]
    assert all(isinstance(gold, Gold) and 0 < gold.margin <= 0.02 for gold in quality.SHIPPED)
