import math

import numpy as np
import pytest

from tests.compare.known_vectors import on_a_circle
from tests.helpers import both_classes, ours, topics
from torch_w2v.compare.measures import TOP, held_out_loss, portrait


@both_classes
@pytest.mark.parametrize("sg", [0, 1])
def test_held_out_loss_of_an_untrained_model_is_ln_2_and_training_lowers_it(cls, sg):
    model = cls(vector_size=8, min_count=1, workers=1, epochs=20, seed=3, sg=sg)
    text, held = topics(seed=0), topics(200, seed=1)
    model.build_vocab(text)
    assert held_out_loss(model, held) == pytest.approx(math.log(2), abs=1e-12)  # every output row is 0
    model.train(text, total_examples=model.corpus_count, epochs=model.epochs)
    assert held_out_loss(model, held) < math.log(2) - 0.01
    assert held_out_loss(model, held) == held_out_loss(model, held)


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
    assert held_out_loss(model, [["a", "b", "a"]]) == pytest.approx(want / 6, rel=1e-6)


def test_held_out_loss_of_skip_gram_is_what_its_definition_gives():
    model = ours(sg=1, negative=3, sample=0, window=2, shrink_windows=False)
    model.build_vocab([["a", "b"], ["a"]])
    rng = np.random.default_rng(0)
    model.wv.vectors[:] = rng.normal(size=model.wv.vectors.shape)
    model.syn1neg[:] = rng.normal(size=model.syn1neg.shape)
    model.cum_table[:] = 2**31 - 1  # every negative is word 0, "a"
    softplus = lambda x: math.log1p(math.exp(x))  # noqa: E731

    def score(word, target):
        return float(model.wv.vectors[word].astype(float) @ model.syn1neg[target].astype(float))

    a, b = 0, 1
    # a b a: each word is predicted by the two others; only b's negatives are not the target.
    want = 2 * softplus(-score(a, a)) + 2 * softplus(-score(b, a)) + 2 * softplus(-score(a, b))
    want += 2 * 3 * softplus(score(a, a))
    assert held_out_loss(model, [["a", "b", "a"]]) == pytest.approx(want / 12, rel=1e-6)


@pytest.mark.parametrize("sg", [0, 1])
def test_held_out_loss_without_targets(sg):
    model = ours([["a", "b"]], sg=sg)
    assert math.isnan(held_out_loss(model, []))
    assert math.isnan(held_out_loss(model, [["a"], ["unknown", "b"]]))


def test_a_run_agrees_with_itself_and_less_with_others():
    angles = np.linspace(0, 3, 40)
    circle, other = on_a_circle(angles), on_a_circle(np.random.default_rng(0).permutation(angles))
    one, two = portrait(circle), portrait(other)
    assert one.neighbours.shape == (40, TOP)
    assert one.overlap(one) == 1
    assert one.correlation(one) == pytest.approx(1)
    assert one.overlap(two) < 0.5
    assert abs(one.correlation(two)) < 0.1
    for word, nearest in enumerate(one.neighbours):
        assert word not in nearest
        assert set(nearest[:2]) <= {word - 2, word - 1, word + 1, word + 2}


def test_agreement_is_that_of_the_words_not_of_the_axes():
    circle = on_a_circle(np.linspace(0, 3, 40))
    turned = on_a_circle(np.linspace(0, 3, 40) + 1)
    turned.vectors *= 7
    assert portrait(circle).correlation(portrait(turned)) == pytest.approx(1, abs=1e-6)


def test_no_portrait_of_two_words():
    assert portrait(on_a_circle([0.0, 1.0])) is None
